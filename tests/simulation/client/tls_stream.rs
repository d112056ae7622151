//! The client's side of TLS over one connection, non-blocking.
//!
//! It feeds rustls record by record, so that the boundary between TLS and clear text is exact. Invalid TLS
//! is `InvalidData`; a FIN without `close_notify` is `UnexpectedEof`. The values of random bytes do not
//! matter, as their number is fixed. RFC 8446 §5.1.

use std::io::{self, Read as _, Write};
use std::sync::Arc;

use mioftpd::DataSession;
use mioftpd::internals::net::tls::{Acceptor, ClientCertificates};
use rustls::client::{Resumption, Tls12Resumption};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, HandshakeKind};

use crate::rng::Rng;
use crate::world::{ConnectionId, Side, World};
use crate::{ed25519, trusting};

const HEADER_BYTES: usize = 5;

/// Record types: change cipher spec, alert, handshake, application data.
const CONTENT_TYPES: std::ops::RangeInclusive<u8> = 20..=23;

/// The server's TLS acceptor.
#[expect(
    clippy::unnecessary_wraps,
    reason = "where TLS is not compiled in, there is none"
)]
pub(crate) fn acceptor(data_session: DataSession) -> Option<Acceptor> {
    let clients = ClientCertificates::Off.verifier();
    let acceptor = Acceptor::new(&ed25519::credentials(), clients, data_session);
    Some(acceptor.expect("random numbers"))
}

/// TLS settings of one client.
#[derive(Clone)]
pub(crate) struct TlsConfig {
    control: Arc<ClientConfig>,
    data: Arc<ClientConfig>,
    /// Largest record payload.
    piece: usize,
}

impl TlsConfig {
    /// Draws the version; `resumes`: data connections resume the session of the control connection.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "where TLS is not compiled in, there are none"
    )]
    pub(crate) fn draw(rng: &mut Rng, resumes: bool) -> Option<Self> {
        let version = if rng.one_in(3) { &TLS12 } else { &TLS13 };
        let mut config = trusting::config(&[version]);
        let old = if rng.one_in(2) {
            Tls12Resumption::SessionIdOrTickets
        } else {
            Tls12Resumption::SessionIdOnly
        };
        config.resumption = Resumption::in_memory_sessions(8).tls12_resumption(old);
        if rng.one_in(2) {
            config.alpn_protocols = vec![b"ftp".to_vec()];
        }
        let mut data = config.clone();
        if !resumes {
            data.resumption = Resumption::disabled();
        }
        Some(Self {
            control: Arc::new(config),
            data: Arc::new(data),
            piece: rng.pick(&[30, 700, 20_000]),
        })
    }

    /// The bytes of a `ClientHello`.
    pub(crate) fn hello(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut tls = connection(&self.data);
        while tls.wants_write() {
            tls.write_tls(&mut bytes).expect("memory");
        }
        bytes
    }

    pub(crate) fn for_control(&self) -> Box<TlsStream> {
        Box::new(TlsStream::new(&self.control, self.piece))
    }

    pub(crate) fn for_data(&self) -> Box<TlsStream> {
        Box::new(TlsStream::new(&self.data, self.piece))
    }
}

fn connection(config: &Arc<ClientConfig>) -> ClientConnection {
    let name = "localhost".try_into().expect("a name");
    ClientConnection::new(Arc::clone(config), name).expect("a configuration")
}

/// TLS over one connection.
pub(crate) struct TlsStream {
    tls: ClientConnection,
    piece: usize,
    /// Received bytes short of a whole record; after the last record, clear text.
    raw: Vec<u8>,
    /// Application data has arrived: the server has finished the handshake too.
    has_app_data: bool,
    /// The server has sent `close_notify`.
    ended: bool,
    close_notify_sent: bool,
}

impl TlsStream {
    fn new(config: &Arc<ClientConfig>, piece: usize) -> Self {
        Self {
            tls: connection(config),
            piece,
            raw: Vec::new(),
            has_app_data: false,
            ended: false,
            close_notify_sent: false,
        }
    }

    /// Bytes that were received before TLS started.
    pub(crate) fn prepend_received(&mut self, raw: Vec<u8>) {
        self.raw = raw;
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Whether the server may still be in the handshake, which the client cannot observe.
    pub(crate) const fn is_beginning(&self) -> bool {
        !self.has_app_data
    }

    /// Whether it resumed a session; `None`: undecided.
    pub(crate) fn is_resumed(&self) -> Option<bool> {
        let kind = self.tls.handshake_kind()?;
        Some(kind == HandshakeKind::Resumed)
    }

    /// Clear text behind the server's `close_notify`.
    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.raw)
    }

    /// Reads application data; 0 is `close_notify`.
    pub(crate) fn read(
        &mut self,
        id: ConnectionId,
        world: &mut World,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(count @ 1..) => {
                    self.has_app_data = true;
                    return Ok(count);
                }
                end => return end,
            }
            if self.take_record()? {
                // Sends responses; the rest is flushed later.
                self.flush(id, world).ok();
                continue;
            }
            let mut chunk = [0; 1024];
            match world.read(id, Side::Client, &mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.raw.extend_from_slice(&chunk[..count]),
            }
        }
    }

    /// Passes one whole record to rustls, if there is one.
    fn take_record(&mut self) -> io::Result<bool> {
        if self.ended || self.raw.len() < HEADER_BYTES {
            return Ok(false);
        }
        if !CONTENT_TYPES.contains(&self.raw[0]) || self.raw[1] != 3 {
            return Err(invalid(&format!(
                "in the clear: {}",
                self.raw.escape_ascii()
            )));
        }
        let length = HEADER_BYTES + usize::from(u16::from_be_bytes([self.raw[3], self.raw[4]]));
        if self.raw.len() < length {
            return Ok(false);
        }
        let record: Vec<u8> = self.raw.drain(..length).collect();
        let mut left = record.as_slice();
        while !left.is_empty() {
            self.tls.read_tls(&mut left)?;
        }
        let state = self.tls.process_new_packets();
        let state = state.map_err(|error| invalid(&error.to_string()))?;
        self.ended = state.peer_has_closed();
        Ok(true)
    }

    /// Writes pending records.
    pub(crate) fn flush(&mut self, id: ConnectionId, world: &mut World) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut RecordWriter { id, world })?;
        }
        Ok(())
    }

    /// Whether records are pending.
    pub(crate) fn has_unsent(&self) -> bool {
        self.tls.wants_write()
    }

    /// Encrypts what fits; what is accepted stays queued until it is flushed.
    pub(crate) fn write(
        &mut self,
        id: ConnectionId,
        world: &mut World,
        bytes: &[u8],
    ) -> io::Result<usize> {
        self.flush(id, world)?;
        if self.tls.is_handshaking() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = bytes.len().min(self.piece);
        let count = self.tls.writer().write(&bytes[..count])?;
        self.flush(id, world).ok();
        Ok(count)
    }

    /// Sends `close_notify`; `Ok` once the connection has accepted it.
    pub(crate) fn send_close_notify(
        &mut self,
        id: ConnectionId,
        world: &mut World,
    ) -> io::Result<()> {
        if !self.close_notify_sent {
            self.close_notify_sent = true;
            self.tls.send_close_notify();
        }
        self.flush(id, world)
    }
}

/// Lets rustls write to a connection.
struct RecordWriter<'a> {
    id: ConnectionId,
    world: &'a mut World,
}

impl Write for RecordWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.world.write(self.id, Side::Client, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
