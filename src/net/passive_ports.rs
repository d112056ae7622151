//! The port of a passive listener (PASV, RFC 959 §4.1.2; EPSV, RFC 2428 §3).
//!
//! Owns the configured range and a bit for each leased port. Each search starts at an index that outsiders
//! cannot predict: an attacker who can guess the next port can connect to it before the client does. A port
//! is leased while its [`PortLease`] exists. The caller opens the listeners.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The ports that are tried when no range is configured: Linux' default ephemeral range.
const EPHEMERAL: RangeInclusive<u16> = 32768..=60999;

/// How many ephemeral ports are tried before the kernel chooses one.
const TRIES: usize = 16;

/// The ports that passive listeners may use.
pub struct PassivePorts {
    range: Option<Range>,
    /// Whether a port outside the range will do if none of the range is free.
    is_preference: bool,
}

/// The exclusive right to one port of the range, returned on drop. Drop the listener first. `None` for a
/// port that the kernel chose.
#[derive(Debug)]
pub struct PortLease(Option<(Arc<Leased>, usize)>);

impl Drop for PortLease {
    fn drop(&mut self) {
        if let Some((leased, index)) = &self.0 {
            leased.toggle(*index);
        }
    }
}

impl PassivePorts {
    /// Only ports of this range (port 0 excluded), or with `None` whatever the kernel chooses.
    pub fn new(range: Option<RangeInclusive<u16>>) -> Self {
        Self {
            range: range.map(Range::new),
            is_preference: false,
        }
    }

    /// Any port, preferably one that is chosen here. The kernel, asked for any, searches for a port without
    /// sockets in TIME-WAIT: after thousands of transfers within a minute that takes milliseconds. A port
    /// that is named is bound at once.
    pub fn any() -> Self {
        Self {
            range: Some(Range::new(EPHEMERAL)),
            is_preference: true,
        }
    }

    /// Has `listen` open a listener on a free port of the address `here`, whose own port is ignored.
    /// `here` is a socket address because a link-local IPv6 address needs its scope.
    ///
    /// # Errors
    /// `AddrNotAvailable` if every port of the range is in use; any error but `AddrInUse` ends the search,
    /// because the next port would fail in the same way.
    pub fn listen<L>(
        &mut self,
        mut here: SocketAddr,
        mut listen: impl FnMut(SocketAddr) -> io::Result<L>,
    ) -> io::Result<(L, PortLease)> {
        if let Some(range) = &mut self.range {
            let size = range.leased.size;
            let start = range.unpredictable_index();
            let tries = if self.is_preference { TRIES } else { size };
            for step in 0..tries {
                let index = (start + step) % size;
                let Some(port) = range.leased.free_port(index) else {
                    continue;
                };
                here.set_port(port);
                match listen(here) {
                    Ok(listener) => return Ok((listener, range.lease(index))),
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                    Err(error) => return Err(error),
                }
            }
            if !self.is_preference {
                let kind = io::ErrorKind::AddrNotAvailable;
                return Err(io::Error::new(kind, "every passive port is in use"));
            }
        }
        // The kernel chooses.
        here.set_port(0);
        Ok((listen(here)?, PortLease(None)))
    }

    /// The number of ports that are not leased; `None` if any port will do.
    pub fn available(&self) -> Option<usize> {
        let range = self.range.as_ref().filter(|_| !self.is_preference)?;
        Some(
            (0..range.leased.size)
                .filter(|&index| !range.leased.get(index))
                .count(),
        )
    }
}

/// The ports of a range and a bit for each, shared with the leases. Atomic because a lease may be dropped
/// on any thread.
#[derive(Debug)]
struct Leased {
    first: u16,
    size: usize,
    bits: Box<[AtomicU32]>,
}

impl Leased {
    const WORD: usize = u32::BITS as usize;

    fn new(range: RangeInclusive<u16>) -> Self {
        // Port 0 would make the kernel choose, and not from the range.
        let (first, last) = range.into_inner();
        let first = first.max(1);
        let size = (first..=last).len();
        let words = (0..size.div_ceil(Self::WORD)).map(|_| AtomicU32::new(0));
        Self {
            first,
            size,
            bits: words.collect(),
        }
    }

    fn get(&self, index: usize) -> bool {
        let word = self.bits.get(index / Self::WORD);
        word.is_some_and(|word| word.load(Ordering::Relaxed) >> (index % Self::WORD) & 1 == 1)
    }

    /// Leases a port, or returns it.
    fn toggle(&self, index: usize) {
        debug_assert!(index < self.size, "the port is not in the range");
        if let Some(word) = self.bits.get(index / Self::WORD) {
            word.fetch_xor(1 << (index % Self::WORD), Ordering::Relaxed);
        }
    }

    /// The port at `index`, unless it is leased.
    fn free_port(&self, index: usize) -> Option<u16> {
        let offset = u16::try_from(index).ok()?;
        (!self.get(index)).then(|| self.first.checked_add(offset))?
    }
}

/// A range of ports, and where the next search in it starts.
struct Range {
    leased: Arc<Leased>,
    hasher: RandomState,
    searches: u64,
}

impl Range {
    fn new(range: RangeInclusive<u16>) -> Self {
        Self {
            leased: Arc::new(Leased::new(range)),
            hasher: RandomState::new(),
            searches: 0,
        }
    }

