//! The live page: one file with its style and its script, whose tables are filled as it is sent.
//!
//! It owns what the page says without JavaScript, in the form in which `page.js` goes on; and the hashes by
//! which a browser runs that script and no other. Names come from clients, so each is escaped.

use std::fmt::{self, Write as _};

use super::about::About;
use super::sessions::{SessionList, SessionRow};
use crate::metrics::{Distribution, Family, Sample, Value};
use crate::protocol::date::rfc3339;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What the page may load and do: only what is in it, by SHA-256, and updates from here.
pub const PAGE_POLICY: &str = "Content-Security-Policy: default-src 'none'; \
    style-src 'sha256-ro7t9w5yA7+JgqPpY6cOumDz3kebGXvnyBUdCDsAGcg='; \
    script-src 'sha256-EMyARWb/9z0HcJeJath4wEH/lIDoE454huyLQvkP56c='; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n";

/// The page, as it is now.
pub fn page(families: &[Family], sessions: &SessionList, about: &About, now: i64) -> Vec<u8> {
    let mut out = String::with_capacity(64 * 1024);
    // In the template a name stands between two `@`.
    for piece in TEMPLATE.split('@') {
        // Writing to memory does not fail.
        let _ = match piece {
            "style" => out.write_str(STYLE),
            "script" => out.write_str(SCRIPT),
            "version" => out.write_str(about.version),
            "since" => write_since(&mut out, about, now),
            "sessions" => sessions
                .listed
                .iter()
                .try_for_each(|one| write_session(&mut out, one)),
            "sessions-count" => write_count(&mut out, sessions),
            "times" => families
                .iter()
                .try_for_each(|one| write_times(&mut out, one)),
            "counts" => write_counts(&mut out, families),
            text => out.write_str(text),
        };
    }
    out.into_bytes()
}

fn write_since(out: &mut String, about: &About, now: i64) -> fmt::Result {
    let up = u64::try_from(now.saturating_sub(about.started)).unwrap_or(0);
    write!(out, "Up {}, since {}", Lasted(up), rfc3339(about.started))
}

fn write_count(out: &mut String, sessions: &SessionList) -> fmt::Result {
    let (shown, left_out) = (sessions.listed.len(), sessions.left_out);
    write!(out, "{}", shown + left_out)?;
    if left_out > 0 {
        write!(out, ", {shown} shown")?;
    }
    Ok(())
}

fn write_session(out: &mut String, session: &SessionRow) -> fmt::Result {
    let activity = session.command.unwrap_or(session.activity);
    write!(
        out,
        "<tr><th scope=\"row\">{}<td>{}<td>{}<td>{}<td>{}<td>{activity}",
        session.peer,
        Html(session.account.as_deref().unwrap_or("–".as_bytes())),
        session.secured,
        Lasted(session.lasted.as_secs()),
        Lasted(session.idle.as_secs()),
    )?;
    let Some(transfer) = &session.transfer else {
        return out.write_str("<td><td><td>");
    };
    out.write_str("<td>")?;
    match transfer.per_cent() {
        Some(part) => write!(
            out,
            "<progress max=\"100\" value=\"{part}\" aria-label=\"Transferred\"></progress>{part} %"
        )?,
        None => write!(out, "{}", Scaled(transfer.bytes, &BYTES))?,
    }
    let path = Html(transfer.path.as_deref().unwrap_or_default());
    write!(out, "<td>{}/s<td>{path}", Scaled(transfer.rate(), &BYTES))
}

/// A row for each histogram of the family.
fn write_times(out: &mut String, family: &Family) -> fmt::Result {
    for sample in &family.samples {
        let (all, units, suffix): (&Distribution, &Units, _) = match &sample.value {
            Value::Durations(all) => (all, &TIMES, ""),
            Value::Rates(all) => (all, &BYTES, "/s"),
            Value::Number(_) | Value::Time(_) => continue,
        };
        write!(
            out,
            "<tr><th scope=\"row\">{}",
            Html(family.help.as_bytes())
        )?;
        for (_, label) in &sample.labels {
            write!(out, ": {label}")?;
        }
        write!(out, "<td>{}", Grouped(all.count))?;
        for amount in all.percentiles.into_iter().chain([all.greatest]) {
            match all.count {
                0 => out.write_str("<td>–")?,
                _ => write!(out, "<td>{}{suffix}", Scaled(amount, units))?,
            }
        }
    }
    Ok(())
}

