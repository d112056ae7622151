//! The port of a passive listener (PASV, RFC 959 §4.1.2; EPSV, RFC 2428 §3).
//!
//! Owns the configured range. Each search starts at an index that outsiders cannot predict: an attacker who
//! can guess the next port can connect to it before the client does. The caller opens the listeners, and
//! knows which ports it has open already.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// The ports that are tried when no range is configured: Linux' default ephemeral range.
const EPHEMERAL: RangeInclusive<u16> = 32768..=60999;

/// How many ephemeral ports are tried before the kernel chooses one.
const TRIES: usize = 16;

/// The ports that passive listeners may use.
pub struct PassivePorts {
    range: Option<RangeInclusive<u16>>,
    /// Whether a port outside the range will do if none of the range is free.
    is_preference: bool,
    hasher: RandomState,
    searches: u64,
}

impl PassivePorts {
    /// Only ports of this range (port 0 excluded), or with `None` whatever the kernel chooses.
    pub fn new(range: Option<RangeInclusive<u16>>) -> Self {
        Self {
            // Port 0 would make the kernel choose, and not from the range.
            range: range.map(|range| *range.start().max(&1)..=*range.end()),
            is_preference: false,
            hasher: RandomState::new(),
            searches: 0,
        }
    }

    /// Any port, preferably one that is chosen here. The kernel, asked for any, searches for a port without
    /// sockets in TIME-WAIT: after thousands of transfers within a minute that takes milliseconds. A port
    /// that is named is bound at once.
    pub fn any() -> Self {
        Self {
            is_preference: true,
            ..Self::new(Some(EPHEMERAL))
        }
    }

    /// Has `listen` open a listener on a port of the address `here`, whose own port is ignored, unless the
    /// caller `has` the port already. `here` is a socket address because a link-local IPv6 address needs its
    /// scope.
    ///
    /// # Errors
    /// `AddrNotAvailable` if every port of the range is in use; any error but `AddrInUse` ends the search,
    /// because the next port would fail in the same way.
    pub fn open<L>(
        &mut self,
        mut here: SocketAddr,
        has: impl Fn(u16) -> bool,
        mut listen: impl FnMut(SocketAddr) -> io::Result<L>,
    ) -> io::Result<L> {
        if let Some(range) = self.range.clone() {
            let start = self.unpredictable_index(range.len());
            let tries = if self.is_preference {
                TRIES
            } else {
                usize::MAX
            };
            // From the start to the end of the range, then from its beginning.
            let ports = range.clone().skip(start).chain(range.take(start));
            for port in ports.filter(|&port| !has(port)).take(tries) {
                here.set_port(port);
                match listen(here) {
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                    opened => return opened,
                }
            }
            if !self.is_preference {
                let kind = io::ErrorKind::AddrNotAvailable;
                return Err(io::Error::new(kind, "every passive port is in use"));
            }
        }
        // The kernel chooses.
        here.set_port(0);
        listen(here)
    }

    /// An index below `size` at which a search starts: a counter, hashed with a key that only this process
    /// knows. 0 if the ports are the kernel's to choose.
    pub fn unpredictable_index(&mut self, size: usize) -> usize {
        if self.range.is_none() || size <= 1 {
            return 0;
        }
        self.searches = self.searches.wrapping_add(1);
        // A remainder of a usize is a usize.
        let size = u64::try_from(size).unwrap_or(u64::MAX);
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
        granted: Vec<u16>,
    }

    /// The port that was granted.
    fn take(ports: &mut PassivePorts, network: &mut Fake) -> io::Result<u16> {
        let granted = network.granted.clone();
        let port = ports.open(
            LOOPBACK,
            |port| granted.contains(&port),
            |address| {
                let port = address.port();
                network.asked.push(port);
                match network.error {
                    Some(kind) => Err(kind.into()),
                    None if network.refused.contains(&port) => Err(io::ErrorKind::AddrInUse.into()),
                    None => Ok(port),
                }
            },
        )?;
        network.granted.push(port);
        Ok(port)
    }

    #[test]
    fn each_port_of_the_range_is_opened_once() {
        for size in [1, 2, 65] {
            let mut ports = PassivePorts::new(Some(5000..=4999 + size));
            let mut network = Fake::default();
            let taken = (0..size).map(|_| take(&mut ports, &mut network).unwrap());
            let distinct: HashSet<u16> = taken.collect();
            assert_eq!(distinct, (5000..5000 + size).collect());

            let none = take(&mut ports, &mut network).unwrap_err();
            assert_eq!(none.kind(), io::ErrorKind::AddrNotAvailable);
            let asked = network.asked.len();
            assert_eq!(
                asked,
                usize::from(size),
                "ports that are open are not tried"
            );

            let port = network.granted.pop().unwrap();
            assert_eq!(take(&mut ports, &mut network).unwrap(), port);
        }
    }

    #[test]
    fn ports_in_use_are_skipped_and_tried_once() {
        let mut ports = PassivePorts::new(Some(6000..=6009));
        let mut network = Fake {
            refused: (6000..=6008).collect(),
            ..Fake::default()
        };
        assert_eq!(take(&mut ports, &mut network).unwrap(), 6009);
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
    }

    #[test]
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tested")]
    fn range_at_the_limits_and_empty() {
        for (range, size) in [(65_535..=65_535, 1), (0..=1, 1), (0..=0, 0), (9..=8, 0)] {
            let (mut ports, mut network) = (PassivePorts::new(Some(range)), Fake::default());
            while take(&mut ports, &mut network).is_ok() {}
            assert_eq!(network.granted.len(), size);
            assert!(!network.asked.contains(&0));
        }
    }

    #[test]
    fn search_starts_at_another_port_each_time() {
        let mut ports = PassivePorts::new(Some(10_000..=60_000));
        let mut network = Fake::default();
        let distinct: HashSet<u16> = (0..8)
            .map(|_| take(&mut ports, &mut network).unwrap())
            .collect();
        assert!(distinct.len() > 1);
    }

    #[test]
    fn any_port_falls_back_to_the_kernels_choice() {
        let mut ports = PassivePorts::any();
        let port = take(&mut ports, &mut Fake::default()).unwrap();
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
    fn port_of_a_real_listener_is_in_use_until_it_is_closed() {
        // An address of its own, so that no other test is given the port that is freed.
        let here = SocketAddr::from(([127, 0, 0, 77], 21));
        let mut network = SystemNetwork::new().unwrap();
        let mut open = |ports: &mut PassivePorts| {
            ports.open(here, |_| false, |address| network.listen(address, Token(1)))
        };
        let listener = open(&mut PassivePorts::new(None)).unwrap();
        let port = listener.local_address().port();

        let mut only = PassivePorts::new(Some(port..=port));
        let taken = open(&mut only).map(drop);
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
        drop(listener);
        let listener = open(&mut only).unwrap();
        assert_eq!(listener.local_address().port(), port);
    }
}
