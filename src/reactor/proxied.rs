//! Connections from a proxy: the PROXY header is read first, then the client that it names is admitted.
//!
//! Until its header is complete such a connection has no greeting, no session of its own and no share of
//! the limits by address. The header may come byte by byte; a deadline bounds it.

use std::io;
use std::net::SocketAddr;

use super::Reactor;
use super::admission::{Protocol, Refusal};
use super::close_reason::CloseReason;
use super::connection::{Connection, Phase, Proxied};
use super::proxy_header::ProxyHeader;
use super::turn::{Request, TurnResult};
use crate::event_loop::{Interest, Key};
use crate::metrics::TurnKind;
use crate::net::Channel;
use crate::protocol::proxy_header::ProxiedPeer;
use crate::session::{Deadline, Session};

impl Connection {
    /// Reads on in the header. When it is complete, the reactor decides on the client.
    pub(super) fn proxy_header_turn(&mut self) -> TurnResult {
        let Phase::ProxyHeader(header) = &mut self.phase else {
            return Ok(None);
        };
        match header.read(&mut self.stream) {
            Ok(origin) => Ok(Some(Request::AdmitProxied(origin, header.protocol))),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.ready.clear(Interest::Readable);
                    Ok(None)
                }
                io::ErrorKind::UnexpectedEof => Err(CloseReason::ClientLeft),
                io::ErrorKind::InvalidData => Err(CloseReason::NoProxyHeader),
                kind => Err(CloseReason::Cut(kind)),
            },
        }
    }
}

impl Reactor {
    pub(super) fn await_proxy_header(
        &mut self,
        key: Key,
        stream: Channel,
        proxy: SocketAddr,
        protocol: Protocol,
    ) {
        let phase = Phase::ProxyHeader(Box::new(ProxyHeader::new(protocol)));
        let mut connection = Connection::new(key, stream, proxy, phase, &self.context);
        let until = self.context.now + self.context.policy.settings.timings.handshake;
        connection.deadlines.set(Deadline::Handshake, until);
        self.insert(connection);
        // The header may have come with the connection.
        self.run_turn(key, TurnKind::Greeting, |connection, context| {
            context.counts.peer(connection.peer());
            connection.proxy_header_turn()
        });
    }

    /// Admits the client that a proxy's header names, as if it had connected itself, or refuses it.
    pub(super) fn admit_proxied(&mut self, key: Key, origin: ProxiedPeer, protocol: Protocol) {
        let Some(proxy) = self.connections.get_mut(key).map(|one| one.peer()) else {
            return;
        };
        let (client, proxied) = match origin {
            ProxiedPeer::Local => (proxy, None),
            ProxiedPeer::Client {
                source,
                destination,
            } => {
                let proxy = proxy.ip();
                (source, Some(Box::new(Proxied { proxy, destination })))
            }
        };
        let screened = if self.context.policy.is_proxy(proxy.ip()) {
            self.screen(client.ip())
        } else {
            // A reload between the connection and its header has removed the proxy.
            Err(Refusal::NotProxy)
        };
        let admitted = screened.and_then(|()| self.admission.assign(client.ip()));
        if let Err(refusal) = admitted {
            return self.turn_away(key, client, protocol, refusal);
        }
        log::info!("Accepted new connection (address = {client}, through {proxy})");
        if let Some(connection) = self.connections.get_mut(key) {
            connection.session = Session::new(client);
            connection.proxied = proxied;
            connection.phase = Phase::Open;
            connection.deadlines.clear(Deadline::Handshake);
        }
        self.begin(key, protocol);
    }

    fn turn_away(&mut self, key: Key, client: SocketAddr, protocol: Protocol, refusal: Refusal) {
        let Some(mut connection) = self.connections.remove(key) else {
            return;
        };
        self.refuse(&mut connection.stream, client, protocol, refusal);
        self.admission.leave(None);
    }

    /// The connection of a proxy has ended within its header. A health check connects and closes without a
    /// byte, which is not logged; malformed bytes or silence show a proxy that is not configured for PROXY
    /// headers.
    pub(super) fn lose_proxy(&mut self, proxy: SocketAddr, reason: CloseReason) {
        self.admission.leave(None);
        if reason == CloseReason::NoProxyHeader {
            let now = self.context.now;
            self.admission.log(Refusal::NoProxyHeader, proxy, now);
        }
    }
}
