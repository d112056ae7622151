//! A certificate for tests in which the same must happen every time.
//!
//! Signatures by Ed25519 have one length, where those of other keys differ by a byte now and
//! then: so every handshake is as long as the one before. Made once for the whole program.

use std::sync::OnceLock;

use mioftpd::net::tls::Credentials;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};

/// What the server proves itself with, as `localhost`.
pub(crate) fn credentials() -> Credentials {
    static MADE: OnceLock<Credentials> = OnceLock::new();
    MADE.get_or_init(make).clone()
}

fn make() -> Credentials {
    let key = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    let names = vec!["localhost".to_owned()];
    let params = CertificateParams::new(names).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    let directory = tempfile::tempdir().expect("a directory");
    let (certificate_file, key_file) =
        (directory.path().join("cert"), directory.path().join("key"));
    std::fs::write(&certificate_file, certificate.pem()).expect("a file");
    std::fs::write(&key_file, key.serialize_pem()).expect("a file");
    Credentials::load(&certificate_file, &key_file).expect("credentials")
}
