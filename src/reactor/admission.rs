//! Who is let in: the count of connections, in all and by address, and what a listener that
//! cannot accept does meanwhile.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::limits::ACCEPT_PAUSE;
use crate::net::Listener;

/// Connections that are in, against their limits.
#[derive(Debug)]
pub(super) struct Admission {
    limit: usize,
    limit_per_address: usize,
    admitted: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Full,
    FullForAddress,
    Overloaded,
}

impl Admission {
    pub(super) fn new(limit: usize, limit_per_address: usize) -> Self {
        Self {
            limit,
            limit_per_address,
            admitted: 0,
            by_address: HashMap::new(),
        }
    }

    pub(super) fn admit(&mut self, address: IpAddr) -> Result<(), Refusal> {
        if self.admitted >= self.limit {
            return Err(Refusal::Full);
        }
        let count = self.by_address.entry(address).or_default();
        if *count >= self.limit_per_address {
            return Err(Refusal::FullForAddress);
        }
        *count += 1;
        self.admitted += 1;
        Ok(())
    }

    pub(super) fn leave(&mut self, address: IpAddr) {
        self.admitted = self.admitted.saturating_sub(1);
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

/// What is spoken from the first byte at a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// FTP, which AUTH may secure later.
    #[default]
    Ftp,
    /// TLS, and FTP inside it (implicit FTPS).
    Ftps,
}

/// One of the server's own listeners.
///
/// ```text
///   Asleep ──event──▶ Ready ──would block──▶ Asleep
///                     │  ▲
///    out of descriptors  │ somebody is let in: tried when the time has come, whatever the
///                     ▼  │ kernel says, for the edge was consumed
///                    Paused
/// ```
pub(super) struct Door {
    pub(super) listener: Box<dyn Listener>,
    pub(super) protocol: Protocol,
    state: DoorState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DoorState {
    Asleep,
    Ready,
    Paused(Instant),
}

impl Door {
    pub(super) fn new(listener: Box<dyn Listener>, protocol: Protocol) -> Self {
        Self {
            listener,
            protocol,
            state: DoorState::Asleep,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.listener.local_address()
    }

    /// Somebody may stand at the door.
    pub(super) const fn knock(&mut self) {
        if matches!(self.state, DoorState::Asleep) {
            self.state = DoorState::Ready;
        }
    }

    /// Nobody does.
    pub(super) const fn sleep(&mut self) {
        self.state = DoorState::Asleep;
    }

    /// Somebody did, and is in.
    pub(super) const fn let_in(&mut self) {
        self.state = DoorState::Ready;
    }

    /// Somebody does, and cannot be let in for now. Whether that is news: it may go on for days.
    pub(super) fn pause(&mut self, now: Instant) -> bool {
        let is_news = !matches!(self.state, DoorState::Paused(_));
        self.state = DoorState::Paused(now + ACCEPT_PAUSE);
        is_news
    }

    /// Whether to accept.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        match self.state {
            DoorState::Asleep => false,
            DoorState::Ready => true,
            DoorState::Paused(until) => until <= now,
        }
    }

    /// When it wants to be looked at without an event.
    pub(super) const fn wakes_at(&self, now: Instant) -> Option<Instant> {
        match self.state {
            DoorState::Asleep => None,
            DoorState::Ready => Some(now),
            DoorState::Paused(until) => Some(until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Stream, Token};
    use std::io;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    #[test]
    fn both_limits_are_exact_and_a_leaver_makes_room() {
        let mut admission = Admission::new(3, 2);
        assert_eq!(admission.admit(HERE), Ok(()));
        assert_eq!(admission.admit(HERE), Ok(()));
        assert_eq!(admission.admit(HERE), Err(Refusal::FullForAddress));
        assert_eq!(admission.admit(THERE), Ok(()));
        assert_eq!(admission.admit(THERE), Err(Refusal::Full));
        admission.leave(HERE);
        assert_eq!(admission.admit(HERE), Ok(()));
    }

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
    fn a_pause_is_news_once_until_somebody_is_let_in() {
        let mut door = Door::new(Box::new(Locked), Protocol::Ftp);
        let mut now = Instant::now();
        assert!(!door.is_ready(now));
        door.knock();
        assert!(door.is_ready(now) && door.pause(now));
        assert!(!door.is_ready(now));
        now += ACCEPT_PAUSE;
        assert!(door.is_ready(now) && !door.pause(now));
        now += ACCEPT_PAUSE;
        door.let_in();
        assert!(door.is_ready(now) && door.pause(now));
    }

    #[test]
    fn an_address_without_connections_is_forgotten() {
        let mut admission = Admission::new(3, 2);
        assert_eq!(admission.admit(HERE), Ok(()));
        admission.leave(HERE);
        assert!(admission.by_address.is_empty());
    }
}
