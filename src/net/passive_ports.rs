//! Which port the next passive listener takes (PASV, RFC 959 §4.1.2; EPSV, RFC 2428 §3).
//!
//! It owns the configured range and the set of ports in use. Each search starts at a place
//! that an outsider cannot foresee: one who guesses the next port could connect to it before
//! the client does. It opens listeners through the seam and knows nothing of who asks.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use super::{Listener, Network, Token};

const WORD: usize = u64::BITS as usize;

/// The ports that are tried where any will do: those that Linux itself gives by default.
const USUAL: RangeInclusive<u16> = 32768..=60999;

/// How many of them are tried before the system is asked.
const TRIES: usize = 16;

/// The ports that passive listeners may have.
pub struct PassivePorts {
    range: Option<Range>,
    /// Whether a port outside of the range will do too.
    is_preference: bool,
}

/// The right to one port of the range.
#[must_use = "a lease that is not released keeps its port for ever"]
#[derive(Debug, PartialEq, Eq)]
pub struct PortLease {
    port: u16,
}

impl PortLease {
    /// The port that is listened on.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl PassivePorts {
    /// Only these ports (0 is none), or whichever the system gives.
    pub fn new(range: Option<RangeInclusive<u16>>) -> Self {
        Self {
            range: range.map(Range::new),
            is_preference: false,
        }
    }

    /// Any port, chosen here. The system, asked for one, looks for a port that nothing reminds
    /// of: behind thousands of transfers, each of which waits a minute to be forgotten
    /// (TIME-WAIT), that takes milliseconds. A port that is named is taken at once.
    pub fn any() -> Self {
        Self {
            range: Some(Range::new(USUAL)),
            is_preference: true,
        }
    }

    /// Listens on a free port of the address `here`, whatever port that has, registered under
    /// `token`. Not of its IP alone: a link-local one of IPv6 means nothing without its scope.
    ///
    /// # Errors
    /// `AddrNotAvailable` when every port of the range is taken; any error but `AddrInUse`
    /// ends the search, because the next port would meet it again.
    pub fn listen(
        &mut self,
        network: &mut dyn Network,
        mut here: SocketAddr,
        token: Token,
    ) -> io::Result<(Box<dyn Listener>, PortLease)> {
        let Some(range) = &mut self.range else {
            return listen_anywhere(network, here, token);
        };
        let start = range.unforeseeable();
        let tries = if self.is_preference {
            TRIES
        } else {
            range.size
        };
        for step in 0..tries {
            let index = (start + step) % range.size;
            let Some(port) = range.free_port(index) else {
                continue;
            };
            here.set_port(port);
            match network.listen(here, token) {
                Ok(listener) => {
                    range.mark(index, true);
                    return Ok((listener, PortLease { port }));
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        if self.is_preference {
            return listen_anywhere(network, here, token);
        }
        let reason = "every passive port is in use";
        Err(io::Error::new(io::ErrorKind::AddrNotAvailable, reason))
    }

    /// The port of a listener that is closed may be taken again.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a lease is used up by its release"
    )]
    pub fn release(&mut self, lease: PortLease) {
        if let Some(range) = &mut self.range
            && let Some(offset) = lease.port.checked_sub(range.first)
        {
            range.mark(usize::from(offset), false);
        }
    }

    /// How many ports are not leased; `None` where any will do.
    pub fn available(&self) -> Option<usize> {
        let range = self.range.as_ref().filter(|_| !self.is_preference)?;
        Some(
            (0..range.size)
                .filter(|&index| !range.is_leased(index))
                .count(),
        )
    }
}

/// Wherever the system says.
fn listen_anywhere(
    network: &mut dyn Network,
    mut here: SocketAddr,
    token: Token,
) -> io::Result<(Box<dyn Listener>, PortLease)> {
    here.set_port(0);
    let listener = network.listen(here, token)?;
    let port = listener.local_address().port();
    Ok((listener, PortLease { port }))
}

/// A range of ports with a bit for each: leased or not.
struct Range {
    first: u16,
    size: usize,
    leased: Vec<u64>,
    hasher: RandomState,
    searches: u64,
}

impl Range {
    fn new(range: RangeInclusive<u16>) -> Self {
        // Port 0 would make the system choose, and not from the range.
        let (first, last) = (range.start().max(&1), range.end());
        let size = (*first..=*last).len();
        Self {
            first: *first,
            size,
            leased: vec![0; size.div_ceil(WORD)],
            hasher: RandomState::new(),
            searches: 0,
        }
    }

