//! A passive listener that sessions share whose connections can be told apart, and what arrives at it.
//!
//! It owns the listening socket and its claims: at most one session waits for each [`Claimant`], and only a
//! connection from its address becomes its data connection. All others are reset (RFC 2577 §8: port
//! stealing). Where several sessions of one address wait, what the connection begins with says which is
//! meant. It does not know the sessions, nor the other listeners.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use super::backlog::Backlog;
use super::claimant::Claimant;
use super::unidentified::{Callers, Identity, Unidentified, UnidentifiedQueue, reset};
use crate::clock::Instant;
use crate::event_loop::{Key, Token};
use crate::limits::SESSIONS_PER_PORT;
use crate::net::{Listener, Stream};

/// What a claimant has at a listener.
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
    /// From this address, of which several sessions wait, and it resumes none of theirs; it is reset.
    NotResuming(IpAddr),
    /// For a session that waits no longer, or ended before it was identified, or not identified yet.
    Other,
    /// None for now.
    Nothing,
    /// accept has failed, and is tried again after a pause.
    Failed(io::Error),
}

pub(super) struct PassiveListener {
    listener: Box<dyn Listener>,
    pub(super) backlog: Backlog,
    /// Sorted by address.
    claims: Vec<(Claimant, Claim)>,
    unidentified: UnidentifiedQueue,
    idle_since: Option<Instant>,
}

