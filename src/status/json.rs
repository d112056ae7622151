//! JSON (RFC 8259): names and texts as strings, and the counters and histograms as an object.
//!
//! It writes whatever is in the list and knows no counter. Bytes that are not UTF-8 are replaced by U+FFFD,
//! and control characters escaped.

use std::fmt::{self, Write as _};

use super::about::About;
use super::quantity::Quantity;
use crate::metrics::{Distribution, Family, Kind, Sample, Value};
use crate::protocol::date::rfc3339;
use crate::protocol::json_text::JsonText;

/// Appends elements with commas between them.
pub(super) fn list<T>(
    out: &mut String,
    elements: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut String, T) -> fmt::Result,
) -> fmt::Result {
    for (index, element) in elements.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, element)?;
    }
    Ok(())
}

/// Times in nanoseconds as an object of seconds.
pub fn times<'a>(named: impl IntoIterator<Item = (&'a str, u64)>) -> String {
    let mut out = String::from("{");
    // Writing to memory does not fail.
    let _ = list(&mut out, named, |out, (name, time)| {
        write!(out, "\"{name}\":")?;
        Quantity::Time(time).push(out);
        Ok(())
    });
    out.push('}');
    out
}

/// All families as an object: `{"version":…,"metrics":{NAME:{"type":…,"help":…,"samples":[…]}}}`.
pub fn stats(families: &[Family], about: &About, now: i64, is_stopping: bool) -> String {
    let mut out = String::with_capacity(16 * 1024);
    // Writing to memory does not fail.
    let _ = write_stats(&mut out, families, about, now, is_stopping);
    out
}

fn write_stats(
    out: &mut String,
    families: &[Family],
    about: &About,
    now: i64,
    is_stopping: bool,
) -> fmt::Result {
    let About {
        version,
        features,
        started,
    } = about;
    let (time, since) = (rfc3339(now), rfc3339(*started));
    write!(
        out,
        "{{\"version\":\"{version}\",\"time\":\"{time}\",\"started\":\"{since}\",\
         \"uptime_seconds\":{},\"stopping\":{is_stopping},\"features\":[",
        now.saturating_sub(*started).max(0)
    )?;
    list(out, features, |out, name| write!(out, "\"{name}\""))?;
    out.push_str("],\"metrics\":{");
    list(out, families, write_family)?;
    out.push_str("}}");
    Ok(())
}

fn write_family(out: &mut String, family: &Family) -> fmt::Result {
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let help = JsonText(family.help.as_bytes());
    let name = family.name;
    write!(
        out,
        "\"{name}\":{{\"type\":\"{kind}\",\"help\":{help},\"samples\":["
    )?;
    list(out, &family.samples, write_sample)?;
    out.push_str("]}");
    Ok(())
}

fn write_sample(out: &mut String, sample: &Sample) -> fmt::Result {
    out.push_str("{\"labels\":{");
    list(out, &sample.labels, |out, (name, value)| {
        write!(out, "\"{name}\":\"{value}\"")
    })?;
    out.push_str("},");
    match &sample.value {
        Value::Number(number) => push(out, "\"value\":", Quantity::Number(*number)),
        Value::Time(time) => push(out, "\"value\":", Quantity::Time(*time)),
        Value::Durations(all) => push_histogram(out, all, Quantity::Time),
        Value::Rates(all) => push_histogram(out, all, Quantity::Number),
    }
    out.push('}');
    Ok(())
}

fn push_histogram(out: &mut String, all: &Distribution, amount: fn(u64) -> Quantity) {
    push(out, "\"count\":", Quantity::Number(all.count));
    push(out, ",\"sum\":", amount(all.sum));
    push(out, ",\"max\":", amount(all.greatest));
    let names = [",\"p50\":", ",\"p99\":", ",\"p999\":"];
    for (name, value) in names.into_iter().zip(all.percentiles) {
        push(out, name, amount(value));
    }
    out.push_str(",\"buckets\":");
    let mut before = "[[";
    for (bound, number) in &all.up_to {
        push(out, before, amount(*bound));
        push(out, ",", Quantity::Number(*number));
        before = "],[";
    }
    out.push_str(if all.up_to.is_empty() { "[]" } else { "]]" });
}

fn push(out: &mut String, name: &str, amount: Quantity) {
    out.push_str(name);
    amount.push(out);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Parsed, json};

    use super::super::openmetrics::tests::{about, families};
    use super::*;

    #[test]
    fn stats_have_every_family() {
        let text = stats(&families(), &about(), 1_700_000_060, false);
        let parsed: Parsed = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["uptime_seconds"], 60);
        assert_eq!(parsed["started"], "2023-11-14T22:13:20Z");
        assert_eq!(parsed["features"], json!(["status", "tls"]));
        assert_eq!(
            parsed["metrics"]["transfer_bytes"],
            json!({"type": "counter", "help": "What it is", "samples": [
                {"labels": {"direction": "up"}, "value": 1},
                {"labels": {"direction": "down"}, "value": 2},
            ]})
        );
        assert_eq!(
            parsed["metrics"]["job_seconds"]["samples"],
            json!([{
                "labels": {"pool": "disk"}, "count": 4, "sum": 1.000_006, "max": 1,
                "p50": 0.000_001_5, "p99": 1, "p999": 1,
                "buckets": [[0.000_001_023, 1], [0.000_002_047, 3]],
            }])
        );
        assert_eq!(
            times([("a b", 1_500_000_000), ("c", 1)]),
            "{\"a b\":1.5,\"c\":0.000000001}"
        );
        let asleep = &parsed["metrics"]["asleep_seconds"]["samples"][0]["value"];
        assert_eq!(asleep, 1.5);
    }
}
