//! Generating, storing, loading and replacing self-signed certificates.

use super::*;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{ServerName, UnixTime};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use tempfile::TempDir;

const NOW: i64 = 1_800_000_000;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn make(list: &[&str], now: i64) -> Credentials {
    SelfSigned::make(&names(list), now).unwrap()
}

fn load(directory: &Path, now: i64) -> Result<SelfSigned, CredentialsError> {
    load_named(directory, &["ftp.example"], now)
}

fn load_named(directory: &Path, list: &[&str], now: i64) -> Result<SelfSigned, CredentialsError> {
    SelfSigned::load_or_make(
        Some(directory),
        None,
        CertificateNames::Configured(&names(list)),
        now,
    )
}

fn origin(directory: &TempDir, now: i64) -> CertificateOrigin {
    load(directory.path(), now).unwrap().origin
}

fn fingerprint(one: &SelfSigned) -> String {
    one.credentials.fingerprint()
}

/// The certificate file and the key file.
fn files(directory: &TempDir) -> [PathBuf; 2] {
    [CERT_FILE, KEY_FILE].map(|name| directory.path().join(name))
}

/// Whether a client that trusts the certificate accepts it for a name.
fn is_accepted(credentials: &Credentials, name: &'static str) -> bool {
    let key = credentials.certified_key();
    let mut roots = RootCertStore::empty();
    roots.add(key.cert[0].clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let name = ServerName::try_from(name).unwrap();
    let now = UnixTime::since_unix_epoch(since_1970(NOW));
    let verifier = verifier.build().unwrap();
    verifier
        .verify_server_cert(&key.cert[0], &[], &name, &[], now)
        .is_ok()
}

#[test]
fn certificate_is_valid_for_names_and_addresses() {
    let made = make(&["ftp.example", "192.0.2.1", "2001:db8::1"], NOW);
    for name in ["ftp.example", "192.0.2.1", "2001:db8::1"] {
        assert!(is_accepted(&made, name), "{name}");
    }
    assert!(!is_accepted(&made, "other.example"));
}

#[test]
fn subject_is_first_name_unless_too_long() {
    let longest = "a".repeat(CERTIFICATE_NAME_BYTES);
    let too_long = format!("{longest}a");
    for (names, subject) in [
        (&["a.example", "b"][..], "a.example"),
        (&[&longest], &longest),
        (&[&too_long], DEFAULT_SUBJECT),
        (&[], DEFAULT_SUBJECT),
    ] {
        let certificate = make(names, NOW).certified_key();
        let found = x509::common_name(&certificate.cert[0]);
        assert_eq!(found.as_deref(), Some(subject));
    }
}

#[test]
fn name_outside_ascii_is_an_error() {
    let error = SelfSigned::make(&names(&["zoë.example"]), NOW).unwrap_err();
    let is_failure = matches!(error.problem, Problem::GenerationFailed(_));
    assert!(is_failure, "{error}");
}

#[test]
fn certificate_lasts_from_yesterday_for_its_lifetime() {
    let life = SELF_SIGNED_VALIDITY.as_secs().cast_signed();
    let made = make(&[], NOW);
    assert_eq!(made.not_before(), NOW - DAY);
    assert_eq!(made.not_after(), NOW + life);
    // Ten years have at least two leap days.
    assert_eq!(made.expiry(NOW + 3651 * DAY), Expiry::Soon { days: 1 });
}

#[test]
fn unset_clock_gives_certificate_valid_later() {
    for now in [i64::MIN, 0, 100] {
        let made = make(&[], now);
        assert_eq!(made.not_before(), 0);
        // Still valid once the clock is set.
        assert_eq!(made.expiry(NOW), Expiry::Valid);
    }
    assert_eq!(make(&[], i64::MAX).not_after(), LATEST_TIME);
}

#[test]
fn without_directory_reload_keeps_certificate_and_restart_replaces_it() {
    let read = |present: Option<&Credentials>, names, now| {
        SelfSigned::load_or_make(None, present, names, now).unwrap()
    };
    let (here, there) = (names(&["ftp.example"]), names(&["there.example"]));
    let chosen = CertificateNames::Configured(&here);
    let (one, other) = (read(None, chosen, NOW), read(None, chosen, NOW));
    assert_eq!(one.origin, CertificateOrigin::Ephemeral);
    assert_ne!(fingerprint(&one), fingerprint(&other));
    let present = Some(&one.credentials);
    let end = one.credentials.not_after();
    let defaults = CertificateNames::HostDefaults(&there);
    let renamed = CertificateNames::Configured(&there);
    for (names, now, origin, is_kept) in [
        (chosen, NOW, CertificateOrigin::Loaded, true),
        (chosen, end, CertificateOrigin::Loaded, true),
        (defaults, NOW, CertificateOrigin::Misnamed, true),
        (chosen, end + 1, CertificateOrigin::Renewed, false),
        (renamed, NOW, CertificateOrigin::Renamed, false),
    ] {
        let next = read(present, names, now);
        assert_eq!(next.origin, origin);
        let is_same = fingerprint(&next) == fingerprint(&one);
        assert_eq!(is_same, is_kept, "{origin:?}");
        // Also by the next reload.
        let after = read(Some(&next.credentials), names, now);
        assert_eq!(fingerprint(&after), fingerprint(&next));
    }
    // Credentials that the server has not generated are not kept.
    let foreign = make(&["ftp.example"], NOW);
    let own = read(Some(&foreign), chosen, NOW);
    assert_eq!(own.origin, CertificateOrigin::Ephemeral);
    assert_ne!(fingerprint(&own), foreign.fingerprint());
}

#[test]
fn stored_certificate_is_loaded_again() {
    let directory = TempDir::new().unwrap();
    let made = load(directory.path(), NOW).unwrap();
    assert_eq!(made.origin, CertificateOrigin::Generated);
    // Also when the clock has gone back.
    for now in [NOW, NOW - 10 * DAY, made.credentials.not_after()] {
        let found = load(directory.path(), now).unwrap();
        assert_eq!(found.origin, CertificateOrigin::Loaded);
        assert_eq!(fingerprint(&found), fingerprint(&made));
    }
    let left = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 2, "temporary files are left");
}

