//! What went over each data connection of the server's, and how often it was tried.

use std::time::Duration;

use mioftpd::net::Token;

use super::Call;
use crate::world::{WireId, World};

/// Slices of a transfer on a worker that move nothing, beyond those for which something was reported: the
/// first, which goes by what a new socket is taken for.
const FIRST_TRIES: u32 = 2;

/// A data connection that the server has, or had.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataWire {
    pub(crate) token: Token,
    /// Which client has made it; where the server has, that is for the world to say.
    pub(crate) owner: Option<usize>,
    pub(crate) is_closed: bool,
    /// Bytes that the server has read and written.
    pub(crate) read: u64,
    pub(crate) written: u64,
    /// In this iteration, on the loop.
    pub(super) in_iteration: u64,
    /// When it moved a byte.
    pub(crate) last: Duration,
    /// How often there was a reason to try it: events, slices that moved something, and portions of a rate.
    pub(super) tries: u32,
    /// Slices on a worker that moved nothing.
    vain: u32,
}

impl DataWire {
    pub(super) const fn new(token: Token, owner: Option<usize>) -> Self {
        Self {
            token,
            owner,
            is_closed: false,
            read: 0,
            written: 0,
            in_iteration: 0,
            last: Duration::ZERO,
            tries: FIRST_TRIES,
            vain: 0,
        }
    }

    pub(super) fn moved(&mut self, call: Call, count: u64, on_loop: bool, now: Duration) {
        match call {
            Call::Read => self.read += count,
            Call::Write => self.written += count,
        }
        if on_loop {
            self.in_iteration += count;
        }
        if count > 0 {
            self.last = now;
        }
    }
}

impl World {
    /// A worker was given a slice, and there was nothing to move. A latch is set by an event, and a
    /// transfer goes to a worker with none set; so each of these has an event of its own, or follows a
    /// slice that was cut short by its budget.
    pub(super) fn slice_in_vain(&mut self, id: WireId) {
        let Some(data) = self.tally.data.get_mut(&id) else {
            return;
        };
        data.vain += 1;
        if data.vain > data.tries {
            let (vain, tries) = (data.vain, data.tries);
            self.violate(format!(
                "wire {id}: workers were sent {vain} times for nothing, with {tries} reasons to try"
            ));
        }
    }
}
