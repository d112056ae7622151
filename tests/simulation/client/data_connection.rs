//! The client's end of a data connection: its set-up, the PROXY header, and TLS, valid or not.
//!
//! [`transfer`](super::transfer) decides what is sent over it, and when. RFC 4217 §9.

use std::io;
use std::net::SocketAddr;

use super::behaviour::Behaviour;
use super::tls_stream::{TlsConfig, TlsStream};
use super::upload_oracle::EofSignal;
use crate::world::{ConnectionId, Side, World};

/// What ends an upload over TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum EofRule {
    /// Only `close_notify`.
    #[default]
    CloseNotify,
    /// A FIN without `close_notify` too (`unclean_uploads`).
    FinSuffices,
}

#[derive(Default)]
pub(super) struct DataConnection {
    id: Option<ConnectionId>,
    /// The unsent part of the PROXY header.
    proxy_header: Vec<u8>,
    /// The client's listening port in active mode.
    port: Option<SocketAddr>,
    /// The reply to PASV, EPSV, PORT or EPRT has arrived.
    is_arranged: bool,
    /// TLS for it; `None`: in the clear.
    tls_config: Option<TlsConfig>,
    eof_rule: EofRule,
    tls_stream: Option<Box<TlsStream>>,
    /// The unsent part of an invalid `ClientHello`.
    bad_hello: Option<Vec<u8>>,
    alert_check: AlertCheck,
}

impl DataConnection {
    /// The client has opened this port.
    pub(super) const fn listen_on(&mut self, port: SocketAddr) {
        self.port = Some(port);
    }

    /// The client connects, and sends this PROXY header first.
    pub(super) fn dialled(&mut self, id: ConnectionId, proxy_header: Vec<u8>) {
        self.id = Some(id);
        self.proxy_header = proxy_header;
    }

    /// The reply to PASV, EPSV, PORT or EPRT has arrived: fixes TLS and the rule for the end.
    pub(super) fn arrange(&mut self, tls_config: Option<TlsConfig>, eof_rule: EofRule) {
        self.tls_config = tls_config;
        self.eof_rule = eof_rule;
        self.is_arranged = true;
    }

    pub(super) const fn id(&self) -> Option<ConnectionId> {
        self.id
    }

    /// Whether the client listens for the server.
    pub(super) const fn is_active(&self) -> bool {
        self.port.is_some()
    }

    /// The connection, once it may be used.
    pub(super) fn arranged(&mut self, world: &World) -> Option<ConnectionId> {
        if self.id.is_none() {
            self.id = self.port.and_then(|port| world.find_arrival(port));
        }
        self.id.filter(|_| self.is_arranged)
    }

    /// Whether the passive data connection was given to this client's session.
    pub(super) fn was_accepted(&self, world: &World) -> bool {
        let connection = self.id.and_then(|id| world.connection_ref(id));
        connection.is_some_and(|connection| connection.given_to == Some(connection.owner))
    }

    /// Whether the server holds it, passive or active.
    pub(super) fn is_held(&self, world: &World) -> bool {
        self.id.is_some_and(|id| world.is_held(id))
    }

    /// Whether it uses TLS.
    pub(super) const fn is_protected(&self) -> bool {
        self.tls_config.is_some()
    }

    /// Whether an upload over it is incomplete without `close_notify`.
    pub(super) fn must_announce(&self) -> bool {
        self.is_protected() && self.eof_rule == EofRule::CloseNotify
    }

    /// Whether it has resumed a session; `None`: undecided, or in the clear.
    pub(super) fn is_resumed(&self) -> Option<bool> {
        self.tls_stream.as_deref().and_then(TlsStream::is_resumed)
    }

    /// Whether its handshake is not what the server demands, as far as that is decided.
    pub(super) fn is_refused(&self, must_resume: bool) -> bool {
        must_resume && self.is_protected() && self.is_resumed() != Some(true)
    }

    /// What marks the end of a file over it, where `close_notify` was or was not sent.
    pub(super) fn ending(&self, is_announced: bool) -> EofSignal {
        match (&self.tls_config, is_announced) {
            (None, _) => EofSignal::Fin,
            (Some(_), true) => EofSignal::CloseNotify,
            (Some(_), false) => EofSignal::FinOnly {
                is_allowed: self.eof_rule == EofRule::FinSuffices,
            },
        }
    }

    pub(super) fn send_proxy_header(
        &mut self,
        id: ConnectionId,
        world: &mut World,
    ) -> io::Result<()> {
        while !self.proxy_header.is_empty() {
            let count = world.write(id, Side::Client, &self.proxy_header)?;
            self.proxy_header.drain(..count);
        }
        Ok(())
    }

