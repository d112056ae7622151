//! The client's end of its control connection: bytes that wait to be sent, the PROXY header, TLS.
//!
//! Bytes pass from here through TLS, if it has started, to the socket. What replies mean is not known here.

use std::io;
use std::time::Duration;

use super::conversation::CommandKind;
use super::data_connection::AlertCheck;
use super::profile::{Profile, TlsMode, TlsStart};
use super::tls_stream::{TlsConfig, TlsStream};
use crate::rng::Rng;
use crate::world::{ConnectionId, LinkState, Side, World};

pub(super) struct ControlConnection {
    id: Option<ConnectionId>,
    /// As `id`, but kept after the close for the final checks.
    last_id: Option<ConnectionId>,
    connected_at: Duration,
    /// Bytes that the socket has not accepted yet.
    unsent: Vec<u8>,
    /// The unsent part of the PROXY header, which is sent in the clear.
    proxy_header: Vec<u8>,
    /// When it half-closed, or a later transfer ended: from then on the server must close.
    half_closed: Option<Duration>,
    is_implicit: bool,
    tls_config: Option<TlsConfig>,
    tls_stream: Option<Box<TlsStream>>,
    /// CCC was answered with 200.
    is_clearing: bool,
    /// PROT P is in force.
    is_protected: bool,
    /// When it opened TLS incorrectly.
    bad_hello_since: Option<Duration>,
    alert_check: AlertCheck,
}

impl ControlConnection {
    pub(super) fn new(profile: &Profile, rng: &mut Rng) -> Self {
        let tls_config = match profile.tls_mode {
            TlsMode::None => None,
            TlsMode::Explicit | TlsMode::Late | TlsMode::Implicit => {
                TlsConfig::draw(rng, profile.resumes)
            }
        };
        Self {
            id: None,
            last_id: None,
            connected_at: Duration::ZERO,
            unsent: Vec::new(),
            proxy_header: Vec::new(),
            half_closed: None,
            is_implicit: profile.tls_mode == TlsMode::Implicit,
            tls_config,
            tls_stream: None,
            is_clearing: false,
            is_protected: false,
            bad_hello_since: None,
            alert_check: AlertCheck::default(),
        }
    }

    /// It connects, and sends this PROXY header first.
    pub(super) fn connect(&mut self, id: ConnectionId, proxy_header: Vec<u8>, now: Duration) {
        self.id = Some(id);
        self.last_id = Some(id);
        self.connected_at = now;
        self.proxy_header = proxy_header;
    }

    /// The connection, until the client gives it up.
    pub(super) const fn id(&self) -> Option<ConnectionId> {
        self.id
    }

    /// The connection, open or not.
    pub(super) const fn last_id(&self) -> Option<ConnectionId> {
        self.last_id
    }

    /// Gives the connection up; the caller closes it.
    pub(super) const fn take_id(&mut self) -> Option<ConnectionId> {
        self.id.take()
    }

    pub(super) const fn connected_at(&self) -> Duration {
        self.connected_at
    }

    /// Since when the server must close; `None`: the client has not half-closed.
    pub(super) const fn half_closed(&self) -> Option<Duration> {
        self.half_closed
    }

    /// Ends its direction: under TLS with `close_notify` only, if `announces`; otherwise with a FIN.
    pub(super) fn half_close(&mut self, announces: bool, world: &mut World) {
        let Some(id) = self.id else {
            return;
        };
        match &mut self.tls_stream {
            Some(tls_stream) if announces => drop(tls_stream.send_close_notify(id, world)),
            _ => drop(world.shutdown(id, Side::Client)),
        }
        self.half_closed = Some(world.now);
    }

    /// A transfer that went on after a half-close has ended.
    pub(super) fn transfer_ended(&mut self, now: Duration) {
        self.half_closed = self.half_closed.map(|_| now);
    }

    /// Appends bytes to those that wait to be sent.
    pub(super) fn queue(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
    }

