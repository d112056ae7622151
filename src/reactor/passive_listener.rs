//! A passive listener that sessions of different client addresses share, and what arrives at it.
//!
//! It owns the listening socket and its claims: at most one session waits for each client address, and only a
//! connection from that address becomes its data connection. All others are reset (RFC 2577 §8: port
//! stealing). Behind a proxy the address is known when the PROXY header is complete, and until then the
//! connection is pending. It does not know the sessions, nor the other listeners.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::admission::Protocol;
use super::backlog::Backlog;
use super::proxy_header::ProxyHeader;
use crate::event_loop::{Key, Token};
use crate::limits::PENDING_HEADERS;
use crate::net::{Listener, Registration, Stream};
use crate::protocol::proxy_header::ProxiedPeer;

/// The address that a data connection must come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claimant {
    /// From any (FXP).
    Any,
    Only(IpAddr),
}

impl Claimant {
    /// Whether a connection could be the one's and the other's.
    pub(super) fn conflicts(self, other: Self) -> bool {
        self == other || self == Self::Any || other == Self::Any
    }
}

/// What a client address has at a listener.
///
/// ```text
///   (none) ──lent──▶ Lent ──connection arrives──▶ (none)
///                     └──given back without one──▶ Late ──LATE_CONNECTION──▶ (none)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// This session waits for a connection.
    Lent(Key),
    /// A connection that arrives now was meant for a session that waits no longer.
    Late,
}

/// What a listener has accepted.
pub(super) enum Arrival {
    /// The data connection of this session.
    Client(Claimant, Key, Box<dyn Stream>),
    /// From this address, for which no session waits; it is reset.
    Unrelated(IpAddr),
    /// For a session that waits no longer, or ended before it was identified, or its header is awaited.
    Other,
    /// None for now.
    Nothing,
    /// accept has failed, and is tried again after a pause.
    Failed(io::Error),
}

pub(super) struct PassiveListener {
    listener: Box<dyn Listener>,
    pub(super) backlog: Backlog,
    /// Sorted by claimant.
    claims: Vec<(Claimant, Claim)>,
    pending: Vec<PendingConnection>,
    idle_since: Option<Instant>,
}

/// A connection from a proxy whose header is incomplete.
struct PendingConnection {
    stream: Box<dyn Stream>,
    proxy: IpAddr,
    header: ProxyHeader,
    until: Instant,
}

