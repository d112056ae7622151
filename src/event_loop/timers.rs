//! All deadlines in one heap, with lazy deletion.
//!
//! Each owner has at most one live entry: the time that it remembers as *armed*. When its deadline moves
//! later, the entry stays; it surfaces at the old time, and the owner arms the new one. So a deadline that
//! moves with every command costs nothing. Entries of owners that are gone surface and are skipped, or are
//! swept out when they are many.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::key::Key;
use crate::clock::Instant;

/// Stale entries are swept out when they outnumber the owners by more than this.
const SLACK: usize = 64;

/// A heap of deadlines and the keys of their owners.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Key)>>,
}

impl Timers {
    /// Makes sure that an entry of `key` surfaces at `deadline` or earlier. `armed` is the owner's memory of
    /// its live entry.
    pub fn arm(&mut self, key: Key, deadline: Option<Instant>, armed: &mut Option<Instant>) {
        let Some(deadline) = deadline else {
            return;
        };
        if armed.is_none_or(|armed| deadline < armed) {
            *armed = Some(deadline);
            self.heap.push(Reverse((deadline, key)));
        }
    }

    /// The number of entries, stale ones included.
    pub fn entries(&self) -> usize {
        self.heap.len()
    }

    /// The latest time at which the loop must wake up.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes an entry that is due. It is live only if its owner is still armed for that time.
    pub fn pop_due(&mut self, now: Instant) -> Option<(Key, Instant)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((at, key))| (key, at))
    }

    /// Removes the stale entries, if the heap is much larger than the number of `owners`. `is_live` decides.
    pub fn sweep(&mut self, owners: usize, mut is_live: impl FnMut(Key, Instant) -> bool) {
        if self.heap.len() > 2 * owners + SLACK {
            self.heap.retain(|Reverse((at, key))| is_live(*key, *at));
            // An owner whose deadline moves back and forth is pushed again at a time that is there already.
            let mut entries = std::mem::take(&mut self.heap).into_sorted_vec();
            entries.dedup();
            // The heap was for twice as many owners.
            entries.shrink_to_fit();
            self.heap = entries.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn later_deadline_keeps_the_armed_entry() {
        let now = Instant::now();
        let mut timers = Timers::default();
        let mut armed = None;
        timers.arm(Key::NONE, Some(now + SECOND), &mut armed);
        timers.arm(Key::NONE, Some(now + SECOND * 9), &mut armed);
        assert_eq!(timers.next(), Some(now + SECOND));
        for _ in 0..2 {
            timers.arm(Key::NONE, Some(now), &mut armed);
        }
        assert_eq!(armed, Some(now));
        assert_eq!(timers.pop_due(now), Some((Key::NONE, now)));
        assert_eq!(timers.pop_due(now), None);
    }

    #[test]
    fn sweep_removes_duplicate_entries() {
        let now = Instant::now();
        let mut timers = Timers::default();
        for _ in 0..=SLACK + 2 {
            timers.arm(Key::NONE, Some(now), &mut None);
        }
        timers.sweep(1, |_, _| true);
        assert_eq!(timers.heap.len(), 1);
    }

    #[test]
    fn sweep_removes_stale_entries() {
        let now = Instant::now();
        let mut timers = Timers::default();
        for _ in 0..=SLACK {
            timers.arm(Key::NONE, Some(now), &mut None);
        }
        timers.sweep(1, |_, _| false);
        assert_eq!(timers.heap.len(), SLACK + 1);
        timers.sweep(0, |_, _| false);
        assert_eq!((timers.next(), timers.heap.capacity()), (None, 0));
    }
}
