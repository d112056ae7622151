//! Whose connection a session waits for at a passive port: a client address, and where several sessions of
//! it share the port, the TLS session that the connection resumes (RFC 4217 §7, RFC 2577 §8).
//!
//! Plain values; they know neither sockets nor sessions.

use std::net::IpAddr;

use crate::net::tls::SessionTag;

/// What the data connection of a session must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claimant {
    /// `None`: from any (FXP).
    pub(super) address: Option<IpAddr>,
    tag: Option<SessionTag>,
}

impl Claimant {
    pub(super) const ANY: Self = Self {
        address: None,
        tag: None,
    };

    pub(super) const fn only(address: IpAddr) -> Self {
        Self {
            address: Some(address),
            tag: None,
        }
    }

    /// Only one that resumes a TLS session of the control connection with this tag.
    pub(super) const fn resuming(address: IpAddr, tag: SessionTag) -> Self {
        Self {
            address: Some(address),
            tag: Some(tag),
        }
    }

    /// Whether one address could be the one's and the other's.
    pub(super) fn is_near(self, other: Self) -> bool {
        self.address.is_none() || other.address.is_none() || self.address == other.address
    }

    /// Whether no connection could be the one's and the other's, by what it begins with.
    pub(super) fn can_be_told_from(self, other: Self) -> bool {
        let tags = self.tag.zip(other.tag);
        !self.is_near(other) || tags.is_some_and(|(own, others)| own != others)
    }
}
