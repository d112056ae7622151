//! Reasons for which a login fails.
//!
//! The log has each reason. A client gets a distinct reply (421) only for a limit, a ban, or a shortage of
//! memory; all other reasons have the reply of a wrong password, and count as one, so that no reply confirms
//! a guessed password.

use std::fmt;

/// The reason for which a login fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No account has the name, or the password is wrong.
    WrongCredentials,
    /// [`Account::enabled`](super::Account::enabled) is false.
    Disabled,
    /// [`Account::expires`](super::Account::expires) is past.
    Expired,
    /// The client address is not in [`Account::addresses`](super::Account::addresses).
    Address,
    /// The account has as many sessions as [`Account::sessions`](super::Account::sessions) allows.
    SessionLimit,
    /// The queue of password verifications is full.
    Busy,
    /// The server has no memory for the password hash, so that the password is not looked at.
    NoMemory,
    /// The client address is banned; the password is not looked at.
    Banned,
}

impl Denial {
    /// A word for it, for counters.
    pub const fn label(self) -> &'static str {
        match self {
            Self::WrongCredentials => "wrong credentials",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Address => "address",
            Self::SessionLimit => "session limit",
            Self::Busy => "busy",
            Self::NoMemory => "no memory",
            Self::Banned => "banned",
        }
    }

    /// Whether the reason is other than a wrong name or password.
    pub const fn is_proven(self) -> bool {
        !matches!(self, Self::WrongCredentials)
    }

    /// Whether it counts as a failed login of the client address.
    pub const fn is_failure(self) -> bool {
        match self {
            Self::WrongCredentials | Self::Disabled | Self::Expired | Self::Address => true,
            Self::SessionLimit | Self::Busy | Self::NoMemory | Self::Banned => false,
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongCredentials => "wrong name or password",
            Self::Disabled => "the account is disabled",
            Self::Expired => "the account has expired",
            Self::Address => "not from this address",
            Self::SessionLimit => "too many sessions of this account (account.sessions)",
            Self::Busy => "too many logins at once",
            Self::NoMemory => "no memory for the password hash",
            Self::Banned => "its address is banned",
        })
    }
}

/// A failed login, with what the session needs for its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginFailure {
    /// The reason.
    pub denial: Denial,
    /// Failed logins of the client address within the window, including this one; 0 where this one does not
    /// [count](Denial::is_failure). The session delays its reply by it.
    pub failures: u32,
}

impl From<Denial> for LoginFailure {
    fn from(denial: Denial) -> Self {
        Self {
            denial,
            failures: 0,
        }
    }
}
