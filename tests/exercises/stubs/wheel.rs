//! Exercise seven: a timer wheel in place of the heap.
//!
//! Time is a number of ticks. Arming and moving a timer must not depend on how many there are.

/// Timers by key.
#[derive(Default)]
pub(crate) struct Wheel {}

impl Wheel {
    /// The timer of this key fires at that tick; it replaces an earlier one of the key. One in the past fires
    /// at the next [`advance`](Self::advance).
    pub(crate) fn arm(&mut self, key: u32, at: u64) {}

    pub(crate) fn disarm(&mut self, key: u32) {}

    /// Moves the time, which never goes back, and returns the keys of the timers that are due, in any order.
    pub(crate) fn advance(&mut self, now: u64) -> Vec<u32> {
        Vec::new()
    }
}
