//! The configuration file: TOML, with a key for each option of the command line and for more.
//!
//! ```toml
#![doc = include_str!("../example.toml")]
//! ```
//!
//! It owns what a file means, and says of every mistake where it stands and what would be right.
//! A file is read as a whole or not at all. It is laid under the command line by whoever has one.

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
pub use show::{keep_what_is_for_the_next_start, show};

use crate::limits::CONFIG_BYTES;
use crate::storage::open_operator_file;
use accounts::AccountDraft;
use draft::Draft;
use keys::{ACCOUNT_KEYS, KEYS, Key, names_in};
use mistake::Wrong;
use value::{Bad, Written};

use super::ConfigDraft;

/// A commented file with every key, and another value than the default in each.
pub const EXAMPLE: &str = include_str!("../example.toml");

/// Reads a file, and those that it takes passwords from. It may wait for a disk.
pub fn read(path: &Path) -> Result<ConfigDraft, FileError> {
    let unreadable = |error| FileError::Unreadable(path.to_owned(), error);
    let mut bytes = Vec::new();
    let file = open_operator_file(path).map_err(unreadable)?;
    file.take(CONFIG_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > CONFIG_BYTES {
        let text = format!("it is longer than {CONFIG_BYTES} bytes: this is no configuration");
        return Err(Wrong { at: 0, text }.of(path, ""));
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = "this is not UTF-8".to_owned();
            let wrong = Wrong { at, text };
            return Err(wrong.of(path, &String::from_utf8_lossy(error.as_bytes())));
        }
    };
    let read = parse(&text, path.parent().unwrap_or(path));
    let mut read = read.map_err(|wrong| wrong.of(path, &text))?;
    read.config.sources.push(path.to_owned());
    read.config.origins.set_file(path);
    Ok(read)
}

/// Reads the text of a file whose relative paths begin at `directory`.
fn parse(text: &str, directory: &Path) -> Result<ConfigDraft, Wrong> {
    let table = DeTable::parse(text).map_err(|error| Wrong {
        at: error.span().map_or(0, |span| span.start),
        text: error.message().to_owned(),
    })?;
    let mut reader = Reader {
        text,
        directory,
        draft: Draft::empty(),
        accounts: Vec::new(),
        places: BTreeMap::new(),
        wrong: Vec::new(),
    };
    reader.table("", table.get_ref());
    reader.finish()
}

/// Goes through a file.
struct Reader<'a> {
    text: &'a str,
    directory: &'a Path,
    draft: Draft,
    accounts: Vec<(usize, AccountDraft)>,
    /// Where each key, and each table, is.
    places: BTreeMap<String, usize>,
    wrong: Vec<Wrong>,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let path = match prefix {
                "" => name.get_ref().to_string(),
                prefix => format!("{prefix}.{}", name.get_ref()),
            };
            self.places.insert(path.clone(), name.span().start);
            self.entry(&path, name.span(), value);
        }
    }

    fn entry(&mut self, path: &str, name: Range<usize>, value: &Spanned<DeValue<'_>>) {
        if let Some(key) = KEYS.iter().find(|key| key.path == path) {
            let mut draft = std::mem::replace(&mut self.draft, Draft::empty());
            let set = self.set(key, &mut draft, value);
            self.draft = draft;
            return self.wrong.extend(set.err());
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
            (_, "account") => self.fail(name, "account is written as [[account]]".to_owned()),
            _ if is_table => self.fail(name, format!("{path} is a table, as in [{path}]")),
            _ if ACCOUNT_KEYS
                .iter()
                .any(|key| key.path.strip_prefix("account.") == Some(path)) =>
            {
                let text = format!("{path} belongs to an account; write it below its [[account]]");
                self.fail(name, text);
            }
            _ => {
                let table = path.split_once('.').map_or("", |(table, _)| table);
                let place = match table {
                    "" => "there is".to_owned(),
                    table => format!("[{table}] has"),
                };
                let text = format!("no such key: {path}; {place} {}", names_in(table));
                self.fail(name, text);
            }
        }
    }

    fn account(&mut self, one: &Spanned<DeValue<'_>>) {
        let Some(table) = one.get_ref().as_table() else {
            return self.fail(one.span(), "account is written as [[account]]".to_owned());
        };
        let mut draft = AccountDraft::empty();
        for (name, value) in table {
            let path = format!("account.{}", name.get_ref());
            let Some(key) = ACCOUNT_KEYS.iter().find(|key| key.path == path) else {
                let names = names_in("account");
                let text = format!("no such key: {path}; [[account]] has {names}");
                self.fail(name.span(), text);
                continue;
            };
            draft.set.push((key.path, name.span().start));
            let set = self.set(key, &mut draft, value);
            self.wrong.extend(set.err());
        }
        self.accounts.push((one.span().start, draft));
    }

    /// Puts what is written into the place of its key.
    fn set<D>(
        &self,
        key: &Key<D>,
        draft: &mut D,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), Wrong> {
        let written = Written {
            value: value.get_ref(),
            directory: self.directory,
        };
        let (path, at) = (key.path, value.span().start);
        let line = self.text.get(value.span()).unwrap_or("");
        let line = line.lines().next().unwrap_or("");
        let text = match (key.read)(draft, written) {
            Ok(amount) => match (amount, &key.range) {
                (Some(amount), Some(range)) if !range.contains(&amount) => {
                    let takes = mistake::within(key.takes, range);
                    format!("{path} takes {takes}, not {line}")
                }
                _ => return Ok(()),
            },
            Err(Bad::Because(why)) => format!("{path}: {why}"),
            // It may be a password in the clear.
            Err(Bad::Other) if path == "account.password" => format!("{path} takes {}", key.takes),
            Err(Bad::Other) => format!("{path} takes {}, not {line}", key.takes),
        };
        Err(Wrong { at, text })
    }

    fn fail(&mut self, place: Range<usize>, text: String) {
        let at = place.start;
        self.wrong.push(Wrong { at, text });
    }

    /// The first mistake in the order of the file, or what it says.
    fn finish(mut self) -> Result<ConfigDraft, Wrong> {
        self.wrong.sort_by_key(|wrong| wrong.at);
        if let Some(first) = self.wrong.into_iter().next() {
            return Err(first);
        }
        let config = &mut self.draft.config;
        for (key, at) in &self.places {
            let place = mistake::line_and_column(self.text, *at);
            config.origins.set_at(None, key, place);
        }
        for (_, draft) in &self.accounts {
            let name = draft.name.as_deref().map(str::as_bytes);
            for (key, at) in &draft.set {
                let place = mistake::line_and_column(self.text, *at);
                config.origins.set_at(name, key, place);
            }
        }
        let all = accounts::all(self.accounts, config);
        config.accounts = all.map_err(|(at, text)| Wrong { at, text })?;
        self.draft.finish().map_err(|misfit| Wrong {
            at: self.places.get(misfit.key).copied().unwrap_or(0),
            text: format!("{} {}", misfit.key, misfit.text),
        })
    }
}

#[cfg(test)]
mod tests;
