//! The rate limit of one transfer: how many bytes it may move now, or when it may move more.
//!
//! Bytes accrue at an even rate and are granted in portions of 100 ms, so that a slow transfer wakes
//! the event loop ten times a second and not for each byte. When more than three portions are unused,
//! counting restarts: a slow network saves nothing up. Time is passed in; nothing here waits.

use std::time::Duration;

use crate::clock::Instant;

/// The time between two grants: short compared with the seconds over which a rate is measured, and
/// long compared with the cost of a slice.
const PORTION: Duration = Duration::from_millis(100);

/// The burst, in portions, that makes up for a late event loop or worker.
const SAVED_PORTIONS: u64 = 3;

/// A rate limit. Unlike a token bucket it counts from a fixed start, so that rounding errors do not
/// add up.
#[derive(Debug)]
pub(super) struct RateLimiter {
    /// Bytes per second; not 0.
    rate: u64,
    /// When counting started, and the bytes moved before; set by the first grant.
    since: Option<(Instant, u64)>,
}

impl RateLimiter {
    /// Limits to `rate` bytes per second, at least one.
    pub(super) const fn new(rate: u64) -> Self {
        let rate = if rate == 0 { 1 } else { rate };
        Self { rate, since: None }
    }

    /// The number of bytes that may be moved now, after `moved` so far.
    ///
    /// # Errors
    /// The time of the next grant.
    pub(super) fn grant(&mut self, moved: u64, now: Instant) -> Result<u64, Instant> {
        // Counting starts so that the first portion is due now.
        let portion = self.due(PORTION).max(1);
        let (since, before) = *self.since.get_or_insert_with(|| (now - PORTION, moved));
        let due = self.due(now - since);
        let used = moved.saturating_sub(before);
        let left = due.saturating_sub(used);
        if left > portion.saturating_mul(SAVED_PORTIONS) {
            self.since = Some((now - PORTION, moved));
            return Ok(portion);
        }
        if left >= portion {
            return Ok(left);
        }
        // Computed from the start and not from now, so that rounding errors do not add up.
        let wanted = u128::from(used.saturating_add(portion)) * 1_000_000_000;
        let nanoseconds = wanted.div_ceil(u128::from(self.rate));
        let after = u64::try_from(nanoseconds).unwrap_or(u64::MAX);
        Err(since + Duration::from_nanos(after))
    }

    /// The bytes that accrue in this time.
    fn due(&self, time: Duration) -> u64 {
        let bytes = u128::from(self.rate) * time.as_nanos() / 1_000_000_000;
        // Saturates for a rate and a time that are absurdly large.
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Moves at most `most` bytes per grant, each `late` by this time, for ten seconds. Returns the bytes
    /// and the number of slices.
    fn run(rate: u64, most: u64, late: Duration) -> (u64, u32) {
        let begin = Instant::now() + SECOND;
        let (mut limiter, mut now) = (RateLimiter::new(rate), begin);
        let (mut moved, mut slices) = (0, 0);
        while now < begin + SECOND * 10 {
            match limiter.grant(moved, now) {
                Ok(granted) => {
                    assert!(granted > 0);
                    moved += granted.min(most);
                    slices += 1;
                }
                Err(at) => {
                    assert!(at > now, "a fired deadline is followed by a later one");
                    now = at + late;
                }
            }
        }
        (moved, slices)
    }

    #[test]
    fn rate_is_kept_within_five_percent() {
        let late = Duration::from_millis(30);
        for rate in [100, 1000, 12_345, 1_000_000, 1 << 30, 1 << 40] {
            for (most, late) in [
                (u64::MAX, Duration::ZERO),
                (u64::MAX, late),
                (1 << 20, late),
            ] {
                // At most a thousand slices per second.
                let most = most.max(rate / 1000);
                let (moved, slices) = run(rate, most, late);
                let exact = rate * 10;
                let off = moved.abs_diff(exact) * 100 / exact;
                assert!(
                    off < 5,
                    "{moved} of {exact} with {most} a slice, {late:?} late"
                );
                assert!(slices < 11_000, "{slices}");
            }
        }
    }

    #[test]
    fn lowest_rate_makes_progress() {
        for rate in [0, 1] {
            let (moved, _) = run(rate, u64::MAX, Duration::ZERO);
            assert!((9..=11).contains(&moved), "{moved}");
        }
    }

    #[test]
    fn unused_bytes_do_not_accumulate() {
        let begin = Instant::now() + SECOND;
        let mut limiter = RateLimiter::new(1000);
        assert_eq!(limiter.grant(0, begin), Ok(100));
        assert_eq!(limiter.grant(50, begin + SECOND * 60), Ok(100));
        let next = begin + SECOND * 60 + PORTION;
        assert_eq!(limiter.grant(150, begin + SECOND * 60), Err(next));
        assert_eq!(limiter.grant(150, next), Ok(100));
    }
}
