//! What a password is checked against: nothing, a plain password, a hash, PAM, or a lock.
//!
//! Hashes have the formats of other programs: argon2id as a PHC string, and as in `/etc/shadow` yescrypt,
//! bcrypt, SHA-512-crypt and SHA-256-crypt. The prefix tells the scheme. The module `hash` computes them,
//! where it is compiled in.

use std::fmt;
use std::sync::Arc;

use super::hash;
use super::{HashError, PamService, Password};

/// What the password of an account is checked against. The debug form shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Every password is accepted.
    AnyPassword,
    /// Exactly this password.
    Plain(Password),
    /// The password with this hash, which [`Secret::hashed`] has parsed.
    Hash(Arc<str>),
    /// The password of the system user of the same name, verified by PAM with this service.
    System(PamService),
    /// No password is accepted, for this reason: the user is locked. The account is disabled, too.
    Locked(&'static str),
}

impl Secret {
    /// The password with this hash.
    ///
    /// # Errors
    /// When the hash is of no supported scheme, or malformed.
    pub fn hashed(text: impl Into<Arc<str>>) -> Result<Self, HashError> {
        let text = text.into();
        hash::validate(&text)?;
        Ok(Self::Hash(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnyPassword => "Anyone",
            Self::Plain(_) => "Plain(****)",
            Self::Hash(_) => "Phc(****)",
            Self::System(_) => "System",
            Self::Locked(_) => "Locked",
        })
    }
}
