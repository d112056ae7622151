//! Errors of loading or generating credentials: the file, the cause and the remedy.
//!
//! The messages are for the operator. They never contain the content of a key file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::cause::{self, cause};
use crate::limits::PEM_BYTES;

/// An error of loading or generating credentials.
#[derive(Debug)]
pub struct CredentialsError {
    /// The file or directory, if there is one.
    pub file: Option<PathBuf>,
    /// The cause.
    pub problem: Problem,
}

/// What is wrong with a certificate or key file.
#[derive(Debug)]
pub enum Problem {
    /// The file cannot be read.
    Unreadable(io::Error),
    /// The file, or a file in the directory, cannot be written.
    Unwritable(io::Error),
    /// Larger than `PEM_BYTES`.
    TooLarge,
    /// Malformed PEM: the parser's error.
    NotPem(String),
    /// No certificate in the file.
    NoCertificate,
    /// An unusable certificate: its number, from 1, and the cause.
    BadCertificate(usize, String),
    /// No private key in the file.
    NoKey,
    /// The key is encrypted with a passphrase.
    EncryptedKey,
    /// The key is malformed or of an unsupported type.
    BadKey,
    /// The key belongs to another certificate.
    KeyMismatch,
    /// The key belongs to this certificate of the chain, from 1, which is not the first.
    WrongOrder(usize),
    /// Generating a certificate failed: the cause.
    GenerationFailed(String),
}

impl Problem {
    pub(super) fn of(self, file: &Path) -> CredentialsError {
        CredentialsError {
            file: Some(file.to_owned()),
            problem: self,
        }
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        let why = |error, wanted| match &self.file {
            Some(file) => cause::of_path(error, file, wanted),
            None => cause(error).to_string(),
        };
        match &self.problem {
            Problem::Unreadable(error) => {
                write!(f, "cannot be read: {}", why(error, Access::READ_OK))
            }
            Problem::Unwritable(error) => {
                write!(f, "cannot be written: {}", why(error, Access::WRITE_OK))
            }
            Problem::TooLarge => write!(f, "larger than {PEM_BYTES} bytes: not a PEM file"),
            Problem::NotPem(why) => write!(f, "malformed PEM file: {why}"),
            Problem::NoCertificate => f.write_str(
                "contains no certificate; use a PEM file with BEGIN CERTIFICATE \
                 (convert DER with openssl x509 -inform der)",
            ),
            Problem::BadCertificate(number, why) => {
                write!(f, "certificate {number} cannot be used: {why}")
            }
            Problem::NoKey => f.write_str(
                "contains no private key; use a PEM file with BEGIN PRIVATE KEY \
                 (convert DER with openssl pkey -inform der)",
            ),
            Problem::EncryptedKey => {
                f.write_str("the private key is encrypted; decrypt it first, with openssl pkey")
            }
            Problem::BadKey => f.write_str(
                "the private key cannot be used; use RSA with 2048 to 8192 bits, \
                 EC with P-256 or P-384, or Ed25519",
            ),
            Problem::KeyMismatch => f.write_str(
                "the private key does not belong to the certificate; \
                 use the key that the certificate was requested with",
            ),
            Problem::WrongOrder(number) => write!(
                f,
                "the private key belongs to certificate {number}; put the server's own certificate first"
            ),
            Problem::GenerationFailed(why) => write!(f, "cannot generate a certificate: {why}"),
        }
    }
}

impl std::error::Error for CredentialsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Unreadable(error) | Problem::Unwritable(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn message_names_file_problem_and_remedy() {
        let file = Path::new("/etc/key.pem");
        let bad = Problem::BadCertificate(2, "why".into());
        let order = "belongs to certificate 3; put the server's own certificate first";
        for (problem, text) in [
            (Problem::TooLarge, "bytes: not a PEM file"),
            (Problem::NotPem("why".into()), "malformed PEM file: why"),
            (Problem::NoCertificate, "openssl x509 -inform der"),
            (bad, "certificate 2 cannot be used: why"),
            (Problem::NoKey, "openssl pkey -inform der"),
            (Problem::EncryptedKey, "decrypt it first, with openssl pkey"),
            (Problem::BadKey, "RSA with 2048 to 8192 bits"),
            (Problem::KeyMismatch, "does not belong to the certificate"),
            (Problem::WrongOrder(3), order),
        ] {
            let message = problem.of(file).to_string();
            assert!(message.starts_with("/etc/key.pem: "), "{message}");
            assert!(message.contains(text), "{message}");
        }
    }

    #[test]
    fn message_without_file_has_no_path() {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let failed = Problem::GenerationFailed("why".into());
        for (problem, text) in [
            (failed, "cannot generate a certificate: why"),
            (Problem::Unreadable(missing()), "cannot be read: "),
            (Problem::Unwritable(missing()), "cannot be written: "),
        ] {
            let file = None;
            let error = CredentialsError { file, problem };
            assert!(error.to_string().starts_with(text), "{error}");
            let has_source = !matches!(error.problem, Problem::GenerationFailed(_));
            assert_eq!(error.source().is_some(), has_source, "{error}");
        }
    }
}
