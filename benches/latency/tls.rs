//! What secures the connections of a run: a certificate made for it, and a client that trusts it.
//!
//! Owns the files. The client, the server and the bare loops have the same provider in the same
//! default order, and so agree on the same version and suite.

use std::fs;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use tempfile::TempDir;

use crate::connection::{Connection, Socket};

/// The name in the certificate.
const NAME: &str = "localhost";

/// What kind of key the certificate has.
#[derive(Clone, Copy)]
pub(crate) enum KeyKind {
    /// ECDSA over P-256, as the server makes its own.
    P256,
    /// RSA of 2048 bits: a signature costs ten times as much.
    Rsa2048,
}

/// A certificate and its key, in files that are gone when this is dropped.
pub(crate) struct Identity {
    directory: TempDir,
}

impl Identity {
    /// Makes one.
    ///
    /// # Errors
    /// `Unsupported` where no program is there that makes a key of the kind.
    pub(crate) fn new(kind: KeyKind) -> io::Result<Self> {
        let key = match kind {
            KeyKind::P256 => KeyPair::generate().map_err(io::Error::other)?,
            KeyKind::Rsa2048 => rsa_key()?,
        };
        let params = CertificateParams::new([NAME.to_owned()]).map_err(io::Error::other)?;
        let certificate = params.self_signed(&key).map_err(io::Error::other)?;
        let identity = Self {
            directory: TempDir::new()?,
        };
        fs::write(identity.certificate(), certificate.pem())?;
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(identity.key())?
            .write_all(key.serialize_pem().as_bytes())?;
        Ok(identity)
    }

    /// Its certificate, PEM.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    /// Its key, PEM.
    pub(crate) fn key(&self) -> PathBuf {
        self.directory.path().join("key.pem")
    }

    /// A client that trusts it, and resumes sessions or does not.
    pub(crate) fn client(&self, resumption: Resumption) -> io::Result<Client> {
        let mut roots = RootCertStore::empty();
        roots
            .add(certificate(&self.certificate())?)
            .map_err(io::Error::other)?;
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.resumption = resumption;
        Ok(Client(Arc::new(config)))
    }
}

/// A client's side of TLS.
#[derive(Clone)]
pub(crate) struct Client(Arc<ClientConfig>);

impl Client {
    /// Puts TLS over a connection.
    pub(crate) fn secure(&self, socket: TcpStream) -> io::Result<Connection> {
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        let tls = ClientConnection::new(Arc::clone(&self.0), name).map_err(io::Error::other)?;
        let secured = StreamOwned::new(tls, Socket::new(socket));
        Ok(Connection::Secured(Box::new(secured)))
    }
}

/// A bare loop's side of TLS, with rustls' defaults.
pub(crate) fn server(identity: [PathBuf; 2]) -> io::Result<Arc<ServerConfig>> {
    let [certificate_file, key] = identity;
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate(&certificate_file)?], key)
        .map(Arc::new)
        .map_err(io::Error::other)
}

fn certificate(file: &PathBuf) -> io::Result<CertificateDer<'static>> {
    CertificateDer::from_pem_file(file).map_err(io::Error::other)
}

/// ring makes no RSA keys.
fn rsa_key() -> io::Result<KeyPair> {
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA"])
        .args(["-pkeyopt", "rsa_keygen_bits:2048"])
        .stderr(Stdio::null())
        .output()
        .map_err(|error| {
            let message = format!("an RSA key needs the program openssl: {error}");
            io::Error::new(io::ErrorKind::Unsupported, message)
        })?;
    KeyPair::from_pem(&String::from_utf8_lossy(&made.stdout)).map_err(io::Error::other)
}
