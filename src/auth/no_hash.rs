//! Replaces `hash` without the Cargo feature `hashed-passwords`: no hash is valid, so no account has one.

use super::{HashError, HashScheme, Password};

/// Whether the Cargo feature `hashed-passwords` is on.
pub const IS_BUILT_IN: bool = false;

pub(super) const fn validate(_: &str) -> Result<(), HashError> {
    Err(HashError::NotBuiltIn)
}

pub(super) const fn verify(_: &Password, _: &str) -> Result<bool, HashError> {
    Err(HashError::NotBuiltIn)
}

/// Memory that verifying a hash takes.
pub const fn hash_bytes(_: &str) -> usize {
    0
}

/// Hashes a password.
///
/// # Errors
/// Always, in this build.
pub const fn hash_password(_: &Password) -> Result<String, HashError> {
    Err(HashError::NotBuiltIn)
}

/// Hashes a password.
///
/// # Errors
/// Always, in this build.
pub const fn hash_within(_: &Password, _: Option<HashScheme>, _: u64) -> Result<String, HashError> {
    Err(HashError::NotBuiltIn)
}
