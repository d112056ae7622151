//! Revocation: reasons to end a session after a reload of the configuration, or when its account expires.
//!
//! [`Accounts::review`] evaluates the conditions of login again, except for the password, which is not kept:
//! if the secret of the account has changed, the session is revoked. Client addresses, TLS and certificates
//! are compared by other modules. The reasons of all are here; log lines and replies have their text.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Account, Accounts, Denial};

/// What a reload does with sessions whose login would now fail (`reload.sessions`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RevokedSessions {
    /// They continue with the rights of their login.
    Keep,
    /// They end with a reply that has the reason; all others get the new rights.
    #[default]
    End,
}

/// How a client has authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvenBy {
    /// By a password, or by any password where the account needs none.
    Password,
    /// By its TLS certificate.
    Certificate,
}

/// The reason for which a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The configuration refuses connections from its address.
    Address,
    /// It came through a proxy that is no longer configured.
    Proxy,
    /// Its certificate is not accepted, or is missing and required.
    Certificate,
    /// It does not use TLS, which is required.
    Clear,
    /// No account has its name.
    Removed,
    /// Its name is now that of another account.
    Replaced,
    /// The secret of its account has changed.
    Secret,
    /// Its account now serves another directory.
    Directory,
    /// The operator has ended it.
    Operator,
    /// A condition of login of its account is not met.
    Denied(Denial),
}

/// Each reason, and with a condition of login those that have a text of their own.
#[cfg(test)]
pub(crate) const EVERY_REVOCATION: [Revocation; 12] = [
    Revocation::Address,
    Revocation::Proxy,
    Revocation::Certificate,
    Revocation::Clear,
    Revocation::Removed,
    Revocation::Replaced,
    Revocation::Secret,
    Revocation::Directory,
    Revocation::Operator,
    Revocation::Denied(Denial::Address),
    Revocation::Denied(Denial::Disabled),
    Revocation::Denied(Denial::Expired),
];

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
            Self::Operator => "the operator has ended it",
            Self::Denied(Denial::Address) => "the account may not be used from this address",
            Self::Denied(denial) => return denial.fmt(f),
        })
    }
}

impl Accounts {
    /// Evaluates again whether a client at `from` that has logged in by `name` to `account` may be logged
    /// in at `now` (in seconds since 1970), and returns the account as it is now. The limit of sessions is
    /// not evaluated: the session is one of them.
    pub(crate) fn review(
        &self,
        name: &[u8],
        account: &Account,
        by: ProvenBy,
        from: IpAddr,
        now: i64,
    ) -> Result<&Arc<Account>, Revocation> {
        let current = self.resolve(name).ok_or(Revocation::Removed)?;
        if !current.is_same(account) {
            return Err(Revocation::Replaced);
        }
        current.admits(from, now).map_err(Revocation::Denied)?;
        match by {
            ProvenBy::Password if !current.is_proven_by(account) => Err(Revocation::Secret),
            ProvenBy::Certificate if self.by_certificate(name).is_none() => {
                Err(Revocation::Certificate)
            }
            _ if current.root != account.root => Err(Revocation::Directory),
            _ => Ok(current),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{CATCH_ALL, Permissions, Secret};

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

    fn catch_all() -> Account {
        Account::new(CATCH_ALL, Secret::Plain("secret".into()), Permissions::ALL)
    }

    fn review(after: &Accounts, by: ProvenBy) -> Result<Arc<Account>, Revocation> {
        after.review(b"ann", &ann(), by, HERE, NOW).cloned()
    }

    #[test]
    fn changes_that_deny_a_login_revoke_the_session() {
        let other_network = || vec!["192.0.2.0/24".parse().unwrap()];
        for (after, reason) in [
            (Accounts::new(), Revocation::Removed),
            (Accounts::new().with(catch_all()), Revocation::Replaced),
            (
                with(|ann| ann.enabled = false),
                Revocation::Denied(Denial::Disabled),
            ),
            (
                with(|ann| ann.expires = Some(NOW)),
                Revocation::Denied(Denial::Expired),
            ),
            (
                with(|ann| ann.addresses = other_network()),
                Revocation::Denied(Denial::Address),
            ),
            (
                with(|ann| ann.root = Some("/srv".into())),
                Revocation::Directory,
            ),
        ] {
            for by in [ProvenBy::Password, ProvenBy::Certificate] {
                assert_eq!(review(&after, by).unwrap_err(), reason, "{by:?}");
            }
        }
    }

    #[test]
    fn changed_secret_revokes_password_logins() {
        let other = with(|ann| ann.secret = Secret::Plain("other".into()));
        assert_eq!(review(&other, ProvenBy::Password), Err(Revocation::Secret));
        assert!(review(&other, ProvenBy::Certificate).is_ok());
        let open = with(|ann| ann.secret = Secret::AnyPassword);
        assert_eq!(review(&open, ProvenBy::Password), Err(Revocation::Secret));
        assert_eq!(
            review(&open, ProvenBy::Certificate),
            Err(Revocation::Certificate)
        );
    }

    #[test]
    fn changed_rights_and_limits_revoke_no_session() {
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
    fn catch_all_session_is_revoked_by_a_new_account_of_its_name() {
        let after = Accounts::new().with(catch_all());
        let review = |after: &Accounts| {
            let by = ProvenBy::Password;
            after.review(b"ann", &catch_all(), by, HERE, NOW).cloned()
        };
        assert!(review(&after).is_ok());
        assert_eq!(
            review(&after.with(ann())).unwrap_err(),
            Revocation::Replaced
        );
    }

    #[test]
    fn each_reason_has_its_own_text() {
        let mut words: Vec<_> = EVERY_REVOCATION.map(|why| why.to_string()).into();
        let count = words.len();
        words.sort();
        words.dedup();
        assert!(words.len() == count && !words.contains(&String::new()));
        let disabled = Denial::Disabled.to_string();
        assert_eq!(Revocation::Denied(Denial::Disabled).to_string(), disabled);
    }

    #[test]
    fn anonymous_session_survives_a_rename_to_ftp() {
        let mut renamed = Account::anonymous(Permissions::READ);
        renamed.name = b"ftp".to_vec();
        let after = Accounts::new().with(renamed);
        let before = Account::anonymous(Permissions::READ);
        let reviewed = after.review(b"anonymous", &before, ProvenBy::Password, HERE, NOW);
        assert!(reviewed.is_ok());
    }
}
