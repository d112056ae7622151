//! Counters and histograms as text for Prometheus: `OpenMetrics` 1.0, or the older format (0.0.4).
//!
//! It writes whatever is in the list and knows no counter. The formats differ in the names of counters, whose
//! family has no `_total` in `OpenMetrics`, and in its end, by which a cut response is recognized.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::about::About;
use crate::metrics::{Distribution, Family, Kind, Sample, Value};
use crate::protocol::seconds::Seconds;

/// What all names begin with.
const PREFIX: &str = "mioftpd_";

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
        let labels = Labels(labels);
        match value {
            Value::Number(number) => writeln!(out, "{PREFIX}{name}{suffix}{labels} {number}")?,
            Value::Time(time) => {
                let time = Amount::Time(*time);
                writeln!(out, "{PREFIX}{name}{suffix}{labels} {time}")?;
            }
            Value::Durations(all) => write_histogram(out, name, &labels, all, Amount::Time)?,
            Value::Rates(all) => write_histogram(out, name, &labels, all, Amount::Number)?,
        }
    }
    Ok(())
}

fn write_histogram(
    out: &mut String,
    name: &str,
    labels: &Labels<'_>,
    all: &Distribution,
    amount: fn(u64) -> Amount,
) -> fmt::Result {
    let mut bucket = |bound: &dyn fmt::Display, number: u64| {
        write!(out, "{PREFIX}{name}_bucket{{")?;
        labels.write_inside(out)?;
        let comma = if labels.0.is_empty() { "" } else { "," };
        writeln!(out, "{comma}le=\"{bound}\"}} {number}")
    };
    for (bound, number) in &all.up_to {
        bucket(&amount(*bound), *number)?;
    }
    bucket(&"+Inf", all.count)?;
    writeln!(out, "{PREFIX}{name}_sum{labels} {}", amount(all.sum))?;
    writeln!(out, "{PREFIX}{name}_count{labels} {}", all.count)
}

/// A number as it is shown.
#[derive(Clone, Copy, Debug)]
pub(super) enum Amount {
    /// Of things.
    Number(u64),
    /// Of nanoseconds, shown in seconds.
    Time(u64),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Number(number) => number.fmt(f),
            Self::Time(nanoseconds) => Seconds(Duration::from_nanos(nanoseconds)).fmt(f),
        }
    }
}

/// `{name="value"}`; nothing without labels.
struct Labels<'a>(&'a [(&'static str, &'static str)]);

impl Labels<'_> {
    fn write_inside(&self, out: &mut impl fmt::Write) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(out, "{comma}{name}=\"{value}\"")?;
        }
        Ok(())
    }
}

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        f.write_char('{')?;
        self.write_inside(f)?;
        f.write_char('}')
    }
}

#[cfg(test)]
pub(super) mod tests;