    fn lease(&self, index: usize) -> PortLease {
        self.leased.toggle(index);
        PortLease(Some((Arc::clone(&self.leased), index)))
    }

    /// Where a search starts: a counter, hashed with a key that only this process knows.
    fn unpredictable_index(&mut self) -> usize {
        self.searches = self.searches.wrapping_add(1);
        // The remainder is less than the size, which is a usize; an empty range is not searched.
        let size = u64::try_from(self.leased.size.max(1)).unwrap_or(1);
        usize::try_from(self.hasher.hash_one(self.searches) % size).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Network as _, SystemNetwork, Token};
    use std::collections::HashSet;
    use std::net::{IpAddr, Ipv4Addr};

    const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 21);

    /// Grants every port except the refused ones, and records the requests.
    #[derive(Default)]
    struct Fake {
        refused: Vec<u16>,
        error: Option<io::ErrorKind>,
        asked: Vec<u16>,
    }

    /// The port that was granted, and its lease.
    fn take(ports: &mut PassivePorts, network: &mut Fake) -> io::Result<(u16, PortLease)> {
        ports.listen(LOOPBACK, |address| {
            let port = address.port();
            network.asked.push(port);
            match network.error {
                Some(kind) => Err(kind.into()),
                None if network.refused.contains(&port) => Err(io::ErrorKind::AddrInUse.into()),
                None => Ok(port),
            }
        })
    }

    #[test]
    fn range_leases_each_port_once() {
        // Sizes around a word of the bit set.
        for size in [1, 2, 63, 64, 65] {
            let mut ports = PassivePorts::new(Some(5000..=4999 + size));
            let mut network = Fake::default();
            let mut leases: Vec<_> = (0..size)
                .map(|_| take(&mut ports, &mut network).unwrap())
                .collect();
            let distinct: HashSet<u16> = leases.iter().map(|(port, _)| *port).collect();
            assert_eq!(distinct, (5000..5000 + size).collect());
            assert_eq!(ports.available(), Some(0));

            let none = take(&mut ports, &mut network).unwrap_err();
            assert_eq!(none.kind(), io::ErrorKind::AddrNotAvailable);
            let asked = network.asked.len();
            assert_eq!(asked, usize::from(size), "leased ports are not tried");

            let (port, lease) = leases.remove(0);
            drop(lease);
            assert_eq!(ports.available(), Some(1));
            assert_eq!(take(&mut ports, &mut network).unwrap().0, port);
        }
    }

    #[test]
    fn ports_in_use_are_skipped_and_tried_once() {
        let mut ports = PassivePorts::new(Some(6000..=6009));
        let mut network = Fake {
            refused: (6000..=6008).collect(),
            ..Fake::default()
        };
        let (last, _lease) = take(&mut ports, &mut network).unwrap();
        assert_eq!(last, 6009);
        network.asked.clear();
        take(&mut ports, &mut network).unwrap_err();
        network.asked.sort_unstable();
        assert_eq!(network.asked, (6000..=6008).collect::<Vec<_>>());
    }

    #[test]
    fn other_errors_end_the_search() {
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
    fn range_at_the_limits_and_empty() {
        let mut network = Fake::default();
        for (range, size) in [(65_535..=65_535, 1), (0..=1, 1), (0..=0, 0), (9..=8, 0)] {
            let mut ports = PassivePorts::new(Some(range));
            assert_eq!(ports.available(), Some(size));
            assert_eq!(take(&mut ports, &mut network).is_ok(), size > 0);
        }
        assert!(!network.asked.contains(&0));
    }

    #[test]
    fn search_starts_at_another_port_each_time() {
        let mut ports = PassivePorts::new(Some(10_000..=60_000));
        let mut network = Fake::default();
        let distinct: HashSet<u16> = (0..8)
            .map(|_| take(&mut ports, &mut network).unwrap().0)
            .collect();
        assert!(distinct.len() > 1);
    }

    #[test]
    fn any_port_falls_back_to_the_kernels_choice() {
        let mut ports = PassivePorts::any();
        assert_eq!(ports.available(), None);
        let (port, _lease) = take(&mut ports, &mut Fake::default()).unwrap();
        assert!(EPHEMERAL.contains(&port));
        let mut taken = Fake {
            refused: EPHEMERAL.collect(),
            ..Fake::default()
        };
        take(&mut ports, &mut taken).unwrap();
        assert_eq!(taken.asked.len(), TRIES + 1);
        assert_eq!(taken.asked.last(), Some(&0));
    }

    #[test]
    fn lease_of_a_real_listener_is_returned() {
        // An address of its own, so that no other test is given the port that is freed.
        let here = SocketAddr::from(([127, 0, 0, 77], 21));
        let mut network = SystemNetwork::new().unwrap();
        let mut listen = |ports: &mut PassivePorts| {
            ports.listen(here, |address| network.listen(address, Token(1)))
        };
        let mut any = PassivePorts::new(None);
        let (listener, lease) = listen(&mut any).unwrap();
        let port = listener.local_address().port();
        assert_eq!(any.available(), None);

        let mut only = PassivePorts::new(Some(port..=port));
        let taken = listen(&mut only).map(drop);
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
        drop((listener, lease));
        let (listener, lease) = listen(&mut only).unwrap();
        assert_eq!(listener.local_address().port(), port);
        drop((listener, lease));
        assert_eq!(only.available(), Some(1));
    }
}
