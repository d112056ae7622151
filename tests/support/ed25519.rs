//! A server certificate for deterministic tests, created once per test program.
//!
//! Ed25519 signatures have a fixed length, unlike DER-encoded ECDSA signatures, so all handshakes have
//! the same length.

use std::sync::OnceLock;

use mioftpd::internals::net::tls::Credentials;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};

/// A self-signed certificate for `localhost`, and its key.
pub(crate) fn credentials() -> Credentials {
    static CREDENTIALS: OnceLock<Credentials> = OnceLock::new();
    CREDENTIALS.get_or_init(create).clone()
}

fn create() -> Credentials {
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
