//! How long each phase of the loop's iterations takes, while a client of the status service follows it.
//!
//! It owns the sums. Without such a client no clock is read for it, and a phase costs one predictable branch.
//! It must not know what a phase does.

use crate::clock::Instant;

/// The phases of an iteration, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The loop waits for events.
    Poll,
    /// Events set latches.
    Events,
    /// Finished jobs are delivered.
    Completions,
    /// Deadlines are fired.
    Deadlines,
    /// Control turns.
    Control,
    /// Data turns.
    Data,
    /// New connections: of data channels before the turns, of clients behind them.
    Accept,
    /// The status service, and the steps of a graceful shutdown.
    Status,
}

const NAMES: [&str; 8] = [
    "poll",
    "events",
    "completions",
    "deadlines",
    "control turns",
    "data turns",
    "accept",
    "status",
];

/// The time in each phase since the start, as far as it was measured.
#[derive(Debug, Default)]
pub(crate) struct Phases {
    /// When the phase before ended; none while nothing is measured.
    ended: Option<Instant>,
    nanoseconds: [u64; NAMES.len()],
}

impl Phases {
    /// From now on they are measured, or no longer.
    pub(crate) fn measure(&mut self, is_measured: bool, now: Instant) {
        self.ended = is_measured.then(|| self.ended.unwrap_or(now));
    }

    /// Whether they are: if not, [`end`](Self::end) need not be called.
    pub(crate) const fn are_measured(&self) -> bool {
        self.ended.is_some()
    }

    /// A phase has ended, which began when the one before did.
    #[cold]
    #[inline(never)]
    pub(crate) fn end(&mut self, phase: Phase, now: Instant) {
        if let Some(began) = self.ended {
            if let Some(sum) = self.nanoseconds.get_mut(phase as usize) {
                *sum += now.nanoseconds_since(began);
            }
            self.ended = Some(now);
        }
    }

    /// Each phase and its nanoseconds.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.into_iter().zip(self.nanoseconds)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn phases_are_measured_only_while_a_client_follows() {
        let mut phases = Phases::default();
        let mut now = Instant::now();
        assert!(!phases.are_measured());
        phases.end(Phase::Poll, now);
        phases.measure(true, now);
        assert!(phases.are_measured());
        for (phase, took) in [(Phase::Poll, 7), (Phase::Accept, 2), (Phase::Accept, 3)] {
            now += Duration::from_nanos(took);
            phases.end(phase, now);
            // It goes on where it was.
            phases.measure(true, now + Duration::from_secs(1));
        }
        phases.measure(false, now);
        assert!(!phases.are_measured());
        phases.end(Phase::Control, now);
        let shown: Vec<_> = phases.shown().filter(|(_, took)| *took > 0).collect();
        assert_eq!(shown, [("poll", 7), ("accept", 5)]);
        assert_eq!(NAMES.len(), Phase::Status as usize + 1);
    }
}
