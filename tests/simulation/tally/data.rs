//! Bytes moved on each data connection of the server, and attempts to move them.

use std::time::Duration;

use mioftpd::TransferRecord;
use mioftpd::internals::limits::{CHUNK_BYTES, INLINE_BYTES};
use mioftpd::internals::net::Token;

use super::Call;
use crate::world::{ConnectionId, World};

/// Fruitless slices of a transfer allowed beside reported ones: the first, since a new socket is assumed
/// ready.
const FIRST_TRIES: u32 = 1;

/// A data connection of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataConnection {
    pub(crate) token: Token,
    /// Upload bytes, which workers read.
    read: u64,
    /// Bytes read on the loop: a PROXY header, data on a kept connection, or a handshake, perhaps with the
    /// first upload bytes.
    read_on_loop: u64,
    written: u64,
    /// The last iteration in which the loop moved bytes, and their number.
    iteration: (u64, u64),
    /// When a byte last moved.
    pub(crate) last: Duration,
    /// Reasons to try it: events, slices that moved data, and rate-limiter refills.
    pub(super) tries: u32,
    /// Fruitless slices on a worker.
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

    /// Bytes moved by the loop in this iteration, or by a worker; returns the loop's bytes in it.
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

    /// The byte count that its record must have.
    pub(super) const fn moved_by(&self, record: &TransferRecord) -> u64 {
        match (record.is_upload(), record.secured) {
            (true, true) => self.read + self.read_on_loop,
            (true, false) => self.read,
            (false, _) => self.written,
        }
    }
}

/// Budget of a transfer in one turn; a read-ahead chunk may exceed it.
pub(super) const BUDGET: u64 = (INLINE_BYTES + CHUNK_BYTES) as u64;

impl World {
    /// A slice on a worker moved nothing. A transfer goes to a worker with its latches clear, and an event
    /// sets a latch; so each slice needs an event, or follows one that its budget cut short.
    pub(super) fn fruitless_slice(&mut self, id: ConnectionId) {
        let Some(data) = self.tally.data.get_mut(&id) else {
            return;
        };
        data.fruitless += 1;
        if data.fruitless > data.tries {
            let (fruitless, tries) = (data.fruitless, data.tries);
            self.violate(format!(
                "connection {id}: {fruitless} slices on workers moved nothing, and {tries} had a reason"
            ));
        }
    }
}
