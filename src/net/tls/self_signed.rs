//! Credentials that the server makes for itself, where nobody gave it any.
//!
//! Clients cannot check such a certificate, but they can know it again, by its fingerprint: so it
//! is kept where there is a directory for it, and lasts; elsewhere it lasts as long as the server. The
//! pair is there when the certificate is: it is written last and removed first, and a crash in between
//! leaves none, not a half.

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
use crate::limits::{CERTIFICATE_NAME_BYTES, SELF_SIGNED_LIFE};

const CERT_FILE: &str = "mioftpd-cert.pem";
const KEY_FILE: &str = "mioftpd-key.pem";

const DAY: i64 = 24 * 60 * 60;

/// Before this, 2026, the clock has plainly not been set: a board without a battery starts in
/// 1970. A certificate then lasts from 1970 until its time after this, and the clock may be set.
const PLAUSIBLE: i64 = 1_767_225_600;

/// The last second that a certificate can name, in 9999.
const LAST: i64 = 253_402_300_799;

/// Whom a certificate is of that was given no name, or one too long for a subject.
const NAMELESS: &str = "mioftpd";

/// Credentials that the server made for itself.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    /// What it proves itself with.
    pub credentials: Credentials,
    /// Since when it has them.
    pub origin: Origin,
}

/// Where a directory keeps the certificate and the key that were made.
pub fn kept_files(state_dir: &Path) -> (PathBuf, PathBuf) {
    (state_dir.join(CERT_FILE), state_dir.join(KEY_FILE))
}

/// Since when the server has the credentials that it made, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Made now, and forgotten at the end: clients will see another at the next start.
    Passing,
    /// Made now, and kept.
    Made,
    /// Kept since an earlier start or reading.
    Found,
    /// Kept as well, and the host has other names now.
    Misnamed,
    /// Made now, because other names were chosen: clients will see another.
    Renamed,
    /// Made now in the place of an expired one, which is worth a warning: clients will see another.
    Renewed,
}

/// What a certificate names.
#[derive(Clone, Copy, Debug)]
pub enum Names<'a> {
    /// What the operator has chosen: one that names others is made anew.
    Chosen(&'a [String]),
    /// What the host is called at the moment: one that is kept stays, because clients know it again.
    Usual(&'a [String]),
}

impl<'a> Names<'a> {
    const fn as_slice(self) -> &'a [String] {
        let (Self::Chosen(names) | Self::Usual(names)) = self;
        names
    }

    /// Whether they are those that a certificate has, in any order.
    pub fn are(self, kept: &[String]) -> bool {
        let names = self.as_slice().iter().map(|name| x509::host_name(name));
        let names: BTreeSet<_> = names.collect();
        names.iter().eq(kept)
    }
}

impl SelfSigned {
    /// What the certificate that a directory keeps names, if there is one that can be read.
    pub fn kept_names(state_dir: &Path) -> Option<Vec<String>> {
        let (certificate, key) = kept_files(state_dir);
        let credentials = Credentials::load(&certificate, &key).ok()?;
        Some(credentials.host_names())
    }

    /// Makes a key and a certificate for some host names or addresses, of which the first is the
    /// subject; `now` is in seconds since 1970.
    pub fn make(names: &[String], now: i64) -> Result<Credentials, CredentialsError> {
        Ok(Pair::make(names, now)?.credentials)
    }

    /// Finds the credentials kept in a directory, or makes them and keeps them there; without a
    /// directory those that the server has at `present` and has made itself are the kept ones. It
    /// reads and writes files, so it may wait.
    pub fn load_or_make(
        state_dir: Option<&Path>,
        present: Option<&Credentials>,
        names: Names<'_>,
        now: i64,
    ) -> Result<Self, CredentialsError> {
        let kept = state_dir.map(Kept::open).transpose()?;
        let found = match &kept {
            Some(kept) => kept.find()?,
            None => present.filter(|one| one.are_of_own_making()).cloned(),
        };
        let origin = match found {
            None if kept.is_none() => Origin::Passing,
            None => Origin::Made,
            Some(credentials) => match standing(&credentials, names, now) {
                origin @ (Origin::Found | Origin::Misnamed) => {
                    return Ok(Self::of(credentials, origin));
                }
                origin => origin,
            },
        };
        let credentials = match &kept {
            Some(kept) => kept.make(names, now)?,
            None => Self::make(names.as_slice(), now)?,
        };
        Ok(Self::of(credentials, origin))
    }

