//! A proxy has connected, and says first for whom (the PROXY protocol, as
//! [`protocol::proxy_header`](crate::protocol::proxy_header) reads it).
//!
//! In front of a control connection it is a phase: nobody is greeted, and nobody counts as a client,
//! before it is known who that is. In front of a data connection it decides whether the client has
//! come or a stranger. Either way the header may come byte by byte, and waits in nobody's way.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::Reactor;
use super::admission::{Protocol, Refusal};
use super::close_reason::CloseReason;
use super::connection::{Connection, Phase, Proxied, Visit};
use super::context::LoopContext;
use super::data::{Arrival, Link};
use super::key::Key;
use crate::net::{Channel, Stream};
use crate::protocol::proxy_header::{Origin, Reader};
use crate::session::Deadline;

/// What is known before the header is whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProxyHeader {
    header: Reader,
    /// What follows behind it.
    pub(super) protocol: Protocol,
}

impl ProxyHeader {
    pub(super) const fn new(protocol: Protocol) -> Self {
        Self {
            header: Reader::new(),
            protocol,
        }
    }

    /// Reads on, as far as it can without waiting, and not a byte of what is behind the header.
    ///
    /// # Errors
    /// `WouldBlock` until there is more; `InvalidData` where it is no header, `UnexpectedEof` where
    /// it ends in the middle of one.
    fn read(&mut self, stream: &mut dyn Stream) -> io::Result<Origin> {
        loop {
            match stream.read(self.header.spare()) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => match self.header.filled(count) {
                    Ok(Some(origin)) => return Ok(origin),
                    Ok(None) => {}
                    Err(_) => return Err(io::ErrorKind::InvalidData.into()),
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A data connection that a proxy has made, for whom it has not said yet.
pub(super) struct PendingConnection {
    stream: Box<dyn Stream>,
    proxy: IpAddr,
    header: ProxyHeader,
}

impl PendingConnection {
    pub(super) const fn new(stream: Box<dyn Stream>, proxy: IpAddr) -> Self {
        Self {
            stream,
            proxy,
            // Whether TLS follows is for PROT to say.
            header: ProxyHeader::new(Protocol::Ftp),
        }
    }

    /// Who it is, if that is known now; only from `client`, if that is given, it is the client.
    pub(super) fn identify(
        mut self: Box<Self>,
        client: Option<IpAddr>,
    ) -> Result<Arrival, Box<Self>> {
        let origin = match self.header.read(self.stream.as_mut()) {
            Ok(origin) => origin,
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::WouldBlock => Err(self),
                    io::ErrorKind::InvalidData => Ok(Arrival::Stranger(self.proxy)),
                    _ => Ok(Arrival::Gone),
                };
            }
        };
        let address = match origin {
            Origin::Own => self.proxy,
            Origin::Client { source, .. } => source.ip(),
        };
        Ok(Arrival::of(self.stream, address, client))
    }
}

impl Connection {
    /// The next part of the header; the reactor, who alone knows who may come in, is told when it is
    /// whole.
    pub(super) fn proxy_header_turn(&mut self, context: &mut LoopContext) -> Visit {
        let Phase::ProxyHeader(header) = &mut self.phase else {
            return Ok(());
        };
        match header.read(&mut self.stream) {
            Ok(origin) => {
                context.introduced = Some((origin, header.protocol));
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.ready.readable = false;
                    self.ready.drain = false;
                    Ok(())
                }
                io::ErrorKind::UnexpectedEof => Err(CloseReason::ClientLeft),
                io::ErrorKind::InvalidData => Err(CloseReason::NoProxyHeader),
                kind => Err(CloseReason::Cut(kind)),
            },
        }
    }

    /// The header of a data connection has not come in time: the next one may.
    pub(super) fn give_up_pending(&mut self) {
        if let Some(data) = &mut self.data
            && let Link::Listening(_, _, pending @ Some(_)) = &mut data.link
        {
            *pending = None;
            // Who came meanwhile has knocked already.
            data.ready.readable = true;
        }
    }
}

impl Reactor {
    /// A proxy has connected, and is asked for whom.
    pub(super) fn await_proxy_header(
        &mut self,
        key: Key,
        stream: Channel,
        proxy: SocketAddr,
        protocol: Protocol,
    ) {
        let phase = Phase::ProxyHeader(Box::new(ProxyHeader::new(protocol)));
        let mut connection = Connection::new(key, stream, proxy, phase, &self.context);
        let until = self.context.now + self.context.settings.timings.handshake;
        connection.deadlines.set(Deadline::Handshake, until);
        self.connections.insert(connection);
        // It may be there already.
        self.visit(key, Connection::proxy_header_turn);
    }

    /// A visit may have ended with the last byte of a header: who is behind the proxy comes in as if
    /// it had come itself, or is told why not.
    pub(super) fn admit_proxied(&mut self, key: Key) {
        let Some((origin, protocol)) = self.context.introduced.take() else {
            return;
        };
        let Some(proxy) = self.connections.get_mut(key).map(|one| one.peer) else {
            return;
        };
        let (client, proxied) = match origin {
            Origin::Own => (proxy, None),
            Origin::Client {
                source,
                destination,
            } => {
                let proxy = proxy.ip();
                (source, Some(Box::new(Proxied { proxy, destination })))
            }
        };
        let screened = if self.context.is_proxy(proxy.ip()) {
            self.screen(client.ip())
        } else {
            // A reload has come between the connection and its header.
            Err(Refusal::NotProxy)
        };
        let admitted = screened.and_then(|()| self.admission.assign(client.ip()));
        if let Err(refusal) = admitted {
            return self.turn_away(key, client, protocol, refusal);
        }
        log::info!("Accepted new connection (address = {client}, through {proxy})");
        if let Some(connection) = self.connections.get_mut(key) {
            connection.peer = client;
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

    /// The connection of a proxy has ended in its preamble. One that only looks whether somebody
    /// listens says nothing and is gone, which is no news; one that says something else, or that
    /// stays and says nothing, is not set up as it should be.
    pub(super) fn lose_proxy(&mut self, proxy: SocketAddr, reason: CloseReason) {
        self.admission.leave(None);
        if reason == CloseReason::NoProxyHeader {
            let now = self.context.now;
            self.admission.log(Refusal::NoProxyHeader, proxy, now);
        }
    }
}
