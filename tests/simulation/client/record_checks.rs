//! Checks replies about a transfer against the server's record of it.

use mioftpd::{Outcome, TransferRecord, Verb, VirtualPath};

use super::conversation::{CommandKind, FinalReply, PendingCommand};
use super::ftp_client::FtpClient;
use super::upload::Change;
use crate::world::World;

impl FtpClient {
    /// Every file transfer with a 150 has its record by its final reply; no other command has one.
    pub(super) fn check_record(&self, answer: &FinalReply, world: &mut World) {
        let (kind, code, text) = (answer.command.kind, answer.code, answer.text.as_str());
        if world.tally.client(self.number).is_one_of_many {
            return;
        }
        if kind == CommandKind::Quit && code == 221 {
            let left = world.tally.client(self.number).unheard.len();
            if left > 0 {
                let violation = format!("{left} records of transfers that never were");
                self.report(&violation, world);
            }
        }
        if let Some(stated) = answer
            .is_aside
            .then(|| bytes_so_far(&answer.whole))
            .flatten()
        {
            let moved = world.moved_by(self.number);
            if moved.is_some_and(|moved| stated > moved) {
                let violation = format!("STAT states {stated} bytes, and {moved:?} were moved");
                self.report(&violation, world);
            }
        }
        if !answer.command.begun || !matches!(kind, CommandKind::Fetch | CommandKind::Store) {
            return;
        }
        let Some(record) = world.tally.client(self.number).unheard.pop_front() else {
            return self.report(&format!("{code} {text}, but there is no record"), world);
        };
        let is_right = self.is_of(&record, &answer.command)
            && is_outcome(&record, code, text)
            && self.has_length(&record, code);
        if !is_right {
            let violation = format!("{code} {text}, but the record is {record:?}");
            self.report(&violation, world);
        }
    }

    /// Whether the record has the right command, user and security.
    fn is_of(&self, record: &TransferRecord, command: &PendingCommand) -> bool {
        let is_anonymous = self.model.login_state().is_anonymous();
        let account: &[u8] = if is_anonymous { b"anonymous" } else { b"ann" };
        let verb = match command.verb() {
            "RETR" => Verb::Retrieve,
            "APPE" => Verb::Append,
            "STOU" => Verb::StoreUnique,
            _ => Verb::Store,
        };
        // After REST, APPE acts as STOR.
        let change = self.upload().map(|upload| upload.change);
        let is_restarted = matches!(change, Some(Change::At(_))) && verb == Verb::Append;
        let path = self.model.join(command.argument());
        let path = VirtualPath::root().join(path.as_bytes());
        record.verb == if is_restarted { Verb::Store } else { verb }
            && path.is_ok_and(|path| path == record.path)
            && record.account[..] == *account
            && record.anonymous == is_anonymous
            && record.peer.ip() == self.profile.ip
            && record.secured == self.model.is_protected()
            && record.text == self.model.is_ascii()
            && !record.compressed
    }

    /// Checks the length of a complete transfer, where the client knows it.
    fn has_length(&self, record: &TransferRecord, code: u16) -> bool {
        let transfer = self.transfer.as_ref();
        let length = transfer.and_then(|transfer| transfer.payload().known_length());
        code != 226 || length.is_none_or(|length| record.bytes == length as u64)
    }
}

/// Checks the byte count of STAT during a transfer.
fn bytes_so_far(whole: &str) -> Option<u64> {
    let (before, _) = whole.split_once(" bytes so far")?;
    before.rsplit(' ').next()?.parse().ok()
}

/// Whether reply and record agree on the outcome.
fn is_outcome(record: &TransferRecord, code: u16, text: &str) -> bool {
    let reasons = match code {
        226 => return record.outcome == Outcome::Complete,
        425 => &["not-connected"][..],
        522 => &["not-secured"],
        426 if text.starts_with("No data") => &["stalled"],
        426 if text.starts_with("Transfer aborted, as asked") => &["aborted"],
        426 if text.starts_with("Control connection ended") => &["abandoned"],
        426 if text.starts_with("Server is stopping") => &["stopped"],
        426 if text.starts_with("No longer allowed") => &["revoked"],
        426 => &["cut"],
        452 | 552 => &["no-space", "failed"],
        _ => &["failed", "malformed"],
    };
    matches!(record.outcome, Outcome::Incomplete(why) if reasons.contains(&why))
}
