//! One heap of deadlines, lazily kept.
//!
//! A connection has at most one entry that counts: its `armed` time. A deadline that moves later
//! leaves the entry where it is, and the connection is asked again when it surfaces; so a
//! command, which moves the idle deadline, touches nothing here. Entries of connections that are
//! gone are skipped when they surface, and swept out when they become many.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use super::key::Key;

/// Entries that do not count are swept out when there are more of them than connections, and
/// more than this.
const SLACK: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Key)>>,
}

impl Timers {
    /// Sees to it that something surfaces for `key` at `deadline` or before. `armed` is the
    /// connection's memory of its entry.
    pub(super) fn arm(&mut self, key: Key, deadline: Option<Instant>, armed: &mut Option<Instant>) {
        let Some(deadline) = deadline else {
            return;
        };
        if armed.is_none_or(|armed| deadline < armed) {
            *armed = Some(deadline);
            self.heap.push(Reverse((deadline, key)));
        }
    }

    /// Entries, those included that do not count.
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// When to wake up at the latest.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one entry that is due. It counts only if the connection is still armed for it.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Key, Instant)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((at, key))| (key, at))
    }

    /// Sweeps out the entries that do not count, if they are many beside `connections`.
    pub(super) fn sweep(
        &mut self,
        connections: usize,
        mut counts: impl FnMut(Key, Instant) -> bool,
    ) {
        if self.heap.len() > 2 * connections + SLACK {
            let mut entries = std::mem::take(&mut self.heap).into_vec();
            entries.retain(|Reverse((at, key))| counts(*key, *at));
            // A deadline that stays is pushed again each time that an earlier one has been due.
            entries.sort_unstable();
            entries.dedup();
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
    fn a_deadline_that_moves_later_keeps_its_entry() {
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
    fn an_entry_that_was_pushed_again_and_again_is_kept_once() {
        let now = Instant::now();
        let mut timers = Timers::default();
        for _ in 0..=SLACK + 2 {
            timers.arm(Key::NONE, Some(now), &mut None);
        }
        timers.sweep(1, |_, _| true);
        assert_eq!(timers.heap.len(), 1);
    }

    #[test]
    fn what_does_not_count_is_swept_out() {
        let now = Instant::now();
        let mut timers = Timers::default();
        for _ in 0..=SLACK {
            timers.arm(Key::NONE, Some(now), &mut None);
        }
        timers.sweep(1, |_, _| false);
        assert_eq!(timers.heap.len(), SLACK + 1);
        timers.sweep(0, |_, _| false);
        assert_eq!(timers.next(), None);
    }
}
