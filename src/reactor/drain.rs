//! How the server stops: politely, then firmly, then at once.

use std::time::{Duration, Instant};

/// How far the server is with stopping.
///
/// ```text
///   Running ──stop──▶ Draining ──grace over──▶ Cutting ──patience over──▶ Stopped
///                        └──last connection gone──┴─────────▶ Stopped ◀──second stop
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drain {
    /// It does not.
    Running,
    /// Nobody new is let in; who is idle has been told 421; transfers may end until then.
    Draining(Instant),
    /// Transfers have been cut; what is still there then is left behind, for a device that hangs
    /// must not hang the exit.
    Cutting(Instant),
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

    pub(super) const fn is_running(self) -> bool {
        matches!(self, Self::Running)
    }

    pub(super) const fn wakes_at(self) -> Option<Instant> {
        match self {
            Self::Draining(until) | Self::Cutting(until) => Some(until),
            Self::Running | Self::Stopped => None,
        }
    }

    pub(super) fn step(&mut self, now: Instant, is_empty: bool) -> Step {
        match *self {
            Self::Draining(_) | Self::Cutting(_) if is_empty => {
                *self = Self::Stopped;
                Step::Nothing
            }
            Self::Draining(until) if until <= now => {
                *self = Self::Cutting(now + Self::PATIENCE);
                Step::Cut
            }
            Self::Cutting(until) if until <= now => {
                *self = Self::Stopped;
                Step::Leave
            }
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
        assert_eq!(drain.step(later + Drain::PATIENCE, false), Step::Leave);
        assert_eq!(drain, Drain::Stopped);
    }

    #[test]
    fn it_is_over_when_the_last_connection_is_gone() {
        let now = Instant::now();
        let mut drain = Drain::Draining(now + Duration::from_secs(1));
        assert_eq!(drain.step(now, true), Step::Nothing);
        assert_eq!(drain, Drain::Stopped);
    }
}
