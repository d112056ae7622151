//! A listen socket: its readiness, and the back-off when accept fails.

use std::net::SocketAddr;
use std::time::Instant;

use super::admission::Protocol;
use crate::limits::ACCEPT_PAUSE;
use crate::net::Listener;

/// A listen socket of the server.
///
/// ```text
///   Idle ──event──▶ Ready ──would block──▶ Idle
///                     │  ▲
///    out of descriptors  │ accepted: retried by a timer, because the edge is consumed
///                     ▼  │
///                BackingOff
/// ```
pub(super) struct ListenSocket {
    pub(super) listener: Box<dyn Listener>,
    pub(super) protocol: Protocol,
    state: AcceptState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AcceptState {
    Idle,
    Ready,
    BackingOff(Instant),
}

impl ListenSocket {
    pub(super) fn new(listener: Box<dyn Listener>, protocol: Protocol) -> Self {
        Self {
            listener,
            protocol,
            state: AcceptState::Idle,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.listener.local_address()
    }

    /// An event: there may be a connection to accept.
    pub(super) const fn set_ready(&mut self) {
        if matches!(self.state, AcceptState::Idle) {
            self.state = AcceptState::Ready;
        }
    }

    pub(super) const fn would_block(&mut self) {
        self.state = AcceptState::Idle;
    }

    /// A connection was accepted; there may be more.
    pub(super) const fn accepted(&mut self) {
        self.state = AcceptState::Ready;
    }

    /// accept failed (such as EMFILE): stops accepting until `now` + [`ACCEPT_PAUSE`]. Returns true the first
    /// time, so that it is logged once.
    pub(super) fn back_off(&mut self, now: Instant) -> bool {
        let is_first = !matches!(self.state, AcceptState::BackingOff(_));
        self.state = AcceptState::BackingOff(now + ACCEPT_PAUSE);
        is_first
    }

    pub(super) fn is_ready(&self, now: Instant) -> bool {
        match self.state {
            AcceptState::Idle => false,
            AcceptState::Ready => true,
            AcceptState::BackingOff(until) => until <= now,
        }
    }

    /// When the loop must wake up for it without an event.
    pub(super) const fn wakes_at(&self, now: Instant) -> Option<Instant> {
        match self.state {
            AcceptState::Idle => None,
            AcceptState::Ready => Some(now),
            AcceptState::BackingOff(until) => Some(until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Stream, Token};
    use std::io;
    use std::net::{IpAddr, Ipv4Addr};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    struct Locked;

    impl Listener for Locked {
        fn accept(&mut self, _: Token) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
            Err(io::ErrorKind::Other.into())
        }

        fn local_address(&self) -> SocketAddr {
            SocketAddr::new(HERE, 21)
        }
    }

    #[test]
    fn back_off_is_reported_once_until_a_connection_is_accepted() {
        let mut socket = ListenSocket::new(Box::new(Locked), Protocol::Ftp);
        let mut now = Instant::now();
        assert!(!socket.is_ready(now));
        socket.set_ready();
        assert!(socket.is_ready(now) && socket.back_off(now));
        assert!(!socket.is_ready(now));
        now += ACCEPT_PAUSE;
        assert!(socket.is_ready(now) && !socket.back_off(now));
        now += ACCEPT_PAUSE;
        socket.accepted();
        assert!(socket.is_ready(now) && socket.back_off(now));
    }
}
