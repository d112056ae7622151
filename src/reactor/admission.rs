//! Who is let in: by address, and by the count of connections, in all and of one client; how often
//! it is logged that somebody is not; and what a listener that cannot accept does meanwhile.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::auth::{ClientPrefix, Counted, Throttle, Unwelcome};
use crate::limits::{ACCEPT_PAUSE, Bound, REFUSALS_LOGGED, Room, Throttling};
use crate::net::{AddressRules, Listener};
use crate::observe::target;

/// Connections that are in, against their limits.
#[derive(Debug)]
pub(super) struct Admission {
    rules: AddressRules,
    room: Room,
    limit_per_address: usize,
    admitted: usize,
    by_address: HashMap<ClientPrefix, usize>,
    /// What is logged of refusals: a flood of them must not become one of lines.
    refusals: Counted,
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The rules of addresses say so.
    Denied,
    /// Too many of its logins have failed.
    Banned,
    /// Its address connects too fast.
    TooFast,
    /// By this limit.
    Full(Bound),
    FullForAddress,
    /// The storage hangs.
    Overloaded,
    /// It is a proxy, and has not said for whom it has connected.
    NoProxyHeader,
    /// It was a proxy, and has said for whom it has connected; but it is none any more.
    NotProxy,
}

impl Refusal {
    /// Whether the client is told. One that must not be here at all learns nothing, and costs no
    /// more than that it is closed; any other may come again later.
    pub(super) const fn is_said(self) -> bool {
        !matches!(self, Self::Denied | Self::NotProxy)
    }

    /// What is the client's doing is news of another kind than what the server lacks.
    const fn level(self) -> log::Level {
        match self {
            Self::Denied | Self::TooFast => log::Level::Info,
            // The ban was logged when it began.
            Self::Banned => log::Level::Debug,
            Self::Full(_)
            | Self::FullForAddress
            | Self::Overloaded
            | Self::NoProxyHeader
            | Self::NotProxy => log::Level::Warn,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied => "not from this address (addresses.allow, addresses.deny)",
            Self::Banned => "its address is banned (throttling.failures)",
            Self::TooFast => "its address connects too fast (throttling.connection-interval)",
            Self::Full(bound) => {
                return write!(f, "there are as many connections as {bound} allows");
            }
            Self::FullForAddress => {
                "there are as many of its address as limits.connections-per-address allows"
            }
            Self::Overloaded => {
                "too much waits for the storage: is its disk slow, or does it hang?"
            }
            Self::NoProxyHeader => "it is a proxy (addresses.proxies), and no PROXY header came",
            Self::NotProxy => "it came through what is not a proxy any more (addresses.proxies)",
        })
    }
}

impl Admission {
    pub(super) fn new(rules: AddressRules, room: Room, limit_per_address: usize) -> Self {
        Self {
            rules,
            room,
            limit_per_address,
            admitted: 0,
            by_address: HashMap::new(),
            refusals: Counted::default(),
        }
    }

    /// Other rules, for those who come from now on.
    pub(super) fn change(&mut self, rules: AddressRules, room: Room, limit_per_address: usize) {
        self.rules = rules;
        self.room = room;
        self.limit_per_address = limit_per_address;
    }

