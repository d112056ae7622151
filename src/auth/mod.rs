//! Who may log in, and what they may do then.
//!
//! Owns the accounts and compares passwords without telling by its time where they
//! differ; and remembers which addresses have failed to log in. It does not know sessions: it says
//! how many failures there were, and delaying the answer is theirs.

mod address_table;
mod pace;
mod throttle;

use std::fmt;

pub use address_table::Site;
pub use pace::Pace;
pub use throttle::{Denial, Throttle, Unwelcome};

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// List and retrieve.
    Read,
    /// And store, append, delete, rename, make and remove.
    ReadWrite,
}

impl Rights {
    /// Whether anything may be changed.
    pub const fn may_write(self) -> bool {
        matches!(self, Self::ReadWrite)
    }
}

/// A name and the password sent with it. Its debug form shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// As sent with USER.
    pub name: Vec<u8>,
    /// As sent with PASS.
    pub password: Vec<u8>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.name.escape_ascii())
    }
}

/// Everybody who may log in.
#[derive(Clone, Default)]
pub struct Accounts {
    /// What `anonymous` and `ftp`, with any password, may do.
    pub anonymous: Option<Rights>,
    /// The one account with a password; it reads and writes.
    pub named: Option<Credentials>,
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts")
            .field("anonymous", &self.anonymous)
            .field("named", &self.named)
            .finish()
    }
}

impl Accounts {
    /// Whether there is anybody who may change anything.
    pub fn may_write(&self) -> bool {
        self.named.is_some() || self.anonymous.is_some_and(Rights::may_write)
    }

    /// What whoever sent these may do; `None`: they may not log in. The same work is done
    /// for a name that is not known.
    pub fn verify(&self, credentials: &Credentials) -> Option<Rights> {
        if is_anonymous(&credentials.name)
            && let Some(rights) = self.anonymous
        {
            return Some(rights);
        }
        let (name, password) = match &self.named {
            Some(named) => (named.name.as_slice(), named.password.as_slice()),
            None => (&b""[..], &b""[..]),
        };
        let right_password = same(&credentials.password, password);
        let right_name = same(&credentials.name, name);
        (right_name && right_password && self.named.is_some()).then_some(Rights::ReadWrite)
    }

    /// What somebody may do of whom it is certain, without a password, that this is its name.
    pub fn vouched(&self, name: &[u8]) -> Option<Rights> {
        let named = self.named.as_ref()?;
        (named.name == name).then_some(Rights::ReadWrite)
    }
}

/// RFC 1635: `anonymous`, and `ftp` as its old name.
pub fn is_anonymous(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"anonymous") || name.eq_ignore_ascii_case(b"ftp")
}

/// Equality in a time that depends on the length of `sent` alone.
fn same(sent: &[u8], kept: &[u8]) -> bool {
    let mut difference = usize::from(sent.len() != kept.len());
    for (index, byte) in sent.iter().enumerate() {
        let other = kept.get(index).copied().unwrap_or(!byte);
        difference |= usize::from(byte ^ other);
    }
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(name: &str, password: &str) -> Credentials {
        Credentials {
            name: name.into(),
            password: password.into(),
        }
    }

    #[test]
    fn anonymous_takes_any_password_under_both_names() {
        let accounts = Accounts {
            anonymous: Some(Rights::Read),
            named: None,
        };
        for name in ["anonymous", "ftp", "FTP", "Anonymous"] {
            let rights = accounts.verify(&credentials(name, "me@home"));
            assert_eq!(rights, Some(Rights::Read));
        }
        assert_eq!(accounts.verify(&credentials("", "")), None);
        assert_eq!(accounts.verify(&credentials("root", "")), None);
    }

    #[test]
    fn the_named_account_needs_its_name_and_password_to_the_byte() {
        let accounts = Accounts {
            anonymous: None,
            named: Some(credentials("ann", "secret")),
        };
        let verify = |name, password| accounts.verify(&credentials(name, password));
        assert_eq!(verify("ann", "secret"), Some(Rights::ReadWrite));
        for (name, password) in [
            ("ann", "secre"),
            ("ann", "secretx"),
            ("ann", ""),
            ("Ann", "secret"),
            ("anonymous", "secret"),
            ("bob", "secret"),
        ] {
            assert_eq!(verify(name, password), None, "{name} {password}");
        }
    }

    #[test]
    fn whoever_may_write_is_found() {
        let named = || Some(credentials("ann", "secret"));
        for (anonymous, named, may_write) in [
            (None, None, false),
            (Some(Rights::Read), None, false),
            (Some(Rights::ReadWrite), None, true),
            (Some(Rights::Read), named(), true),
        ] {
            let accounts = Accounts { anonymous, named };
            assert_eq!(accounts.may_write(), may_write, "{accounts:?}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", credentials("ann", "secret"));
        assert!(!shown.contains("secret"));
    }
}