    fn of(credentials: Credentials, origin: Origin) -> Self {
        Self {
            credentials: credentials.of_own_making(),
            origin,
        }
    }
}

/// What becomes of credentials that were kept.
fn standing(kept: &Credentials, names: Names<'_>, now: i64) -> Origin {
    match names {
        _ if kept.expiry(now) == Expiry::Expired => Origin::Renewed,
        _ if names.are(&kept.host_names()) => Origin::Found,
        Names::Usual(_) => Origin::Misnamed,
        Names::Chosen(_) => Origin::Renamed,
    }
}

/// A new key and its certificate, also as they are written down.
struct Pair {
    credentials: Credentials,
    certificate_pem: String,
    key_pem: String,
}

impl Pair {
    fn make(names: &[String], now: i64) -> Result<Self, CredentialsError> {
        let not_made = |problem| CredentialsError {
            file: None,
            problem,
        };
        let failed = |error: rcgen::Error| not_made(Problem::NotMade(error.to_string()));
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
    let subject = names.first().map_or(NAMELESS, String::as_str);
    let is_short = (1..=CERTIFICATE_NAME_BYTES).contains(&subject.len());
    let subject = if is_short { subject } else { NAMELESS };
    parameters.distinguished_name = DistinguishedName::new();
    let name = &mut parameters.distinguished_name;
    name.push(DnType::CommonName, subject);
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let epoch = date_time_ymd(1970, 1, 1);
    let life = SELF_SIGNED_LIFE.as_secs().cast_signed();
    // A day ago, for the clients whose clock is behind.
    parameters.not_before = epoch + since_1970(now.saturating_sub(DAY));
    parameters.not_after = epoch + since_1970(now.max(PLAUSIBLE).saturating_add(life));
    Ok(parameters)
}

/// A time that a certificate can name.
fn since_1970(seconds: i64) -> Duration {
    Duration::from_secs(seconds.clamp(0, LAST).cast_unsigned())
}

/// The directory where credentials are kept, for as long as nobody else looks.
struct Kept<'a> {
    directory: &'a Path,
    /// Holds the lock until it is dropped.
    opened: File,
}

impl<'a> Kept<'a> {
    fn open(directory: &'a Path) -> Result<Self, CredentialsError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| Problem::Unwritable(error).of(directory))?;
        let opened =
            File::open(directory).map_err(|error| Problem::Unreadable(error).of(directory))?;
        // Two servers that start at once take turns, and the second finds what the first made. Where
        // a file system has no locks, the last one wins.
        let _ = rustix::fs::flock(&opened, FlockOperation::LockExclusive);
        Ok(Self { directory, opened })
    }

    /// What is kept, if there is a certificate: a key alone is what a crash left.
    fn find(&self) -> Result<Option<Credentials>, CredentialsError> {
        let certificate = self.directory.join(CERT_FILE);
        match Credentials::load(&certificate, &self.directory.join(KEY_FILE)) {
            Ok(credentials) => Ok(Some(credentials)),
            Err(error) if is_missing(&error) && error.file.as_ref() == Some(&certificate) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes credentials, and keeps them in the place of those that are there.
    fn make(&self, names: Names<'_>, now: i64) -> Result<Credentials, CredentialsError> {
        let pair = Pair::make(names.as_slice(), now)?;
        self.replace(&pair)
            .map_err(|error| Problem::Unwritable(error).of(self.directory))?;
        Ok(pair.credentials)
    }

    fn replace(&self, pair: &Pair) -> io::Result<()> {
        match fs::remove_file(self.directory.join(CERT_FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => self.opened.sync_all()?,
        }
        self.write(KEY_FILE, &pair.key_pem, 0o600)?;
        self.write(CERT_FILE, &pair.certificate_pem, 0o644)
    }

    /// Writes a whole file or none, before what is written next.
    fn write(&self, name: &str, content: &str, mode: u32) -> io::Result<()> {
        let temporary = self.directory.join(format!(".{name}.tmp"));
        // Only a crash leaves one; made new, it cannot be somebody's link.
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
