//! The end of a download: the 226 of a short one is delayed until its client closes the data connection.
//!
//! A small file is sent before the client has read the 150. It then finds the 226 in the same read, and
//! some clients (lynx, aria2) discard what they read with the 150 and wait without end. So the 226 of a
//! download that took less than [`REPLY_GAP`] waits until the client has ended the data connection too, for
//! which it has read the 150, or until that time is over.

use super::connection::{Connection, Phase};
use super::context::LoopContext;
use super::data::{DataChannel, TransferState};
use crate::limits::REPLY_GAP;
use crate::session::{Deadline, Ending};
use crate::transfer::Transfer;

impl Connection {
    /// All bytes are sent, and our side of the data connection is half-closed.
    pub(super) fn all_sent(&mut self, transfer: Box<Transfer>, context: &mut LoopContext) {
        let moved = transfer.moved();
        let is_open = self.phase == Phase::Open;
        let data = self.data();
        let until = data.begun().map(|begun| begun + REPLY_GAP);
        match until.filter(|until| context.now < *until) {
            Some(until) if is_open && !transfer.is_inbound() && !data.ready.readable => {
                data.await_close(transfer);
                self.deadlines.set(Deadline::Resume, until);
            }
            _ => self.finish(Ending::Complete, moved, None, context),
        }
    }

    /// Finishes a download whose client has closed, or whose time for that is over.
    pub(super) fn peer_closed(&mut self, context: &mut LoopContext) {
        let state = self.data.as_deref().map(DataChannel::state);
        if let Some(TransferState::AwaitingClose(transfer)) = state {
            let moved = transfer.moved();
            self.finish(Ending::Complete, moved, None, context);
        }
    }
}
