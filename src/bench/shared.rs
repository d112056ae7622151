//! What all connections of a load generator work with: the network, the bounds, the measures, the buffers.
//!
//! It owns no connection and must not know one.

use std::time::Duration;

use super::bounds::Bounds;
use super::content::Block;
use super::measure::{Errors, Measure};
use super::trouble::Trouble;
use crate::clock::Instant;
use crate::net::Network;

/// Bytes of one read of a control connection, and of a data connection.
const CONTROL_BYTES: usize = 64 * 1024;
const DATA_BYTES: usize = 256 * 1024;

/// What all connections work with.
pub(super) struct Shared {
    pub(super) network: Box<dyn Network>,
    pub(super) bounds: Bounds,
    /// By row of the results.
    pub(super) measures: Vec<Measure>,
    /// Rows from here on are of workloads beside the first, whose commands are not counted.
    beside: usize,
    pub(super) errors: Errors,
    /// When a measured command of the first workload was answered last.
    pub(super) last: Option<Instant>,
    /// How long a server may take for anything.
    pub(super) time_out: Duration,
    /// Whether one client is left.
    pub(super) is_last: bool,
    /// What is read of control connections, in every turn anew.
    pub(super) control: Vec<u8>,
    /// The same for data.
    pub(super) buffer: Vec<u8>,
    /// What files consist of.
    pub(super) block: Block,
}

impl Shared {
    /// # Errors
    /// In words, if there is no memory for the measures.
    pub(super) fn new(
        network: Box<dyn Network>,
        rows: usize,
        beside: usize,
        time_out: Duration,
        seed: u64,
    ) -> Result<Self, String> {
        let measures = (0..rows).map(|_| Measure::new());
        Ok(Self {
            network,
            bounds: Bounds::Closed,
            measures: measures.collect::<Result<_, _>>()?,
            beside,
            errors: Errors::default(),
            last: None,
            time_out,
            is_last: false,
            control: vec![0; CONTROL_BYTES],
            buffer: vec![0; DATA_BYTES],
            block: Block::new(seed),
        })
    }

    /// Whether a command of this row may be sent that begins then. It counts.
    pub(super) fn admits(&mut self, start: Instant, row: usize) -> bool {
        if row < self.beside {
            self.bounds.admits(start)
        } else {
            self.bounds.is_open() && !self.bounds.are_over(start)
        }
    }

    /// A command of a row was answered that began then. It is measured if that was after the warm-up.
    pub(super) fn answered(&mut self, row: usize, began: Instant, now: Instant) {
        if !self.bounds.measures(began) {
            return;
        }
        if row < self.beside {
            self.last = Some(now);
        }
        if let Some(measure) = self.measures.get_mut(row) {
            measure.answered(now.nanoseconds_since(began));
        }
    }

    /// Bytes went to the server. They count if they did within the measured time.
    pub(super) fn sent(&mut self, row: usize, bytes: u64, now: Instant) {
        if self.bounds.counts(now)
            && let Some(measure) = self.measures.get_mut(row)
        {
            measure.sent += bytes;
        }
    }

    /// Bytes came from the server. They count if they did within the measured time.
    pub(super) fn received(&mut self, row: usize, bytes: u64, now: Instant) {
        if self.bounds.counts(now)
            && let Some(measure) = self.measures.get_mut(row)
        {
            measure.received += bytes;
        }
    }

    /// Something went wrong.
    pub(super) fn failed(&mut self, trouble: &Trouble) {
        self.errors.count(trouble.kind(), || trouble.sentence());
    }
}
