//! The client's end of TLS, over a blocking socket with time-outs.
//!
//! A [`TlsClient`] is a configuration: versions, a session cache, ALPN protocols, a certificate. It
//! accepts any server certificate. A [`Link`] is one connection, in the clear or with TLS; the end of a
//! TLS connection without `close_notify` is an error (RFC 8446 §6.1).

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, StreamOwned, SupportedProtocolVersion,
};

use super::certificates::Identity;
use super::{DEADLINE, trusting, uninterrupted};

/// The size of the session cache: TLS 1.3 tickets, or servers with a TLS 1.2 session.
const CACHED_SESSIONS: usize = 256;

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2.
    V12,
    /// TLS 1.3.
    V13,
}

impl Version {
    /// All versions.
    pub const ALL: [Self; 2] = [Self::V12, Self::V13];

    const fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::V12 => &rustls::version::TLS12,
            Self::V13 => &rustls::version::TLS13,
        }
    }
}

/// The TLS configuration of a client. Copies share the session cache.
#[derive(Clone, Debug)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
}

impl TlsClient {
    /// Supports all versions.
    pub fn new() -> Self {
        Self::with(&Version::ALL, None)
    }

    /// Supports only this version.
    pub fn of(version: Version) -> Self {
        Self::with(&[version], None)
    }

    /// Supports all versions, and presents a certificate if the server requests one.
    pub fn showing(identity: &Identity) -> Self {
        Self::with(&Version::ALL, Some(identity))
    }

    /// As [`showing`](Self::showing), with only this version.
    pub fn showing_by(version: Version, identity: &Identity) -> Self {
        Self::with(&[version], Some(identity))
    }

    fn with(versions: &[Version], identity: Option<&Identity>) -> Self {
        let versions: Vec<_> = versions.iter().map(|version| version.supported()).collect();
        let builder = trusting::builder(&versions);
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

    /// Replaces the session cache by an empty one.
    pub fn with_other_sessions(self) -> Self {
        self.configured(|config| {
            config.resumption = Resumption::in_memory_sessions(CACHED_SESSIONS);
        })
    }

    /// Disables resumption.
    pub fn without_sessions(self) -> Self {
        self.configured(|config| config.resumption = Resumption::disabled())
    }

    /// Offers these protocols in ALPN (RFC 7301).
    pub fn offering(self, protocols: &[&str]) -> Self {
        let protocols = protocols.iter().map(|name| name.as_bytes().to_vec());
        self.configured(|config| config.alpn_protocols = protocols.collect())
    }

    fn configured(self, change: impl FnOnce(&mut ClientConfig)) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        change(&mut config);
        Self {
            config: config.into(),
        }
    }

    /// Creates a connection that has not sent its `ClientHello`.
    pub fn begin(&self) -> ClientConnection {
        let name = ServerName::try_from("localhost").unwrap();
        ClientConnection::new(Arc::clone(&self.config), name).unwrap()
    }

    /// Completes the handshake on a connected socket.
    pub fn handshake(&self, socket: TcpStream) -> io::Result<Link> {
        Link::over(self.begin(), socket)
    }
}

/// A connection, in the clear or with TLS.
#[derive(Debug)]
pub enum Link {
    /// In the clear.
    Clear(TcpStream),
    /// With TLS, after the handshake.
    Secured(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Link {
    /// Completes the handshake, which may have begun.
    pub fn over(tls: ClientConnection, socket: TcpStream) -> io::Result<Self> {
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.set_write_timeout(Some(DEADLINE))?;
        let mut stream = StreamOwned::new(tls, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self::Secured(Box::new(stream)))
    }

    /// The socket.
    pub const fn socket(&self) -> &TcpStream {
        match self {
            Self::Clear(socket) => socket,
            Self::Secured(stream) => &stream.sock,
        }
    }

    /// The TLS state; panics in the clear.
    pub fn tls(&self) -> &ClientConnection {
        match self {
            Self::Clear(_) => panic!("the connection is in the clear"),
            Self::Secured(stream) => &stream.conn,
        }
    }

    /// Whether the TLS session was resumed; panics in the clear.
    pub fn is_resumed(&self) -> bool {
        self.tls().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Sends `close_notify` with TLS, and half-closes the socket.
    pub fn end(&mut self) -> io::Result<()> {
        if let Self::Secured(stream) = self {
            stream.conn.send_close_notify();
            stream.conn.complete_io(&mut stream.sock)?;
        }
        self.socket().shutdown(Shutdown::Write)
    }

    /// As [`end`](Self::end), and with TLS reads to the end of the stream: closing a socket with unread
    /// bytes, such as TLS 1.3 tickets, would reset it.
    pub fn finish(mut self) -> io::Result<()> {
        self.end()?;
        if let Self::Secured(stream) = &mut self {
            io::copy(stream, &mut io::sink())?;
        }
        Ok(())
    }

    /// Ends TLS in both directions, and continues in the clear (CCC, RFC 4217 §7).
    pub fn into_clear(mut self) -> io::Result<TcpStream> {
        if let Self::Secured(stream) = &mut self {
            stream.conn.send_close_notify();
            while stream.conn.wants_write() {
                stream.conn.write_tls(&mut stream.sock)?;
            }
            let rest = uninterrupted(|| stream.read(&mut [0]))?;
            assert_eq!(rest, 0, "data arrived before `close_notify`");
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
