//! Connections that arrive at a passive listener: from the client, from a proxy, or from anything else.
//!
//! Only a connection from the client's address becomes the data connection; all others are closed (RFC 2577
//! §8: port stealing). Behind a proxy the address is known when the PROXY header is complete, and until
//! then the connection is pending.

use std::io::{self, ErrorKind};
use std::net::IpAddr;

use super::admission::Protocol;
use super::proxy_header::ProxyHeader;
use crate::event_loop::Token;
use crate::net::{Listener, PortLease, Registration, Stream};
use crate::protocol::proxy_header::ProxiedPeer;

/// What a passive listener has accepted.
pub(super) enum Arrival {
    /// The client.
    Client(Box<dyn Stream>),
    /// A proxy, whose header is awaited.
    Proxy,
    /// The header of a proxy is still incomplete.
    HeaderIncomplete,
    /// Another host, whose connection is closed.
    Unrelated(IpAddr),
    /// A connection that ended before it was accepted or identified.
    Gone,
    /// Nothing for now: accept would block, or there is no listener.
    Nothing,
    /// The listener has failed.
    Failed(io::Error),
}

/// A passive listener. It is closed before the lease returns its port.
pub(super) struct PassiveListener {
    listener: Box<dyn Listener>,
    pending: Option<Box<PendingConnection>>,
    /// Holds the port.
    _lease: PortLease,
}

/// A data connection from a proxy whose header is incomplete.
pub(super) struct PendingConnection {
    stream: Box<dyn Stream>,
    proxy: IpAddr,
    header: ProxyHeader,
}

impl PassiveListener {
    pub(super) fn new(listener: Box<dyn Listener>, lease: PortLease) -> Self {
        Self {
            listener,
            pending: None,
            _lease: lease,
        }
    }

    pub(super) const fn has_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Closes the pending connection of a proxy. Returns whether there was one.
    pub(super) fn drop_pending(&mut self) -> bool {
        let pending = self.pending.take();
        pending.map(|pending| reset(pending.stream)).is_some()
    }

    /// Accepts at most one connection, or reads on in the header of a pending one. If `client` is given, only
    /// that address is accepted.
    pub(super) fn accept(
        &mut self,
        token: Token,
        client: Option<IpAddr>,
        is_proxy: impl Fn(IpAddr) -> bool,
    ) -> Arrival {
        if let Some(pending) = self.pending.take() {
            return self.identify(pending, client);
        }
        match self.listener.accept(token) {
            Ok((stream, peer)) if is_proxy(peer.ip()) => self.await_header(stream, peer.ip()),
            Ok((stream, peer)) => Arrival::identified(stream, peer.ip(), client),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Arrival::Nothing,
                ErrorKind::Interrupted | ErrorKind::ConnectionAborted => Arrival::Gone,
                _ => Arrival::Failed(error),
            },
        }
    }

    fn await_header(&mut self, mut stream: Box<dyn Stream>, proxy: IpAddr) -> Arrival {
        if let Err(error) = stream.register(Registration::Readable) {
            return Arrival::Failed(error);
        }
        self.pending = Some(Box::new(PendingConnection {
            stream,
            proxy,
            // PROT decides whether TLS follows, not the listener.
            header: ProxyHeader::new(Protocol::Ftp),
        }));
        Arrival::Proxy
    }

    /// Reads on in the header, and keeps the connection while it is incomplete.
    fn identify(&mut self, mut pending: Box<PendingConnection>, client: Option<IpAddr>) -> Arrival {
        let address = match pending.header.read(pending.stream.as_mut()) {
            Ok(ProxiedPeer::Local) => pending.proxy,
            Ok(ProxiedPeer::Client { source, .. }) => source.ip(),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => {
                    self.pending = Some(pending);
                    return Arrival::HeaderIncomplete;
                }
                ErrorKind::InvalidData => {
                    reset(pending.stream);
                    return Arrival::Unrelated(pending.proxy);
                }
                _ => return Arrival::Gone,
            },
        };
        let _ = pending.stream.register(Registration::None);
        Arrival::identified(pending.stream, address, client)
    }
}

impl Arrival {
    fn identified(stream: Box<dyn Stream>, from: IpAddr, client: Option<IpAddr>) -> Self {
        if client.is_none_or(|client| client == from) {
            Self::Client(stream)
        } else {
            reset(stream);
            Self::Unrelated(from)
        }
    }
}

impl Drop for PassiveListener {
    fn drop(&mut self) {
        self.drop_pending();
    }
}

/// Closes a connection that gets no transfer. Its host may take an end in order for an empty file: the port
/// can have been another session's a moment ago.
fn reset(mut stream: Box<dyn Stream>) {
    stream.reset_on_close();
}
