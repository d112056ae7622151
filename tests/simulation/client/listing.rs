//! What a listing must contain: every entry once, with its name, size and type.
//!
//! A directory that no client changes is known completely; of others, only the client's own files. Parses
//! LIST, NLST and MLSD; knows nothing of connections.

use std::collections::{BTreeMap, BTreeSet};

use mioftpd::internals::storage::Memory;

/// A directory that no client changes, with more entries than are sent or sorted in one slice.
pub(crate) const MANY: &str = "/many";

/// Its names: some are long, some contain what could be taken for a field separator.
pub(crate) fn many(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| match number % 4 {
        0 => format!("{MANY}/{number:04}{}", "-".repeat(number % 120)),
        1 => format!("{MANY}/a name {number}"),
        2 => format!("{MANY}/size=1;{number}"),
        _ => format!("{MANY}/{number}"),
    })
}

/// The format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// LIST.
    Long,
    /// LIST -R of a directory without subdirectories: its name, then as LIST.
    Deep,
    /// NLST, with the directory before each name.
    Names(String),
    /// MLSD.
    Facts,
}

/// An existing entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    File(usize),
    Directory,
}

pub(crate) struct ExpectedListing {
    form: Form,
    /// Entries that must appear.
    there: BTreeMap<String, Entry>,
    /// No other entry may appear.
    is_all: bool,
}

impl ExpectedListing {
    /// Of a directory that no client changes.
    pub(crate) fn all(form: Form, directory: &str, memory: &Memory) -> Self {
        let names = memory.names();
        let below = |path: &String| {
            let name = path.strip_prefix(directory)?.strip_prefix('/')?;
            let size = memory.read(path).map(|bytes| bytes.len());
            Some((name.to_owned(), size.map_or(Entry::Directory, Entry::File)))
        };
        let there = names.iter().filter_map(below);
        Self {
            form,
            there: there.collect(),
            is_all: true,
        }
    }

    /// Of a directory with at least these files of the client.
    pub(crate) fn some(form: Form, directory: &str, own: &[(String, Vec<u8>)]) -> Self {
        let below = |(path, bytes): &(String, Vec<u8>)| {
            let name = path.strip_prefix(directory)?.strip_prefix('/')?;
            Some((name.to_owned(), Entry::File(bytes.len())))
        };
        Self {
            form,
            there: own.iter().filter_map(below).collect(),
            is_all: false,
        }
    }

    /// The violation in the received listing.
    pub(super) fn violation(&self, got: &[u8]) -> Option<String> {
        let mut seen = BTreeSet::new();
        for line in got.split_inclusive(|&byte| byte == b'\n') {
            let Some(text) = line.strip_suffix(b"\r\n") else {
                return Some(format!("not a line of a listing: {}", line.escape_ascii()));
            };
            let text = String::from_utf8_lossy(text).into_owned();
            if self.form.is_heading(&text) {
                continue;
            }
            let Some((name, entry)) = self.form.parse(&text) else {
                return Some(format!("not a line of {:?}: {text}", self.form));
            };
            if let Some(known) = self.there.get(name)
                && entry.is_some_and(|entry| entry != *known)
            {
                return Some(format!("{name} is {known:?}, and was listed as {entry:?}"));
            }
            if self.is_all && !self.there.contains_key(name) {
                return Some(format!("{name} was listed, and is not there"));
            }
            if !seen.insert(name.to_owned()) {
                return Some(format!("{name} was listed twice"));
            }
        }
        let missing = self.there.keys().find(|name| !seen.contains(*name))?;
        let (count, all) = (seen.len(), self.there.len());
        Some(format!("{missing} was not listed: {count} were, of {all}"))
    }
}

impl Form {
    /// Whether a line is a directory heading or a separator.
    fn is_heading(&self, line: &str) -> bool {
        *self == Self::Deep && (line.is_empty() || line.ends_with(':'))
    }

    /// The name and the entry of a line.
    fn parse<'l>(&self, line: &'l str) -> Option<(&'l str, Option<Entry>)> {
        match self {
            Self::Names(directory) => {
                let name = line.strip_prefix(directory.as_str())?;
                Some((name.strip_prefix('/')?, None))
            }
            Self::Facts => {
                // A directory may have no facts at all.
                let (facts, name) = match line.strip_prefix(' ') {
                    Some(name) => ("", name),
                    None => line.split_once("; ")?,
                };
                let fact = |wanted: &str| {
                    let mut facts = facts.split(';').filter_map(|fact| fact.split_once('='));
                    facts
                        .find(|(fact, _)| *fact == wanted)
                        .map(|(_, value)| value)
                };
                // OPTS MLST may have deselected the type.
                let entry = match (fact("type"), fact("size")) {
                    (Some("dir") | None, None) => Entry::Directory,
                    (Some("file") | None, Some(size)) => Entry::File(size.parse().ok()?),
                    _ => return None,
                };
                Some((name, Some(entry)))
            }
            Self::Long | Self::Deep => {
                let mut rest = line;
                let mut fields = [""; 8];
                for field in &mut fields {
                    (*field, rest) = rest.split_once(' ')?;
                    rest = rest.trim_start_matches(' ');
                }
                let entry = match line.as_bytes().first()? {
                    b'd' => Entry::Directory,
                    b'-' => Entry::File(fields[4].parse().ok()?),
                    _ => return None,
                };
                Some((rest, Some(entry)))
            }
        }
    }
}
