//! The configuration file: TOML, with a key for each option of the command line and for more.
//!
//! ```toml
#![doc = include_str!("../example.toml")]
//! ```
//!
//! This module parses a file, reports an error with its position and remedy, and prints a configuration
//! as a file. A file is accepted as a whole or not at all. Options of the command line override its keys.

mod account_value;
mod accounts;
mod draft;
mod keys;
mod mistake;
mod show;
mod units;
mod value;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use mistake::FileError;
pub use show::show;

use crate::limits::CONFIG_BYTES;
use crate::storage::open_operator_file;
use accounts::AccountDraft;
use draft::FileDraft;
use keys::{ACCOUNT_KEYS, KEYS, Key, names_in};
use mistake::Mistake;
use value::{RawValue, ValueError};

use super::ConfigDraft;

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
    let table = DeTable::parse(text).map_err(|error| Mistake {
        at: error.span().map_or(0, |span| span.start),
        text: error.message().to_owned(),
    })?;
    let mut reader = Reader {
        text,
        directory,
        draft: FileDraft::default(),
        accounts: Vec::new(),
        offsets: BTreeMap::new(),
        mistakes: Vec::new(),
    };
    reader.table("", table.get_ref());
    reader.finish()
}

/// Walks through the TOML tree, and collects values, offsets and mistakes.
struct Reader<'a> {
    text: &'a str,
    directory: &'a Path,
    draft: FileDraft,
    /// With the byte offset of each.
    accounts: Vec<(usize, AccountDraft)>,
    /// The byte offset of each key and each table.
    offsets: BTreeMap<String, usize>,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let path = match prefix {
                "" => name.get_ref().to_string(),
                prefix => format!("{prefix}.{}", name.get_ref()),
            };
            self.offsets.insert(path.clone(), name.span().start);
            self.entry(&path, name.span(), value);
        }
    }

    fn entry(&mut self, path: &str, name: Range<usize>, value: &Spanned<DeValue<'_>>) {
        if let Some(key) = KEYS.iter().find(|key| key.path == path) {
            let mut draft = std::mem::take(&mut self.draft);
            let set = self.set(key, &mut draft, value);
            self.draft = draft;
            return self.mistakes.extend(set.err());
        }
        let below = format!("{path}.");
        let is_table = KEYS.iter().any(|key| key.path.starts_with(&below));
        match (value.get_ref(), path) {
            (DeValue::Table(table), _) if is_table => self.table(path, table),
            (DeValue::Array(array), "account") => {
                for one in array {
                    self.account(one);
                }
            }
            (_, "account") => self.fail(name, NOT_AN_ACCOUNT.to_owned()),
            _ if is_table => self.fail(name, format!("{path} is a table; write [{path}]")),
            _ if ACCOUNT_KEYS
                .iter()
                .any(|key| key.path.strip_prefix("account.") == Some(path)) =>
            {
                let text = format!("{path} is a key of an account; write it below its [[account]]");
                self.fail(name, text);
            }
            _ => {
                let table = path.split_once('.').map_or("", |(table, _)| table);
                let place = match table {
                    "" => "the top level".to_owned(),
                    table => format!("[{table}]"),
                };
                let text = format!("unknown key {path}; {place} has {}", names_in(table));
                self.fail(name, text);
            }
        }
    }

    fn account(&mut self, one: &Spanned<DeValue<'_>>) {
        let Some(table) = one.get_ref().as_table() else {
            return self.fail(one.span(), NOT_AN_ACCOUNT.to_owned());
        };
        let mut draft = AccountDraft::empty();
        for (name, value) in table {
            let path = format!("account.{}", name.get_ref());
            let Some(key) = ACCOUNT_KEYS.iter().find(|key| key.path == path) else {
                let names = names_in("account");
                let text = format!("unknown key {path}; [[account]] has {names}");
                self.fail(name.span(), text);
                continue;
            };
            draft.set.push((key.path, name.span().start));
            let set = self.set(key, &mut draft, value);
            self.mistakes.extend(set.err());
        }
        self.accounts.push((one.span().start, draft));
    }

    /// Parses the value of a key into its field of the draft.
    fn set<D>(
        &self,
        key: &Key<D>,
        draft: &mut D,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), Mistake> {
        let raw = RawValue {
            value: value.get_ref(),
            directory: self.directory,
        };
        let (path, at) = (key.path, value.span().start);
        // The first line of the value in the file. The parser may give an implicit table an empty span.
        let line = self.text.get(value.span()).unwrap_or("");
        let line = line.lines().next().unwrap_or("");
        let text = match (key.read)(draft, raw) {
            Ok(amount) => match (amount, &key.range) {
                (Some(amount), Some(range)) if !range.contains(&amount) => {
                    let takes = mistake::within(key.takes, range);
                    format!("{path}: invalid value {line}; write {takes}")
                }
                _ => return Ok(()),
            },
            Err(ValueError::Because(cause)) => format!("{path}: {cause}"),
            // The value may be a plain password, so it is not printed.
            Err(ValueError::Mismatch) if path == "account.password" => {
                format!("{path}: invalid value; write {}", key.takes)
            }
            Err(ValueError::Mismatch) => {
                format!("{path}: invalid value {line}; write {}", key.takes)
            }
        };
        Err(Mistake { at, text })
    }

    fn fail(&mut self, span: Range<usize>, text: String) {
        let at = span.start;
        self.mistakes.push(Mistake { at, text });
    }

    /// The values, or the first mistake in the order of the file.
    fn finish(mut self) -> Result<ConfigDraft, Mistake> {
        self.mistakes.sort_by_key(|mistake| mistake.at);
        if let Some(first) = self.mistakes.into_iter().next() {
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
            let at = self.offsets.get(invalid.key);
            debug_assert!(at.is_some(), "{} is invalid without being set", invalid.key);
            Mistake {
                at: at.copied().unwrap_or(0),
                text: format!("{} {}", invalid.key, invalid.text),
            }
        })
    }
}

#[cfg(test)]
mod tests;
