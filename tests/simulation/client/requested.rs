//! Checks transfers against the disk: the file is closed before the final reply, and an upload is committed
//! before its 226.

use std::collections::VecDeque;

use super::ftp_client::FtpClient;
use crate::world::World;

/// Paths of transfer commands without a final reply.
#[derive(Default)]
pub(super) struct Requested(VecDeque<String>);

impl FtpClient {
    /// Registers a transfer command.
    pub(super) fn note_request(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line.trim_ascii_end());
        let path = line.split_once(' ').map_or("/", |(_, path)| path);
        let path = path.trim_end_matches('/');
        self.config.record.lock().requested(path);
        self.requested.0.push_back(path.to_owned());
    }

    /// Checks the disk at a transfer's final reply.
    pub(super) fn check_disk(&mut self, code: u16, world: &mut World) {
        let Some(path) = self.requested.0.pop_front() else {
            return;
        };
        let record = self.config.record.clone();
        let mut record = record.lock();
        let is_withdrawn = code == 425 && self.may_be_revoked();
        if let Some(violation) = record.answered(&path, is_withdrawn) {
            self.report(&violation, world);
        }
        // An upper bound: the reply is among the bytes read.
        let control = self
            .control
            .id()
            .filter(|_| code == 226 && self.upload().is_some());
        let is_too_early = control.is_some_and(|id| {
            let heard = world.facts_of(id).client.read;
            record.was_written_before(&path, id, heard)
        });
        if is_too_early {
            let violation = format!("226 was written before {path} had its place");
            self.report(&violation, world);
        }
    }
}
