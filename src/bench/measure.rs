//! What was measured: times with three significant digits, and errors by what they are.
//!
//! Owns the histograms. Times of each second are kept apart until they are added to all, so that a log can
//! have them. It must not know connections.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest time that is told apart, an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// The significant decimal digits.
const DIGITS: u8 = 3;

/// Times and bytes of a row of the results.
pub(super) struct Measure {
    /// In nanoseconds.
    pub(super) all: Histogram<u64>,
    /// Those of this second, which are not in `all` yet.
    pub(super) second: Histogram<u64>,
    pub(super) sent: u64,
    pub(super) received: u64,
}

impl Measure {
    /// # Errors
    /// In words, if there is no memory for it.
    pub(super) fn new() -> Result<Self, String> {
        let empty = || {
            Histogram::new_with_bounds(1, LONGEST, DIGITS)
                .map_err(|error| format!("cannot count times: {error}"))
        };
        Ok(Self {
            all: empty()?,
            second: empty()?,
            sent: 0,
            received: 0,
        })
    }

    /// A command was answered so many nanoseconds after it began.
    pub(super) fn answered(&mut self, nanoseconds: u64) {
        self.second.saturating_record(nanoseconds.max(1));
    }

    /// Adds the times of this second to all.
    pub(super) fn end_second(&mut self) {
        // Both have the same bounds.
        let added = self.all.add(&self.second);
        debug_assert!(added.is_ok(), "the histograms differ");
        self.second.reset();
    }
}

/// What went wrong.
#[derive(Debug, Default)]
pub(super) struct Errors {
    /// How often each kind has occurred.
    pub(super) kinds: BTreeMap<String, u64>,
    /// The first one in words.
    pub(super) first: Option<String>,
}

impl Errors {
    /// One more: what kind it is, and a sentence about this one.
    pub(super) fn count(&mut self, kind: String, sentence: impl FnOnce() -> String) {
        *self.kinds.entry(kind).or_default() += 1;
        self.first.get_or_insert_with(sentence);
    }

    /// All together.
    pub(super) fn all(&self) -> u64 {
        self.kinds.values().sum()
    }
}

/// A percentile, exact to the digits of the histogram.
pub(super) fn percentile(times: &Histogram<u64>, percent: f64) -> Duration {
    Duration::from_nanos(times.value_at_percentile(percent))
}

/// How often times in each eighth of a power of two have occurred, for a column of the heat map.
pub(super) fn column(times: &Histogram<u64>) -> Vec<(u32, u64)> {
    let mut cells: Vec<(u32, u64)> = Vec::new();
    for value in times.iter_recorded() {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 512"
        )]
        let eighth = ((value.value_iterated_to().max(1) as f64).log2() * 8.0) as u32;
        let count = value.count_since_last_iteration();
        match cells.last_mut() {
            Some((last, all)) if *last == eighth => *all += count,
            _ => cells.push((eighth, count)),
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_add_up_and_errors_are_counted_by_kind() {
        let mut measure = Measure::new().unwrap();
        for second in 0..3 {
            for number in 1..=1000 {
                measure.answered(number * 1000);
            }
            assert_eq!(measure.second.len(), 1000);
            measure.end_second();
            assert_eq!(measure.all.len(), (second + 1) * 1000);
        }
        assert_eq!((measure.all.len(), measure.second.len()), (3000, 0));
        let p99 = percentile(&measure.all, 99.0).as_nanos();
        assert!((990_000..=991_000).contains(&p99), "{p99}");
        // Beyond an hour it is an hour.
        measure.answered(u64::MAX);
        let mut errors = Errors::default();
        for kind in ["b", "a", "b"] {
            errors.count(kind.to_owned(), || format!("the first was {kind}"));
        }
        assert_eq!((errors.all(), errors.kinds["b"]), (3, 2));
        assert_eq!(errors.first.as_deref(), Some("the first was b"));
    }

    #[test]
    fn columns_add_up() {
        let mut times = Histogram::<u64>::new(3).unwrap();
        for time in [1, 1000, 1001, 1_000_000] {
            times.record(time).unwrap();
        }
        let cells = column(&times);
        assert_eq!(cells.iter().map(|(_, count)| count).sum::<u64>(), 4);
        assert!(
            cells.contains(&(0, 1)) && cells.contains(&(79, 2)),
            "{cells:?}"
        );
    }
}