#[test]
fn key_file_is_readable_by_owner_only() {
    let directory = TempDir::new().unwrap();
    let state = directory.path().join("a/b");
    load(&state, NOW).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state.join(KEY_FILE)), 0o600);
    assert_eq!(mode(&state), 0o700);
}

#[test]
fn expired_certificate_is_renewed() {
    let directory = TempDir::new().unwrap();
    let old = load(directory.path(), NOW).unwrap().credentials;
    let after = old.not_after() + 1;
    let new = load(directory.path(), after).unwrap();
    assert_eq!(new.origin, CertificateOrigin::Renewed);
    assert_ne!(new.credentials.fingerprint(), old.fingerprint());
    assert_eq!(new.credentials.expiry(after), Expiry::Valid);
    assert_eq!(origin(&directory, after), CertificateOrigin::Loaded);
}

#[test]
fn configured_names_replace_certificate_and_host_names_do_not() {
    let directory = TempDir::new().unwrap();
    let list = ["ftp.example", "192.0.2.1", "2001:db8::1", "FTP.example"];
    let first = load_named(directory.path(), &list, NOW).unwrap();
    assert_eq!(first.origin, CertificateOrigin::Generated);
    let again = ["2001:DB8:0::1", "FTP.EXAMPLE", "192.0.2.1"];
    let same = load_named(directory.path(), &again, NOW).unwrap();
    assert_eq!(same.origin, CertificateOrigin::Loaded);
    let usual = names(&["another", "192.0.2.1"]);
    let kept = SelfSigned::load_or_make(
        Some(directory.path()),
        None,
        CertificateNames::HostDefaults(&usual),
        NOW,
    );
    let kept = kept.unwrap();
    assert_eq!(kept.origin, CertificateOrigin::Misnamed);
    assert_eq!(fingerprint(&kept), fingerprint(&first));
    for other in [&["another", "192.0.2.1"][..], &["ftp.example"], &[]] {
        let new = load_named(directory.path(), other, NOW).unwrap();
        assert_eq!(new.origin, CertificateOrigin::Renamed, "{other:?}");
        assert_ne!(fingerprint(&new), fingerprint(&first));
        let found = load_named(directory.path(), other, NOW).unwrap();
        assert_eq!(found.origin, CertificateOrigin::Loaded);
        assert_eq!(fingerprint(&found), fingerprint(&new));
        let kept = SelfSigned::stored_names(directory.path()).unwrap();
        let mut sorted = names(other);
        sorted.sort();
        assert_eq!(kept, sorted);
    }
}

#[test]
fn unreadable_files_are_not_replaced() {
    let directory = TempDir::new().unwrap();
    load(directory.path(), NOW).unwrap();
    let [cert, key] = files(&directory);
    let [cert_pem, key_pem] = [&cert, &key].map(|file| fs::read(file).unwrap());

    fs::write(&cert, "rubbish").unwrap();
    let error = load(directory.path(), NOW).unwrap_err();
    assert!(matches!(error.problem, Problem::NoCertificate), "{error}");
    assert_eq!(error.file.unwrap(), cert);
    assert_eq!(fs::read(&cert).unwrap(), b"rubbish");

    fs::write(&cert, cert_pem).unwrap();
    fs::remove_file(&key).unwrap();
    let error = load(directory.path(), NOW).unwrap_err();
    assert!(matches!(error.problem, Problem::Unreadable(_)), "{error}");
    assert_eq!(error.file.unwrap(), key);

    fs::write(&key, key_pem).unwrap();
    assert_eq!(origin(&directory, NOW), CertificateOrigin::Loaded);
}

#[test]
fn interrupted_store_is_repeated() {
    let directory = TempDir::new().unwrap();
    load(directory.path(), NOW).unwrap();
    let [cert, key] = files(&directory);
    // The key was stored and the certificate was not; temporary files are left.
    fs::remove_file(&cert).unwrap();
    for name in [CERT_FILE, KEY_FILE] {
        fs::write(directory.path().join(format!(".{name}.tmp")), "half").unwrap();
    }
    let left = fs::read(&key).unwrap();
    assert_eq!(origin(&directory, NOW), CertificateOrigin::Generated);
    assert_ne!(fs::read(&key).unwrap(), left);
    assert_eq!(origin(&directory, NOW), CertificateOrigin::Loaded);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn uncreatable_directory_is_reported() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let below = file.path().join("state");
    let error = load(&below, NOW).unwrap_err();
    assert!(matches!(error.problem, Problem::Unwritable(_)), "{error}");
    assert_eq!(error.file.unwrap(), below);
}

#[test]
fn concurrent_starts_use_one_certificate() {
    let directory = TempDir::new().unwrap();
    let start = || fingerprint(&load(directory.path(), NOW).unwrap());
    let fingerprints: Vec<_> = std::thread::scope(|scope| {
        let servers: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        servers.into_iter().map(|s| s.join().unwrap()).collect()
    });
    assert!(fingerprints.iter().all(|f| *f == fingerprints[0]));
}
