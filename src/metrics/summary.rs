//! The families as lines of the log, for an operator without a monitoring system.
//!
//! It leaves out what has not happened. It must not know which families there are.

use std::fmt;
use std::time::Duration;

use super::family::{Distribution, Family, Sample, Value};

/// A line for each family that has counted something.
pub fn lines(families: &[Family]) -> Vec<String> {
    let line = |family: &Family| {
        let shown = family.samples.iter().filter_map(shown);
        let shown: Vec<_> = shown.collect();
        (!shown.is_empty()).then(|| format!("{}: {}", family.help, shown.join(", ")))
    };
    families.iter().filter_map(line).collect()
}

/// `download complete 3`.
fn shown(sample: &Sample) -> Option<String> {
    let value = match &sample.value {
        Value::Number(0) | Value::Time(0) => return None,
        Value::Number(number) => number.to_string(),
        Value::Time(time) => format!("{:.1?}", Duration::from_nanos(*time)),
        Value::Durations(all) => {
            distribution(all, |time| format!("{:.1?}", Duration::from_nanos(time)))?
        }
        Value::Rates(all) => distribution(all, |rate| format!("{} KB/s", rate / 1000))?,
    };
    let labels = sample.labels.iter().map(|(_, label)| *label);
    Some(labels.chain([value.as_str()]).collect::<Vec<_>>().join(" "))
}

/// `p50 21 µs, p99 40 µs, p99.9 1.2 ms, longest 3 ms (1234)`.
fn distribution<S: fmt::Display>(all: &Distribution, unit: impl Fn(u64) -> S) -> Option<String> {
    let [half, most, nearly_all] = all.percentiles.map(&unit);
    (all.count > 0).then(|| {
        format!(
            "p50 {half}, p99 {most}, p99.9 {nearly_all}, greatest {} ({})",
            unit(all.greatest),
            all.count
        )
    })
}
