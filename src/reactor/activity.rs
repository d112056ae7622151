//! Counters of what the loop has done, for a host program that measures it.
//!
//! Counting costs an addition and is always on. All but [`timers`](Activity::timers), which is a size, only
//! grow. In a healthy loop no iteration is without a cause and no timer fires early without end.

use super::turn::Turn;
use crate::session::Deadline;

/// Counters of one loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Control turns: something was to be read, executed or written, or a TLS handshake goes on.
    pub control_turns: u64,
    /// Data turns: a slice of a transfer, or a step of making its data connection.
    pub data_turns: u64,
    /// Command lines executed, whatever the reply.
    pub commands: u64,
    /// Connections of clients, open ones included; a proxy's count once its header names a client.
    pub connections: u64,
    /// Completions of jobs.
    pub completions: u64,
    /// Expired deadlines by kind.
    expired: [u64; Deadline::COUNT],
    /// Timers that fired without a due deadline: it had moved or was cleared, or its connection is gone.
    pub early: u64,
    /// Passive ports that could not be given to an address again until a time that is over, and looks at the
    /// idle ones.
    pub ports_reviewed: u64,
    /// Entries in the timers, stale ones included.
    pub timers: usize,
}

impl Activity {
    /// How often deadlines of this kind have expired.
    pub fn expired(&self, deadline: Deadline) -> u64 {
        let count = self.expired.get(deadline as usize);
        debug_assert!(count.is_some(), "there is a count for each deadline");
        count.copied().unwrap_or(0)
    }

    pub(super) fn count_expired(&mut self, deadline: Deadline) {
        if let Some(count) = self.expired.get_mut(deadline as usize) {
            *count += 1;
        }
    }

    pub(super) const fn count_turn(&mut self, turn: Turn) {
        match turn {
            Turn::Control => self.control_turns += 1,
            Turn::Data => self.data_turns += 1,
        }
    }
}

/// A word for it, for statistics.
pub(super) const fn label(deadline: Deadline) -> &'static str {
    match deadline {
        Deadline::Login => "login",
        Deadline::Expiry => "expiry",
        Deadline::Idle => "idle",
        Deadline::Penalty => "penalty",
        Deadline::Arrival => "arrival",
        Deadline::DataConnect => "data connect",
        Deadline::DataStall => "data stall",
        Deadline::Resume => "resume",
        Deadline::ReplyStall => "reply stall",
        Deadline::Handshake => "handshake",
        Deadline::Linger => "linger",
    }
}