impl PassiveListener {
    pub(super) fn new(listener: Box<dyn Listener>) -> Self {
        Self {
            listener,
            backlog: Backlog::default(),
            claims: Vec::new(),
            pending: Vec::new(),
            idle_since: None,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.listener.local_address()
    }

    /// Since when nothing is expected here.
    pub(super) fn idle_since(&mut self, now: Instant) -> Option<Instant> {
        let is_idle = self.claims.is_empty() && self.pending.is_empty();
        is_idle.then(|| *self.idle_since.get_or_insert(now))
    }

    /// When the last header of the proxies that have connected must be complete.
    pub(super) fn pending_until(&self) -> Option<Instant> {
        self.pending.iter().map(|one| one.until).max()
    }

    /// Whether no connection has arrived that is not accepted, or not identified. After an
    /// [`accept`](Self::accept) only.
    pub(super) fn is_drained(&self) -> bool {
        self.backlog == Backlog::Empty && self.pending.is_empty()
    }

    /// Whether a connection could only be this claimant's. One that accepts any shares with none.
    pub(super) fn admits(&self, claimant: Claimant) -> bool {
        match (claimant, self.claims.first()) {
            (_, None) => true,
            (Claimant::Any, _) | (_, Some((Claimant::Any, _))) => false,
            _ => self.position(claimant).is_err(),
        }
    }

    /// The session waits from now on.
    pub(super) fn lend(&mut self, claimant: Claimant, owner: Key) {
        debug_assert!(self.admits(claimant), "two sessions expect the same");
        self.idle_since = None;
        if let Err(at) = self.position(claimant) {
            self.claims.insert(at, (claimant, Claim::Lent(owner)));
        }
    }

    /// The session waits no longer. Returns whether its connection may still arrive, late; until
    /// [`forget`](Self::forget) it is nobody's.
    pub(super) fn take_back(&mut self, claimant: Claimant, owner: Key) -> bool {
        let is_its_own = self.owner(claimant) == Some(owner);
        if let Some(claim) = self.claim_mut(claimant).filter(|_| is_its_own) {
            *claim = Claim::Late;
        }
        is_its_own
    }

    /// No connection can be late any more.
    pub(super) fn forget(&mut self, claimant: Claimant) {
        if let Ok(at) = self.position(claimant) {
            let (_, claim) = self.claims.remove(at);
            debug_assert_eq!(claim, Claim::Late);
        }
    }

    /// The session that waits for this claimant's connection.
    pub(super) fn owner(&self, claimant: Claimant) -> Option<Key> {
        let at = self.position(claimant).ok()?;
        match self.claims.get(at)? {
            (_, Claim::Lent(owner)) => Some(*owner),
            (_, Claim::Late) => None,
        }
    }

    /// The sessions that wait for a connection which could be this claimant's.
    pub(super) fn owners(&self, claimant: Claimant) -> impl Iterator<Item = Key> {
        let claims = self.claims.iter();
        claims.filter_map(move |(one, claim)| match claim {
            Claim::Lent(owner) if one.conflicts(claimant) => Some(*owner),
            _ => None,
        })
    }

    /// Accepts at most one connection, or identifies a pending one. A header must be complete within
    /// `header_time`.
    pub(super) fn accept(
        &mut self,
        token: Token,
        now: Instant,
        header_time: Duration,
        is_proxy: impl Fn(IpAddr) -> bool,
    ) -> Arrival {
        if let Some(arrival) = self.identify_pending() {
            return arrival;
        }
        match self.listener.accept(token) {
            Ok((stream, peer)) => {
                self.backlog.accepted();
                if is_proxy(peer.ip()) {
                    self.identify(PendingConnection {
                        stream,
                        proxy: peer.ip(),
                        // PROT decides whether TLS follows, not the listener.
                        header: ProxyHeader::new(Protocol::Ftp),
                        until: now + header_time,
                    })
                } else {
                    self.claim(stream, peer.ip())
                }
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => {
                    self.backlog.would_block();
                    Arrival::Nothing
                }
                ErrorKind::Interrupted | ErrorKind::ConnectionAborted => Arrival::Other,
                // The edge is consumed: a timer has it tried again. One failure of a row is reported.
                _ if self.backlog.back_off(now) => Arrival::Failed(error),
                _ => Arrival::Nothing,
            },
        }
    }

    /// Closes pending connections whose header is late. Returns when the next one is.
    pub(super) fn expire_pending(&mut self, now: Instant) -> Option<Instant> {
        for late in self.pending.extract_if(.., |one| one.until <= now) {
            reset(late.stream);
        }
        self.pending.iter().map(|one| one.until).min()
    }

    /// Reads on in the headers until one is complete.
    fn identify_pending(&mut self) -> Option<Arrival> {
        for _ in 0..self.pending.len() {
            let pending = self.pending.remove(0);
            match self.identify(pending) {
                Arrival::Other => {}
                arrival => return Some(arrival),
            }
        }
        None
    }

    /// Reads on in a header, and keeps the connection while it is incomplete.
    fn identify(&mut self, mut pending: PendingConnection) -> Arrival {
        let address = match pending.header.read(pending.stream.as_mut()) {
            Ok(ProxiedPeer::Local) => pending.proxy,
            Ok(ProxiedPeer::Client { source, .. }) => source.ip(),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return self.keep_pending(pending),
                ErrorKind::InvalidData => {
                    reset(pending.stream);
                    return Arrival::Unrelated(pending.proxy);
                }
                _ => return Arrival::Other,
            },
        };
        let _ = pending.stream.register(Registration::None);
        self.claim(pending.stream, address)
    }

    fn keep_pending(&mut self, mut pending: PendingConnection) -> Arrival {
        if let Err(error) = pending.stream.register(Registration::Readable) {
            reset(pending.stream);
            return Arrival::Failed(error);
        }
        self.pending.push(pending);
        if self.pending.len() > PENDING_HEADERS {
            // A header comes with its connection; the oldest is the least likely to complete its own.
            reset(self.pending.remove(0).stream);
        }
        Arrival::Other
    }