    /// The port at `index`, if nobody holds it.
    fn free_port(&self, index: usize) -> Option<u16> {
        let offset = u16::try_from(index).ok()?;
        (!self.is_leased(index)).then(|| self.first.checked_add(offset))?
    }

    fn is_leased(&self, index: usize) -> bool {
        let word = self.leased.get(index / WORD);
        word.is_some_and(|word| word >> (index % WORD) & 1 == 1)
    }

    fn mark(&mut self, index: usize, leased: bool) {
        if let Some(word) = self.leased.get_mut(index / WORD) {
            let bit = 1 << (index % WORD);
            *word = if leased { *word | bit } else { *word & !bit };
        }
    }

    /// An index to start from: a counter, hashed with a key that only this process knows.
    fn unforeseeable(&mut self) -> usize {
        self.searches = self.searches.wrapping_add(1);
        let size = u64::try_from(self.size.max(1)).unwrap_or(1);
        usize::try_from(self.hasher.hash_one(self.searches) % size).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Event, Stream, SystemNetwork, Waker};
    use std::collections::HashSet;
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::{Duration, Instant};

    const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 21);

    /// Hands out whatever is asked for except what is listed, and notes what it was asked for.
    #[derive(Default)]
    struct Fake {
        refused: Vec<u16>,
        error: Option<io::ErrorKind>,
        asked: Vec<u16>,
    }

    struct FakeListener(SocketAddr);

    impl Listener for FakeListener {
        fn accept(&mut self, _: Token) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn local_address(&self) -> SocketAddr {
            self.0
        }
    }

    impl Network for Fake {
        fn now(&self) -> Instant {
            unreachable!("ports need no clock")
        }

        fn unix_time(&self) -> i64 {
            unreachable!("ports need no clock")
        }

        fn listen(&mut self, address: SocketAddr, _: Token) -> io::Result<Box<dyn Listener>> {
            self.asked.push(address.port());
            if let Some(kind) = self.error {
                return Err(kind.into());
            }
            if self.refused.contains(&address.port()) {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            Ok(Box::new(FakeListener(address)))
        }

        fn is_own(&self, _: IpAddr) -> bool {
            unreachable!("nothing is connected to")
        }

        fn connect(
            &mut self,
            _: SocketAddr,
            _: SocketAddr,
            _: Token,
        ) -> io::Result<Box<dyn Stream>> {
            unreachable!("ports are listened on")
        }

        fn poll(&mut self, _: Option<Duration>, _: &mut Vec<Event>) -> io::Result<()> {
            unreachable!("nothing waits here")
        }

        fn waker(&self) -> Waker {
            unreachable!("nothing waits here")
        }
    }

    fn take(ports: &mut PassivePorts, network: &mut Fake) -> io::Result<PortLease> {
        let (listener, lease) = ports.listen(network, LOOPBACK, Token(1))?;
        assert_eq!(listener.local_address().port(), lease.port());
        Ok(lease)
    }

    #[test]
    fn a_range_gives_each_of_its_ports_once() {
        // Sizes around a word of the bit set.
        for size in [1, 2, 63, 64, 65] {
            let mut ports = PassivePorts::new(Some(5000..=4999 + size));
            let mut network = Fake::default();
            let leases: Vec<_> = (0..size)
                .map(|_| take(&mut ports, &mut network).unwrap())
                .collect();
            let distinct: HashSet<u16> = leases.iter().map(PortLease::port).collect();
            assert_eq!(distinct, (5000..5000 + size).collect());
            assert_eq!(ports.available(), Some(0));

            let none = take(&mut ports, &mut network).unwrap_err();
            assert_eq!(none.kind(), io::ErrorKind::AddrNotAvailable);
            assert_eq!(
                network.asked.len(),
                usize::from(size),
                "leased ports are not tried"
            );

            let released = leases.into_iter().next().unwrap();
            let port = released.port();
            ports.release(released);
            assert_eq!(ports.available(), Some(1));
            assert_eq!(take(&mut ports, &mut network).unwrap().port(), port);
        }
    }

