//! Which commands are sent, and which of them are measured: after the warm-up, for a time or a number.
//!
//! A command is judged by the time at which it begins, or should have begun. It must not know what it is.

use crate::clock::Instant;

/// How long is measured.
#[derive(Clone, Copy, Debug)]
pub(super) enum Length {
    /// Until then.
    Until(Instant),
    /// So many more commands.
    Count(u64),
}

/// The bounds of the measured commands.
///
/// ```text
///   Closed ──all connections are there──▶ Open ──time, number, signal──▶ Over
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) enum Bounds {
    /// Nothing is sent yet.
    Closed,
    /// Commands are sent, and measured from `from` on.
    Open {
        /// The end of the warm-up.
        from: Instant,
        /// What is left.
        length: Length,
    },
    /// No more is sent.
    Over {
        /// The end of the warm-up.
        from: Instant,
    },
}

impl Bounds {
    /// Whether a command may be sent that begins then. It counts.
    pub(super) fn admits(&mut self, start: Instant) -> bool {
        let Self::Open { from, length } = self else {
            return false;
        };
        match length {
            _ if start < *from => true,
            Length::Until(until) => start < *until,
            Length::Count(left) => {
                let is_admitted = *left > 0;
                *left = left.saturating_sub(1);
                is_admitted
            }
        }
    }

    /// Whether commands are sent.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// Whether a command is measured that began then.
    pub(super) fn measures(&self, start: Instant) -> bool {
        match self {
            Self::Closed => false,
            Self::Open { from, .. } | Self::Over { from } => start >= *from,
        }
    }

    /// Whether what moves now is within the measured time.
    pub(super) fn counts(&self, now: Instant) -> bool {
        match self {
            Self::Open { from, length } => {
                now >= *from && !matches!(length, Length::Until(until) if now >= *until)
            }
            Self::Closed | Self::Over { .. } => false,
        }
    }

    /// Whether no other command will be sent.
    pub(super) fn are_over(&self, now: Instant) -> bool {
        match self {
            Self::Closed => false,
            Self::Open { length, .. } => match length {
                Length::Until(until) => now >= *until,
                Length::Count(left) => *left == 0,
            },
            Self::Over { .. } => true,
        }
    }

    /// When the time is over, if it is bounded by time.
    pub(super) const fn end(&self) -> Option<Instant> {
        match self {
            Self::Open {
                length: Length::Until(until),
                ..
            } => Some(*until),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn warm_up_is_sent_and_not_measured() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut bounds = Bounds::Closed;
        assert!(!bounds.admits(at(0)) && !bounds.measures(at(0)));
        let (from, length) = (at(1), Length::Until(at(3)));
        bounds = Bounds::Open { from, length };
        for (seconds, is_admitted, is_measured) in [
            (0, true, false),
            (1, true, true),
            (2, true, true),
            (3, false, true),
        ] {
            assert_eq!(bounds.admits(at(seconds)), is_admitted, "{seconds}");
            assert_eq!(bounds.measures(at(seconds)), is_measured, "{seconds}");
            let is_within = is_admitted && is_measured;
            assert_eq!(bounds.counts(at(seconds)), is_within, "{seconds}");
        }
        assert!(!bounds.are_over(at(2)) && bounds.are_over(at(3)));
    }

    #[test]
    fn number_is_that_of_measured_commands() {
        let begin = Instant::now();
        let later = begin + Duration::from_secs(1);
        let length = Length::Count(2);
        let mut bounds = Bounds::Open {
            from: later,
            length,
        };
        let admitted = [begin, begin, later, later, later].map(|start| bounds.admits(start));
        assert_eq!(admitted, [true, true, true, true, false]);
        assert!(bounds.are_over(begin));
        bounds = Bounds::Over { from: later };
        assert!(!bounds.admits(later) && bounds.measures(later));
    }
}
