//! Counts durations so that percentiles can be read with two significant digits.
//!
//! Log-linear: each power of two is divided into 64 ranges of equal width, so that the middle of a range
//! differs from each value in it by less than one per cent. The memory has a bound, 9 KiB, and is as large
//! as the longest duration needs. It does not know what it counts, and reads no clock.

use std::time::Duration;

use super::family::{Distribution, Value};

/// Ranges of a power of two.
const RANGES: usize = 64;

/// Durations below are counted to the nanosecond.
const EXACT: usize = 2 * RANGES;

/// Durations from here on, 18 minutes, are counted as the last range.
const LONGEST: u64 = 1 << 40;

/// The powers of two, in nanoseconds, that are bounds of what is shown: 1 µs to 17 s.
const SHOWN: std::ops::RangeInclusive<u32> = 10..=34;

const COUNTS: usize = EXACT + (LONGEST.ilog2() - EXACT.ilog2()) as usize * RANGES;

/// How often durations have occurred.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    /// The lower halves of the counts, up to the power of two of the longest duration.
    lower: Vec<u32>,
    /// The upper halves of those ranges that have one, as multiples of 2³²: hardly ever any.
    upper: Vec<(usize, u64)>,
    longest: u64,
}

impl Histogram {
    /// Counts a duration.
    pub(crate) fn record(&mut self, nanoseconds: u64) {
        self.record_many(nanoseconds, 1);
    }

    /// Counts a duration that has occurred so often.
    pub(crate) fn record_many(&mut self, nanoseconds: u64, times: u64) {
        self.add(range_of(nanoseconds), times);
        self.longest = self.longest.max(nanoseconds);
    }

    fn add(&mut self, range: usize, times: u64) {
        let count = self.lower.get_mut(range);
        let fits = |count: &mut u32| u32::try_from(u64::from(*count) + times).ok();
        if let Some(count) = count
            && let Some(sum) = fits(count)
        {
            *count = sum;
        } else {
            self.add_otherwise(range, times);
        }
    }

    /// The range is not there yet, or its lower half overflows.
    #[cold]
    fn add_otherwise(&mut self, range: usize, times: u64) {
        if range >= self.lower.len() {
            self.lower.resize((range / RANGES + 1) * RANGES, 0);
        }
        let Some(count) = self.lower.get_mut(range) else {
            return;
        };
        let sum = u64::from(*count).saturating_add(times);
        *count = u32::try_from(sum & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        let more = sum >> u32::BITS;
        match self.upper.iter_mut().find(|(of, _)| *of == range) {
            _ if more == 0 => {}
            Some((_, count)) => *count += more,
            None => self.upper.push((range, more)),
        }
    }

    /// How often durations of each range have occurred.
    fn counts(&self) -> impl Iterator<Item = u64> {
        let upper = |range| {
            let found = self.upper.iter().find(|(of, _)| *of == range);
            found.map_or(0, |(_, count)| count << u32::BITS)
        };
        let lower = self.lower.iter().enumerate();
        lower.map(move |(range, count)| u64::from(*count) + upper(range))
    }

    /// Those of both.
    pub(crate) fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (range, times) in other.counts().enumerate().filter(|(_, times)| *times > 0) {
            both.add(range, times);
        }
        both.longest = both.longest.max(other.longest);
        both
    }

    /// How many durations were counted.
    pub(crate) fn count(&self) -> u64 {
        self.counts().sum()
    }

    /// All of them together, within one per cent.
    fn sum(&self) -> u64 {
        let ranges = self.counts().enumerate();
        let sums = ranges.map(|(range, count)| nanoseconds(middle_of(range)).saturating_mul(count));
        sums.fold(0, u64::saturating_add)
    }

    /// The longest of them, exactly.
    pub(crate) const fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest)
    }

    /// The duration that this part of all, in per mille, did not exceed; `None` if there are none.
    pub(crate) fn percentile(&self, per_mille: u32) -> Option<Duration> {
        let count = self.count();
        // The rank of the last duration of the part, rounded up.
        let rank = (u128::from(count) * u128::from(per_mille))
            .div_ceil(1000)
            .max(1);
        let mut before = 0_u128;
        let found = self.counts().position(|of_range| {
            before += u128::from(of_range);
            before >= rank
        })?;
        Some(middle_of(found).min(self.longest()))
    }

    /// The durations, to be shown.
    pub(crate) fn value(&self) -> Value {
        Value::Durations(Box::new(self.distribution()))
    }

    /// The same, if rates in bytes per second were counted as if they were nanoseconds.
    pub(crate) fn rates(&self) -> Value {
        Value::Rates(Box::new(self.distribution()))
    }

    fn distribution(&self) -> Distribution {
        let mut before = 0;
        let mut ranges = self.counts();
        let mut passed = 0;
        let up_to = SHOWN.map(|power| {
            let end = range_of(1 << power);
            let within = ranges.by_ref().take(end - passed);
            before += within.sum::<u64>();
            passed = end;
            ((1 << power) - 1, before)
        });
        let up_to = up_to.collect();
        let percentile = |per_mille| nanoseconds(self.percentile(per_mille).unwrap_or_default());
        Distribution {
            up_to,
            count: self.count(),
            sum: self.sum(),
            percentiles: [500, 990, 999].map(percentile),
            greatest: self.longest,
        }
    }
}

