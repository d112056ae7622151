//! What the loop has done since it began, counted: for a host program that measures it.
//!
//! Counting costs an addition and is always on. The counters only grow, but for
//! [`timers`](Activity::timers), which is a size. What a healthy loop shows: no iteration without a cause,
//! no deadline that expires for nothing, and about as many commands as control turns.

use super::turn::Turn;
use crate::session::Deadline;

/// Counters of one loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Control turns given: something was to be read, executed or written.
    pub control_turns: u64,
    /// Turns given to TLS handshakes.
    pub handshake_turns: u64,
    /// Data turns given: a step of a transfer, or of a data connection that is made.
    pub data_turns: u64,
    /// Lines taken from clients and executed, whatever came of them.
    pub commands: u64,
    /// Results of jobs that have come back.
    pub completions: u64,
    /// Deadlines that expired, by what they were of.
    expired: [u64; Deadline::COUNT],
    /// Timers that surfaced for nothing: the deadline had moved or was cleared, or its connection is gone.
    pub early: u64,
    /// Timers that are set, those included that will surface for nothing.
    pub timers: usize,
}

impl Activity {
    /// How often this deadline of a connection has expired.
    pub fn expired(&self, deadline: Deadline) -> u64 {
        self.expired
            .get(deadline as usize)
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn count_expired(&mut self, deadline: Deadline) {
        if let Some(count) = self.expired.get_mut(deadline as usize) {
            *count += 1;
        }
    }

    pub(super) const fn count_turn(&mut self, turn: Turn) {
        match turn {
            Turn::Control => self.control_turns += 1,
            Turn::Handshake => self.handshake_turns += 1,
            Turn::Data => self.data_turns += 1,
        }
    }
}