    /// Whether the rules let the address connect.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        self.rules.admit(address)
    }

    /// Whether the address may connect at all, and now.
    pub(super) fn screen(
        &self,
        address: IpAddr,
        throttle: &mut Throttle,
        limits: &Throttling,
        now: Instant,
    ) -> Result<(), Refusal> {
        if !self.allows(address) {
            return Err(Refusal::Denied);
        }
        match throttle.connect(address, limits, now) {
            Ok(()) => Ok(()),
            Err(Unwelcome::Banned) => Err(Refusal::Banned),
            Err(Unwelcome::TooFast) => Err(Refusal::TooFast),
        }
    }

    /// Logs that somebody was refused, unless there is too much of it.
    pub(super) fn log(&mut self, refusal: Refusal, peer: SocketAddr, now: Instant) {
        let level = refusal.level();
        // What nobody reads does not count.
        if level > log::max_level() {
            return;
        }
        if let Some(unsaid) = self.refusals.take(REFUSALS_LOGGED, now) {
            let more = match unsaid {
                0 => String::new(),
                unsaid => format!("; {unsaid} more were refused since the last line of these"),
            };
            log::log!(
                target: target::SECURITY,
                level,
                "Refused a connection (address = {peer}): {refusal}{more}"
            );
        }
    }

    /// Counts a connection in, if there is room in all and for its address.
    pub(super) fn admit(&mut self, address: IpAddr) -> Result<(), Refusal> {
        self.enter()?;
        self.assign(address).inspect_err(|_| self.leave(None))
    }

    /// Counts a connection in, if there is room; whose it is, is for [`assign`](Self::assign).
    pub(super) const fn enter(&mut self) -> Result<(), Refusal> {
        if self.admitted >= self.room.connections {
            return Err(Refusal::Full(self.room.bound));
        }
        self.admitted += 1;
        Ok(())
    }

    /// Counts a connection that is in for an address, if that may have one more.
    pub(super) fn assign(&mut self, address: IpAddr) -> Result<(), Refusal> {
        let count = self
            .by_address
            .entry(ClientPrefix::of(address))
            .or_default();
        if *count >= self.limit_per_address {
            return Err(Refusal::FullForAddress);
        }
        *count += 1;
        Ok(())
    }

    /// One is gone; with an address, if it was [assigned](Self::assign) to that.
    pub(super) fn leave(&mut self, address: Option<IpAddr>) {
        self.admitted = self.admitted.saturating_sub(1);
        let Some(address) = address else {
            return;
        };
        let prefix = ClientPrefix::of(address);
        if let Some(count) = self.by_address.get_mut(&prefix) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&prefix);
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

    /// Somebody may stand at the door.
    pub(super) const fn set_ready(&mut self) {
        if matches!(self.state, AcceptState::Idle) {
            self.state = AcceptState::Ready;
        }
    }

    /// Nobody does.
    pub(super) const fn would_block(&mut self) {
        self.state = AcceptState::Idle;
    }

    /// Somebody did, and is in.
    pub(super) const fn accepted(&mut self) {
        self.state = AcceptState::Ready;
    }

    /// Somebody does, and cannot be let in for now. Whether that is news: it may go on for days.
    pub(super) fn back_off(&mut self, now: Instant) -> bool {
        let is_news = !matches!(self.state, AcceptState::BackingOff(_));
        self.state = AcceptState::BackingOff(now + ACCEPT_PAUSE);
        is_news
    }

    /// Whether to accept.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        match self.state {
            AcceptState::Idle => false,
            AcceptState::Ready => true,
            AcceptState::BackingOff(until) => until <= now,
        }
    }

    /// When it wants to be looked at without an event.
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
    use crate::limits::Rate;
    use crate::net::{Stream, Token};
    use std::io;
    use std::time::Duration;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    #[test]
    fn both_limits_are_exact_and_a_leaver_makes_room() {
        let mut admission = Admission::new(AddressRules::default(), 3.into(), 2);
        assert_eq!(admission.admit(HERE), Ok(()));
        assert_eq!(admission.admit(HERE), Ok(()));
        assert_eq!(admission.admit(HERE), Err(Refusal::FullForAddress));
        assert_eq!(admission.admit(THERE), Ok(()));
        assert_eq!(admission.admit(THERE), Err(Refusal::Full(Bound::Number)));
        admission.leave(Some(HERE));
        assert_eq!(admission.admit(HERE), Ok(()));
    }

    #[test]
    fn what_is_changed_holds_for_those_who_come_from_then_on() {
        let mut admission = Admission::new(AddressRules::default(), 3.into(), 2);
        assert_eq!(admission.admit(HERE), Ok(()));
        let only_there = AddressRules {
            allow: vec!["::1".parse().unwrap()],
            deny: Vec::new(),
        };
        admission.change(only_there, 9.into(), 1);
        assert!(!admission.allows(HERE) && admission.allows(THERE));
        // Who is in stays, and counts.
        assert_eq!(admission.admit(HERE), Err(Refusal::FullForAddress));
        assert_eq!(admission.admit(THERE), Ok(()));
        admission.change(AddressRules::default(), 2.into(), 9);
        assert_eq!(admission.admit(HERE), Err(Refusal::Full(Bound::Number)));
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

    #[test]
    fn an_address_without_connections_is_forgotten() {
        let mut admission = Admission::new(AddressRules::default(), 3.into(), 2);
        assert_eq!(admission.admit(HERE), Ok(()));
        admission.leave(Some(HERE));
        assert!(admission.by_address.is_empty());
    }

    #[test]
    fn one_64_is_one_client() {
        let mut admission = Admission::new(AddressRules::default(), 9.into(), 1);
        for (address, admitted) in [
            ("2001:db8::1", Ok(())),
            ("2001:db8::2", Err(Refusal::FullForAddress)),
            ("2001:db8:0:1::1", Ok(())),
        ] {
            assert_eq!(admission.admit(address.parse().unwrap()), admitted);
        }
    }

    #[test]
    fn rules_come_first_and_the_throttle_second() {
        let rules = AddressRules {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            deny: Vec::new(),
        };
        let admission = Admission::new(rules, 9.into(), 9);
        let (mut throttle, now) = (Throttle::new(), Instant::now());
        let limits = Throttling {
            failures: 1,
            connections: Rate {
                interval: Duration::from_secs(1),
                burst: 1,
            },
            ..Throttling::default()
        };
        let screen =
            |address, throttle: &mut Throttle| admission.screen(address, throttle, &limits, now);
        assert_eq!(screen(THERE, &mut throttle), Err(Refusal::Denied));
        assert_eq!(screen(HERE, &mut throttle), Ok(()));
        assert_eq!(screen(HERE, &mut throttle), Err(Refusal::TooFast));
        throttle.fail(HERE, &limits, now);
        assert_eq!(screen(HERE, &mut throttle), Err(Refusal::Banned));
    }
}
