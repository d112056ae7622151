//! Certificates for tests: an authority, and the identities that it signs.
//!
//! An [`Authority`] owns a temporary directory, which holds the PEM files of all of them. Their validity
//! does not depend on the day on which the tests run.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

/// A certificate authority.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its private key.
pub struct Identity {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// The private key.
    pub key: KeyPair,
    /// The certificate's file.
    pub certificate_file: PathBuf,
    /// The key's file.
    pub key_file: PathBuf,
}

impl Authority {
    /// Creates an authority with a default name.
    pub fn new() -> Self {
        Self::called("Tests' authority")
    }

    /// Creates an authority with this common name.
    pub fn called(name: &str) -> Self {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        super::use_common_umask();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// The file of the authority's certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The directory of all files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Issues a server certificate, in files with this name.
    pub fn server(&self, name: &str) -> Identity {
        self.sign(name, &server_params())
    }

    /// Issues an expired server certificate.
    pub fn expired_server(&self) -> Identity {
        let mut params = server_params();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign("expired", &params)
    }

    /// Issues a server certificate that expires after `left`.
    pub fn expiring_server(&self, left: Duration) -> Identity {
        let mut params = server_params();
        params.not_after = date_time_ymd(1970, 1, 1) + (UNIX_EPOCH.elapsed().unwrap() + left);
        self.sign("expiring", &params)
    }

    /// Issues a client certificate with an account's name as common name.
    pub fn client(&self, account: &str) -> Identity {
        self.sign(account, &client_params(account))
    }

    /// Issues an expired client certificate.
    pub fn expired_client(&self, account: &str) -> Identity {
        let mut params = client_params(account);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign(&format!("expired-{account}"), &params)
    }

    /// Issues a client certificate with the CA flag, which `openssl req -x509` sets.
    pub fn authority_below(&self, account: &str) -> Identity {
        let mut params = client_params(account);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        self.sign(&format!("authority-{account}"), &params)
    }

    fn sign(&self, name: &str, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let file = |kind| self.folder.path().join(format!("{name}-{kind}.pem"));
        let (certificate_file, key_file) = (file("cert"), file("key"));
        fs::write(&certificate_file, certificate.pem()).unwrap();
        write_private(&key_file, key.serialize_pem().as_bytes());
        Identity {
            certificate: certificate.der().clone(),
            key,
            certificate_file,
            key_file,
        }
    }
}

/// Writes a file with mode 0600, as the server requires for keys.
fn write_private(path: &Path, bytes: &[u8]) {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).unwrap().write_all(bytes).unwrap();
}

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}

fn server_params() -> CertificateParams {
    let mut params =
        CertificateParams::new(["localhost".into(), "127.0.0.1".into(), "::1".into()]).unwrap();
    params.distinguished_name = self::params("localhost").distinguished_name;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn client_params(account: &str) -> CertificateParams {
    let mut params = params(account);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}
