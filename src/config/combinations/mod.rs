//! Validates the combination of all keys of the file and the command line.
//!
//! The [table](rows) is data: a condition, its relation to other conditions, and the reason. A row is an
//! error if a setting would not restrict what it is meant to restrict, or if two settings contradict each
//! other; it is a note if a key has no effect. To add one, write a line there, from [`Term`]s of `terms`,
//! and a sample in `tests`, which fails without one. This module reads no files.

mod account_rows;
mod rows;
#[cfg(feature = "settings")]
mod secret_rows;
mod terms;

use std::net::SocketAddr;

use super::{Config, TlsDraft};
use crate::auth::Account;
use account_rows::ACCOUNT_ROWS;
use rows::ROWS;
#[cfg(feature = "settings")]
use secret_rows::SECRET_ROWS;
pub(crate) use terms::overlap;

/// The configuration that a row is evaluated on.
#[derive(Clone, Copy)]
struct Facts<'a> {
    config: &'a Config,
    tls: &'a TlsDraft,
    /// The account that an account row is evaluated for.
    account: Option<&'a Account>,
}

impl Facts<'_> {
    /// The name of the account that the row is evaluated for.
    fn name(&self) -> Option<&[u8]> {
        self.account.map(|account| account.name.as_slice())
    }

    /// Whether any account passes the test.
    fn any_account(&self, test: impl Fn(&Account) -> bool) -> bool {
        self.config.accounts.iter().any(|account| test(account))
    }

    /// Whether the account of this row passes the test.
    fn account(&self, test: impl Fn(&Account) -> bool) -> bool {
        self.account.is_some_and(test)
    }
}

/// A condition, and how an operator writes it.
#[derive(Clone, Copy)]
struct Term {
    /// The notation in a file; empty: it is an option only.
    file: &'static str,
    /// The notation on the command line; empty: the option without a value, or there is none.
    option: &'static str,
    /// The key that sets it; empty: the first word of the notation.
    at: &'static str,
    holds: Holds,
}

#[derive(Clone, Copy)]
enum Holds {
    /// The file or an option sets the key.
    IfSet,
    If(fn(&Facts<'_>) -> bool),
    /// There are such addresses, which the message shows.
    For(fn(&Facts<'_>) -> Vec<SocketAddr>),
}

/// What is wrong with a condition that holds, and with which others.
struct Row {
    when: Term,
    relation: Relation,
    terms: &'static [Term],
    reason: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// An error unless one of the terms holds.
    Needs,
    /// An error if one of them holds.
    ConflictsWith,
    /// A note unless one of them holds.
    NoEffectWithout,
    /// A note if one of them holds: the key has no effect.
    OverriddenBy,
    /// A note if one of them holds: the key probably has an undesirable effect.
    DiscouragedWith,
}

impl Relation {
    const fn is_error(self) -> bool {
        matches!(self, Self::Needs | Self::ConflictsWith)
    }

    const fn verb(self) -> &'static str {
        match self {
            Self::Needs => "needs",
            Self::ConflictsWith => "cannot be used with",
            Self::NoEffectWithout => "has no effect without",
            Self::OverriddenBy => "is overridden by",
            Self::DiscouragedWith => "should not be used with",
        }
    }
}

impl Row {
    /// The message, if this configuration violates the row.
    fn find(&self, facts: &Facts<'_>) -> Option<String> {
        let Self { when, relation, .. } = self;
        if !when.holds(facts) {
            return None;
        }
        let holding = self.terms.iter().find(|term| term.holds(facts));
        let needs_one = matches!(relation, Relation::Needs | Relation::NoEffectWithout);
        let terms = match holding {
            None if needs_one => self.terms,
            Some(term) if !needs_one => std::slice::from_ref(term),
            _ => return None,
        };
        let (origins, name) = (&facts.config.origins, facts.name());
        let position = origins.prefix(name, when.key());
        let option = origins.option(when.key());
        let subject = match option {
            Some(option) if when.option.is_empty() => format!("--{option}"),
            _ => when.notation(option.is_some()).to_owned(),
        };
        let of_account = match name {
            Some(name) => format!(" of {}", String::from_utf8_lossy(name)),
            None => String::new(),
        };
        let shown = terms.iter().map(|term| term.shown(option.is_some(), facts));
        let (verb, terms) = (relation.verb(), shown.collect::<Vec<_>>().join(", or "));
        let reason = self.reason;
        Some(format!(
            "{position}{subject}{of_account} {verb} {terms}: {reason}"
        ))
    }
}

impl Term {
    /// A term that holds if the key is set.
    const fn set(key: &'static str) -> Self {
        Self {
            file: key,
            option: "",
            at: "",
            holds: Holds::IfSet,
        }
    }

    fn key(&self) -> &'static str {
        let notation = self.notation(false);
        let first = notation
            .split_once(' ')
            .map_or(notation, |(first, _)| first);
        if self.at.is_empty() { first } else { self.at }
    }

    fn holds(&self, facts: &Facts<'_>) -> bool {
        match self.holds {
            Holds::IfSet => facts.config.origins.is_set(facts.name(), self.key()),
            Holds::If(test) => test(facts),
            Holds::For(addresses) => !addresses(facts).is_empty(),
        }
    }

    const fn notation(&self, by_option: bool) -> &'static str {
        if by_option && !self.option.is_empty() || self.file.is_empty() {
            self.option
        } else {
            self.file
        }
    }

    /// The notation, with the addresses in parentheses.
    fn shown(&self, by_option: bool, facts: &Facts<'_>) -> String {
        let notation = self.notation(by_option);
        let Holds::For(addresses) = self.holds else {
            return notation.to_owned();
        };
        let shown: Vec<_> = addresses(facts).iter().map(ToString::to_string).collect();
        format!("{notation} ({})", shown.join(" and "))
    }
}

/// The messages of the violated rows, errors or notes.
fn find(config: &Config, tls: &TlsDraft, errors: bool) -> Vec<String> {
    let account = None;
    let whole = Facts {
        config,
        tls,
        account,
    };
    let is_wanted = |row: &&Row| row.relation.is_error() == errors;
    let rows = ROWS.iter().filter(is_wanted);
    let mut found: Vec<_> = rows.filter_map(|row| row.find(&whole)).collect();
    let mut accounts: Vec<_> = config.accounts.iter().collect();
    accounts.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    for account in accounts {
        let account = Some(account.as_ref());
        let facts = Facts { account, ..whole };
        let rows = ACCOUNT_ROWS.iter().filter(is_wanted);
        found.extend(rows.filter_map(|row| row.find(&facts)));
    }
    found
}

/// The error in the secret of an account of the file, and the key that it is reported at.
#[cfg(feature = "settings")]
pub(super) fn mistake_of_secret(
    config: &Config,
    account: &Account,
) -> Option<(&'static str, String)> {
    let facts = Facts {
        config,
        tls: &TlsDraft::default(),
        account: Some(account),
    };
    let mut rows = SECRET_ROWS.iter();
    rows.find_map(|row| Some((row.when.key(), row.find(&facts)?)))
}

/// The errors, in the order of the tables.
pub(super) fn mistakes(config: &Config, tls: &TlsDraft) -> Vec<String> {
    find(config, tls, true)
}

/// Keys without an effect, or with an undesirable one.
pub(super) fn notes(config: &Config, tls: &TlsDraft) -> Vec<String> {
    find(config, tls, false)
}

#[cfg(test)]
mod tests;
