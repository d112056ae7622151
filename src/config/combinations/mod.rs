//! Which keys go together, and which do not: what a file and the command line say as a whole.
//!
//! The [table](rows) is data: a condition, what it needs, what it excludes, and why. A row is a mistake
//! where a setting that closes something would close nothing, or where two contradict each other; it is
//! a note where a key has no effect. To add one, write a [`Row`] there, with [`Term`]s of `terms`, and
//! a sample in `tests`, which fails without. It reads no files.

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

/// What a row is about.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    config: &'a Config,
    tls: &'a TlsDraft,
    /// In the rows of accounts: each.
    account: Option<&'a Account>,
}

impl Facts<'_> {
    /// Whether a key is set, by the file or by an option.
    fn is_set(&self, key: &str) -> bool {
        let account = self.account.map(|account| account.name.as_slice());
        self.config.origins.is_set(account, key)
    }

    /// Whether an account fulfils this.
    fn any_account(&self, test: impl Fn(&Account) -> bool) -> bool {
        self.config.accounts.iter().any(|account| test(account))
    }

    /// What the account of this row has.
    fn account(&self, test: impl Fn(&Account) -> bool) -> bool {
        self.account.is_some_and(test)
    }
}

/// A condition, and how an operator writes what fulfils it.
#[derive(Clone, Copy)]
struct Term {
    /// Where it is set.
    key: &'static str,
    /// In a file.
    file: &'static str,
    /// On the command line; empty: there is no option for it.
    option: &'static str,
    holds: fn(&Facts<'_>) -> bool,
    /// The addresses that it is about, where it is about some.
    culprits: fn(&Facts<'_>) -> Vec<SocketAddr>,
}

/// Where `when` holds, one of `needs` has to hold, and none of `excludes` may.
struct Row {
    verdict: Verdict,
    when: Term,
    needs: &'static [Term],
    excludes: &'static [Term],
    because: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The configuration is refused.
    Mistake,
    /// The key has no effect.
    Idle,
    /// It has another effect than is wanted.
    Unwise,
}

impl Row {
    /// A mistake without one of these.
    const fn needs(when: Term, needs: &'static [Term], because: &'static str) -> Self {
        Self::new(Verdict::Mistake, when, needs, &[], because)
    }

    /// A mistake with one of these.
    const fn excludes(when: Term, excludes: &'static [Term], because: &'static str) -> Self {
        Self::new(Verdict::Mistake, when, &[], excludes, because)
    }

    /// Of no effect without one of these.
    const fn idle_without(when: Term, needs: &'static [Term], because: &'static str) -> Self {
        Self::new(Verdict::Idle, when, needs, &[], because)
    }

    /// Of no effect beside one of these.
    const fn idle_beside(when: Term, excludes: &'static [Term], because: &'static str) -> Self {
        Self::new(Verdict::Idle, when, &[], excludes, because)
    }

    /// Not what is wanted beside one of these.
    const fn unwise_beside(when: Term, excludes: &'static [Term], because: &'static str) -> Self {
        Self::new(Verdict::Unwise, when, &[], excludes, because)
    }

    const fn new(
        verdict: Verdict,
        when: Term,
        needs: &'static [Term],
        excludes: &'static [Term],
        because: &'static str,
    ) -> Self {
        Self {
            verdict,
            when,
            needs,
            excludes,
            because,
        }
    }

    /// What is wrong in this configuration, if it is.
    fn find(&self, facts: &Facts<'_>) -> Option<String> {
        if !(self.when.holds)(facts) {
            return None;
        }
        let excluded = self.excludes.iter().find(|term| (term.holds)(facts));
        let is_needy = !self.needs.is_empty() && !self.needs.iter().any(|term| (term.holds)(facts));
        let (verb, terms) = match (excluded, is_needy) {
            (None, false) => return None,
            (Some(term), _) => (self.verdict.excludes(), std::slice::from_ref(term)),
            (None, true) => (self.verdict.needs(), self.needs),
        };
        let origins = &facts.config.origins;
        let account = facts.account.map(|account| account.name.as_slice());
        let place = origins.prefix(account, self.when.key);
        let is_typed = self.when.is_typed(facts);
        let own = match origins.option(self.when.key) {
            Some(option) if self.when.option.is_empty() => format!("--{option}"),
            _ => self.when.spelled(is_typed).to_owned(),
        };
        let whose = account.map(|name| format!(" of {}", String::from_utf8_lossy(name)));
        let whose = whose.unwrap_or_default();
        let spelled = |term: &Term| format!("{}{}", term.spelled(is_typed), term.named(facts));
        let terms: Vec<_> = terms.iter().map(spelled).collect();
        let (terms, because) = (terms.join(", or "), self.because);
        Some(format!("{place}{own}{whose} {verb} {terms}: {because}"))
    }
}

impl Verdict {
    const fn needs(self) -> &'static str {
        match self {
            Self::Mistake => "needs",
            Self::Idle | Self::Unwise => "has no effect without",
        }
    }

    const fn excludes(self) -> &'static str {
        match self {
            Self::Mistake => "excludes",
            Self::Idle => "is overridden by",
            Self::Unwise => "should not be used with",
        }
    }
}

impl Term {
    /// The same, which says of which addresses it holds.
    const fn naming(mut self, culprits: fn(&Facts<'_>) -> Vec<SocketAddr>) -> Self {
        self.culprits = culprits;
        self
    }

    /// Those, as they stand behind it.
    fn named(&self, facts: &Facts<'_>) -> String {
        let culprits = (self.culprits)(facts);
        let shown: Vec<_> = culprits.iter().map(ToString::to_string).collect();
        match shown.as_slice() {
            [] => String::new(),
            shown => format!(" ({})", shown.join(" and ")),
        }
    }

    /// Whether an option has set it.
    fn is_typed(&self, facts: &Facts<'_>) -> bool {
        facts.config.origins.option(self.key).is_some()
    }

    const fn spelled(&self, is_typed: bool) -> &'static str {
        if is_typed && !self.option.is_empty() || self.file.is_empty() {
            self.option
        } else {
            self.file
        }
    }
}

/// Those of the whole server.
const TABLES: [&[Row]; 3] = [ROWS, TRAFFIC_ROWS, UNSERVED];

fn find(config: &Config, tls: &TlsDraft, is_wanted: fn(Verdict) -> bool) -> Vec<String> {
    let whole = Facts {
        config,
        tls,
        account: None,
    };
    let wanted = |row: &&Row| is_wanted(row.verdict);
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

/// What cannot be meant of the proof that an account of the file has, and the key of which that is said.
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

/// What cannot be meant, in the order of the table.
pub(super) fn mistakes(config: &Config, tls: &TlsDraft) -> Vec<String> {
    find(config, tls, |verdict| verdict == Verdict::Mistake)
}

/// What may have another effect than is wanted, or none.
pub(super) fn notes(config: &Config, tls: &TlsDraft) -> Vec<String> {
    find(config, tls, |verdict| verdict != Verdict::Mistake)
}

#[cfg(test)]
mod tests;
