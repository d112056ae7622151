//! Self-signed credentials, generated when none are configured.
//!
//! Clients cannot verify such a certificate, but they can pin its fingerprint. So it is stored in the
//! state directory, if there is one; otherwise it lives as long as the process. The certificate file is
//! written last and removed first: a crash in between leaves a key alone, which counts as nothing.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustix::fs::FlockOperation;
use rustls::pki_types::PrivateKeyDer;

use super::{Credentials, CredentialsError, Expiry, Problem, x509};
use crate::limits::{CERTIFICATE_NAME_BYTES, SELF_SIGNED_VALIDITY};

const CERT_FILE: &str = "mioftpd-cert.pem";
const KEY_FILE: &str = "mioftpd-key.pem";

const DAY: i64 = 24 * 60 * 60;

/// The start of 2026. An earlier clock is not set: a board without a battery starts in 1970. The
/// lifetime then counts from here, so that the certificate is valid once the clock is set.
const EARLIEST_PLAUSIBLE_TIME: i64 = 1_767_225_600;

/// The last second of 9999, the latest time in a certificate.
const LATEST_TIME: i64 = 253_402_300_799;

/// The subject when no name is given, or the first is too long for a subject.
const DEFAULT_SUBJECT: &str = "mioftpd";

/// Generated credentials.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    /// The certificate and key.
    pub credentials: Credentials,
    /// Whether they are new, and why.
    pub origin: CertificateOrigin,
}

/// The certificate file and the key file in a state directory.
pub fn certificate_files(state_dir: &Path) -> (PathBuf, PathBuf) {
    (state_dir.join(CERT_FILE), state_dir.join(KEY_FILE))
}

/// Whether generated credentials are new, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateOrigin {
    /// Generated now and not stored: the next start generates others.
    Ephemeral,
    /// Generated now and stored.
    Generated,
    /// Loaded from an earlier start or reload.
    Loaded,
    /// Loaded, although the host has other names now.
    Misnamed,
    /// Generated now, because the configured names have changed: clients see another certificate.
    Renamed,
    /// Generated now, because the old one has expired: clients see another certificate.
    Renewed,
}

/// The host names and addresses for a certificate.
#[derive(Clone, Copy, Debug)]
pub enum CertificateNames<'a> {
    /// Configured by the operator: a stored certificate with other names is replaced.
    Configured(&'a [String]),
    /// The current names of the host: a stored certificate with other names stays, because clients may
    /// have pinned it.
    HostDefaults(&'a [String]),
}

impl<'a> CertificateNames<'a> {
    const fn as_slice(self) -> &'a [String] {
        let (Self::Configured(names) | Self::HostDefaults(names)) = self;
        names
    }

    /// Whether they equal the names of a certificate, in any order.
    pub fn are(self, kept: &[String]) -> bool {
        let names = self.as_slice().iter().map(|name| x509::host_name(name));
        let names: BTreeSet<_> = names.collect();
        names.iter().eq(kept)
    }
}

impl SelfSigned {
    /// The names in the stored certificate, if there is one and it can be read.
    pub fn stored_names(state_dir: &Path) -> Option<Vec<String>> {
        let (certificate, key) = certificate_files(state_dir);
        let credentials = Credentials::load(&certificate, &key).ok()?;
        Some(credentials.host_names())
    }

    /// Generates a key and a certificate for host names or addresses; the first is the subject. `now`
    /// is in seconds since 1970.
    pub fn make(names: &[String], now: i64) -> Result<Credentials, CredentialsError> {
        Ok(Generated::new(names, now)?.credentials)
    }

    /// Loads the credentials of a state directory, or generates and stores them. Without a directory
    /// it keeps the `present` credentials of the server, if those are generated. Waits for the disk.
    pub fn load_or_make(
        state_dir: Option<&Path>,
        present: Option<&Credentials>,
        names: CertificateNames<'_>,
        now: i64,
    ) -> Result<Self, CredentialsError> {
        let directory = state_dir.map(StateDirectory::open).transpose()?;
        let found = match &directory {
            Some(directory) => directory.load()?,
            None => present.filter(|one| one.are_generated()).cloned(),
        };
        let origin = match found {
            None if directory.is_none() => CertificateOrigin::Ephemeral,
            None => CertificateOrigin::Generated,
            Some(credentials) => match keep_or_replace(&credentials, names, now) {
                origin @ (CertificateOrigin::Loaded | CertificateOrigin::Misnamed) => {
                    return Ok(Self::of(credentials, origin));
                }
                origin => origin,
            },
        };
        let credentials = match &directory {
            Some(directory) => directory.generate(names, now)?,
            None => Self::make(names.as_slice(), now)?,
        };
        Ok(Self::of(credentials, origin))
    }

    fn of(credentials: Credentials, origin: CertificateOrigin) -> Self {
        Self {
            credentials: credentials.marked_generated(),
            origin,
        }
    }
}

