//! Throttles the log message of an error that repeats: the first one is logged at once, later ones at most
//! once a minute, with the number of occurrences. The time is an argument.

use crate::limits::REPEATED_ERROR_SECONDS;

/// The occurrences of one kind of error.
#[derive(Debug, Default)]
pub(super) struct ErrorThrottle {
    logged_at: Option<i64>,
    /// Occurrences since then.
    count: u64,
}

impl ErrorThrottle {
    /// Counts an occurrence at `now`, in seconds since 1970. Returns the number of occurrences to log; `None`
    /// suppresses the message. A clock that is set back does not suppress.
    pub(super) fn record(&mut self, now: i64) -> Option<u64> {
        self.count += 1;
        let is_recent = |at: i64| (at..at.saturating_add(REPEATED_ERROR_SECONDS)).contains(&now);
        if self.logged_at.is_some_and(is_recent) {
            return None;
        }
        self.logged_at = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_error_is_logged_once_a_minute() {
        let mut throttle = ErrorThrottle::default();
        let counts = [0, 1, 59, 60, 61, 120].map(|now| throttle.record(now));
        assert_eq!(counts, [Some(1), None, None, Some(3), None, Some(2)]);
        assert_eq!(throttle.record(5), Some(1), "the clock is set back");
    }
}
