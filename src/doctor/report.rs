//! The report: lines with a level, a topic, what was found, and what to change.
//!
//! It prints them as a page or as JSON, the worst first in neither: the order is that of the examination.
//! It must not know what is examined.

use std::fmt::{self, Write as _};

use crate::protocol::json_text::JsonText;

/// The columns before the text of a line, and those of the text.
const INDENT: usize = 21;
const WIDTH: usize = 80;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Good to know; or it could not be seen.
    Note,
    /// It will hurt some clients, or one day.
    Warning,
    /// The server does not start, or does not work.
    Error,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// What was examined.
    pub topic: &'static str,
    /// What was found, and why it matters.
    pub text: String,
    /// What to change: a key, a command. Empty if `text` says it, or if there is nothing to do.
    pub remedy: String,
}

/// All findings.
#[derive(Clone, Debug, Default)]
pub struct Report {
    lines: Vec<Line>,
}

impl Report {
    pub(super) fn add(
        &mut self,
        level: Level,
        topic: &'static str,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.lines.push(Line {
            level,
            topic,
            text: text.into(),
            remedy: remedy.into(),
        });
    }

    pub(super) fn ok(&mut self, topic: &'static str, text: impl Into<String>) {
        self.add(Level::Ok, topic, text, "");
    }

    /// The findings, in the order of the examination.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Whether there is a warning or an error.
    pub fn hurts(&self) -> bool {
        self.lines.iter().any(|line| line.level >= Level::Warning)
    }

    fn count(&self, level: Level) -> usize {
        let same = self.lines.iter().filter(|line| line.level == level);
        same.count()
    }

    /// One object: the counts, and the findings as a list.
    pub fn json(&self) -> String {
        let mut out = format!(
            "{{\"errors\":{},\"warnings\":{},\"notes\":{},\"findings\":[",
            self.count(Level::Error),
            self.count(Level::Warning),
            self.count(Level::Note)
        );
        for (index, line) in self.lines.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            // Writing to memory does not fail.
            let _ = write!(
                out,
                "{comma}\n{{\"level\":\"{}\",\"topic\":\"{}\",\"text\":{},\"remedy\":{}}}",
                line.level.name(),
                line.topic,
                JsonText(line.text.as_bytes()),
                JsonText(line.remedy.as_bytes())
            );
        }
        out.push_str("\n]}\n");
        out
    }
}

/// Writes words behind the indentation, on as many lines as they take.
fn wrap(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut width = 0;
    for word in text.split(' ') {
        if width > 0 && width + word.len() >= WIDTH {
            write!(f, "\n{:INDENT$}", "")?;
            width = 0;
        }
        write!(f, " {word}")?;
        width += word.len() + 1;
    }
    writeln!(f)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            let (level, topic) = (line.level.name(), line.topic);
            write!(f, "{level:<8} {topic:<12}")?;
            wrap(f, &line.text)?;
            if !line.remedy.is_empty() {
                write!(f, "{:INDENT$} ->", "")?;
                wrap(f, &line.remedy)?;
            }
        }
        let [errors, warnings, notes] =
            [Level::Error, Level::Warning, Level::Note].map(|level| self.count(level));
        writeln!(
            f,
            "\nerrors: {errors}, warnings: {warnings}, notes: {notes}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_warnings_and_errors_hurt() {
        let mut report = Report::default();
        report.ok("a", "well");
        report.add(Level::Note, "b", "a \"name\"\n", "");
        assert!(!report.hurts());
        report.add(Level::Warning, "c", "bad", "change it");
        assert!(report.hurts());
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!((&json["warnings"], &json["errors"]), (&1.into(), &0.into()));
        assert_eq!(json["findings"][1]["text"], "a \"name\"\n");
        let page = report.to_string();
        assert!(page.contains("-> change it"), "{page}");
        assert!(
            page.ends_with("errors: 0, warnings: 1, notes: 1\n"),
            "{page}"
        );
    }
}