/// The index of the range that holds so many nanoseconds.
#[allow(clippy::cast_possible_truncation, reason = "they have seven bits")]
const fn range_of(nanoseconds: u64) -> usize {
    if nanoseconds < EXACT as u64 {
        return nanoseconds as usize;
    }
    if nanoseconds >= LONGEST {
        return COUNTS - 1;
    }
    let above = nanoseconds.ilog2() - RANGES.ilog2();
    // From 64 to 127: the highest seven bits.
    let highest = (nanoseconds >> above) as usize;
    above as usize * RANGES + highest
}

/// Up to 584 years.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The middle of a range.
fn middle_of(range: usize) -> Duration {
    if range < EXACT {
        return Duration::from_nanos(range as u64);
    }
    let (above, highest) = (range / RANGES - 1, range % RANGES + RANGES);
    let (start, width) = ((highest as u64) << above, 1_u64 << above);
    Duration::from_nanos(start + width / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_follow_each_other_and_hold_their_middle() {
        for range in 0..COUNTS {
            let middle = nanoseconds(middle_of(range));
            assert_eq!(range_of(middle), range, "{middle}");
        }
        let mut last = 0;
        for power in 0..64 {
            for nanoseconds in [1_u64 << power, (1 << power) + (1 << power >> 1)] {
                let range = range_of(nanoseconds);
                assert!((last..COUNTS).contains(&range), "{nanoseconds}");
                last = range;
            }
        }
        assert_eq!((range_of(0), range_of(LONGEST - 1)), (0, COUNTS - 1));
        assert_eq!(range_of(u64::MAX), COUNTS - 1);
    }

    /// Half of the memory is for counts that no range has reached so far.
    #[test]
    fn counts_go_beyond_32_bits() {
        let most = u64::from(u32::MAX);
        let mut times = Histogram::default();
        times.record_many(1000, most);
        assert_eq!((times.count(), times.upper.len()), (most, 0));
        times.record(1000);
        times.record_many(7, 3 * most);
        times.record_many(1000, 2 * most);
        assert_eq!((times.count(), times.upper.len()), (6 * most + 1, 2));
        let both = times.with(&times);
        assert_eq!(both.count(), 12 * most + 2);
        assert_eq!(both.percentile(490), Some(Duration::from_nanos(7)));
        assert_eq!(both.longest(), Duration::from_micros(1));
    }

    #[test]
    fn empty_one_has_no_percentiles() {
        let none = Histogram::default();
        assert_eq!((none.count(), none.percentile(500)), (0, None));
    }

    proptest! {
        /// Against another implementation with two significant digits.
        #[test]
        fn percentiles_agree_with_hdrhistogram(
            durations in proptest::collection::vec((0..40_u32, 0..u64::MAX), 1..500),
        ) {
            let mut ours = Histogram::default();
            let mut theirs = hdrhistogram::Histogram::<u64>::new(2).unwrap();
            let all: Vec<_> = durations.iter().map(|(power, bits)| bits % (1 << power)).collect();
            for nanoseconds in &all {
                ours.record(*nanoseconds);
                theirs.record(*nanoseconds).unwrap();
            }
            prop_assert_eq!(ours.count(), theirs.len());
            for per_mille in [0, 1, 500, 900, 990, 999, 1000] {
                let found = nanoseconds(ours.percentile(per_mille).unwrap());
                let expected = theirs.value_at_percentile(f64::from(per_mille) / 10.0);
                // Each is off by one per cent at the most.
                prop_assert!(found.abs_diff(expected) <= expected / 50 + 1, "{found} {expected}");
            }
            prop_assert!(ours.percentile(1000).unwrap() <= ours.longest());
            let shown = ours.distribution();
            for (bound, count) in shown.up_to {
                prop_assert_eq!(count, all.iter().filter(|one| **one <= bound).count() as u64);
            }
            let sum = all.iter().sum::<u64>();
            prop_assert!(shown.sum.abs_diff(sum) <= sum / 100, "{} {sum}", shown.sum);
        }
    }
}
