//! TLS as a client has it, over a blocking socket under the suite's deadlines.
//!
//! A [`TlsClient`] is how one client begins TLS: versions, sessions to resume, protocols that it
//! offers, a certificate. It believes every certificate that it is shown: who the server is is
//! not the question here. A [`Link`] is one connection, in the clear or secured; an end of it
//! that TLS does not announce is an error (RFC 8446 §6.1).

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme,
    StreamOwned, SupportedProtocolVersion,
};

use super::DEADLINE;
use super::certificates::Identity;

/// How many TLS 1.3 tickets a client keeps, and how many servers' TLS 1.2 sessions.
const SESSIONS_KEPT: usize = 256;

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2.
    V12,
    /// TLS 1.3.
    V13,
}

impl Version {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V12, Self::V13];

    const fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::V12 => &rustls::version::TLS12,
            Self::V13 => &rustls::version::TLS13,
        }
    }
}

/// How a client begins TLS. Copies share the sessions that they resume.
#[derive(Clone, Debug)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
}

impl TlsClient {
    /// One that takes the newest version.
    pub fn new() -> Self {
        Self::made(&Version::ALL, None)
    }

    /// One that knows only this version.
    pub fn of(version: Version) -> Self {
        Self::made(&[version], None)
    }

    /// One of the newest version that shows a certificate where it is asked for one.
    pub fn showing(identity: &Identity) -> Self {
        Self::made(&Version::ALL, Some(identity))
    }

    /// As [`showing`](Self::showing), knowing only this version.
    pub fn showing_by(version: Version, identity: &Identity) -> Self {
        Self::made(&[version], Some(identity))
    }

    fn made(versions: &[Version], identity: Option<&Identity>) -> Self {
        let provider = Arc::new(default_provider());
        let versions: Vec<_> = versions.iter().map(|version| version.supported()).collect();
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting::new()));
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
                let chain = vec![identity.certificate.clone()];
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        Self {
            config: config.into(),
        }
        .with_other_sessions()
    }

    /// The same, with sessions of its own: it has none to resume yet.
    pub fn with_other_sessions(self) -> Self {
        self.changed(|config| config.resumption = Resumption::in_memory_sessions(SESSIONS_KEPT))
    }

    /// The same, and never resumes one.
    pub fn without_sessions(self) -> Self {
        self.changed(|config| config.resumption = Resumption::disabled())
    }

    /// The same, and offers these protocols (ALPN, RFC 7301).
    pub fn offering(self, protocols: &[&str]) -> Self {
        let protocols = protocols.iter().map(|name| name.as_bytes().to_vec());
        self.changed(|config| config.alpn_protocols = protocols.collect())
    }

    fn changed(self, change: impl FnOnce(&mut ClientConfig)) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        change(&mut config);
        Self {
            config: config.into(),
        }
    }

    /// A connection whose hello is still to be sent.
    pub fn begin(&self) -> ClientConnection {
        let name = ServerName::try_from("localhost").unwrap();
        ClientConnection::new(Arc::clone(&self.config), name).unwrap()
    }

    /// Makes the handshake.
    pub fn handshake(&self, socket: TcpStream) -> io::Result<Link> {
        Link::over(self.begin(), socket)
    }
}

/// A connection, in the clear or secured.
#[derive(Debug)]
pub enum Link {
    /// In the clear.
    Clear(TcpStream),
    /// Behind a handshake.
    Secured(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Link {
    /// Makes the handshake, or what is left of it.
    pub fn over(tls: ClientConnection, socket: TcpStream) -> io::Result<Self> {
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.set_write_timeout(Some(DEADLINE))?;
        let mut stream = StreamOwned::new(tls, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self::Secured(Box::new(stream)))
    }

    /// The socket itself.
    pub const fn socket(&self) -> &TcpStream {
        match self {
            Self::Clear(socket) => socket,
            Self::Secured(stream) => &stream.sock,
        }
    }

    /// What TLS knows of the connection, which must be secured.
    pub fn tls(&self) -> &ClientConnection {
        match self {
            Self::Clear(_) => panic!("the connection is in the clear"),
            Self::Secured(stream) => &stream.conn,
        }
    }

    /// Whether it is secured, by a session of before.
    pub fn is_resumed(&self) -> bool {
        self.tls().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Says that nothing more comes: the end of TLS where it is secured, and that of the socket.
    pub fn end(&mut self) -> io::Result<()> {
        if let Self::Secured(stream) = self {
            stream.conn.send_close_notify();
            stream.conn.complete_io(&mut stream.sock)?;
        }
        self.socket().shutdown(Shutdown::Write)
    }

    /// As [`end`](Self::end), and where it is secured waits for the peer to end too: to close a
    /// socket over bytes that nobody has read, the tickets of TLS 1.3, resets it.
    pub fn finish(mut self) -> io::Result<()> {
        self.end()?;
        if let Self::Secured(stream) = &mut self {
            io::copy(stream, &mut io::sink())?;
        }
        Ok(())
    }

    /// Ends TLS both ways, and goes on in the clear (RFC 4217 §7: CCC).
    pub fn into_clear(mut self) -> io::Result<TcpStream> {
        if let Self::Secured(stream) = &mut self {
            stream.conn.send_close_notify();
            while stream.conn.wants_write() {
                stream.conn.write_tls(&mut stream.sock)?;
            }
            let rest = stream.read(&mut [0])?;
            assert_eq!(rest, 0, "something comes before the end of TLS");
        }
        Ok(match self {
            Self::Clear(socket) => socket,
            Self::Secured(stream) => stream.sock,
        })
    }
}

impl Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.read(buffer),
            Self::Secured(stream) => stream.read(buffer),
        }
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.write(bytes),
            Self::Secured(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(socket) => socket.flush(),
            Self::Secured(stream) => stream.flush(),
        }
    }
}

/// Believes every certificate, though not every signature.
#[derive(Debug)]
pub struct Trusting {
    algorithms: WebPkiSupportedAlgorithms,
}

impl Trusting {
    /// With everything that ring can verify.
    pub fn new() -> Self {
        Self {
            algorithms: default_provider().signature_verification_algorithms,
        }
    }
}

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
