//! Why there are no credentials: which file, what is wrong with it, and what would be right.
//!
//! Read by whoever sets up a server, mostly once and in a hurry, so each says what to do. Nothing
//! here shows what stands in a file of a key.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::cause::{self, cause};
use crate::limits::PEM_BYTES;

/// Why there are no credentials.
#[derive(Debug)]
pub struct CredentialsError {
    /// The file or directory that is to be looked at, if it is one.
    pub file: Option<PathBuf>,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a file of certificates or keys.
#[derive(Debug)]
pub enum Problem {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It, or something in it, cannot be written.
    Unwritable(io::Error),
    /// It is larger than any file of its kind.
    TooLarge,
    /// It is not PEM: what the reader says.
    NotPem(String),
    /// There is no certificate in it.
    NoCertificate,
    /// A certificate that cannot be used: which, counted from 1, and why.
    BadCertificate(usize, String),
    /// There is no private key in it.
    NoKey,
    /// The key needs a passphrase.
    EncryptedKey,
    /// A key of a kind that is not supported, or a broken one.
    BadKey,
    /// The key belongs to another certificate.
    KeyMismatch,
    /// The key belongs to this certificate of the chain, counted from 1, and not to the first.
    WrongOrder(usize),
    /// A certificate could not be made: why.
    NotMade(String),
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
        let Some(file) = &self.file else {
            return self.problem.fmt(f);
        };
        write!(f, "{}: ", file.display())?;
        match &self.problem {
            Problem::Unreadable(error) => {
                let why = cause::of_path(error, file, Access::READ_OK);
                write!(f, "cannot be read: {why}")
            }
            Problem::Unwritable(error) => {
                let why = cause::of_path(error, file, Access::WRITE_OK);
                write!(f, "cannot be written: {why}")
            }
            problem => problem.fmt(f),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {}", cause(error)),
            Self::Unwritable(error) => write!(f, "cannot be written: {}", cause(error)),
            Self::TooLarge => write!(f, "larger than {PEM_BYTES} bytes: not a PEM file"),
            Self::NotPem(why) => write!(f, "not a sound PEM file: {why}"),
            Self::NoCertificate => f.write_str(
                "no certificate in it; a PEM file with BEGIN CERTIFICATE is needed \
                 (one in DER: openssl x509 -inform der)",
            ),
            Self::BadCertificate(number, why) => {
                write!(f, "certificate {number} in it cannot be used: {why}")
            }
            Self::NoKey => f.write_str(
                "no private key in it; a PEM file with BEGIN PRIVATE KEY is needed \
                 (one in DER: openssl pkey -inform der)",
            ),
            Self::EncryptedKey => {
                f.write_str("the private key is encrypted; decrypt it first, with openssl pkey")
            }
            Self::BadKey => f.write_str(
                "the private key cannot be used; RSA of 2048 to 8192 bits, \
                 EC of P-256 or P-384, or Ed25519 is needed",
            ),
            Self::KeyMismatch => f.write_str(
                "the private key does not belong to the certificate; \
                 both must be of the same request",
            ),
            Self::WrongOrder(number) => write!(
                f,
                "the private key belongs to certificate {number}; the server's own must come first"
            ),
            Self::NotMade(why) => write!(f, "cannot make a certificate: {why}"),
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

    /// The file comes first, and behind it what is wrong and what would be right.
    #[test]
    fn each_problem_is_told_with_its_file_and_its_remedy() {
        let file = Path::new("/etc/key.pem");
        for (problem, text) in [
            (Problem::TooLarge, "bytes: not a PEM file"),
            (Problem::NotPem("why".into()), "not a sound PEM file: why"),
            (Problem::NoCertificate, "openssl x509 -inform der"),
            (
                Problem::BadCertificate(2, "why".into()),
                "certificate 2 in it cannot be used: why",
            ),
            (Problem::NoKey, "openssl pkey -inform der"),
            (Problem::EncryptedKey, "decrypt it first"),
            (Problem::BadKey, "RSA of 2048 to 8192 bits"),
            (Problem::KeyMismatch, "does not belong to the certificate"),
            (
                Problem::WrongOrder(3),
                "belongs to certificate 3; the server's own must come first",
            ),
        ] {
            let said = problem.of(file).to_string();
            assert!(said.starts_with("/etc/key.pem: "), "{said}");
            assert!(said.contains(text), "{said}");
        }
    }

    #[test]
    fn what_belongs_to_no_file_is_told_without_one() {
        for (problem, text) in [
            (
                Problem::NotMade("why".into()),
                "cannot make a certificate: why",
            ),
            (
                Problem::Unreadable(io::ErrorKind::NotFound.into()),
                "cannot be read: ",
            ),
            (
                Problem::Unwritable(io::ErrorKind::NotFound.into()),
                "cannot be written: ",
            ),
        ] {
            let error = CredentialsError {
                file: None,
                problem,
            };
            assert!(error.to_string().starts_with(text), "{error}");
            let has_source = !matches!(error.problem, Problem::NotMade(_));
            assert_eq!(error.source().is_some(), has_source, "{error}");
        }
    }
}