    /// Starts TLS on the established connection, if it uses TLS.
    pub(super) fn start_tls(&mut self, behaviour: Behaviour) {
        let Some(tls_config) = &self.tls_config else {
            return;
        };
        if self.tls_stream.is_some() || self.has_bad_hello() {
            return;
        }
        let hello = tls_config.hello();
        self.bad_hello = match behaviour {
            Behaviour::NoHello => Some(b"whole 1 2\nnot a hello at all".to_vec()),
            Behaviour::StallsInHello(count) | Behaviour::ResetsInHello(count) => {
                Some(hello[..count.min(hello.len() - 1)].to_vec())
            }
            _ => {
                self.tls_stream = Some(tls_config.for_data());
                None
            }
        };
    }

    /// Whether it has started TLS incorrectly.
    pub(super) const fn has_bad_hello(&self) -> bool {
        self.bad_hello.is_some()
    }

    /// Sends the invalid `ClientHello`; returns whether all of it is sent.
    pub(super) fn send_bad_hello(&mut self, id: ConnectionId, world: &mut World) -> bool {
        let Some(bad_hello) = &mut self.bad_hello else {
            return false;
        };
        while !bad_hello.is_empty() {
            match world.write(id, Side::Client, bad_hello) {
                Ok(count) => drop(bad_hello.drain(..count)),
                Err(_) => return false,
            }
        }
        true
    }

    /// Receives at most an alert, after an invalid `ClientHello`; returns whether the connection has ended.
    pub(super) fn receive_alert(&mut self, id: ConnectionId, world: &mut World) -> bool {
        let mut buffer = [0; 64];
        match world.read(id, Side::Client, &mut buffer) {
            Ok(count @ 1..) => {
                if let Some(violation) = self.alert_check.receive(&buffer[..count]) {
                    world.violate(violation);
                }
                false
            }
            end => !is_blocked(&end),
        }
    }

    /// Bytes that are not TLS are a violation under every fault plan.
    pub(super) fn read(
        &mut self,
        id: ConnectionId,
        world: &mut World,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        let read = match &mut self.tls_stream {
            Some(tls_stream) => tls_stream.read(id, world, buffer),
            None => world.read(id, Side::Client, buffer),
        };
        if let Err(error) = &read
            && error.kind() == io::ErrorKind::InvalidData
        {
            world.violate(format!("on a data connection: {error}"));
        }
        read
    }

    /// During an upload: whether nothing but handshake records has arrived, if it uses TLS.
    pub(super) fn is_silent(&mut self, id: ConnectionId, world: &mut World) -> bool {
        self.tls_stream.is_none() || is_blocked(&self.read(id, world, &mut [0; 64]))
    }

    pub(super) fn write(
        &mut self,
        id: ConnectionId,
        world: &mut World,
        bytes: &[u8],
    ) -> io::Result<usize> {
        match &mut self.tls_stream {
            Some(tls_stream) => tls_stream.write(id, world, bytes),
            None => world.write(id, Side::Client, bytes),
        }
    }

    /// Sends TLS records that wait. Errors are left to the next read.
    pub(super) fn flush(&mut self, id: ConnectionId, world: &mut World) {
        if let Some(tls_stream) = &mut self.tls_stream {
            tls_stream.flush(id, world).ok();
        }
    }

    /// Sends the end of an upload, under TLS with or without `close_notify`, and with a FIN behind it if
    /// `sends_fin`. Returns whether it is sent.
    pub(super) fn end_upload(
        &mut self,
        id: ConnectionId,
        omits_close_notify: bool,
        sends_fin: bool,
        world: &mut World,
    ) -> bool {
        let Some(tls_stream) = &mut self.tls_stream else {
            return world.shutdown(id, Side::Client).is_ok();
        };
        if tls_stream.is_handshaking() {
            return false;
        }
        if omits_close_notify {
            return tls_stream.flush(id, world).is_ok() && world.shutdown(id, Side::Client).is_ok();
        }
        let is_announced = tls_stream.send_close_notify(id, world).is_ok();
        if is_announced && sends_fin {
            world.shutdown(id, Side::Client).ok();
        }
        is_announced
    }

    pub(super) fn hang_up(&mut self, world: &mut World) {
        if let Some(id) = self.id {
            world.close(id, Side::Client);
        }
        if let Some(port) = self.port.take() {
            world.close_client_port(port);
            // A connection that arrived too late: the kernel resets it with the listener.
            if let Some(late) = world.find_arrival(port) {
                world.reset_by_client(late);
            }
        }
    }
}

/// What a client without a valid `ClientHello` may receive: one alert in the clear.
#[derive(Default)]
pub(super) struct AlertCheck {
    received: Vec<u8>,
}

impl AlertCheck {
    /// Adds received bytes; returns the violation, if any.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Option<String> {
        self.received.extend_from_slice(bytes);
        let begins = self.received.first().is_none_or(|&first| first == ALERT);
        let is_alert = begins && self.received.len() <= ALERT_BYTES;
        let shown = self.received.escape_ascii();
        (!is_alert).then(|| format!("{shown} instead of a TLS alert"))
    }
}

const ALERT: u8 = 21;

/// Record header, level and description.
const ALERT_BYTES: usize = 5 + 2;

fn is_blocked(read: &io::Result<usize>) -> bool {
    let blocked = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    read.as_ref().is_err_and(blocked)
}