/// A table for what has no labels, and one for each other family.
fn write_counts(out: &mut String, families: &[Family]) -> fmt::Result {
    let is_histogram = |value: &Value| matches!(value, Value::Durations(_) | Value::Rates(_));
    let of_counts = |family: &&Family| {
        let first = family.samples.first();
        first.is_some_and(|sample| !is_histogram(&sample.value))
    };
    let is_total = |family: &&Family| matches!(&*family.samples, [one] if one.labels.is_empty());
    let counts = families.iter().filter(of_counts);
    let (totals, others): (Vec<_>, Vec<_>) = counts.partition(is_total);
    write_table(out, "totals", "Totals", &totals)?;
    for family in others {
        write_table(out, family.name, family.help, &[family])?;
    }
    Ok(())
}

fn write_table(out: &mut String, name: &str, title: &str, families: &[&Family]) -> fmt::Result {
    let title = Html(title.as_bytes());
    write!(
        out,
        "<table id=\"of-{name}\"><caption>{title}</caption><tbody>"
    )?;
    for family in families {
        for sample in &family.samples {
            write_sample(out, family, sample)?;
        }
    }
    out.write_str("</tbody></table>")
}

fn write_sample(out: &mut String, family: &Family, sample: &Sample) -> fmt::Result {
    out.write_str("<tr><th scope=\"row\">")?;
    for (index, (_, label)) in sample.labels.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(out, "{comma}{label}")?;
    }
    if sample.labels.is_empty() {
        write!(out, "{}", Html(family.help.as_bytes()))?;
    }
    match sample.value {
        Value::Time(time) => write!(out, "<td>{}", Scaled(time, &TIMES)),
        Value::Number(number) if family.name.contains("bytes") => {
            write!(out, "<td>{}", Scaled(number, &BYTES))
        }
        Value::Number(number) => write!(out, "<td>{}", Grouped(number)),
        Value::Durations(_) | Value::Rates(_) => Ok(()),
    }
}

/// Displays bytes as text of HTML.
struct Html<'a>(&'a [u8]);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in String::from_utf8_lossy(self.0).chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                _ if !crate::protocol::visible::is_printable(character) => {
                    f.write_char(char::REPLACEMENT_CHARACTER)?;
                }
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// Units in descending order, each with its size in the last one.
type Units = [(u64, &'static str)];

const BYTES: [(u64, &str); 5] = [
    (1 << 40, "TiB"),
    (1 << 30, "GiB"),
    (1 << 20, "MiB"),
    (1 << 10, "KiB"),
    (1, "B"),
];

const TIMES: [(u64, &str); 4] = [
    (1_000_000_000, "s"),
    (1_000_000, "ms"),
    (1_000, "µs"),
    (1, "ns"),
];

/// Displays an amount in the largest unit that it reaches; below ten of it with a tenth, rounded down.
struct Scaled<'a>(u64, &'a Units);

impl fmt::Display for Scaled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(amount, units) = *self;
        let unit = units.iter().find(|(size, _)| amount >= *size);
        let &(size, name) = unit.or_else(|| units.last()).unwrap_or(&(1, ""));
        let (whole, rest) = (amount / size, amount % size);
        if whole < 10 && size > 1 {
            write!(f, "{whole}.{} {name}", rest / (size / 10).max(1))
        } else {
            write!(f, "{whole} {name}")
        }
    }
}

/// Displays a number in groups of three digits.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            number @ 0..1000 => number.fmt(f),
            number => write!(f, "{},{:03}", Self(number / 1000), number % 1000),
        }
    }
}

/// Displays seconds as a person says them.
struct Lasted(u64);

impl fmt::Display for Lasted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.0 / 60) {
            (seconds, 0) => write!(f, "{seconds} s"),
            (_, minutes @ 0..60) => write!(f, "{minutes} min"),
            (_, minutes) => write!(f, "{} h {} min", minutes / 60, minutes % 60),
        }
    }
}

#[cfg(test)]
mod tests;
