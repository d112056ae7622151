//! Validates the combination of all keys of the file and the command line.
//!
//! The [table](rows) is data: a condition, the terms it needs, the terms it conflicts with, and the reason.
//! A row is an error if a setting would not restrict what it is meant to restrict, or if two settings
//! contradict each other; it is a note if a key has no effect. To add one, write a [`Row`] there, from
//! [`Term`]s of `terms`, and a sample in `tests`, which fails without one. This module reads no files.

mod account_rows;
mod rows;
#[cfg(feature = "config")]
mod secret_rows;
mod terms;
mod traffic_rows;

use std::net::SocketAddr;

use super::{Config, TlsDraft};
use crate::auth::Account;
use account_rows::ACCOUNT_ROWS;
use rows::{ROWS, UNSERVED};
#[cfg(feature = "config")]
use secret_rows::SECRET_ROWS;
pub(crate) use terms::overlap;
use traffic_rows::TRAFFIC_ROWS;

/// The configuration that a row is evaluated on.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    config: &'a Config,
    tls: &'a TlsDraft,
    /// The account that an account row is evaluated for.
    account: Option<&'a Account>,
}

impl Facts<'_> {
    /// Whether the file or an option sets a key.
    fn is_set(&self, key: &str) -> bool {
        let account = self.account.map(|account| account.name.as_slice());
        self.config.origins.is_set(account, key)
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
    /// The key that sets it; empty: no single key does.
    key: &'static str,
    /// The notation in a file.
    file: &'static str,
    /// The notation on the command line; empty: there is no option.
    option: &'static str,
    holds: fn(&Facts<'_>) -> bool,
    /// The addresses for which it holds, for the message.
    addresses: fn(&Facts<'_>) -> Vec<SocketAddr>,
}

/// If `when` holds, one of `needs` must hold, and none of `conflicts` may.
struct Row {
    severity: Severity,
    when: Term,
    needs: &'static [Term],
    conflicts: &'static [Term],
    reason: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    /// The configuration is refused.
    Error,
    /// A note: the key has no effect.
    NoEffect,
    /// A note: the key probably has an undesirable effect.
    Discouraged,
}

impl Row {
    /// An error unless one of these holds.
    const fn needs(when: Term, needs: &'static [Term], reason: &'static str) -> Self {
        Self::new(Severity::Error, when, needs, &[], reason)
    }

    /// An error if one of these holds.
    const fn conflicts(when: Term, conflicts: &'static [Term], reason: &'static str) -> Self {
        Self::new(Severity::Error, when, &[], conflicts, reason)
    }

    /// No effect unless one of these holds.
    const fn no_effect_without(when: Term, needs: &'static [Term], reason: &'static str) -> Self {
        Self::new(Severity::NoEffect, when, needs, &[], reason)
    }

    /// No effect if one of these holds.
    const fn overridden_by(when: Term, conflicts: &'static [Term], reason: &'static str) -> Self {
        Self::new(Severity::NoEffect, when, &[], conflicts, reason)
    }

    /// Undesirable if one of these holds.
    const fn discouraged_with(
        when: Term,
        conflicts: &'static [Term],
        reason: &'static str,
    ) -> Self {
        Self::new(Severity::Discouraged, when, &[], conflicts, reason)
    }

    const fn new(
        severity: Severity,
        when: Term,
        needs: &'static [Term],
        conflicts: &'static [Term],
        reason: &'static str,
    ) -> Self {
        Self {
            severity,
            when,
            needs,
            conflicts,
            reason,
        }
    }

    /// The message, if this configuration violates the row.
    fn find(&self, facts: &Facts<'_>) -> Option<String> {
        if !(self.when.holds)(facts) {
            return None;
        }
        let conflict = self.conflicts.iter().find(|term| (term.holds)(facts));
        let has_need = self.needs.is_empty() || self.needs.iter().any(|term| (term.holds)(facts));
        let (verb, terms) = match (conflict, has_need) {
            (None, true) => return None,
            (Some(term), _) => (self.severity.conflict_verb(), std::slice::from_ref(term)),
            (None, false) => (self.severity.need_verb(), self.needs),
        };
        let origins = &facts.config.origins;
        let account = facts.account.map(|account| account.name.as_slice());
        let position = origins.prefix(account, self.when.key);
        let by_option = self.when.is_set_by_option(facts);
        let subject = match origins.option(self.when.key) {
            Some(option) if self.when.option.is_empty() => format!("--{option}"),
            _ => self.when.notation(by_option).to_owned(),
        };
        let of_account = account.map(|name| format!(" of {}", String::from_utf8_lossy(name)));
        // Empty for a key of the server.
        let of_account = of_account.unwrap_or_default();
        let shown = |term: &Term| format!("{}{}", term.notation(by_option), term.suffix(facts));
        let terms: Vec<_> = terms.iter().map(shown).collect();
        let (terms, reason) = (terms.join(", or "), self.reason);
        Some(format!(
            "{position}{subject}{of_account} {verb} {terms}: {reason}"
        ))
    }
}

impl Severity {
    const fn need_verb(self) -> &'static str {
        match self {
            Self::Error => "needs",
            Self::NoEffect | Self::Discouraged => "has no effect without",
        }
    }

    const fn conflict_verb(self) -> &'static str {
        match self {
            Self::Error => "cannot be used with",
            Self::NoEffect => "is overridden by",
            Self::Discouraged => "should not be used with",
        }
    }
}