    pub(super) const fn has_queued(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Whether bytes or TLS records wait for room in the socket.
    pub(super) fn has_unsent(&self) -> bool {
        let tls_stream = self.tls_stream.as_deref();
        self.has_queued() || tls_stream.is_some_and(TlsStream::has_unsent)
    }

    /// Whether the client can use TLS.
    pub(super) const fn has_tls(&self) -> bool {
        self.tls_config.is_some()
    }

    /// Whether TLS has started and not ended.
    pub(super) const fn is_encrypted(&self) -> bool {
        self.tls_stream.is_some()
    }

    pub(super) fn is_handshaking(&self) -> bool {
        let tls_stream = self.tls_stream.as_deref();
        tls_stream.is_some_and(TlsStream::is_handshaking)
    }

    /// Whether the server may still be in the handshake.
    pub(super) fn is_beginning(&self) -> bool {
        let tls_stream = self.tls_stream.as_deref();
        tls_stream.is_some_and(TlsStream::is_beginning)
    }

    pub(super) const fn is_clearing(&self) -> bool {
        self.is_clearing
    }

    pub(super) const fn is_protected(&self) -> bool {
        self.is_protected
    }

    /// When it opened TLS incorrectly.
    pub(super) const fn bad_hello_since(&self) -> Option<Duration> {
        self.bad_hello_since
    }

    /// TLS for its data connections; `None`: in the clear.
    pub(super) fn data_tls(&self) -> Option<TlsConfig> {
        self.tls_config.clone().filter(|_| self.is_protected)
    }

    /// Follows AUTH, PROT, CCC and REIN. Returns whether TLS starts.
    pub(super) fn follow(&mut self, kind: CommandKind, code: u16, world: &mut World) -> bool {
        match (kind, code) {
            (CommandKind::Auth | CommandKind::AuthPrivate | CommandKind::AuthAndMore, 234) => {
                self.is_protected = kind == CommandKind::AuthPrivate;
                return true;
            }
            (CommandKind::ProtPrivate, 200) => self.is_protected = true,
            (CommandKind::ProtClear, 200) => self.is_protected = false,
            (CommandKind::Rein, 220) => self.is_protected = self.is_implicit,
            (CommandKind::Ccc, 200) => {
                self.is_clearing = true;
                if let (Some(id), Some(tls_stream)) = (self.id, &mut self.tls_stream) {
                    tls_stream.send_close_notify(id, world).ok();
                }
            }
            _ => {}
        }
        false
    }

    /// Starts TLS in this way, if the client can use it. Returns whether that is correct.
    pub(super) fn start_tls(&mut self, tls_start: TlsStart, now: Duration) -> bool {
        self.is_protected |= self.is_implicit;
        let Some(tls_config) = &self.tls_config else {
            return true;
        };
        let hello = tls_config.hello();
        let part = |count: usize| hello[..count.min(hello.len() - 1)].to_vec();
        self.unsent = match tls_start {
            // With implicit TLS there is no AUTH to pipeline behind.
            TlsStart::CommandBehindAuth if self.is_implicit => Vec::new(),
            // The server may refuse.
            TlsStart::Proper | TlsStart::CommandBehindAuth => {
                self.unsent.clear();
                self.tls_stream = Some(tls_config.for_control());
                return true;
            }
            TlsStart::Garbage => b"USER ann\r\nPASS secret\r\nQUIT\r\n".to_vec(),
            TlsStart::Stops(count) | TlsStart::Resets(count) | TlsStart::HalfCloses(count) => {
                part(count)
            }
        };
        self.bad_hello_since = Some(now);
        false
    }

    /// Passes bytes behind the 234 to TLS.
    pub(super) fn prepend_received(&mut self, rest: Vec<u8>) {
        if let Some(tls_stream) = &mut self.tls_stream {
            tls_stream.prepend_received(rest);
        }
    }

    /// The violation in bytes that answer an invalid `ClientHello`.
    pub(super) fn alert_violation(&mut self, bytes: &[u8]) -> Option<String> {
        self.alert_check.receive(bytes)
    }

    /// Whether the connection is established, and all was sent.
    pub(super) fn is_all_sent(&self, world: &mut World) -> bool {
        let connection = self.id.and_then(|id| world.connection(id));
        let is_up = connection.is_some_and(|connection| connection.client.link == LinkState::Up);
        is_up && !self.has_queued()
    }

    /// After CCC: ends TLS, once the own `close_notify` is sent. Returns clear text behind the server's.
    pub(super) fn finish_clearing(&mut self, world: &mut World) -> Option<Vec<u8>> {
        let (Some(id), Some(tls_stream)) = (self.id, &mut self.tls_stream) else {
            return Some(Vec::new());
        };
        match tls_stream.send_close_notify(id, world) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            _ => {}
        }
        let rest = tls_stream.take_rest();
        self.tls_stream = None;
        self.is_clearing = false;
        Some(rest)
    }

    pub(super) fn read(
        &mut self,
        id: ConnectionId,
        world: &mut World,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        self.send_proxy_header(id, world);
        match &mut self.tls_stream {
            // The server may send nothing before it has the PROXY header.
            Some(_) if !self.proxy_header.is_empty() => {
                match world.read(id, Side::Client, buffer)? {
                    0 => Err(io::ErrorKind::UnexpectedEof.into()),
                    _ => Err(io::ErrorKind::InvalidData.into()),
                }
            }
            Some(tls_stream) => tls_stream.read(id, world, buffer),
            None => world.read(id, Side::Client, buffer),
        }
    }

    /// Sends what the socket accepts. Errors are left to the next read.
    pub(super) fn flush(&mut self, world: &mut World) {
        let Some(id) = self.id else {
            return;
        };
        self.send_proxy_header(id, world);
        let is_introduced = self.proxy_header.is_empty();
        if let Some(tls_stream) = self.tls_stream.as_mut().filter(|_| is_introduced) {
            tls_stream.flush(id, world).ok();
        }
        while self.has_queued() {
            self.send_proxy_header(id, world);
            let written = match &mut self.tls_stream {
                _ if !self.proxy_header.is_empty() => return,
                Some(tls_stream) => tls_stream.write(id, world, &self.unsent),
                None => world.write(id, Side::Client, &self.unsent),
            };
            match written {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(_) => return,
            }
        }
    }

    fn send_proxy_header(&mut self, id: ConnectionId, world: &mut World) {
        while !self.proxy_header.is_empty() {
            match world.write(id, Side::Client, &self.proxy_header) {
                Ok(count) => drop(self.proxy_header.drain(..count)),
                Err(_) => return,
            }
        }
    }
}
