//! TLS as the probe speaks it: any certificate is accepted, and what was wrong with it is kept.
//!
//! It owns the configurations of rustls and the sessions for resumption. It must not know about FTP.

mod certificate;

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, StreamOwned, SupportedProtocolVersion,
};

use crate::bench::tls::Authorities;
pub(in crate::probe) use certificate::check as check_certificate;

use super::timed_socket::TimedSocket;
use crate::net::tls::WallClock;

/// How a connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::probe) enum Handshake {
    /// With the sessions of all connections of this kind, so that a data connection can resume that of its
    /// control connection.
    Shared,
    /// A session that is not resumed.
    Unrelated,
    /// Only TLS 1.2.
    Only12,
    /// Only TLS 1.3.
    Only13,
}

/// The client's side of TLS.
#[derive(Debug)]
pub(in crate::probe) struct Tls {
    name: ServerName<'static>,
    resuming: Arc<ClientConfig>,
    unrelated: Arc<ClientConfig>,
    only12: Arc<ClientConfig>,
    only13: Arc<ClientConfig>,
    authorities: Arc<Authorities>,
}

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12, &rustls::version::TLS13];

impl Tls {
    /// For a server of this name; `ca` has the authorities in place of those of the system.
    pub(in crate::probe) fn new(host: &str, ca: Option<&Path>) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("'{host}' is not a name that a certificate can have"))?;
        let authorities = Arc::new(Authorities::load(ca)?);
        let config = |versions: &[&'static SupportedProtocolVersion], resumption| {
            let provider = Arc::new(default_provider());
            let verifier = Arc::clone(&authorities) as Arc<_>;
            let builder = ClientConfig::builder_with_details(provider, Arc::new(WallClock));
            let builder = builder.with_protocol_versions(versions);
            let builder = builder.map_err(|error| error.to_string())?;
            let builder = builder
                .dangerous()
                .with_custom_certificate_verifier(verifier);
            let mut config = builder.with_no_client_auth();
            config.resumption = resumption;
            Ok::<_, String>(Arc::new(config))
        };
        Ok(Self {
            name,
            resuming: config(BOTH, Resumption::in_memory_sessions(64))?,
            unrelated: config(BOTH, Resumption::disabled())?,
            only12: config(&[&rustls::version::TLS12], Resumption::disabled())?,
            only13: config(&[&rustls::version::TLS13], Resumption::disabled())?,
            authorities,
        })
    }

    /// Why the last certificate is not trusted.
    pub(in crate::probe) fn distrust(&self) -> Option<String> {
        self.authorities.distrust()
    }

    /// Does the handshake.
    pub(in crate::probe) fn connect(
        &self,
        socket: TimedSocket,
        handshake: Handshake,
    ) -> io::Result<Secured> {
        let config = match handshake {
            Handshake::Shared => &self.resuming,
            Handshake::Unrelated => &self.unrelated,
            Handshake::Only12 => &self.only12,
            Handshake::Only13 => &self.only13,
        };
        let connection = ClientConnection::new(Arc::clone(config), self.name.clone());
        let connection = connection.map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Secured(stream))
    }
}

/// A connection with TLS.
#[derive(Debug)]
pub(in crate::probe) struct Secured(StreamOwned<ClientConnection, TimedSocket>);

impl Secured {
    /// The socket below.
    pub(in crate::probe) const fn timed(&self) -> &TimedSocket {
        &self.0.sock
    }

    pub(in crate::probe) const fn timed_mut(&mut self) -> &mut TimedSocket {
        &mut self.0.sock
    }

    /// Whether a session was resumed.
    pub(in crate::probe) fn is_resumed(&self) -> bool {
        self.0.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The certificates of the server, its own first.
    pub(in crate::probe) fn certificates(&self) -> Vec<Vec<u8>> {
        let certificates = self.0.conn.peer_certificates().unwrap_or_default();
        certificates.iter().map(|one| one.to_vec()).collect()
    }

    /// Sends `close_notify`.
    pub(in crate::probe) fn end(&mut self) {
        self.0.conn.send_close_notify();
        // The other end may be gone.
        let _ = self.0.conn.complete_io(&mut self.0.sock);
    }
}

impl Read for Secured {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Secured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
