//! Errors of password hashes: of parsing one, and of making one.
//!
//! `hash` and `secret` both use it, with and without the Cargo feature `hashed-passwords`.

use std::fmt;

/// A hash that cannot be used or made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashError {
    /// The Cargo feature `hashed-passwords` is off.
    NotBuiltIn,
    /// The prefix names no supported scheme.
    UnknownKind,
    /// The scheme is supported, and the rest cannot be parsed.
    Malformed,
    /// The system's random number generator failed, so there is no salt for a new hash.
    NoRandomness,
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBuiltIn => {
                "this build has no password hashes; build it with --features hashed-passwords"
            }
            Self::UnknownKind => {
                "a hash begins with $argon2id$, $2b$ or $2y$ (bcrypt), or $6$ (SHA-512-crypt)"
            }
            Self::Malformed => {
                "the hash is malformed; copy it whole, or make a new one with --hash-password"
            }
            Self::NoRandomness => "cannot make a hash: the system's random number generator failed",
        })
    }
}

impl std::error::Error for HashError {}
