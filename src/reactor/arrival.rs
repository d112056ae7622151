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
use crate::net::{Listener, Stream};
use crate::protocol::proxy_header::ProxiedPeer;

/// What a passive listener has accepted.
pub(super) enum Arrival {
    /// The client.
    Client(Box<dyn Stream>),
    /// A proxy, whose header is to be read.
    Proxy(Box<PendingConnection>),
    /// Another host, whose connection is closed.
    Unrelated(IpAddr),
    /// A connection that ended before it was accepted or identified.
    Gone,
    /// Nothing for now: accept would block.
    Nothing,
    /// The listener has failed.
    Failed(io::Error),
}

/// A data connection from a proxy whose header is incomplete.
pub(super) struct PendingConnection {
    stream: Box<dyn Stream>,
    proxy: IpAddr,
    header: ProxyHeader,
}

impl Arrival {
    /// Accepts the next connection. If `client` is given, only its address is accepted.
    pub(super) fn accept(
        listener: &mut dyn Listener,
        token: Token,
        client: Option<IpAddr>,
        is_proxy: impl Fn(IpAddr) -> bool,
    ) -> Self {
        match listener.accept(token) {
            Ok((stream, peer)) if is_proxy(peer.ip()) => Self::Proxy(Box::new(PendingConnection {
                stream,
                proxy: peer.ip(),
                // PROT decides whether TLS follows, not the listener.
                header: ProxyHeader::new(Protocol::Ftp),
            })),
            Ok((stream, peer)) => Self::identified(stream, peer.ip(), client),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Self::Nothing,
                ErrorKind::Interrupted | ErrorKind::ConnectionAborted => Self::Gone,
                _ => Self::Failed(error),
            },
        }
    }

    fn identified(stream: Box<dyn Stream>, from: IpAddr, client: Option<IpAddr>) -> Self {
        if client.is_none_or(|client| client == from) {
            Self::Client(stream)
        } else {
            Self::Unrelated(from)
        }
    }
}

impl PendingConnection {
    /// Reads on in the header. Returns the connection itself while the header is incomplete.
    pub(super) fn identify(
        mut self: Box<Self>,
        client: Option<IpAddr>,
    ) -> Result<Arrival, Box<Self>> {
        let origin = match self.header.read(self.stream.as_mut()) {
            Ok(origin) => origin,
            Err(error) => {
                return match error.kind() {
                    ErrorKind::WouldBlock => Err(self),
                    ErrorKind::InvalidData => Ok(Arrival::Unrelated(self.proxy)),
                    _ => Ok(Arrival::Gone),
                };
            }
        };
        let address = match origin {
            ProxiedPeer::Local => self.proxy,
            ProxiedPeer::Client { source, .. } => source.ip(),
        };
        Ok(Arrival::identified(self.stream, address, client))
    }
}