    #[test]
    fn ports_that_others_hold_are_skipped_and_each_is_tried_once() {
        let mut ports = PassivePorts::new(Some(6000..=6009));
        let mut network = Fake {
            refused: (6000..=6008).collect(),
            ..Fake::default()
        };
        assert_eq!(take(&mut ports, &mut network).unwrap().port(), 6009);
        network.asked.clear();
        take(&mut ports, &mut network).unwrap_err();
        network.asked.sort_unstable();
        assert_eq!(network.asked, (6000..=6008).collect::<Vec<_>>());
    }

    #[test]
    fn another_error_ends_the_search() {
        let mut ports = PassivePorts::new(Some(6000..=6009));
        let mut network = Fake {
            error: Some(io::ErrorKind::PermissionDenied),
            ..Fake::default()
        };
        let error = take(&mut ports, &mut network).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(network.asked.len(), 1);
        assert_eq!(ports.available(), Some(10));
    }

    #[test]
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tested")]
    fn the_ends_of_the_numbers_and_an_empty_range() {
        let mut network = Fake::default();
        for (range, size) in [(65_535..=65_535, 1), (0..=1, 1), (0..=0, 0), (9..=8, 0)] {
            let mut ports = PassivePorts::new(Some(range));
            assert_eq!(ports.available(), Some(size));
            assert_eq!(take(&mut ports, &mut network).is_ok(), size > 0);
        }
        assert!(!network.asked.contains(&0));
    }

    #[test]
    fn the_starting_point_moves() {
        let mut ports = PassivePorts::new(Some(10_000..=60_000));
        let mut network = Fake::default();
        let distinct: HashSet<u16> = (0..8)
            .map(|_| {
                let lease = take(&mut ports, &mut network).unwrap();
                let port = lease.port();
                ports.release(lease);
                port
            })
            .collect();
        assert!(distinct.len() > 1);
    }

    #[test]
    fn any_port_is_a_usual_one_or_else_the_systems() {
        let mut ports = PassivePorts::any();
        assert_eq!(ports.available(), None);
        let mut free = Fake::default();
        let (listener, lease) = ports.listen(&mut free, LOOPBACK, Token(1)).unwrap();
        assert!(USUAL.contains(&lease.port()) && USUAL.contains(&listener.local_address().port()));
        ports.release(lease);
        let mut taken = Fake {
            refused: USUAL.collect(),
            ..Fake::default()
        };
        let (_, lease) = ports.listen(&mut taken, LOOPBACK, Token(1)).unwrap();
        assert_eq!(taken.asked.len(), TRIES + 1);
        assert_eq!(taken.asked.last(), Some(&0));
        ports.release(lease);
    }

    #[test]
    fn over_real_sockets() {
        // An address of its own, so that no other test is given the port that is freed.
        let here = SocketAddr::from(([127, 0, 0, 77], 21));
        let mut network = SystemNetwork::new().unwrap();
        let mut any = PassivePorts::new(None);
        let (listener, lease) = any.listen(&mut network, here, Token(1)).unwrap();
        let port = listener.local_address().port();
        assert_eq!((lease.port(), any.available()), (port, None));

        let mut only = PassivePorts::new(Some(port..=port));
        let taken = only.listen(&mut network, here, Token(2)).map(drop);
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
        drop(listener);
        any.release(lease);
        let (listener, lease) = only.listen(&mut network, here, Token(2)).unwrap();
        assert_eq!(listener.local_address().port(), port);
        drop(listener);
        only.release(lease);
    }
}
