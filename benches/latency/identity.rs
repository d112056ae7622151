//! TLS for one run: a generated certificate, and clients that trust it.
//!
//! Owns the certificate files. Client, server and floor use the same crypto provider with its default
//! preferences, so all negotiate the same version and cipher suite.

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

/// The type of the certificate's key.
#[derive(Clone, Copy)]
pub(crate) enum KeyKind {
    /// ECDSA with P-256, the type of the server's self-signed certificates.
    P256,
    /// RSA with 4096 bits: a signature costs fifty times as much.
    Rsa4096,
}

/// A self-signed certificate and its key, in temporary files.
pub(crate) struct Identity {
    directory: TempDir,
}

impl Identity {
    /// Generates the key and the certificate.
    ///
    /// # Errors
    /// `Unsupported` if the program that generates this type of key is not installed.
    pub(crate) fn new(kind: KeyKind) -> io::Result<Self> {
        let key = match kind {
            KeyKind::P256 => KeyPair::generate().map_err(io::Error::other)?,
            KeyKind::Rsa4096 => rsa_key()?,
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

    /// The path of the certificate, PEM.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    /// The path of the key, PEM.
    pub(crate) fn key(&self) -> PathBuf {
        self.directory.path().join("key.pem")
    }

    /// A client configuration that trusts this certificate, with or without session resumption. Each
    /// contender needs its own: the session cache is keyed by the host name, which is the same.
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

/// A TLS client configuration.
#[derive(Clone)]
pub(crate) struct Client(Arc<ClientConfig>);

impl Client {
    /// Wraps a connected socket in TLS.
    pub(crate) fn secure(&self, socket: TcpStream) -> io::Result<Connection> {
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        let tls = ClientConnection::new(Arc::clone(&self.0), name).map_err(io::Error::other)?;
        let stream = StreamOwned::new(tls, Socket::new(socket));
        Ok(Connection::Tls(Box::new(stream)))
    }
}

/// The TLS server configuration of a floor, with rustls' defaults.
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

/// Generates an RSA key with openssl, as ring cannot.
fn rsa_key() -> io::Result<KeyPair> {
    let output = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA"])
        .args(["-pkeyopt", "rsa_keygen_bits:4096"])
        .stderr(Stdio::null())
        .output()
        .map_err(|error| {
            let message = format!("an RSA key needs the program openssl: {error}");
            io::Error::new(io::ErrorKind::Unsupported, message)
        })?;
    KeyPair::from_pem(&String::from_utf8_lossy(&output.stdout)).map_err(io::Error::other)
}
