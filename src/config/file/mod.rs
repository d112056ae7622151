//! The configuration file: TOML, with a key for each option of the command line and for more.
//!
//! ```toml
#![doc = include_str!("../example.toml")]
//! ```
//!
//! This module parses a file, reports an error with its position and remedy, and prints a configuration
//! as a file. A file is accepted as a whole or not at all. Options of the command line override its keys.
//!
//! Without the Cargo feature `config` a small reader takes the place of the crate `toml`: it reads a key on a
//! line, as the example has them, or `limits.memory = "4MiB"` without a table.

mod account_value;
mod accounts;
mod draft;
mod entry;
mod keys;
#[cfg(test)]
#[cfg(feature = "config")]
mod line_reader;
mod mistake;
mod moment;
#[cfg(feature = "config")]
mod print;
#[cfg_attr(feature = "config", path = "toml_reader.rs")]
#[cfg_attr(not(feature = "config"), path = "line_reader.rs")]
mod reader;
#[cfg_attr(not(feature = "config"), path = "no_show.rs")]
mod show;
mod units;
mod value;

use std::io::Read as _;
use std::ops::RangeInclusive;
use std::path::Path;

pub use mistake::FileError;
#[cfg(feature = "config")]
pub use print::show;

use crate::limits::CONFIG_BYTES;
use crate::storage::open_operator_file;
use accounts::AccountDraft;
use draft::FileDraft;
use entry::{Entry, RawValue};
use keys::{ACCOUNT_KEYS, KEYS, names_in};
use mistake::Mistake;
use value::{Field, FileValue, ValueError};

use super::ConfigDraft;

#[cfg(feature = "config")]
/// A commented file with every key, each with a value that is not the default.
pub const EXAMPLE: &str = include_str!("../example.toml");

const NOT_AN_ACCOUNT: &str = "an account is a table in an array; write [[account]]";

/// Reads a configuration file and the password files that it names. It may block on the disk.
pub fn read(path: &Path) -> Result<ConfigDraft, FileError> {
    let unreadable = |error| FileError::Unreadable(path.to_owned(), error);
    let mut bytes = Vec::new();
    let file = open_operator_file(path).map_err(unreadable)?;
    file.take(CONFIG_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > CONFIG_BYTES {
        let text = format!("the file is longer than {CONFIG_BYTES} bytes, the maximum");
        return Err(Mistake { at: 0, text }.of(path, ""));
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = "invalid UTF-8; save the file as UTF-8".to_owned();
            let mistake = Mistake { at, text };
            return Err(mistake.of(path, &String::from_utf8_lossy(error.as_bytes())));
        }
    };
    // Only `/` has no parent, and that is not a file.
    let read = parse(&text, path.parent().unwrap_or(path));
    let mut read = read.map_err(|mistake| mistake.of(path, &text))?;
    read.config.sources.push(path.to_owned());
    read.config.origins.set_file(path);
    Ok(read)
}

/// Parses the text of a file; its paths are relative to `directory`.
fn parse(text: &str, directory: &Path) -> Result<ConfigDraft, Mistake> {
    of_entries(text, directory, &reader::entries(text)?)
}

/// The values of the keys in the text.
fn of_entries(text: &str, directory: &Path, entries: &[Entry]) -> Result<ConfigDraft, Mistake> {
    let mut reader = Reader {
        text,
        directory,
        draft: FileDraft::default(),
        accounts: Vec::new(),
        offsets: Vec::new(),
        mistake: None,
    };
    for entry in entries {
        reader.entry(entry);
    }
    reader.finish()
}

/// Parses a value into its field.
fn set(
    (text, directory): (&str, &Path),
    (path, range): (&str, Option<&RangeInclusive<u64>>),
    field: &mut dyn Field,
    entry: &Entry,
) -> Result<(), Mistake> {
    let value = &entry.value;
    // The first line of the value in the file. The parser may give an implicit table an empty span.
    let line = text.get(entry.span.clone()).unwrap_or("");
    let line = line.lines().next().unwrap_or("");
    let text = match field.set(FileValue { value, directory }) {
        Ok(amount) => match (amount, range) {
            (Some(amount), Some(range)) if !range.contains(&amount) => {
                let takes = mistake::within(field.takes(), range);
                format!("{path}: invalid value {line}; write {takes}")
            }
            _ => return Ok(()),
        },
        Err(ValueError::Because(cause)) => format!("{path}: {cause}"),
        Err(ValueError::Mismatch) if path == "account.shadow" => {
            format!(
                "{path}: invalid value {line}; write the path in quotes, usually \"/etc/shadow\""
            )
        }
        // The value may be a plain password, so it is not printed.
        Err(ValueError::Mismatch) if path == "account.password" => {
            format!("{path}: invalid value; write {}", field.takes())
        }
        Err(ValueError::Mismatch) => {
            format!("{path}: invalid value {line}; write {}", field.takes())
        }
    };
    let at = entry.span.start;
    Err(Mistake { at, text })
}

