//! What proves that somebody is who they say: nothing, a password, the hash of one, or PAM's word.
//!
//! Hashes are those that other programs keep too: argon2id as a PHC string, bcrypt, and
//! SHA-512-crypt as in `/etc/shadow`. What kind one is, its prefix says. How it is computed,
//! `hash` knows, where it is compiled in.

use std::fmt;
use std::sync::Arc;

use super::hash;
use super::{Password, Service};

/// What proves that somebody is who they say. Its debug form shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Any password will do.
    Anyone,
    /// This password.
    Plain(Password),
    /// The password that has this hash: made by [`Secret::hashed`].
    Phc(Arc<str>),
    /// The one that the system has for the user of this name: PAM verifies it by this service.
    System(Service),
}

/// Why a text is no hash that can be used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHash {
    /// This build has none.
    NotBuiltIn,
    /// Its prefix is not that of a known kind.
    UnknownKind,
    /// It is of a known kind and cannot be read.
    Malformed,
    /// None can be made: the system has no random numbers to give.
    NoRandomness,
}

impl fmt::Display for BadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBuiltIn => {
                "this build has no password hashes; build it with --features hashed-passwords"
            }
            Self::UnknownKind => {
                "a hash begins with $argon2id$, $2b$ or $2y$ (bcrypt), or $6$ (SHA-512-crypt)"
            }
            Self::Malformed => "the hash cannot be read",
            Self::NoRandomness => "the system gives no random numbers",
        })
    }
}

impl std::error::Error for BadHash {}

impl Secret {
    /// The password that has this hash.
    pub fn hashed(text: impl Into<Arc<str>>) -> Result<Self, BadHash> {
        let text = text.into();
        hash::examine(&text)?;
        Ok(Self::Phc(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anyone => "Anyone",
            Self::Plain(_) => "Plain(****)",
            Self::Phc(_) => "Phc(****)",
            Self::System(_) => "System",
        })
    }
}
