//! What the disk knows of the server: which files it has open, and when uploads have taken their place.
//!
//! A transfer's file is closed before its final reply is written, and an upload is in its place before
//! its 226 is: both are seen here, and not only when all is over. Clients say what they have asked for,
//! so that a file which several of them read is counted.

use std::collections::BTreeMap;

use crate::world::ConnectionId;

/// For each connection how much the server has written, at one moment.
type Written = Vec<(ConnectionId, u64)>;

#[derive(Default)]
pub(crate) struct DiskRecord {
    open: BTreeMap<String, usize>,
    /// Transfers that clients have asked for, and of which they have no final reply.
    requested: BTreeMap<String, usize>,
    /// When the last upload to a path has got its name.
    placed: BTreeMap<String, Written>,
    /// When all is over, there is no quota.
    pub(crate) is_quota_lifted: bool,
}

impl DiskRecord {
    pub(crate) fn opened(&mut self, path: &str) {
        *self.open.entry(path.to_owned()).or_default() += 1;
    }

    pub(crate) fn closed(&mut self, path: &str) {
        if let Some(count) = self.open.get_mut(path) {
            *count -= 1;
        }
    }

    pub(crate) fn placed(&mut self, path: &str, written: Written) {
        self.placed.insert(path.to_owned(), written);
    }

    /// A client has said a transfer's command.
    pub(crate) fn requested(&mut self, path: &str) {
        *self.requested.entry(path.to_owned()).or_default() += 1;
    }

    /// The final reply to it has come: what is wrong.
    pub(crate) fn answered(&mut self, path: &str) -> Option<String> {
        let asked = self.requested.get_mut(path)?;
        *asked -= 1;
        let open = self.open.get(path).copied().unwrap_or_default();
        (open > *asked).then(|| {
            format!("{path} is open {open} times behind the reply, for {asked} other transfers")
        })
    }

    /// Whether the server had written so much over a connection before the last upload to the path had
    /// its name.
    pub(crate) fn was_written_before(&self, path: &str, id: ConnectionId, count: u64) -> bool {
        let written = self.placed.get(path).into_iter().flatten();
        let mut of_it = written.filter(|(connection, _)| *connection == id);
        of_it.any(|(_, written)| *written >= count)
    }
}
