//! The scheme of a new password hash; and errors of hashes: of parsing, making or verifying one.
//!
//! `hash` and `secret` both use it, with and without the Cargo feature `hashed-passwords`.

use std::fmt;

/// Bytes of memory that the usual argon2id hash takes.
pub const USUAL_HASH_BYTES: u64 = 19 * 1024 * 1024;

/// The longest password that is hashed, as of crypt(3): the time of SHA-512-crypt grows with it.
pub(super) const PASSWORD_BYTES: usize = 512;

/// The scheme of a new hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashScheme {
    /// Slow by its memory: 7 to 19 MiB.
    Argon2id,
    /// Slow by its rounds, almost without memory.
    Sha512Crypt,
}

/// A hash that cannot be used or made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashError {
    /// The Cargo feature `hashed-passwords` is off.
    NotBuiltIn,
    /// The prefix names no supported scheme.
    UnknownKind,
    /// The scheme is supported, and the rest cannot be parsed.
    Malformed,
    /// Its verification would occupy a processor for too long.
    TooCostly {
        /// The parameter that multiplies the time.
        what: &'static str,
        /// Its value.
        value: u64,
        /// The maximum.
        most: u64,
    },
    /// The system's random number generator failed, so there is no salt for a new hash.
    NoRandomness,
    /// The password is longer than hashes are made of.
    TooLong,
    /// The memory of the hash cannot be allocated.
    NoMemory,
    /// There is too little memory for any argon2id hash.
    TooLittleMemory,
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBuiltIn => {
                "this build has no password hashes; build it with --features hashed-passwords"
            }
            Self::UnknownKind => {
                "a hash begins with $argon2id$, $2b$ or $2y$ (bcrypt), $y$ (yescrypt), or $5$ or $6$ \
                 (SHA-256-crypt, SHA-512-crypt); set the password again with one of these"
            }
            Self::Malformed => {
                "the hash is malformed, or its parameters are not supported; copy it whole, or make a new \
                 one with --hash-password"
            }
            Self::NoRandomness => "cannot make a hash: the system's random number generator failed",
            Self::TooCostly { what, value, most } => {
                return write!(
                    f,
                    "a login would take too long with this hash: {what} {value}, where the maximum is \
                     {most}; make a new one with --hash-password"
                );
            }
            Self::TooLong => {
                return write!(
                    f,
                    "a password that is hashed has {PASSWORD_BYTES} bytes at the most; choose a shorter one"
                );
            }
            Self::NoMemory => "there is not enough memory for the password hash",
            Self::TooLittleMemory => {
                "there is too little memory here for argon2id; use --hash-password=sha512-crypt"
            }
        })
    }
}

impl std::error::Error for HashError {}