/// Decides whether stored credentials are kept.
fn keep_or_replace(
    stored: &Credentials,
    names: CertificateNames<'_>,
    now: i64,
) -> CertificateOrigin {
    match names {
        _ if stored.expiry(now) == Expiry::Expired => CertificateOrigin::Renewed,
        _ if names.are(&stored.host_names()) => CertificateOrigin::Loaded,
        CertificateNames::HostDefaults(_) => CertificateOrigin::Misnamed,
        CertificateNames::Configured(_) => CertificateOrigin::Renamed,
    }
}

/// A new key and its certificate, also as PEM.
struct Generated {
    credentials: Credentials,
    certificate_pem: String,
    key_pem: String,
}

impl Generated {
    fn new(names: &[String], now: i64) -> Result<Self, CredentialsError> {
        let not_made = |problem| CredentialsError {
            file: None,
            problem,
        };
        let failed = |error: rcgen::Error| not_made(Problem::GenerationFailed(error.to_string()));
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let certificate = parameters(names, now)
            .and_then(|parameters| parameters.self_signed(&key))
            .map_err(failed)?;
        let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let chain = vec![certificate.der().clone()];
        Ok(Self {
            credentials: Credentials::new(chain, &der).map_err(not_made)?,
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

fn parameters(names: &[String], now: i64) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(names)?;
    let subject = names.first().map_or(DEFAULT_SUBJECT, String::as_str);
    let is_short = (1..=CERTIFICATE_NAME_BYTES).contains(&subject.len());
    let subject = if is_short { subject } else { DEFAULT_SUBJECT };
    parameters.distinguished_name = DistinguishedName::new();
    let name = &mut parameters.distinguished_name;
    name.push(DnType::CommonName, subject);
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let epoch = date_time_ymd(1970, 1, 1);
    let life = SELF_SIGNED_VALIDITY.as_secs().cast_signed();
    // A day ago, for clients whose clock is behind.
    parameters.not_before = epoch + since_1970(now.saturating_sub(DAY));
    parameters.not_after =
        epoch + since_1970(now.max(EARLIEST_PLAUSIBLE_TIME).saturating_add(life));
    Ok(parameters)
}

/// Clamps a time to the range of certificates.
fn since_1970(seconds: i64) -> Duration {
    Duration::from_secs(seconds.clamp(0, LATEST_TIME).cast_unsigned())
}

/// A state directory, locked against other servers.
struct StateDirectory<'a> {
    directory: &'a Path,
    /// Holds the lock until it is dropped.
    opened: File,
}

impl<'a> StateDirectory<'a> {
    fn open(directory: &'a Path) -> Result<Self, CredentialsError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| Problem::Unwritable(error).of(directory))?;
        let opened =
            File::open(directory).map_err(|error| Problem::Unreadable(error).of(directory))?;
        // Of two servers that start at the same time, the second loads what the first has stored. On a
        // file system without locks, the last one wins.
        let _ = rustix::fs::flock(&opened, FlockOperation::LockExclusive);
        Ok(Self { directory, opened })
    }

    /// Loads the stored credentials. A key without a certificate was left by a crash and is ignored.
    fn load(&self) -> Result<Option<Credentials>, CredentialsError> {
        let certificate = self.directory.join(CERT_FILE);
        match Credentials::load(&certificate, &self.directory.join(KEY_FILE)) {
            Ok(credentials) => Ok(Some(credentials)),
            Err(error) if is_missing(&error) && error.file.as_ref() == Some(&certificate) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Generates credentials and stores them, replacing those that are there.
    fn generate(
        &self,
        names: CertificateNames<'_>,
        now: i64,
    ) -> Result<Credentials, CredentialsError> {
        let generated = Generated::new(names.as_slice(), now)?;
        self.store(&generated)
            .map_err(|error| Problem::Unwritable(error).of(self.directory))?;
        Ok(generated.credentials)
    }

    fn store(&self, generated: &Generated) -> io::Result<()> {
        match fs::remove_file(self.directory.join(CERT_FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => self.opened.sync_all()?,
        }
        self.write(KEY_FILE, &generated.key_pem, 0o600)?;
        self.write(CERT_FILE, &generated.certificate_pem, 0o644)
    }

    /// Writes a file atomically, and syncs it before it returns.
    fn write(&self, name: &str, content: &str, mode: u32) -> io::Result<()> {
        let temporary = self.directory.join(format!(".{name}.tmp"));
        // Left by a crash. `create_new` below does not follow a symbolic link.
        let _ = fs::remove_file(&temporary);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&temporary)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, self.directory.join(name))?;
        self.opened.sync_all()
    }
}

fn is_missing(error: &CredentialsError) -> bool {
    matches!(&error.problem, Problem::Unreadable(error) if error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests;
