//! One account: its secret, rights, conditions of login, and limits.
//!
//! Plain data, as the configuration has it. The conditions of login (enabled, expiry, client address) are
//! evaluated here, with the time and the address as arguments; the password is not. Anonymous accounts:
//! RFC 1635.

use std::net::IpAddr;
use std::path::PathBuf;

use super::{Cidr, Denial, Password, Permissions, Secret};
use crate::storage::Umask;

/// One account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The argument of USER, compared byte for byte. `anonymous` and `ftp` are one account, in any letter
    /// case; `*` is the account of every other name, except `root`.
    pub name: Vec<u8>,
    /// What the password is checked against.
    pub secret: Secret,
    /// The directory that the account serves; `None`: that of the server.
    pub root: Option<PathBuf>,
    /// The commands that the account may use.
    pub permissions: Permissions,
    /// Whether logins are allowed.
    pub enabled: bool,
    /// From when on logins fail, in seconds since 1970.
    pub expires: Option<i64>,
    /// Client addresses from which logins are allowed; empty: all.
    pub addresses: Vec<Cidr>,
    /// The most concurrent sessions.
    pub sessions: Option<u32>,
    /// Whether uploads over TLS may end without `close_notify`. An attacker that can cut the data connection
    /// can then truncate an upload undetected.
    pub unclean_uploads: bool,
    /// Whether data connections may go to other hosts than the client: server-to-server transfers (FXP), but
    /// also the bounce attack and port stealing (RFC 2577 §3).
    pub allow_fxp: bool,
    /// The umask of new files and directories; `None`: that of the server.
    pub umask: Option<Umask>,
    /// The text of the 230 reply; lines are separated by LF. `None`: the default text.
    pub greeting: Option<String>,
    /// The rate limit of each upload, in bytes per second.
    pub rate_up: Option<u64>,
    /// The rate limit of each download, in bytes per second.
    pub rate_down: Option<u64>,
    /// The quota of the directory, in bytes.
    pub quota_bytes: Option<u64>,
    /// The quota of the directory, in files.
    pub quota_files: Option<u64>,
}

impl Account {
    /// An account with these rights and no limits.
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

    /// The account of the names `anonymous` and `ftp`, with any password.
    pub fn anonymous(permissions: Permissions) -> Self {
        Self::new(ANONYMOUS, Secret::AnyPassword, permissions)
    }

    /// An account with this password and all rights.
    pub fn with_password(name: impl Into<Vec<u8>>, password: impl Into<Password>) -> Self {
        let secret = Secret::Plain(password.into());
        Self::new(name, secret, Permissions::ALL)
    }

    /// Whether this is the catch-all account `*`.
    pub fn is_catch_all(&self) -> bool {
        self.name == CATCH_ALL
    }

    /// Whether a login needs the right password, so that all sessions belong to one user.
    pub fn is_personal(&self) -> bool {
        self.secret != Secret::AnyPassword
    }

    /// Whether this is the same account as `other`, which may be of another configuration.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name || is_anonymous(&self.name) && is_anonymous(&other.name)
    }

    /// Whether a client that has logged in to `other` has also proved its right to this account: it is the
    /// same account, with the same secret.
    pub(super) fn is_proven_by(&self, other: &Self) -> bool {
        self.is_same(other) && self.secret == other.secret
    }

    /// Whether the account is enabled and has not expired.
    pub(crate) fn is_open(&self, now: i64) -> Result<(), Denial> {
        if !self.enabled {
            return Err(Denial::Disabled);
        }
        if self.expires.is_some_and(|expires| now >= expires) {
            return Err(Denial::Expired);
        }
        Ok(())
    }

    /// Evaluates the conditions of login for a client address and a time (in seconds since 1970).
    pub(super) fn admits(&self, from: IpAddr, now: i64) -> Result<(), Denial> {
        self.is_open(now)?;
        let is_in = |range: &Cidr| range.contains(from);
        if !self.addresses.is_empty() && !self.addresses.iter().any(is_in) {
            return Err(Denial::Address);
        }
        Ok(())
    }
}

/// The name by which `anonymous` and `ftp` are both looked up.
pub(super) const ANONYMOUS: &[u8] = b"anonymous";

/// The name of the catch-all account: for all users that PAM accepts and that have no account of their own.
/// No system has a user of this name.
pub const CATCH_ALL: &[u8] = b"*";

/// Whether the name is `anonymous` or `ftp`, in any letter case (RFC 1635).
pub fn is_anonymous(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(ANONYMOUS) || name.eq_ignore_ascii_case(b"ftp")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn disabled_and_expired_accounts_deny_login() {
        let mut account = Account::anonymous(Permissions::READ);
        assert_eq!(account.admits(HERE, i64::MAX), Ok(()));
        account.expires = Some(100);
        assert_eq!(account.admits(HERE, 99), Ok(()));
        assert_eq!(account.admits(HERE, 100), Err(Denial::Expired));
        account.enabled = false;
        assert_eq!(account.admits(HERE, 99), Err(Denial::Disabled));
    }

    #[test]
    fn login_needs_one_of_the_addresses() {
        let mut account = Account::anonymous(Permissions::READ);
        account.addresses = ["10.0.0.0/8", "127.0.0.1"]
            .map(|range| range.parse().unwrap())
            .into();
        assert_eq!(account.admits(HERE, 0), Ok(()));
        let elsewhere = "192.0.2.1".parse().unwrap();
        assert_eq!(account.admits(elsewhere, 0), Err(Denial::Address));
    }
}