/// Gives each key its type, and collects values, offsets and mistakes.
struct Reader<'a> {
    text: &'a str,
    directory: &'a Path,
    draft: FileDraft,
    /// With the byte offset of each.
    accounts: Vec<(usize, AccountDraft)>,
    /// The byte offset of each key and each table.
    offsets: Vec<(String, usize)>,
    /// The first in the order of the file.
    mistake: Option<Mistake>,
}

impl Reader<'_> {
    fn entry(&mut self, entry: &Entry) {
        let Entry {
            path, at, value, ..
        } = entry;
        if *value == RawValue::Account {
            if self.accounts.is_empty() {
                self.offsets.push((path.clone(), *at));
            }
            let draft = (entry.span.start, AccountDraft::empty());
            return self.accounts.push(draft);
        }
        if path.starts_with("account.") {
            return self.account_key(entry);
        }
        self.offsets.push((path.clone(), *at));
        if let Some(key) = KEYS.iter().find(|key| key.path == path) {
            let field = (key.field)(&mut self.draft);
            let set = set(
                (self.text, self.directory),
                (key.path, key.range),
                field,
                entry,
            );
            return self.note(set);
        }
        let below = format!("{path}.");
        let is_table = KEYS.iter().any(|key| key.path.starts_with(&below));
        let mut of_account = ACCOUNT_KEYS
            .iter()
            .filter_map(|key| key.path.strip_prefix("account."));
        let text = match value {
            RawValue::Table if is_table => return,
            _ if path == "account" => NOT_AN_ACCOUNT.to_owned(),
            _ if is_table => format!("{path} is a table; write [{path}]"),
            _ if of_account.any(|name| name == path) => {
                format!("{path} is a key of an account; write it below its [[account]]")
            }
            _ => {
                let table = path.split_once('.').map_or("", |(table, _)| table);
                let place = match table {
                    "" => "the top level".to_owned(),
                    table => format!("[{table}]"),
                };
                format!("unknown key {path}; {place} has {}", names_in(table))
            }
        };
        self.note(Err(Mistake { at: *at, text }));
    }

    /// A key of the last account. Without one it is below a table `account`, which is a mistake already.
    fn account_key(&mut self, entry: &Entry) {
        let Entry { path, at, .. } = entry;
        let Some((_, draft)) = self.accounts.last_mut() else {
            return;
        };
        let Some(key) = ACCOUNT_KEYS.iter().find(|key| key.path == path) else {
            let text = format!(
                "unknown key {path}; [[account]] has {}",
                names_in("account")
            );
            return self.note(Err(Mistake { at: *at, text }));
        };
        draft.set.push((key.path, *at));
        let file = (self.text, self.directory);
        let set = set(file, (key.path, key.range), (key.field)(draft), entry);
        self.note(set);
    }

    fn note(&mut self, set: Result<(), Mistake>) {
        if let Err(mistake) = set
            && self
                .mistake
                .as_ref()
                .is_none_or(|first| mistake.at < first.at)
        {
            self.mistake = Some(mistake);
        }
    }

    /// The values, or the first mistake in the order of the file.
    fn finish(mut self) -> Result<ConfigDraft, Mistake> {
        if let Some(first) = self.mistake {
            return Err(first);
        }
        let config = &mut self.draft.config;
        for (key, at) in &self.offsets {
            let position = mistake::line_and_column(self.text, *at);
            config.origins.set_at(None, key, position);
        }
        for (_, draft) in &self.accounts {
            let name = draft.name.as_deref().map(str::as_bytes);
            for (key, at) in &draft.set {
                let position = mistake::line_and_column(self.text, *at);
                config.origins.set_at(name, key, position);
            }
        }
        let all = accounts::all(self.accounts, config);
        config.accounts = all.map_err(|(at, text)| Mistake { at, text })?;
        self.draft.finish().map_err(|invalid| {
            let at = self.offsets.iter().find(|(key, _)| key == invalid.key);
            debug_assert!(at.is_some(), "{} is invalid without being set", invalid.key);
            Mistake {
                at: at.map_or(0, |(_, at)| *at),
                text: format!("{} {}", invalid.key, invalid.text),
            }
        })
    }
}

#[cfg(feature = "config")]
#[cfg(test)]
mod tests;
