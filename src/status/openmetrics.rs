//! Counters and histograms as text for Prometheus: `OpenMetrics` 1.0, or the older format (0.0.4).
//!
//! It writes whatever is in the list and knows no counter. The formats differ in the names of counters, whose
//! family has no `_total` in `OpenMetrics`, and in its end, by which a cut response is recognized.

use std::fmt::{self, Write as _};

use super::about::About;
use super::quantity::Quantity;
use crate::metrics::{Distribution, Family, Kind, Sample, Value};

/// What all names begin with.
const PREFIX: &str = "mioftpd_";

/// A name and a value.
type Label = (&'static str, &'static str);

/// The format of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// `OpenMetrics` 1.0.
    OpenMetrics,
    /// The text format of Prometheus, for people and older programs.
    Plain,
}

impl TextFormat {
    /// What the field `Accept` of a request asks for.
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Plain
        }
    }

    /// The media type of the text.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// All families as text.
pub fn text(families: &[Family], about: &About, format: TextFormat) -> String {
    let mut out = String::with_capacity(16 * 1024);
    // Writing to memory does not fail.
    let _ = write_about(&mut out, about, format);
    for family in families {
        let _ = write_family(&mut out, family, format);
    }
    if format == TextFormat::OpenMetrics {
        out.push_str("# EOF\n");
    }
    out
}

fn write_about(out: &mut String, about: &About, format: TextFormat) -> fmt::Result {
    let (kind, family) = match format {
        TextFormat::OpenMetrics => ("info", "build"),
        TextFormat::Plain => ("gauge", "build_info"),
    };
    let About {
        version,
        features,
        started,
    } = about;
    let features = features.join(",");
    write!(
        out,
        "# TYPE {PREFIX}{family} {kind}\n# HELP {PREFIX}{family} The program and its Cargo features.\n\
         {PREFIX}build_info{{version=\"{version}\",features=\"{features}\"}} 1\n"
    )?;
    let name = "start_time_seconds";
    write_head(
        out,
        name,
        "gauge",
        "When the server started, since 1970",
        format,
    )?;
    writeln!(out, "{PREFIX}{name} {started}")
}

fn write_head(
    out: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    format: TextFormat,
) -> fmt::Result {
    writeln!(out, "# TYPE {PREFIX}{name} {kind}")?;
    let mut units = ["seconds", "bytes"].into_iter();
    let unit = units.find(|unit| name.ends_with(unit));
    if let (Some(unit), TextFormat::OpenMetrics) = (unit, format) {
        writeln!(out, "# UNIT {PREFIX}{name} {unit}")?;
    }
    writeln!(out, "# HELP {PREFIX}{name} {help}.")
}

fn write_family(out: &mut String, family: &Family, format: TextFormat) -> fmt::Result {
    let Family {
        name,
        help,
        kind,
        samples,
    } = family;
    let (kind, suffix) = match kind {
        Kind::Counter => ("counter", "_total"),
        Kind::Gauge => ("gauge", ""),
        Kind::Histogram => ("histogram", ""),
    };
    match format {
        TextFormat::OpenMetrics => write_head(out, name, kind, help, format)?,
        TextFormat::Plain => write_head(out, &format!("{name}{suffix}"), kind, help, format)?,
    }
    for Sample { labels, value } in samples {
        let amount = match value {
            Value::Number(number) => Quantity::Number(*number),
            Value::Time(time) => Quantity::Time(*time),
            Value::Durations(all) => {
                push_histogram(out, name, labels, all, Quantity::Time);
                continue;
            }
            Value::Rates(all) => {
                push_histogram(out, name, labels, all, Quantity::Number);
                continue;
            }
        };
        push_sample(out, [name, suffix], labels, amount);
    }
    Ok(())
}

/// There are hundreds of these lines: they are put together without the machinery of formatting, which would
/// take ten times as long.
fn push_histogram(
    out: &mut String,
    name: &str,
    labels: &[Label],
    all: &Distribution,
    amount: fn(u64) -> Quantity,
) {
    let bounds = all
        .up_to
        .iter()
        .map(|(bound, number)| (Some(*bound), *number));
    for (bound, number) in bounds.chain([(None, all.count)]) {
        for text in [PREFIX, name, "_bucket{"] {
            out.push_str(text);
        }
        push_labels(out, labels);
        let comma = if labels.is_empty() { "" } else { "," };
        out.push_str(comma);
        out.push_str("le=\"");
        match bound {
            Some(bound) => amount(bound).push(out),
            None => out.push_str("+Inf"),
        }
        out.push_str("\"} ");
        Quantity::Number(number).push(out);
        out.push('\n');
    }
    push_sample(out, [name, "_sum"], labels, amount(all.sum));
    push_sample(out, [name, "_count"], labels, Quantity::Number(all.count));
}

fn push_sample(out: &mut String, [name, suffix]: [&str; 2], labels: &[Label], amount: Quantity) {
    for text in [PREFIX, name, suffix] {
        out.push_str(text);
    }
    if !labels.is_empty() {
        out.push('{');
        push_labels(out, labels);
        out.push('}');
    }
    out.push(' ');
    amount.push(out);
    out.push('\n');
}

/// `name="value",name="value"`.
fn push_labels(out: &mut String, labels: &[Label]) {
    for (index, (name, value)) in labels.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        for text in [comma, name, "=\"", value, "\""] {
            out.push_str(text);
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
