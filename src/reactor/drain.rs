//! Graceful shutdown: drain, then cut transfers, then close everything.
//!
//! A pure state machine over time; the reactor carries out its steps.

use std::time::Duration;

use crate::clock::Instant;

/// The stages of a graceful shutdown.
///
/// ```text
///   Running ──stop──▶ Draining ──grace over──▶ Cutting ──patience over──▶ Leaving
///                        │└───────────────stop───┬┴─────────────────────────▶ │
///                        └──nothing left, no job─┴───▶ Stopped ◀──time, stop──┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drain {
    /// No shutdown is requested.
    Running,
    /// No connection is accepted, idle sessions were sent 421, and transfers may end until then.
    Draining(Instant),
    /// Transfers were cut; until then clients may read their last replies.
    Cutting(Instant),
    /// All connections are closed; workers may remove temporary files until then: a device that hangs must
    /// not hang the exit.
    Leaving(Instant),
    /// The loop may end.
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    /// Cut the remaining transfers.
    Cut,
    /// Close the remaining connections.
    Leave,
}

impl Drain {
    /// How long clients whose transfers were cut may take to read their replies.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// How long the workers may take to clean up; they need milliseconds unless a device hangs.
    const LAST_JOBS: Duration = Duration::from_secs(1);

    pub(super) const fn is_running(self) -> bool {
        matches!(self, Self::Running)
    }

    pub(super) const fn wakes_at(self) -> Option<Instant> {
        match self {
            Self::Draining(until) | Self::Cutting(until) | Self::Leaving(until) => Some(until),
            Self::Running | Self::Stopped => None,
        }
    }

    /// A second request: skips to the next stage.
    pub(super) fn hurry(&mut self, now: Instant) -> Step {
        match *self {
            Self::Running | Self::Draining(_) | Self::Cutting(_) => {
                *self = Self::Leaving(now + Self::LAST_JOBS);
                Step::Leave
            }
            Self::Leaving(_) | Self::Stopped => {
                *self = Self::Stopped;
                Step::Nothing
            }
        }
    }

    pub(super) fn step(&mut self, now: Instant, is_empty: bool) -> Step {
        match *self {
            Self::Draining(_) | Self::Cutting(_) | Self::Leaving(_) if is_empty => {
                *self = Self::Stopped;
                Step::Nothing
            }
            Self::Draining(until) if until <= now => {
                *self = Self::Cutting(now + Self::PATIENCE);
                Step::Cut
            }
            Self::Cutting(until) | Self::Leaving(until) if until <= now => self.hurry(now),
            _ => Step::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_follow_with_time() {
        let now = Instant::now();
        let mut drain = Drain::Draining(now + Duration::from_secs(1));
        assert_eq!(drain.step(now, false), Step::Nothing);
        let later = now + Duration::from_secs(1);
        assert_eq!(drain.step(later, false), Step::Cut);
        assert_eq!(drain.step(later, false), Step::Nothing);
        let last = later + Drain::PATIENCE;
        assert_eq!(drain.step(last, false), Step::Leave);
        assert_eq!(drain.step(last, false), Step::Nothing);
        assert_ne!(drain, Drain::Stopped);
        assert_eq!(drain.step(last + Drain::LAST_JOBS, false), Step::Nothing);
        assert_eq!(drain, Drain::Stopped);
    }

    #[test]
    fn drain_ends_with_the_last_connection() {
        let now = Instant::now();
        let mut drain = Drain::Draining(now + Duration::from_secs(1));
        assert_eq!(drain.step(now, true), Step::Nothing);
        assert_eq!(drain, Drain::Stopped);
    }

    #[test]
    fn second_request_closes_and_third_stops() {
        let now = Instant::now();
        let mut drain = Drain::Draining(now + Duration::from_secs(1));
        assert_eq!(drain.hurry(now), Step::Leave);
        assert_eq!(drain.wakes_at(), Some(now + Drain::LAST_JOBS));
        assert_eq!(drain.hurry(now), Step::Nothing);
        assert_eq!(drain, Drain::Stopped);
    }
}
