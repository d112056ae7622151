//! Why a client that is in may not stay: what a reload, or the clock, has taken from it.
//!
//! It is asked what a login asks, but for the password, which is not kept: where the secret of the
//! account has changed, the old one proves nothing. What else a session stands on (addresses, TLS,
//! certificates) is compared by those who know it; the reasons are all here, for the log and for the
//! client.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Account, Accounts, Denial};

/// What becomes of sessions that would not be let in any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RevokedSessions {
    /// They go on, with the rights that they have.
    Keep,
    /// They hear why, and end; those that may stay have the new rights.
    #[default]
    End,
}

/// By what a client has shown who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvenBy {
    /// A password, or that none is needed.
    Password,
    /// Its certificate.
    Certificate,
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// No client may connect from its address.
    Address,
    /// It came through what was a proxy.
    Proxy,
    /// Its certificate is not accepted, or it has none and needs one.
    Certificate,
    /// It is in the clear and has to use TLS.
    Clear,
    /// There is no account of its name.
    Removed,
    /// Its name leads to another account.
    Replaced,
    /// The password of its account, or where that is verified, has changed.
    Secret,
    /// Its account has another directory.
    Directory,
    /// Its account may not log in: from there, or now.
    Denied(Denial),
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "its address may not connect",
            Self::Proxy => "it came through what is not a proxy any more",
            Self::Certificate => "its client certificate is missing or is not accepted",
            Self::Clear => "it is in the clear, and TLS is required",
            Self::Removed => "the account was removed",
            Self::Replaced => "the name has another account",
            Self::Secret => "the password has changed",
            Self::Directory => "the directory of the account has changed",
            Self::Denied(Denial::Address) => "the account may not be used from this address",
            Self::Denied(denial) => return denial.fmt(f),
        })
    }
}

impl Accounts {
    /// Whether a client would be let in again that has logged in by `name` to `account`, from there and
    /// now; if so, the account as it is now. How many sessions it may have does not count.
    pub fn review(
        &self,
        name: &[u8],
        account: &Account,
        by: ProvenBy,
        from: IpAddr,
        now: i64,
    ) -> Result<&Arc<Account>, Revocation> {
        let current = self.claimed(name).ok_or(Revocation::Removed)?;
        if !current.is_same(account) {
            return Err(Revocation::Replaced);
        }
        current.admits(from, now).map_err(Revocation::Denied)?;
        match by {
            ProvenBy::Password if !current.is_proven_by(account) => Err(Revocation::Secret),
            ProvenBy::Certificate if self.vouched(name).is_none() => Err(Revocation::Certificate),
            _ if current.root != account.root => Err(Revocation::Directory),
            _ => Ok(current),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{EVERYBODY, Permissions, Secret};

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const NOW: i64 = 100;

    fn ann() -> Account {
        Account::with_password("ann", "secret")
    }

    fn with(change: impl FnOnce(&mut Account)) -> Accounts {
        let mut account = ann();
        change(&mut account);
        Accounts::new().with(account)
    }

    fn everybody() -> Account {
        Account::new(EVERYBODY, Secret::Plain("secret".into()), Permissions::ALL)
    }

    fn review(after: &Accounts, by: ProvenBy) -> Result<Arc<Account>, Revocation> {
        after.review(b"ann", &ann(), by, HERE, NOW).cloned()
    }

    #[test]
    fn each_change_that_a_login_would_meet_has_its_reason() {
        let elsewhere = || vec!["192.0.2.0/24".parse().unwrap()];
        for (after, why) in [
            (Accounts::new(), Revocation::Removed),
            (Accounts::new().with(everybody()), Revocation::Replaced),
            (
                with(|ann| ann.enabled = false),
                Revocation::Denied(Denial::Disabled),
            ),
            (
                with(|ann| ann.expires = Some(NOW)),
                Revocation::Denied(Denial::Expired),
            ),
            (
                with(|ann| ann.addresses = elsewhere()),
                Revocation::Denied(Denial::Address),
            ),
            (
                with(|ann| ann.root = Some("/srv".into())),
                Revocation::Directory,
            ),
        ] {
            for by in [ProvenBy::Password, ProvenBy::Certificate] {
                assert_eq!(review(&after, by).unwrap_err(), why, "{by:?}");
            }
        }
    }

    #[test]
    fn a_new_password_counts_for_those_who_gave_the_old_one() {
        let other = with(|ann| ann.secret = Secret::Plain("other".into()));
        assert_eq!(review(&other, ProvenBy::Password), Err(Revocation::Secret));
        assert!(review(&other, ProvenBy::Certificate).is_ok());
        let open = with(|ann| ann.secret = Secret::Anyone);
        assert_eq!(review(&open, ProvenBy::Password), Err(Revocation::Secret));
        assert_eq!(
            review(&open, ProvenBy::Certificate),
            Err(Revocation::Certificate)
        );
    }

    #[test]
    fn what_a_login_would_not_meet_ends_nobody() {
        let after = with(|ann| {
            ann.permissions = Permissions::NONE;
            ann.expires = Some(NOW + 1);
            ann.sessions = Some(0);
            ann.quota_bytes = Some(1);
        });
        let current = review(&after, ProvenBy::Password).unwrap();
        assert_eq!(current.permissions, Permissions::NONE);
    }

    #[test]
    fn whoever_has_the_account_of_everybody_keeps_it_until_there_is_one_of_the_name() {
        let after = Accounts::new().with(everybody());
        let review = |after: &Accounts| {
            let by = ProvenBy::Password;
            after.review(b"ann", &everybody(), by, HERE, NOW).cloned()
        };
        assert!(review(&after).is_ok());
        assert_eq!(
            review(&after.with(ann())).unwrap_err(),
            Revocation::Replaced
        );
    }

    #[test]
    fn each_reason_has_its_own_words() {
        let mut words: Vec<_> = [
            Revocation::Address,
            Revocation::Proxy,
            Revocation::Certificate,
            Revocation::Clear,
            Revocation::Removed,
            Revocation::Replaced,
            Revocation::Secret,
            Revocation::Directory,
            Revocation::Denied(Denial::Address),
            Revocation::Denied(Denial::Disabled),
            Revocation::Denied(Denial::Expired),
        ]
        .map(|why| why.to_string())
        .into();
        let count = words.len();
        words.sort();
        words.dedup();
        assert!(words.len() == count && !words.contains(&String::new()));
        let disabled = Denial::Disabled.to_string();
        assert_eq!(Revocation::Denied(Denial::Disabled).to_string(), disabled);
    }

    #[test]
    fn both_names_of_anonymous_clients_are_one() {
        let mut renamed = Account::anonymous(Permissions::READ);
        renamed.name = b"ftp".to_vec();
        let after = Accounts::new().with(renamed);
        let before = Account::anonymous(Permissions::READ);
        let reviewed = after.review(b"anonymous", &before, ProvenBy::Password, HERE, NOW);
        assert!(reviewed.is_ok());
    }
}
