//! Errors of a configuration file, with position, cause and remedy.
//!
//! The text is one line, `FILE:LINE:COLUMN: TEXT`, as compilers print it: it fits the log, and editors
//! can jump to the position. Lines and columns count from one, columns in characters.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::Access;

use super::units::show_duration;
use crate::cause::of_path;

/// The reason that a file yields no configuration.
#[derive(Debug)]
pub enum FileError {
    /// The file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// The file is invalid.
    Invalid {
        /// The file.
        path: PathBuf,
        /// From one.
        line: usize,
        /// In characters, from one.
        column: usize,
        /// The cause and the remedy.
        text: String,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                let cause = of_path(error, path, Access::READ_OK);
                write!(f, "{}: {cause}", path.display())
            }
            Self::Invalid {
                path,
                line,
                column,
                text,
            } => write!(f, "{}:{line}:{column}: {text}", path.display()),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) => Some(error),
            Self::Invalid { .. } => None,
        }
    }
}

/// An error at a byte offset of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) at: usize,
    pub(super) text: String,
}

impl Mistake {
    pub(super) fn of(self, path: &Path, text: &str) -> FileError {
        let (line, column) = line_and_column(text, self.at);
        FileError::Invalid {
            path: path.to_owned(),
            line,
            column,
            text: self.text,
        }
    }
}

/// The position of a byte offset.
pub(super) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    // The TOML parser does not promise offsets on character boundaries.
    let before = text.get(..at).unwrap_or("");
    // `rsplit` yields at least one item.
    let line = before.rsplit('\n').next().unwrap_or("");
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// The description of a value, with its range.
pub(super) fn within(takes: &str, range: &RangeInclusive<u64>) -> String {
    if takes.starts_with("a time") {
        let shown = |milliseconds| show_duration(Duration::from_millis(milliseconds));
        let (least, most) = (shown(*range.start()), shown(*range.end()));
        // Shorter than the unit of a range, and not zero.
        if *range.start() == 1 {
            return format!("a time above 0s, up to {most}");
        }
        return format!("a time from {least} to {most}");
    }
    format!("{takes} from {} to {}", range.start(), range.end())
}
