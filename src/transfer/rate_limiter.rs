//! How fast a transfer may be: what it may move now, or when it may move more.
//!
//! Bytes fall due at an even rate, and are granted in portions of a tenth of a second, so that a
//! slow transfer wakes the loop ten times a second and not for each byte. What a slow network
//! leaves unused is not saved up. It is told the time and waits for nobody.

use std::time::{Duration, Instant};

/// What is granted at once: small beside the ten seconds over which somebody measures, and large
/// beside what a slice costs.
const PORTION: Duration = Duration::from_millis(100);

/// What may be saved up, in portions, for a loop or a worker that comes late.
const SAVED_PORTIONS: u64 = 3;

/// An even rate, since some time.
#[derive(Debug)]
pub(super) struct RateLimiter {
    /// Bytes a second; not 0.
    rate: u64,
    /// Since when bytes fall due, and how many had been moved before; from the first grant on.
    since: Option<(Instant, u64)>,
}

impl RateLimiter {
    /// So many bytes a second, at least one.
    pub(super) const fn new(rate: u64) -> Self {
        let rate = if rate == 0 { 1 } else { rate };
        Self { rate, since: None }
    }

    /// How many bytes may be moved now, where `moved` have been so far; or when some may.
    pub(super) fn grant(&mut self, moved: u64, now: Instant) -> Result<u64, Instant> {
        let portion = self.due(PORTION).max(1);
        let (since, before) = *self
            .since
            .get_or_insert_with(|| (a_portion_before(now), moved));
        let due = self.due(now.saturating_duration_since(since));
        let used = moved.saturating_sub(before);
        let left = due.saturating_sub(used);
        if left > portion.saturating_mul(SAVED_PORTIONS) {
            self.since = Some((a_portion_before(now), moved));
            return Ok(portion);
        }
        if left >= portion {
            return Ok(left);
        }
        // From the beginning, and not from now: what is rounded off does not add up.
        let wanted = u128::from(used.saturating_add(portion)) * 1_000_000_000;
        let nanoseconds = wanted.div_ceil(u128::from(self.rate));
        let after = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        Err(since.checked_add(after).unwrap_or(now + PORTION))
    }

    fn due(&self, time: Duration) -> u64 {
        let bytes = u128::from(self.rate) * time.as_nanos() / 1_000_000_000;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// So that the first portion is due at once.
fn a_portion_before(now: Instant) -> Instant {
    now.checked_sub(PORTION).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Moves what is granted, `most` bytes a slice, each `late`; how many in ten seconds, and in
    /// how many slices.
    fn run(rate: u64, most: u64, late: Duration) -> (u64, u32) {
        let begin = Instant::now() + SECOND;
        let (mut pace, mut now) = (RateLimiter::new(rate), begin);
        let (mut moved, mut slices) = (0, 0);
        while now < begin + SECOND * 10 {
            match pace.grant(moved, now) {
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
    fn it_keeps_to_the_rate_within_some_percent() {
        let late = Duration::from_millis(30);
        for rate in [100, 1000, 12_345, 1_000_000, 1 << 30, 1 << 40] {
            for (most, late) in [
                (u64::MAX, Duration::ZERO),
                (u64::MAX, late),
                (1 << 20, late),
            ] {
                // More slices than that nobody could make in the time.
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
    fn the_slowest_moves_all_the_same() {
        for rate in [0, 1] {
            let (moved, _) = run(rate, u64::MAX, Duration::ZERO);
            assert!((9..=11).contains(&moved), "{moved}");
        }
    }

    #[test]
    fn what_is_not_used_is_not_saved_up() {
        let begin = Instant::now() + SECOND;
        let mut pace = RateLimiter::new(1000);
        assert_eq!(pace.grant(0, begin), Ok(100));
        assert_eq!(pace.grant(50, begin + SECOND * 60), Ok(100));
        let next = begin + SECOND * 60 + PORTION;
        assert_eq!(pace.grant(150, begin + SECOND * 60), Err(next));
        assert_eq!(pace.grant(150, next), Ok(100));
    }
}