impl PassiveListener {
    pub(super) fn new(listener: Box<dyn Listener>) -> Self {
        Self {
            listener,
            backlog: Backlog::default(),
            claims: Vec::new(),
            unidentified: UnidentifiedQueue::default(),
            idle_since: None,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.listener.local_address()
    }

    /// Whether nothing is expected here.
    pub(super) fn is_idle(&self) -> bool {
        self.claims.is_empty() && self.unidentified.is_empty()
    }

    /// Whether no session waits here.
    pub(super) fn is_unused(&self) -> bool {
        let mut claims = self.claims.iter();
        claims.all(|(_, claim)| *claim == Claim::Late) && self.unidentified.is_empty()
    }

    /// Since when nothing is expected here.
    pub(super) fn idle_since(&mut self, now: Instant) -> Option<Instant> {
        self.is_idle().then(|| *self.idle_since.get_or_insert(now))
    }

    /// An event: a connection, or more over one that is not identified.
    pub(super) fn set_ready(&mut self) {
        self.backlog.set_ready();
        self.unidentified.set_ready();
    }

    /// When all connections are late that are not identified, and may be the claimant's.
    pub(super) fn unidentified_until(&self, claimant: Claimant) -> Option<Instant> {
        self.unidentified.until(claimant.address)
    }

    /// Whether the claimant may have connected, and is not identified yet.
    pub(super) fn may_have(&self, claimant: Claimant) -> bool {
        self.unidentified.may_have(claimant.address)
    }

    /// Whether no connection of the claimant can have arrived that is not accepted, or not identified. After
    /// an [`accept`](Self::accept) only.
    pub(super) fn is_drained(&self, claimant: Claimant) -> bool {
        self.backlog == Backlog::Empty && !self.may_have(claimant)
    }

    /// Whether its connection could be told from those of all others that wait here, which are not too many.
    pub(super) fn admits(&self, claimant: Claimant) -> bool {
        let first = self.claims.first().map(|(one, _)| one);
        if claimant == Claimant::ANY || first == Some(&Claimant::ANY) {
            return first.is_none();
        }
        let near = self.of_address(claimant.address).1;
        let mut others = near.iter().map(|(one, _)| *one);
        near.len() < SESSIONS_PER_PORT && others.all(|one| claimant.can_be_told_from(one))
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

    /// The sessions whose claims may be in the way of this claimant.
    pub(super) fn owners(&self, claimant: Claimant) -> impl Iterator<Item = Key> {
        let claims = self.claims.iter();
        claims.filter_map(move |(one, claim)| match claim {
            Claim::Lent(owner) if one.is_near(claimant) => Some(*owner),
            _ => None,
        })
    }

    /// Accepts at most one connection, or identifies one that was accepted before.
    pub(super) fn accept(&mut self, token: Token, now: Instant, callers: &Callers<'_>) -> Arrival {
        if let Some((stream, identity)) = self.unidentified.next(callers) {
            return self.identified(stream, identity, callers);
        }
        match self.listener.accept(token) {
            Ok((stream, peer)) => {
                self.backlog.accepted();
                let address = peer.ip();
                if (callers.is_proxy)(address) {
                    let one = Unidentified::from_proxy(stream, address, callers.until);
                    self.identify(one, callers)
                } else {
                    self.claim(stream, address, callers)
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

    /// Closes connections that are not identified in time. Returns when the next one is late.
    pub(super) fn expire_unidentified(&mut self, now: Instant) -> Option<Instant> {
        self.unidentified.expire(now)
    }

    fn identify(&mut self, one: Unidentified, callers: &Callers<'_>) -> Arrival {
        match self.unidentified.add(one, callers) {
            Ok(Some((stream, identity))) => self.identified(stream, identity, callers),
            Ok(None) => Arrival::Other,
            Err(error) => Arrival::Failed(error),
        }
    }

    fn identified(
        &mut self,
        stream: Box<dyn Stream>,
        identity: Identity,
        callers: &Callers<'_>,
    ) -> Arrival {
        match identity {
            Identity::Address(address) => self.claim(stream, address, callers),
            Identity::Sessions(address, tags) => {
                let mut claimants = tags.iter().map(|tag| Claimant::resuming(address, *tag));
                let found = claimants.find_map(|one| self.position(one).ok());
                match self.give(found, stream, address) {
                    Arrival::Unrelated(address) => Arrival::NotResuming(address),
                    arrival => arrival,
                }
            }
            Identity::Nobody(Some(address)) => self.give(None, stream, address),
            // It has ended.
            Identity::Nobody(None) => Arrival::Other,
        }
    }

    /// Gives a connection from this address to the session that waits for it, if there is one.
    fn claim(&mut self, stream: Box<dyn Stream>, from: IpAddr, callers: &Callers<'_>) -> Arrival {
        let (at, claims) = self.of_address(Some(from));
        let is_lent = |(_, claim): &&(_, Claim)| matches!(claim, Claim::Lent(_));
        let lent = claims.iter().filter(is_lent).count();
        let found = match claims.len() {
            0 => self.position(Claimant::ANY).ok(),
            2.. if lent > 0 => {
                let one = Unidentified::from_client(stream, from, callers.until);
                let arrival = self.identify(one, callers);
                // Each session has one connection, and perhaps one that is late.
                self.unidentified.limit(from, 2 * lent);
                return arrival;
            }
            _ => Some(at),
        };
        self.give(found, stream, from)
    }

    /// Gives a connection to the session whose claim is there. Without one it is reset.
    fn give(&mut self, found: Option<usize>, stream: Box<dyn Stream>, from: IpAddr) -> Arrival {
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

    /// Where its claim is, or is to be: behind the others of its address.
    fn position(&self, claimant: Claimant) -> Result<usize, usize> {
        let (first, claims) = self.of_address(claimant.address);
        let at = claims.iter().position(|(one, _)| *one == claimant);
        at.map_or(Err(first + claims.len()), |at| Ok(first + at))
    }

    /// The claims of an address, and where they begin.
    fn of_address(&self, address: Option<IpAddr>) -> (usize, &[(Claimant, Claim)]) {
        let first = self
            .claims
            .partition_point(|(one, _)| one.address < address);
        let rest = self.claims.get(first..).unwrap_or_default();
        let count = rest.partition_point(|(one, _)| one.address == address);
        (first, rest.get(..count).unwrap_or_default())
    }

    fn claim_mut(&mut self, claimant: Claimant) -> Option<&mut Claim> {
        let at = self.position(claimant).ok()?;
        self.claims.get_mut(at).map(|(_, claim)| claim)
    }
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
        let callers = Callers {
            is_proxy: &|_| false,
            acceptor: None,
            until: now,
        };
        match listener.accept(Token(0), now, &callers) {
            Arrival::Client(_, owner, _) => owner.index().to_string(),
            Arrival::Unrelated(_) | Arrival::NotResuming(_) => "unrelated".to_owned(),
            Arrival::Other => "other".to_owned(),
            Arrival::Nothing => "nothing".to_owned(),
            Arrival::Failed(error) => error.to_string(),
        }
    }

    #[test]
    fn connection_goes_to_the_session_of_its_address_once() {
        let mut listener = listener(&[2, 3, 1, 1]);
        for number in [1, 2] {
            listener.lend(Claimant::only(ip(number)), Key::new(0, number.into()));
        }
        let arrived = [(); 5].map(|()| accept(&mut listener));
        assert_eq!(arrived, ["2", "unrelated", "1", "unrelated", "nothing"]);
        assert!(listener.idle_since(Instant::now()).is_some());
    }

    #[test]
    fn address_is_free_again_once_nothing_can_be_late() {
        let mut listener = listener(&[1, 1]);
        let (one, owner) = (Claimant::only(ip(1)), Key::new(0, 7));
        listener.lend(one, owner);
        assert!(!listener.admits(one) && listener.admits(Claimant::only(ip(2))));
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
        listener.lend(Claimant::ANY, Key::new(0, 7));
        assert!(!listener.admits(Claimant::only(ip(1))) && !listener.admits(Claimant::ANY));
        assert_eq!(accept(&mut listener), "7");
        listener.lend(Claimant::only(ip(1)), Key::new(0, 7));
        assert!(!listener.admits(Claimant::ANY));
    }
}
