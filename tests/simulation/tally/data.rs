//! What went over each data connection of the server's, and how often it was tried.

use std::time::Duration;

use mioftpd::limits::{CHUNK_BYTES, INLINE_BYTES};
use mioftpd::net::Token;
use mioftpd::observe::TransferRecord;

use super::Call;
use crate::world::{ConnectionId, World};

/// Slices of a transfer on a worker that move nothing, beyond those for which something was reported: the
/// first, which goes by what a new socket is taken for.
const FIRST_TRIES: u32 = 2;

/// A data connection that the server has, or had.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataConnection {
    pub(crate) token: Token,
    /// Bytes of uploads, which workers read.
    read: u64,
    /// What is read on the loop is a proxy's header, or what came over a connection that was kept from a
    /// refused command; or a handshake, behind which the first bytes of an upload may have come.
    read_on_loop: u64,
    written: u64,
    /// The last iteration in which the loop has moved bytes, and how many.
    iteration: (u64, u64),
    /// When it moved a byte.
    pub(crate) last: Duration,
    /// How often there was a reason to try it: events, slices that moved something, and portions of a rate.
    pub(super) tries: u32,
    /// Slices on a worker that moved nothing.
    fruitless: u32,
}

impl DataConnection {
    pub(super) const fn new(token: Token) -> Self {
        Self {
            token,
            read: 0,
            read_on_loop: 0,
            written: 0,
            iteration: (0, 0),
            last: Duration::ZERO,
            tries: FIRST_TRIES,
            fruitless: 0,
        }
    }

    /// The loop, in this iteration, or a worker has moved bytes; how many the loop has in it.
    pub(super) fn moved(
        &mut self,
        call: Call,
        count: u64,
        in_loop: Option<u64>,
        now: Duration,
    ) -> u64 {
        self.last = now;
        match call {
            Call::Read if in_loop.is_none() => self.read += count,
            Call::Read => self.read_on_loop += count,
            Call::Write => self.written += count,
        }
        let Some(iteration) = in_loop else {
            return 0;
        };
        if self.iteration.0 != iteration {
            self.iteration = (iteration, 0);
        }
        self.iteration.1 += count;
        self.iteration.1
    }

    pub(super) const fn moved_at_all(&self) -> u64 {
        self.read + self.written
    }

    /// What is to be recorded of it.
    pub(super) const fn moved_by(&self, record: &TransferRecord) -> u64 {
        match (record.is_upload(), record.secured) {
            (true, true) => self.read + self.read_on_loop,
            (true, false) => self.read,
            (false, _) => self.written,
        }
    }
}

/// No transfer moves more than its budget while others wait; what was read to be sent may be one chunk
/// more.
pub(super) const BUDGET: u64 = (INLINE_BYTES + CHUNK_BYTES) as u64;

impl World {
    /// A worker was given a slice, and there was nothing to move. A latch is set by an event, and a
    /// transfer goes to a worker with none set; so each of these has an event of its own, or follows a
    /// slice that was cut short by its budget.
    pub(super) fn fruitless_slice(&mut self, id: ConnectionId) {
        let Some(data) = self.tally.data.get_mut(&id) else {
            return;
        };
        data.fruitless += 1;
        if data.fruitless > data.tries {
            let (fruitless, tries) = (data.fruitless, data.tries);
            self.violate(format!(
                "connection {id}: workers were sent {fruitless} times for nothing, with {tries} reasons to try"
            ));
        }
    }
}
