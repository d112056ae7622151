//! Reads certificates and private keys from PEM files. RFC 7468.
//!
//! Other sections and text in a file are skipped: a key next to its chain, comments, parameters. A
//! malformed section is an error, so that a chain does not lose a certificate.

use std::io::Read as _;
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{CredentialsError, Problem};
use crate::limits::PEM_BYTES;
use crate::storage::open_operator_file;

/// Lines that mark an encrypted key: in PKCS#8, and in OpenSSL's older format (RFC 1421 §4.6.1.1).
const ENCRYPTED: [&[u8]; 2] = [
    b"-----BEGIN ENCRYPTED PRIVATE KEY-----",
    b"Proc-Type: 4,ENCRYPTED",
];

/// Reads the certificates of a file in order; at least one.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let pem = read(file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(Problem::NoCertificate.of(file)),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(Problem::NotPem(reason(&error)).of(file)),
    }
}

/// Reads the first private key of a file: PKCS#8, PKCS#1 or SEC1.
pub(super) fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, CredentialsError> {
    let pem = read(file)?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(key) => Ok(key),
        Err(_) if is_encrypted(&pem) => Err(Problem::EncryptedKey.of(file)),
        Err(pem::Error::NoItemsFound) => Err(Problem::NoKey.of(file)),
        Err(error) => Err(Problem::NotPem(reason(&error)).of(file)),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CredentialsError> {
    let unreadable = |error| Problem::Unreadable(error).of(path);
    let file = open_operator_file(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let mut bounded = file.take(PEM_BYTES + 1);
    bounded.read_to_end(&mut bytes).map_err(unreadable)?;
    if bounded.limit() == 0 {
        return Err(Problem::TooLarge.of(path));
    }
    Ok(bytes)
}

fn is_encrypted(pem: &[u8]) -> bool {
    let mut lines = pem.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.any(|line| ENCRYPTED.contains(&line.trim_ascii_end()))
}

/// Describes an error; the library prints lines as lists of numbers.
fn reason(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { end_marker } => {
            format!("END {} is missing", String::from_utf8_lossy(end_marker))
        }
        // Not the line itself: it may be part of a key.
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is malformed".to_owned(),
        pem::Error::Base64Decode(_) => "a section is not base64".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const P256: &str = include_str!("fixtures/p256.pem");

    fn file(content: impl AsRef<[u8]>) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        file
    }

    fn chain_problem(content: impl AsRef<[u8]>) -> Problem {
        certificates(file(content).path()).unwrap_err().problem
    }

    fn key_problem(content: impl AsRef<[u8]>) -> Problem {
        private_key(file(content).path()).err().unwrap().problem
    }

    #[test]
    fn other_sections_and_text_are_skipped() {
        let both = file(format!("A comment.\r\n{}", P256.replace('\n', "\r\n")));
        assert_eq!(certificates(both.path()).unwrap().len(), 1);
        assert!(private_key(both.path()).is_ok());
    }

    #[test]
    fn certificates_keep_the_order_of_the_file() {
        let p384 = include_str!("fixtures/p384.pem");
        let chain = certificates(file(format!("{P256}{p384}")).path()).unwrap();
        let other_way = certificates(file(format!("{p384}{P256}")).path()).unwrap();
        assert_eq!(chain.len(), 2);
        assert!(chain.iter().eq(other_way.iter().rev()));
    }

    #[test]
    fn file_without_wanted_section_is_reported() {
        for content in ["", "nothing", "-----BEGIN X-----\n-----END X-----\n"] {
            assert!(matches!(chain_problem(content), Problem::NoCertificate));
            assert!(matches!(key_problem(content), Problem::NoKey));
        }
        let der = certificates(file(P256).path()).unwrap().remove(0);
        assert!(matches!(chain_problem(&der), Problem::NoCertificate));
    }

    #[test]
    fn encrypted_key_is_recognized() {
        let pkcs8 = include_str!("fixtures/encrypted-pkcs8.pem");
        let pkcs1 = include_str!("fixtures/encrypted-pkcs1.pem");
        for key in [pkcs8, pkcs1, &pkcs1.replace('\n', "\r\n")] {
            assert!(matches!(key_problem(key), Problem::EncryptedKey));
        }
    }

    #[test]
    fn malformed_section_fails_the_whole_chain() {
        let cut = "-----BEGIN CERTIFICATE-----\nMIIB\n";
        let Problem::NotPem(why) = chain_problem(format!("{P256}{cut}")) else {
            panic!("a truncated certificate was accepted");
        };
        assert_eq!(why, "END CERTIFICATE is missing");
        let bad = format!("{cut}?\n-----END CERTIFICATE-----\n{P256}");
        assert!(matches!(chain_problem(bad), Problem::NotPem(_)));
    }

    #[test]
    fn missing_file_and_directory_are_unreadable() {
        let directory = tempfile::tempdir().unwrap();
        let missing = certificates(&directory.path().join("x.pem")).unwrap_err();
        assert!(matches!(missing.problem, Problem::Unreadable(_)));
        assert!(missing.to_string().contains("x.pem: cannot be read: "));
        let directory = private_key(directory.path()).err().unwrap();
        assert!(matches!(directory.problem, Problem::Unreadable(_)));
    }

    #[test]
    fn file_size_is_bounded() {
        let largest = usize::try_from(PEM_BYTES).unwrap();
        let padded = |length: usize| format!("{P256}{}", " ".repeat(length - P256.len()));
        for length in [largest - 1, largest] {
            assert!(certificates(file(padded(length)).path()).is_ok());
        }
        let problem = chain_problem(padded(largest + 1));
        assert!(matches!(problem, Problem::TooLarge));
    }
}
