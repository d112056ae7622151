//! The end of a download: its final reply waits a moment for its client.
//!
//! Where a file is small, everything is sent before the client has read the 150; it then finds the 226 in
//! the same read, and some clients (lynx, aria2) throw away what they have read with the 150, and wait
//! for ever. So the 226 of what took less than [`REPLY_GAP`] comes when the client has ended the data
//! connection too, for which it has read the 150, or when that time is over. What takes longer waits for
//! nobody.

use super::connection::{Connection, Phase};
use super::context::LoopContext;
use super::data::Motion;
use crate::limits::REPLY_GAP;
use crate::session::{Deadline, Ending};
use crate::transfer::Transfer;

impl Connection {
    /// All is sent, and the end is said.
    pub(super) fn all_sent(&mut self, transfer: Box<Transfer>, context: &mut LoopContext) {
        let moved = transfer.moved();
        let is_open = self.phase == Phase::Open;
        let data = self.data();
        let until = data.begun.map(|begun| begun + REPLY_GAP);
        match until.filter(|until| context.now < *until) {
            Some(until) if is_open && !transfer.is_inbound() && !data.ready.readable => {
                data.motion = Motion::Sent(transfer);
                self.deadlines.set(Deadline::Resume, until);
            }
            _ => self.finish(Ending::Complete, moved, None, context),
        }
    }

    /// Waits for the client no longer: it has ended the connection, or its time is over.
    pub(super) fn wait_no_longer(&mut self, context: &mut LoopContext) {
        let motion = self.data.as_deref().map(|data| &data.motion);
        if let Some(Motion::Sent(transfer)) = motion {
            let moved = transfer.moved();
            self.finish(Ending::Complete, moved, None, context);
        }
    }
}
