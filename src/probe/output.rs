//! The findings as text of 80 columns and as JSON.
//!
//! What a server has said can be in them: control characters are escaped. It must not know how a finding came
//! about.

use std::fmt::{self, Write as _};

use super::finding::{Finding, Report, Severity};
use crate::protocol::json_text::JsonText;
use crate::protocol::visible::Visible;

const COLUMNS: usize = 80;

/// The width of the first column.
const INDENT: usize = 9;

/// The findings, the worst first, then their number.
pub(super) fn text(report: &Report, server: &str) -> String {
    let mut out = format!("{}\n", Visible(server.as_bytes()));
    for (name, value) in report.facts() {
        paragraph(&mut out, "", &format!("{name}: {value}"));
    }
    out.push('\n');
    let findings = report.sorted();
    for finding in &findings {
        paragraph(
            &mut out,
            finding.severity.word(),
            &format!("{} [{}]", finding.what, finding.id),
        );
        paragraph(&mut out, "", finding.why);
        let change = match finding.key {
            Some(key) => format!("{} Key: {key}.", finding.change),
            None => finding.change.to_owned(),
        };
        if !change.is_empty() {
            paragraph(&mut out, "", &format!("=> {}", change.trim_start()));
        }
        out.push('\n');
    }
    let count = |severity| {
        findings
            .iter()
            .filter(|one| one.severity == severity)
            .count()
    };
    let counts = format_args!(
        "errors: {}, warnings: {}, notes: {}\n",
        count(Severity::Error),
        count(Severity::Warning),
        count(Severity::Note)
    );
    // Writing to a string does not fail.
    let _ = out.write_fmt(counts);
    out
}

/// Appends words, with a line break before the last column.
fn paragraph(out: &mut String, first: &str, text: &str) {
    let visible = Visible(text.as_bytes()).to_string();
    let mut line = format!("{first:<INDENT$}");
    let mut is_empty = true;
    for word in visible.split(' ').filter(|word| !word.is_empty()) {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            out.push_str(&line);
            out.push('\n');
            line = " ".repeat(INDENT);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

/// `{"server":…,"facts":{…},"findings":[…]}`, in a line.
pub(super) fn json(report: &Report, server: &str) -> String {
    let findings = report.sorted();
    let objects: Vec<_> = findings
        .into_iter()
        .map(|one| Object(one).to_string())
        .collect();
    let facts = report.facts().iter();
    let facts = facts.map(|(name, value)| format!("\"{name}\":{}", JsonText(value.as_bytes())));
    format!(
        "{{\"server\":{},\"facts\":{{{}}},\"findings\":[{}]}}\n",
        JsonText(server.as_bytes()),
        facts.collect::<Vec<_>>().join(","),
        objects.join(",")
    )
}

struct Object<'a>(&'a Finding);

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding {
            severity,
            id,
            what,
            why,
            change,
            key,
        } = self.0;
        let text = |text: &str| JsonText(text.as_bytes()).to_string();
        write!(
            f,
            "{{\"severity\":\"{}\",\"id\":\"{id}\",\"what\":{},\"why\":{},\"change\":{},\"key\":{}}}",
            severity.word(),
            text(what),
            text(why),
            text(change),
            key.map_or_else(|| "null".to_owned(), text),
        )
    }
}