impl Term {
    /// Adds the addresses for which it holds.
    const fn with_addresses(mut self, addresses: fn(&Facts<'_>) -> Vec<SocketAddr>) -> Self {
        self.addresses = addresses;
        self
    }

    /// The addresses in parentheses, or nothing.
    fn suffix(&self, facts: &Facts<'_>) -> String {
        let addresses = (self.addresses)(facts);
        let shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        match shown.as_slice() {
            [] => String::new(),
            shown => format!(" ({})", shown.join(" and ")),
        }
    }

    fn is_set_by_option(&self, facts: &Facts<'_>) -> bool {
        facts.config.origins.option(self.key).is_some()
    }

    const fn notation(&self, by_option: bool) -> &'static str {
        if by_option && !self.option.is_empty() || self.file.is_empty() {
            self.option
        } else {
            self.file
        }
    }
}

/// The rows for keys of the server.
const TABLES: [&[Row]; 3] = [ROWS, TRAFFIC_ROWS, UNSERVED];

fn find(config: &Config, tls: &TlsDraft, is_wanted: fn(Severity) -> bool) -> Vec<String> {
    let whole = Facts {
        config,
        tls,
        account: None,
    };
    let wanted = |row: &&Row| is_wanted(row.severity);
    let rows = TABLES.into_iter().flatten().filter(wanted);
    let mut found: Vec<_> = rows.filter_map(|row| row.find(&whole)).collect();
    let mut accounts: Vec<_> = config.accounts.iter().collect();
    accounts.sort_by(|one, other| one.name.cmp(&other.name));
    for account in accounts {
        let account = Some(account.as_ref());
        let facts = Facts { account, ..whole };
        let rows = ACCOUNT_ROWS.iter().filter(wanted);
        found.extend(rows.filter_map(|row| row.find(&facts)));
    }
    found
}

/// The error in the secret of an account of the file, and the key that it is reported at.
#[cfg(feature = "config")]
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
    rows.find_map(|row| Some((row.when.key, row.find(&facts)?)))
}

/// The errors, in the order of the tables.
pub(super) fn mistakes(config: &Config, tls: &TlsDraft) -> Vec<String> {
    find(config, tls, |severity| severity == Severity::Error)
}

/// Keys without an effect, or with an undesirable one.
pub(super) fn notes(config: &Config, tls: &TlsDraft) -> Vec<String> {
    find(config, tls, |severity| severity != Severity::Error)
}

#[cfg(test)]
mod tests;
