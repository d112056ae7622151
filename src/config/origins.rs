//! Where each key of a configuration was set: at a place of the configuration file, or by an option of
//! the command line.
//!
//! Messages begin with it, and a reload compares it: a key that is no longer set is another thing than
//! one that is set to something else. A configuration that a host program makes has none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where each key was set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    file: Option<PathBuf>,
    places: BTreeMap<Name, Place>,
}

/// A key; those of an account are there once for each account that sets them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    account: Option<Vec<u8>>,
    key: String,
}

/// Where one key was set.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// In the file; line and column count from one.
    File { line: usize, column: usize },
    /// By this option, without its dashes.
    Option(String),
}

impl Origins {
    /// The file, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// From now on places are those of this file.
    pub fn set_file(&mut self, file: &Path) {
        self.file = Some(file.to_owned());
    }

    /// A key, with its table in front, is set at this place of the file; `account` names whose it is,
    /// if it is one of an account.
    pub fn set_at(&mut self, account: Option<&[u8]>, key: &str, (line, column): (usize, usize)) {
        let place = Place::File { line, column };
        self.places.insert(Name::of(account, key), place);
    }

    /// A key is set by an option, which takes the place of what a file says.
    pub fn set_by_option(&mut self, key: &str, option: &str) {
        let place = Place::Option(option.to_owned());
        self.places.insert(Name::of(None, key), place);
    }

    /// Whether a key is set; of an account, if it is named.
    pub fn is_set(&self, account: Option<&[u8]>, key: &str) -> bool {
        self.places.contains_key(&Name::of(account, key))
    }

    /// What a message about a key begins with: `FILE:LINE:COLUMN: `, or nothing where it was not set in
    /// the file.
    pub fn prefix(&self, account: Option<&[u8]>, key: &str) -> String {
        match (&self.file, self.places.get(&Name::of(account, key))) {
            (Some(file), Some(Place::File { line, column })) => {
                format!("{}:{line}:{column}: ", file.display())
            }
            _ => String::new(),
        }
    }

    /// Whether a table of the file is there, or one of its keys is set.
    pub fn has_table(&self, table: &str) -> bool {
        self.is_set(None, table) || self.typed_in(table).is_some()
    }

    /// Whether of the keys of a table this is set, and no other.
    pub fn has_only(&self, table: &str, key: &str) -> bool {
        let mut others = self.places.keys().filter(|name| name.is_in(table));
        self.is_set(None, key) && others.all(|name| name.key == key)
    }

    /// The option that has set a key, without its dashes; of a table that the file does not have, the
    /// first that has set one of its keys.
    pub fn option(&self, key: &str) -> Option<&str> {
        match self.places.get(&Name::of(None, key)) {
            Some(Place::Option(option)) => Some(option),
            Some(Place::File { .. }) => None,
            None => self.typed_in(key),
        }
    }

    fn typed_in(&self, table: &str) -> Option<&str> {
        self.places.iter().find_map(|(name, place)| match place {
            Place::Option(option) if name.is_in(table) => Some(option.as_str()),
            _ => None,
        })
    }
}

impl Name {
    fn of(account: Option<&[u8]>, key: &str) -> Self {
        Self {
            account: account.map(<[u8]>::to_vec),
            key: key.to_owned(),
        }
    }

    /// Whether it is a key of this table.
    fn is_in(&self, table: &str) -> bool {
        let rest = self.key.strip_prefix(table);
        self.account.is_none() && rest.is_some_and(|rest| rest.starts_with('.'))
    }
}
