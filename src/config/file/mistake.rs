//! What is wrong with a configuration file: where it stands, and what would be right.
//!
//! One line, as compilers write them, `FILE:LINE:COLUMN: TEXT`, because it is said in the log too
//! and editors can jump there. Lines and columns count from one, columns in characters.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::Access;

use super::units::show_duration;
use crate::cause::of_path;

/// Why there is no configuration.
#[derive(Debug)]
pub enum FileError {
    /// It cannot be read.
    Unreadable(PathBuf, io::Error),
    /// What it says cannot be meant.
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where in it.
        line: usize,
        /// Where in the line.
        column: usize,
        /// What is wrong, and what would be right.
        text: String,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                let why = of_path(error, path, Access::READ_OK);
                write!(f, "{}: {why}", path.display())
            }
            Self::Wrong {
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
            Self::Wrong { .. } => None,
        }
    }
}

/// A mistake at a byte of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) at: usize,
    pub(super) text: String,
}

impl Wrong {
    pub(super) fn of(self, path: &Path, text: &str) -> FileError {
        let (line, column) = line_and_column(text, self.at);
        FileError::Wrong {
            path: path.to_owned(),
            line,
            column,
            text: self.text,
        }
    }
}

/// Where a byte of a text is.
pub(super) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or("");
    let line = before.rsplit('\n').next().unwrap_or("");
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// What a key takes that has a range.
pub(super) fn within(takes: &str, range: &RangeInclusive<u64>) -> String {
    if takes.starts_with("a time") {
        let shown = |milliseconds| show_duration(Duration::from_millis(milliseconds));
        let (least, most) = (shown(*range.start()), shown(*range.end()));
        return format!("a time from {least} to {most}");
    }
    format!("{takes} from {} to {}", range.start(), range.end())
}
