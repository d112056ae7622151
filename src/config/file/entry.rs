//! A key and its value, as they stand in a file, before the table of keys gives them a type.
//!
//! The reader of TOML and the line reader both make these. They know no key.

use std::ops::Range;

/// A value of no type yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RawValue {
    /// A string, without its quotes.
    Text(String),
    /// What has no quotes: a number, in decimal; `true` or `false`; a date.
    Bare(String),
    /// An array of strings or of what has no quotes.
    List(Vec<Self>),
    /// A table, whose keys follow; or what is no value of any key.
    Table,
    /// A table of the array `account`, whose keys follow.
    Account,
}

impl RawValue {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn bare(&self) -> Option<&str> {
        match self {
            Self::Bare(text) => Some(text),
            _ => None,
        }
    }

    /// An integer that is not negative.
    pub(super) fn integer(&self) -> Option<u64> {
        let digits = self
            .bare()
            .filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        digits?.parse().ok()
    }
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// `table.name`, or the name alone.
    pub(super) path: String,
    /// The byte offset of the name.
    pub(super) at: usize,
    pub(super) value: RawValue,
    /// The place of the value.
    pub(super) span: Range<usize>,
}
