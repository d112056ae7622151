//! [`Listener`] over a listening TCP socket of the operating system.
//!
//! It owns the socket, which is registered with the poller for as long as it exists. It does not know whose
//! connections it accepts.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use mio::{Interest, Registry};

use super::sockets::{canonical, set_inherited_options};
use super::stream::SystemStream;
use super::{Listener, Stream, Token};

/// A listening socket, and the registry for the streams that it accepts.
pub(super) struct SystemListener {
    socket: mio::net::TcpListener,
    local: SocketAddr,
    options: AcceptedOptions,
    registry: Arc<Registry>,
}

/// How accepted sockets get the options of [`set_inherited_options`].
pub(super) enum AcceptedOptions {
    /// Linux copies them from the listening socket.
    Inherited,
    /// Set on each accepted socket: connections that were queued before the listener got its options
    /// lack them.
    SetOnAccept,
}

impl SystemListener {
    /// Registers a non-blocking socket that listens.
    pub(super) fn new(
        socket: TcpListener,
        options: AcceptedOptions,
        registry: &Arc<Registry>,
        token: Token,
    ) -> io::Result<Self> {
        let local = socket.local_addr()?;
        let mut socket = mio::net::TcpListener::from_std(socket);
        registry.register(&mut socket, token.into(), Interest::READABLE)?;
        Ok(Self {
            socket,
            local,
            options,
            registry: Arc::clone(registry),
        })
    }
}

impl Listener for SystemListener {
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        let (socket, peer) = self.socket.accept()?;
        if let AcceptedOptions::SetOnAccept = self.options {
            // Fails on a dead connection only, which the next read reports.
            let _ = set_inherited_options(&socket);
        }
        let stream = SystemStream::new(socket, Arc::clone(&self.registry), token);
        Ok((Box::new(stream), canonical(peer)))
    }

    fn local_address(&self) -> SocketAddr {
        self.local
    }
}