    /// Gives a connection from this address to the session that waits for it.
    fn claim(&mut self, stream: Box<dyn Stream>, from: IpAddr) -> Arrival {
        let own = self.position(Claimant::Only(from));
        let found = own.or_else(|_| self.position(Claimant::Any)).ok();
        let claim = found.and_then(|at| Some((at, *self.claims.get(at)?)));
        if let Some((at, (claimant, Claim::Lent(owner)))) = claim {
            self.claims.remove(at);
            return Arrival::Client(claimant, owner, stream);
        }
        reset(stream);
        match claim {
            Some(_) => Arrival::Other,
            None => Arrival::Unrelated(from),
        }
    }

    fn position(&self, claimant: Claimant) -> Result<usize, usize> {
        self.claims.binary_search_by_key(&claimant, |(one, _)| *one)
    }

    fn claim_mut(&mut self, claimant: Claimant) -> Option<&mut Claim> {
        let at = self.position(claimant).ok()?;
        self.claims.get_mut(at).map(|(_, claim)| claim)
    }
}

impl Drop for PassiveListener {
    fn drop(&mut self) {
        self.pending.drain(..).for_each(|one| reset(one.stream));
    }
}

/// Closes a connection that gets no transfer. Its host may take an end in order for an empty file: the port
/// can have been another session's a moment ago.
pub(super) fn reset(mut stream: Box<dyn Stream>) {
    stream.reset_on_close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::testing::FakeStream;
    use std::collections::VecDeque;

    /// A listener at which connections from these addresses arrive.
    struct Arriving(VecDeque<IpAddr>);

    impl Listener for Arriving {
        fn accept(&mut self, _: Token) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
            let from = self.0.pop_front().ok_or(ErrorKind::WouldBlock)?;
            Ok((Box::new(FakeStream::default()), (from, 40_000).into()))
        }

        fn local_address(&self) -> SocketAddr {
            ([127, 0, 0, 1], 50_000).into()
        }
    }

    fn ip(number: u8) -> IpAddr {
        [10, 0, 0, number].into()
    }

    fn listener(from: &[u8]) -> PassiveListener {
        let arriving = from.iter().map(|number| ip(*number)).collect();
        PassiveListener::new(Box::new(Arriving(arriving)))
    }

    fn accept(listener: &mut PassiveListener) -> String {
        let now = Instant::now();
        match listener.accept(Token(0), now, Duration::ZERO, |_| false) {
            Arrival::Client(_, owner, _) => owner.index().to_string(),
            Arrival::Unrelated(_) => "unrelated".to_owned(),
            Arrival::Other => "other".to_owned(),
            Arrival::Nothing => "nothing".to_owned(),
            Arrival::Failed(error) => error.to_string(),
        }
    }

    #[test]
    fn connection_goes_to_the_session_of_its_address_once() {
        let mut listener = listener(&[2, 3, 1, 1]);
        for number in [1, 2] {
            listener.lend(Claimant::Only(ip(number)), Key::new(0, number.into()));
        }
        let arrived = [(); 5].map(|()| accept(&mut listener));
        assert_eq!(arrived, ["2", "unrelated", "1", "unrelated", "nothing"]);
        assert!(listener.idle_since(Instant::now()).is_some());
    }

    #[test]
    fn address_is_free_again_once_nothing_can_be_late() {
        let mut listener = listener(&[1, 1]);
        let (one, owner) = (Claimant::Only(ip(1)), Key::new(0, 7));
        listener.lend(one, owner);
        assert!(!listener.admits(one) && listener.admits(Claimant::Only(ip(2))));
        assert!(
            !listener.take_back(one, Key::new(0, 8)),
            "another session's"
        );
        assert!(listener.take_back(one, owner) && !listener.take_back(one, owner));
        assert_eq!(accept(&mut listener), "other");
        assert!(!listener.admits(one) && listener.idle_since(Instant::now()).is_none());
        listener.forget(one);
        assert!(listener.admits(one));
        listener.lend(one, owner);
        assert_eq!(accept(&mut listener), "7");
    }

    #[test]
    fn session_that_accepts_any_address_shares_with_none() {
        let mut listener = listener(&[9]);
        listener.lend(Claimant::Any, Key::new(0, 7));
        assert!(!listener.admits(Claimant::Only(ip(1))) && !listener.admits(Claimant::Any));
        assert_eq!(accept(&mut listener), "7");
        listener.lend(Claimant::Only(ip(1)), Key::new(0, 7));
        assert!(!listener.admits(Claimant::Any));
    }
}
