//! Replaces `hash` without the Cargo feature `hashed-passwords`: no hash is valid, so no account has one.

use super::{HashError, Password};

/// Whether the Cargo feature `hashed-passwords` is on.
pub const IS_BUILT_IN: bool = false;

pub(super) const fn validate(_: &str) -> Result<(), HashError> {
    Err(HashError::NotBuiltIn)
}

pub(super) const fn verify(_: &Password, _: &str) -> bool {
    false
}

pub(super) const fn memory(_: &str) -> usize {
    0
}

/// Hashes a password.
///
/// # Errors
/// Always, in this build.
pub const fn hash_password(_: &Password) -> Result<String, HashError> {
    Err(HashError::NotBuiltIn)
}
