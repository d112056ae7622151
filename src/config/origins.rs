//! Where each key of a configuration was set: at a position in the configuration file, or by an option
//! of the command line.
//!
//! Messages begin with that position. A reload uses it to tell a key that was removed from a key with a
//! new value. The configuration of a host program has no origins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where each key was set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    file: Option<PathBuf>,
    keys: BTreeMap<KeyId, SetBy>,
}

/// A key of the server, or of one account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct KeyId {
    account: Option<Vec<u8>>,
    key: String,
}

/// Where one key was set.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SetBy {
    /// A position in the file; line and column count from one.
    File { line: usize, column: usize },
    /// The name of an option, without its dashes.
    Option(String),
}

impl Origins {
    /// The configuration file.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Sets the file that the positions refer to.
    pub fn set_file(&mut self, file: &Path) {
        self.file = Some(file.to_owned());
    }

    /// Records that a key (`table.name`) is set at this position; `account` is given for its keys.
    pub fn set_at(&mut self, account: Option<&[u8]>, key: &str, (line, column): (usize, usize)) {
        let set_by = SetBy::File { line, column };
        self.keys.insert(KeyId::of(account, key), set_by);
    }

    /// Records that an option sets a key; it replaces the position in the file.
    pub fn set_by_option(&mut self, key: &str, option: &str) {
        let set_by = SetBy::Option(option.to_owned());
        self.keys.insert(KeyId::of(None, key), set_by);
    }

    /// Whether a key is set, for this account or for the server.
    pub fn is_set(&self, account: Option<&[u8]>, key: &str) -> bool {
        self.keys.contains_key(&KeyId::of(account, key))
    }

    /// The prefix of a message about a key: `FILE:LINE:COLUMN: `, or empty if the file does not set it.
    pub fn prefix(&self, account: Option<&[u8]>, key: &str) -> String {
        match (&self.file, self.keys.get(&KeyId::of(account, key))) {
            (Some(file), Some(SetBy::File { line, column })) => {
                format!("{}:{line}:{column}: ", file.display())
            }
            _ => String::new(),
        }
    }

    /// Whether the file contains a table, or an option sets one of its keys.
    pub fn has_table(&self, table: &str) -> bool {
        self.is_set(None, table) || self.option_in(table).is_some()
    }

    /// Whether `key` is set, and no other key of its table is.
    pub fn has_only(&self, table: &str, key: &str) -> bool {
        let mut set = self.keys.keys().filter(|id| id.is_in(table));
        self.is_set(None, key) && set.all(|id| id.key == key)
    }

    /// The option that sets a key, without its dashes. For a table that the file does not contain: the
    /// first option that sets one of its keys.
    pub fn option(&self, key: &str) -> Option<&str> {
        match self.keys.get(&KeyId::of(None, key)) {
            Some(SetBy::Option(option)) => Some(option),
            Some(SetBy::File { .. }) => None,
            None => self.option_in(key),
        }
    }

    fn option_in(&self, table: &str) -> Option<&str> {
        self.keys.iter().find_map(|(id, set_by)| match set_by {
            SetBy::Option(option) if id.is_in(table) => Some(option.as_str()),
            _ => None,
        })
    }
}

impl KeyId {
    fn of(account: Option<&[u8]>, key: &str) -> Self {
        Self {
            account: account.map(<[u8]>::to_vec),
            key: key.to_owned(),
        }
    }

    /// Whether it is a key of the server in this table.
    fn is_in(&self, table: &str) -> bool {
        let rest = self.key.strip_prefix(table);
        self.account.is_none() && rest.is_some_and(|rest| rest.starts_with('.'))
    }
}
