//! The disk's view of the server: open files, and when uploads were committed.
//!
//! A file is closed before its transfer's final reply, and an upload is committed before its 226; both are
//! checked at the reply. Clients register their requests, so that files with several readers are counted
//! correctly.

use std::collections::BTreeMap;

use crate::world::ConnectionId;

/// Bytes written by the server on each connection, at one moment.
type Written = Vec<(ConnectionId, u64)>;

#[derive(Default)]
pub(crate) struct DiskRecord {
    open: BTreeMap<String, usize>,
    /// Requested transfers without a final reply.
    requested: BTreeMap<String, usize>,
    /// Transfers that were refused while a worker may still open their file; the worker then closes it.
    withdrawn: BTreeMap<String, usize>,
    /// When the last upload to a path was committed.
    placed: BTreeMap<String, Written>,
    /// The inspection runs without a quota.
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
        if let Some(count) = self.withdrawn.get_mut(path) {
            *count = count.saturating_sub(1);
        }
    }

    pub(crate) fn placed(&mut self, path: &str, written: Written) {
        self.placed.insert(path.to_owned(), written);
    }

    /// A client has sent a transfer command.
    pub(crate) fn requested(&mut self, path: &str) {
        *self.requested.entry(path.to_owned()).or_default() += 1;
    }

    /// Its final reply has arrived: the violation, if any. `is_withdrawn`: its permission was revoked during
    /// the open, and the reply does not wait for the worker.
    pub(crate) fn answered(&mut self, path: &str, is_withdrawn: bool) -> Option<String> {
        let asked = self.requested.get_mut(path)?;
        *asked -= 1;
        if is_withdrawn {
            *self.withdrawn.entry(path.to_owned()).or_default() += 1;
        }
        let withdrawn = self.withdrawn.get(path).copied().unwrap_or_default();
        let open = self.open.get(path).copied().unwrap_or_default();
        (open > *asked + withdrawn).then(|| {
            format!("{path} is open {open} times behind the reply, for {asked} other transfers")
        })
    }

    /// Whether the server had written `count` bytes on a connection before the last upload to the path was
    /// committed.
    pub(crate) fn was_written_before(&self, path: &str, id: ConnectionId, count: u64) -> bool {
        let written = self.placed.get(path).into_iter().flatten();
        let mut of_it = written.filter(|(connection, _)| *connection == id);
        of_it.any(|(_, written)| *written >= count)
    }
}
