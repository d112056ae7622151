//! The state of a command that waits until the files of a quota have been counted.

use crate::clock::Instant;
use crate::workers::Work;

/// Until when a command waits, and for what.
///
/// ```text
///   (none) ──not counted──▶ Resting ──COUNT_POLL_INTERVAL──▶ Asking ──not counted──▶ Resting
///                          answered, cut ──▶ (none)
/// ```
pub(super) enum CountWait {
    /// It is tried again; or it is a paused upload, whose next slice is tried.
    Asking(Instant),
    /// This job is submitted again after a while.
    Resting(Instant, Work),
}

impl CountWait {
    pub(super) const fn until(&self) -> Instant {
        match self {
            Self::Asking(until) | Self::Resting(until, _) => *until,
        }
    }

    /// Takes the job that is to be submitted again, if there is one.
    pub(super) fn take_job(&mut self) -> Option<Work> {
        match std::mem::replace(self, Self::Asking(self.until())) {
            Self::Resting(_, work) => Some(work),
            Self::Asking(_) => None,
        }
    }
}
