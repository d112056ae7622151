//! What the server proves itself with: a certificate, the chain above it, and the private key.
//!
//! Checked once, when they are read, so that a handshake can only fail for the client's reasons.
//! Whether the dates are right is another question, asked with the time of day: an expired
//! certificate still encrypts, and its owner decides. RFC 5280, RFC 8446 §4.4.2.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use ring::digest::{Digest, SHA256, digest};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::failure::given;
use super::x509::{self, Validity};
use super::{CredentialsError, Problem, pem_files};
use crate::limits::CERTIFICATE_NOTICE;

const DAY: i64 = 24 * 60 * 60;

/// What the server proves itself with.
#[derive(Clone, Debug)]
pub struct Credentials {
    key: Arc<CertifiedKey>,
    validity: Validity,
    fingerprint: Digest,
    is_own_making: bool,
}

/// How a certificate's dates stand at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Valid, and for a while.
    Valid,
    /// Valid, but not for long.
    Soon {
        /// Whole days that are left; 0 on the last.
        days: i64,
    },
    /// Not valid any more.
    Expired,
    /// Not valid yet: mostly the clock is wrong, as on a board without a battery.
    NotYet,
}

impl Credentials {
    /// Reads the certificate's chain, the server's own first, and the private key; both in PEM,
    /// and in one file if need be. It reads files, so it may wait.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, CredentialsError> {
        let chain = pem_files::certificates(cert)?;
        let der = pem_files::private_key(key)?;
        Self::new(chain, &der).map_err(|problem| {
            let is_of_key = matches!(problem, Problem::BadKey | Problem::KeyMismatch);
            problem.of(if is_of_key { key } else { cert })
        })
    }

    /// Puts together what belongs together.
    pub(super) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Self, Problem> {
        let leaf = chain.first().ok_or(Problem::NoCertificate)?;
        let validity = x509::validity(leaf).map_err(|why| Problem::BadCertificate(1, why))?;
        let fingerprint = digest(&SHA256, leaf);
        let signer = any_supported_type(key).map_err(|_| Problem::BadKey)?;
        let key = CertifiedKey::new(chain, signer);
        match key.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(Error::InconsistentKeys(_)) => return Err(mismatch(&key)),
            Err(error) => return Err(Problem::BadCertificate(1, given(&error))),
        }
        Ok(Self {
            key: Arc::new(key),
            validity,
            fingerprint,
            is_own_making: false,
        })
    }

    /// The same, as those that the server has made for itself.
    pub(super) fn of_own_making(self) -> Self {
        Self {
            is_own_making: true,
            ..self
        }
    }

    /// Whether the server has made them for itself.
    pub(super) const fn are_of_own_making(&self) -> bool {
        self.is_own_making
    }

    /// What rustls takes: the chain, and the key to sign with.
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }

    /// The SHA-256 of the certificate, as clients show it to their users: `AA:BB:…`.
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        for byte in self.fingerprint.as_ref() {
            let colon = if text.is_empty() { "" } else { ":" };
            // A String takes everything.
            let _ = write!(text, "{colon}{byte:02X}");
        }
        text
    }

    /// The first second of the certificate, since 1970.
    pub const fn not_before(&self) -> i64 {
        self.validity.not_before
    }

    /// The last second of the certificate, since 1970.
    pub const fn not_after(&self) -> i64 {
        self.validity.not_after
    }

    /// How the certificate's dates stand at `now`, in seconds since 1970.
    pub const fn expiry(&self, now: i64) -> Expiry {
        let Validity {
            not_before,
            not_after,
        } = self.validity;
        let left = not_after.saturating_sub(now);
        if now < not_before {
            Expiry::NotYet
        } else if left < 0 {
            Expiry::Expired
        } else if left.cast_unsigned() <= CERTIFICATE_NOTICE.as_secs() {
            Expiry::Soon { days: left / DAY }
        } else {
            Expiry::Valid
        }
    }

    /// What clients may have against the certificate.
    pub(super) fn misuse(&self) -> Option<&'static str> {
        x509::misuse(self.key.cert.first()?)
    }

    /// The host names, in small letters, and addresses that the certificate is for, sorted.
    pub(super) fn host_names(&self) -> Vec<String> {
        let leaf = self.key.cert.first();
        let names = leaf.map(|leaf| x509::host_names(leaf)).unwrap_or_default();
        names.into_iter().collect()
    }
}

/// The key is not of the first certificate: of another one in the chain?
fn mismatch(key: &CertifiedKey) -> Problem {
    let owner = key.cert.iter().position(|certificate| {
        let alone = CertifiedKey::new(vec![certificate.clone()], Arc::clone(&key.key));
        alone.keys_match().is_ok()
    });
    owner.map_or(Problem::KeyMismatch, |index| Problem::WrongOrder(index + 1))
}

#[cfg(test)]
mod tests;
