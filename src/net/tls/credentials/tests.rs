//! Loading credentials: every key type and every error. The RSA and SEC1 fixtures were made by
//! `openssl genrsa`, `ecparam` and `req -x509`; the others are generated here.

use super::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use std::fs;
use tempfile::TempDir;

const RSA: &str = include_str!("../fixtures/rsa.pem");
const P256: &str = include_str!("../fixtures/p256.pem");
const P384: &str = include_str!("../fixtures/p384.pem");
const P521: &str = include_str!("../fixtures/p521.pem");

/// Loads credentials from files `cert.pem` and `key.pem` with this content.
fn load(cert: &str, key: &str) -> Result<Credentials, CredentialsError> {
    let directory = TempDir::new().unwrap();
    let [cert, key] = [("cert.pem", cert), ("key.pem", key)].map(|(name, content)| {
        let file = directory.path().join(name);
        fs::write(&file, content).unwrap();
        file
    });
    Credentials::load(&cert, &key)
}

fn error(cert: &str, key: &str) -> CredentialsError {
    load(cert, key).err().unwrap()
}

fn blames(error: &CredentialsError, file: &str) -> bool {
    error.file.as_deref().is_some_and(|f| f.ends_with(file))
}

fn made(key: &KeyPair) -> String {
    CertificateParams::default().self_signed(key).unwrap().pem()
}

#[test]
fn every_supported_key_type_loads() {
    for pem in [RSA, P256, P384] {
        assert_eq!(load(pem, pem).unwrap().certified_key().cert.len(), 1);
    }
    for kind in [
        &PKCS_ECDSA_P256_SHA256,
        &PKCS_ECDSA_P384_SHA384,
        &PKCS_ED25519,
    ] {
        let key = KeyPair::generate_for(kind).unwrap();
        load(&made(&key), &key.serialize_pem()).unwrap();
    }
}

#[test]
fn ca_certificate_is_reported_as_misuse() {
    let key = KeyPair::generate().unwrap();
    let misuse = |params: CertificateParams| {
        let pem = params.self_signed(&key).unwrap().pem();
        load(&pem, &key.serialize_pem()).unwrap().misuse()
    };
    assert_eq!(misuse(CertificateParams::default()), None);
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert!(misuse(params).unwrap().contains("CA:TRUE"));
}

#[test]
fn errors_name_the_problem_and_the_file() {
    let key = KeyPair::generate().unwrap();
    let (key_pem, cert_pem) = (key.serialize_pem(), made(&key));
    let same_kind = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let malformed = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let encrypted = include_str!("../fixtures/encrypted-pkcs8.pem");
    for (cert, key, problem, file) in [
        (P521, P521, "BadKey", "key.pem"),
        (P256, RSA, "KeyMismatch", "key.pem"),
        (P256, P384, "KeyMismatch", "key.pem"),
        (P256, &same_kind.serialize_pem(), "KeyMismatch", "key.pem"),
        // The files are swapped.
        (&key_pem, &cert_pem, "NoCertificate", "cert.pem"),
        (&cert_pem, &cert_pem, "NoKey", "key.pem"),
        (malformed, P256, "BadCertificate(1, ", "cert.pem"),
        (RSA, encrypted, "EncryptedKey", "key.pem"),
    ] {
        let error = error(cert, key);
        let found = format!("{:?}", error.problem);
        assert!(
            found.starts_with(problem) && blames(&error, file),
            "{error}"
        );
    }
}

#[test]
fn rsa_key_in_pkcs8_loads() {
    let pkcs1 = rustls::pki_types::PrivatePkcs1KeyDer::from_pem_slice(RSA.as_bytes()).unwrap();
    // RFC 5958: SEQUENCE { 0, { rsaEncryption, NULL }, OCTET STRING }, all long enough for 82.
    let kind = b"\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let long = |tag: u8, content: Vec<u8>| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [vec![tag, 0x82, length[0], length[1]], content].concat()
    };
    let octets = long(4, pkcs1.secret_pkcs1_der().to_vec());
    let der = PrivateKeyDer::Pkcs8(long(0x30, [kind.to_vec(), octets].concat()).into());
    let chain = CertificateDer::pem_slice_iter(RSA.as_bytes());
    Credentials::new(chain.map(Result::unwrap).collect(), &der).unwrap();
}

#[test]
fn chain_keeps_its_order() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["ftp.example".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &ca).unwrap();
    let key_pem = key.serialize_pem();

    let credentials = load(&(leaf.pem() + &ca.pem()), &key_pem).unwrap();
    let chain = &credentials.certified_key().cert;
    assert_eq!(chain[..], [leaf.der().clone(), ca.der().clone()]);

    let error = error(&(ca.pem() + &leaf.pem()), &key_pem);
    assert!(matches!(error.problem, Problem::WrongOrder(2)), "{error}");
    assert!(blames(&error, "cert.pem"));
}

#[test]
fn fingerprint_matches_openssl() {
    // openssl x509 -in p256.pem -noout -fingerprint -sha256
    let expected = "9F:D8:77:B6:66:C0:5A:00:DD:33:B9:37:CF:20:3B:C9:\
                    8C:86:42:5D:1D:8F:B3:7A:3D:FE:23:85:BA:B0:7F:7B";
    assert_eq!(load(P256, P256).unwrap().fingerprint(), expected);
}

#[test]
fn expiry_changes_exactly_at_the_dates() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    let pem = params.self_signed(&key).unwrap().pem();
    let credentials = load(&pem, &key.serialize_pem()).unwrap();
    let (first, last) = (1_767_225_600, 1_798_761_600);
    assert_eq!(credentials.not_before(), first);
    assert_eq!(credentials.not_after(), last);

    let notice = CERTIFICATE_EXPIRY_NOTICE.as_secs().cast_signed();
    for (now, expected) in [
        (i64::MIN, Expiry::NotYet),
        (first - 1, Expiry::NotYet),
        (first, Expiry::Valid),
        (last - notice - 1, Expiry::Valid),
        (last - notice, Expiry::Soon { days: 30 }),
        (last - notice + 1, Expiry::Soon { days: 29 }),
        (last - DAY, Expiry::Soon { days: 1 }),
        (last - DAY + 1, Expiry::Soon { days: 0 }),
        (last, Expiry::Soon { days: 0 }),
        (last + 1, Expiry::Expired),
        (i64::MAX, Expiry::Expired),
    ] {
        assert_eq!(credentials.expiry(now), expected, "at {now}");
    }
}
