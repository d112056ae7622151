//! How the server stops: politely, then firmly, then without anybody.

use std::time::{Duration, Instant};

/// How far the server is with stopping.
///
/// ```text
///   Running ──stop──▶ Draining ──grace over──▶ Cutting ──patience over──▶ Leaving
///                        │└───────────────stop───┬┴─────────────────────────▶ │
///                        └──nothing left, no job─┴───▶ Stopped ◀──time, stop──┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drain {
    /// It does not.
    Running,
    /// Nobody new is let in; who is idle has been told 421; transfers may end until then.
    Draining(Instant),
    /// Transfers have been cut; clients that have not heard of it then are left.
    Cutting(Instant),
    /// All connections are closed; workers remove the temporary files of uploads. Only until
    /// then, for a device that hangs must not hang the exit.
    Leaving(Instant),
    /// It has stopped.
    Stopped,
}

/// What there is to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    /// Cut the transfers that are left.
    Cut,
    /// Leave behind what is left.
    Leave,
}

impl Drain {
    /// After the transfers were cut, for their clients to hear of it.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// For the workers to clear up, who need some milliseconds where nothing hangs.
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

    /// Asked again: goes to what is only done when patience is over.
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
    fn it_grows_firmer_with_time() {
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
    fn it_is_over_when_the_last_connection_is_gone() {
        let now = Instant::now();
        let mut drain = Drain::Draining(now + Duration::from_secs(1));
        assert_eq!(drain.step(now, true), Step::Nothing);
        assert_eq!(drain, Drain::Stopped);
    }

    #[test]
    fn asked_again_it_leaves_and_asked_once_more_it_is_gone() {
        let now = Instant::now();
        let mut drain = Drain::Draining(now + Duration::from_secs(1));
        assert_eq!(drain.hurry(now), Step::Leave);
        assert_eq!(drain.wakes_at(), Some(now + Drain::LAST_JOBS));
        assert_eq!(drain.hurry(now), Step::Nothing);
        assert_eq!(drain, Drain::Stopped);
    }
}
