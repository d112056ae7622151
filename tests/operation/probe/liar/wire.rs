//! The bytes of the server: lines of commands, and TLS on both kinds of connections.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use rustls::server::NoServerSessionStorage;
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

use super::Lie;
use crate::support::DEADLINE;
use crate::support::certificates::Identity;

pub(super) fn server_config(lie: Lie, identity: &Identity) -> Arc<ServerConfig> {
    let versions: &[_] = match lie {
        Lie::No13 => &[&rustls::version::TLS12],
        Lie::No12 => &[&rustls::version::TLS13],
        _ => &[&rustls::version::TLS12, &rustls::version::TLS13],
    };
    let provider = rustls::crypto::ring::default_provider();
    let builder = ServerConfig::builder_with_provider(provider.into());
    let builder = builder.with_protocol_versions(versions).unwrap();
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
    let chain = vec![identity.certificate.clone()];
    let builder = builder.with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    if lie == Lie::NeverResumes {
        config.session_storage = Arc::new(NoServerSessionStorage {});
    }
    Arc::new(config)
}

/// A connection.
pub(super) enum Wire {
    Clear(TcpStream),
    Secure(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    pub(super) fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.set_write_timeout(Some(DEADLINE))?;
        Ok(Self::Clear(socket))
    }

    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Self::Clear(socket) => socket,
            Self::Secure(stream) => &stream.sock,
        }
    }

    /// Does the handshake, and says whether a session was resumed.
    pub(super) fn secured(self, config: &Arc<ServerConfig>) -> io::Result<(Self, bool)> {
        let Self::Clear(socket) = self else {
            return Err(io::Error::other("TLS within TLS"));
        };
        let connection = ServerConnection::new(Arc::clone(config));
        let mut stream = StreamOwned::new(connection.map_err(io::Error::other)?, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        let is_resumed = stream.conn.handshake_kind() == Some(HandshakeKind::Resumed);
        Ok((Self::Secure(Box::new(stream)), is_resumed))
    }

    /// Ends what is sent.
    pub(super) fn end(&mut self, with_notice: bool) -> io::Result<()> {
        if let (Self::Secure(stream), true) = (&mut *self, with_notice) {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        self.socket().shutdown(Shutdown::Write)
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.read(buffer),
            Self::Secure(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.write(bytes),
            Self::Secure(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(socket) => socket.flush(),
            Self::Secure(stream) => stream.flush(),
        }
    }
}

/// A `ClientHello` of TLS 1.0 or 1.1: the second byte of its version. It is left where it is.
pub(super) fn old_hello(socket: &TcpStream) -> io::Result<Option<u8>> {
    let mut begin = [0; 11];
    while socket.peek(&mut begin)? < begin.len() {
        std::thread::yield_now();
    }
    Ok(match begin {
        [22, .., 3, minor @ 1..=2] => Some(minor),
        _ => None,
    })
}
