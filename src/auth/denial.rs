//! Why somebody may not come in.
//!
//! All of it is for the log; a client is told what it can do something about: that there is no room
//! for now, or that nobody is let in from its address. Everything else sounds and counts as a wrong
//! password does, so that no guess is told that it was right.

use std::fmt;

/// Why somebody may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// There is no such name, or it has another password.
    Unproven,
    /// The account is closed.
    Disabled,
    /// Its time is over.
    Expired,
    /// It may not come from there.
    Address,
    /// As many as may be are there.
    Crowded,
    /// Too many passwords are being verified.
    Busy,
    /// The client's address is banned, and it is of no matter whether the password is right.
    Banned,
}

impl Denial {
    /// Whether it is known who the client is, and it may still not come in.
    pub const fn is_proven(self) -> bool {
        !matches!(self, Self::Unproven)
    }

    /// Whether it counts as a failed login of the client's address.
    pub const fn is_failure(self) -> bool {
        match self {
            Self::Unproven | Self::Disabled | Self::Expired | Self::Address => true,
            Self::Crowded | Self::Busy | Self::Banned => false,
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unproven => "wrong name or password",
            Self::Disabled => "the account is disabled",
            Self::Expired => "the account has expired",
            Self::Address => "not from this address",
            Self::Crowded => "too many sessions of this account (account.sessions)",
            Self::Busy => "too many logins at once",
            Self::Banned => "its address is banned",
        })
    }
}

/// A denial as a client meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub denial: Denial,
    /// How many logins from its address have failed lately, this one included where it counts.
    pub failures: u32,
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self {
            denial,
            failures: 0,
        }
    }
}
