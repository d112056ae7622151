//! What a client hears of a transfer, held to the record that the server has left of it.

use mioftpd::observe::{Outcome, TransferRecord, Verb};

use super::conversation::{Answer, Kind};
use super::expected::Expected;
use super::guest::Guest;
use super::haul::Goods;
use crate::world::World;

impl Guest {
    /// A final reply has come: behind a 150, that of a file has its record by now, and nothing else has.
    pub(super) fn check_record(&self, answer: &Answer, world: &mut World) {
        let (kind, code, text) = (answer.said.kind, answer.code, answer.text.as_str());
        if world.tally.client(self.number).is_one_of_many {
            return;
        }
        if kind == Kind::Quit && code == 221 {
            let left = world.tally.client(self.number).unheard.len();
            if left > 0 {
                self.complain(
                    &format!("{left} records of transfers that never were"),
                    world,
                );
            }
        }
        if let Some(said) = answer
            .is_aside
            .then(|| bytes_so_far(&answer.whole))
            .flatten()
        {
            let moved = world.moved_by(self.number);
            if moved.is_some_and(|moved| said > moved) {
                self.complain(
                    &format!("STAT says {said} bytes, and {moved:?} were moved"),
                    world,
                );
            }
        }
        if !answer.said.begun || !matches!(kind, Kind::Fetch | Kind::Store) {
            return;
        }
        let Some(record) = world.tally.client(self.number).unheard.pop_front() else {
            return self.complain(&format!("{code} {text}, and no record of it"), world);
        };
        let is_right = (record.verb == Verb::Retrieve) == (kind == Kind::Fetch)
            && is_outcome(&record, code, text)
            && self.has_length(&record, code);
        if !is_right {
            self.complain(
                &format!("{code} {text}, and the record is {record:?}"),
                world,
            );
        }
    }

    /// Of a transfer that is complete, where the client knows what is to be moved.
    fn has_length(&self, record: &TransferRecord, code: u16) -> bool {
        let goods = self.haul.as_ref().map(|haul| &haul.goods);
        match goods {
            Some(Goods::Send { wire, .. }) if code == 226 => record.bytes == wire.len() as u64,
            Some(Goods::Receive {
                expected: Expected::Exactly(bytes),
                ..
            }) if code == 226 => record.bytes == bytes.len() as u64,
            _ => true,
        }
    }
}

/// What STAT says of a transfer that goes on.
fn bytes_so_far(whole: &str) -> Option<u64> {
    let (before, _) = whole.split_once(" bytes so far")?;
    before.rsplit(' ').next()?.parse().ok()
}

/// Whether the reply says the same of a transfer as its record.
fn is_outcome(record: &TransferRecord, code: u16, text: &str) -> bool {
    let said = match code {
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
    matches!(record.outcome, Outcome::Incomplete(why) if said.contains(&why))
}
