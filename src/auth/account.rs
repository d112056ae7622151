//! One account: who it is for, and what they may do, from where, until when, and how much.
//!
//! Plain data, as a configuration has it. Whether somebody may come in now is asked here, with the
//! time and the address as arguments; whether they are who they say is not. RFC 1635 for
//! anonymous clients.

use std::net::IpAddr;
use std::path::PathBuf;

use super::{Cidr, Denial, Password, Permissions, Secret};
use crate::storage::Umask;

/// One account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// As it is sent with USER. `anonymous` stands for `ftp` too, and both in any letter case; `*`
    /// for every name that has no account, but for root's.
    pub name: Vec<u8>,
    /// What proves that it is they.
    pub secret: Secret,
    /// The directory that they see; `None`: that of the server.
    pub root: Option<PathBuf>,
    /// What they may do.
    pub permissions: Permissions,
    /// Whether they may log in at all.
    pub enabled: bool,
    /// From when on they may not, in seconds since 1970.
    pub expires: Option<i64>,
    /// From where they may come; empty: from everywhere.
    pub addresses: Vec<Cidr>,
    /// How many of them may be there at once.
    pub sessions: Option<u32>,
    /// Whether uploads over TLS may end without `close_notify`: whoever can cut their data connections can
    /// shorten what they send, and it counts as whole.
    pub unclean_uploads: bool,
    /// Whether data connections may be to other hosts than the client's: transfers from server to
    /// server (FXP), and with them the bounce attack and stolen ports (RFC 2577 §3).
    pub allow_fxp: bool,
    /// The permission bits that what they make does not get; `None`: those of the server.
    pub umask: Option<Umask>,
    /// What they are told when they have logged in, instead of the usual words; lines joined by LF.
    pub greeting: Option<String>,
    /// The most bytes a second that each of their uploads may take.
    pub rate_up: Option<u64>,
    /// The most bytes a second that each of their downloads may take.
    pub rate_down: Option<u64>,
    /// The most bytes that files in their directory may have together.
    pub quota_bytes: Option<u64>,
    /// The most files that may be in their directory.
    pub quota_files: Option<u64>,
}

impl Account {
    /// Somebody who may do this once they have proved who they are, and has no limits.
    pub fn new(name: impl Into<Vec<u8>>, secret: Secret, permissions: Permissions) -> Self {
        Self {
            name: name.into(),
            secret,
            root: None,
            permissions,
            enabled: true,
            expires: None,
            addresses: Vec::new(),
            sessions: None,
            unclean_uploads: false,
            allow_fxp: false,
            umask: None,
            greeting: None,
            rate_up: None,
            rate_down: None,
            quota_bytes: None,
            quota_files: None,
        }
    }

    /// Whoever calls themselves `anonymous` or `ftp`.
    pub fn anonymous(permissions: Permissions) -> Self {
        Self::new(ANONYMOUS, Secret::Anyone, permissions)
    }

    /// Who has this name and password may do everything.
    pub fn with_password(name: impl Into<Vec<u8>>, password: impl Into<Password>) -> Self {
        let secret = Secret::Plain(password.into());
        Self::new(name, secret, Permissions::ALL)
    }

    /// Whether it is for whoever PAM lets in and has no account of their own.
    pub fn is_everybody(&self) -> bool {
        self.name == EVERYBODY
    }

    /// Whether it is one person's, and not whoever's comes.
    pub fn is_personal(&self) -> bool {
        self.secret != Secret::Anyone
    }

    /// Whether this is the account `other` of another configuration.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name || is_anonymous(&self.name) && is_anonymous(&other.name)
    }

    /// Whether who has proved that `other` is theirs has proved the same of this one.
    pub(super) fn is_proven_by(&self, other: &Self) -> bool {
        self.is_same(other) && self.secret == other.secret
    }

    /// Whether they may come in, from there and now.
    pub(super) fn admits(&self, from: IpAddr, now: i64) -> Result<(), Denial> {
        if !self.enabled {
            return Err(Denial::Disabled);
        }
        if self.expires.is_some_and(|expires| now >= expires) {
            return Err(Denial::Expired);
        }
        let may_come = |range: &Cidr| range.contains(from);
        if !self.addresses.is_empty() && !self.addresses.iter().any(may_come) {
            return Err(Denial::Address);
        }
        Ok(())
    }
}

/// The name that both names of anonymous clients are looked up by.
pub(super) const ANONYMOUS: &[u8] = b"anonymous";

/// The name of the account for all whom PAM lets in; no system has a user of this name.
pub const EVERYBODY: &[u8] = b"*";

/// RFC 1635: `anonymous`, and `ftp` as its old name.
pub fn is_anonymous(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(ANONYMOUS) || name.eq_ignore_ascii_case(b"ftp")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn an_account_can_be_closed_and_ends_to_the_second() {
        let mut account = Account::anonymous(Permissions::READ);
        assert_eq!(account.admits(HERE, i64::MAX), Ok(()));
        account.expires = Some(100);
        assert_eq!(account.admits(HERE, 99), Ok(()));
        assert_eq!(account.admits(HERE, 100), Err(Denial::Expired));
        account.enabled = false;
        assert_eq!(account.admits(HERE, 99), Err(Denial::Disabled));
    }

    #[test]
    fn an_account_may_come_from_one_of_several_places() {
        let mut account = Account::anonymous(Permissions::READ);
        account.addresses = ["10.0.0.0/8", "127.0.0.1"]
            .map(|range| range.parse().unwrap())
            .into();
        assert_eq!(account.admits(HERE, 0), Ok(()));
        let elsewhere = "192.0.2.1".parse().unwrap();
        assert_eq!(account.admits(elsewhere, 0), Err(Denial::Address));
    }
}
