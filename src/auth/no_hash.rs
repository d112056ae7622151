//! Stands in for the hashes of passwords where they are not compiled in: there are none, and so
//! no account that would need them.

use super::{BadHash, Password};

/// Whether this build has any.
pub const IS_BUILT_IN: bool = false;

/// What [`Secret::hashed`](super::Secret::hashed) asks.
pub(super) const fn examine(_: &str) -> Result<(), BadHash> {
    Err(BadHash::NotBuiltIn)
}

/// Whether it is the password that has this hash.
pub(super) const fn verify(_: &Password, _: &str) -> bool {
    false
}

/// The most memory that verifying this hash takes, in bytes.
pub(super) const fn memory(_: &str) -> usize {
    0
}

/// A hash to keep instead of a password.
///
/// # Errors
/// Always: there are none in this build.
pub const fn hash_password(_: &Password) -> Result<String, BadHash> {
    Err(BadHash::NotBuiltIn)
}
