//! Replaces `hash` without the Cargo feature `hashed-passwords`: no hash is valid, so no account has one.

use std::convert::Infallible;
use std::sync::Arc;

use super::{HashError, HashScheme, Password};

/// Whether the Cargo feature `hashed-passwords` is on.
pub const IS_BUILT_IN: bool = false;

pub(super) const fn validate(_: &str) -> Result<(), HashError> {
    Err(HashError::NotBuiltIn)
}

/// Cannot be made.
pub(super) struct HashRequest(Infallible);

impl HashRequest {
    pub(super) const fn new(_: &Arc<str>, _: &Password) -> Option<Self> {
        None
    }

    pub(super) const fn verify(&self) -> Result<bool, HashError> {
        match self.0 {}
    }
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
