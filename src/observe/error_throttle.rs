//! Saying what goes wrong again and again: at once, and then once a minute at most, with how often
//! it was. It reads no clock: each failure comes with its time.

use crate::limits::COMPLAINT_SECONDS;

/// Failures of one kind.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    said: Option<i64>,
    since: u64,
}

impl Complaints {
    /// One more, at `now` in seconds since 1970; how many it is time to speak of.
    pub(super) fn count(&mut self, now: i64) -> Option<u64> {
        self.since += 1;
        let quiet = |said: i64| (said..said.saturating_add(COMPLAINT_SECONDS)).contains(&now);
        if self.said.is_some_and(quiet) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_minute() {
        let mut complaints = Complaints::default();
        let said = [0, 1, 59, 60, 61, 120].map(|now| complaints.count(now));
        assert_eq!(said, [Some(1), None, None, Some(3), None, Some(2)]);
        // The wall clock may be set back.
        assert_eq!(complaints.count(5), Some(1));
    }
}
