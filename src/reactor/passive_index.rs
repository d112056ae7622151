//! The passive listeners by local address: which ports are open at one.
//!
//! It owns the order, and knows nothing of a listener but its key.

use std::net::SocketAddr;

use crate::event_loop::Key;

/// A local address [without its port](without_port), a port, and the listener there; sorted.
#[derive(Default)]
pub(super) struct PassiveIndex(Vec<(SocketAddr, u16, Key)>);

impl PassiveIndex {
    /// The listeners of a local address without its port.
    pub(super) fn at(&self, here: SocketAddr) -> &[(SocketAddr, u16, Key)] {
        let first = self.0.partition_point(|(one, ..)| *one < here);
        let rest = self.0.get(first..).unwrap_or_default();
        let count = rest.partition_point(|(one, ..)| *one == here);
        rest.get(..count).unwrap_or_default()
    }

    pub(super) fn has(&self, here: SocketAddr, port: u16) -> bool {
        self.position(here, port).is_ok()
    }

    pub(super) fn insert(&mut self, here: SocketAddr, port: u16, key: Key) {
        let (Ok(at) | Err(at)) = self.position(here, port);
        self.0.insert(at, (here, port, key));
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.0.iter().map(|(_, _, key)| *key)
    }

    /// Keeps the listeners for which this returns true.
    pub(super) fn retain(&mut self, mut keeps: impl FnMut(Key) -> bool) {
        self.0.retain(|(_, _, key)| keeps(*key));
    }

    fn position(&self, here: SocketAddr, port: u16) -> Result<usize, usize> {
        self.0
            .binary_search_by_key(&(here, port), |(here, port, _)| (*here, *port))
    }
}

/// A local address without its port; equal for all connections to it.
pub(super) fn without_port(mut address: SocketAddr) -> SocketAddr {
    address.set_port(0);
    if let SocketAddr::V6(v6) = &mut address {
        v6.set_flowinfo(0);
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_of_an_address_are_found_in_the_order_of_their_ports() {
        let [one, other] = [[127, 0, 0, 1], [127, 0, 0, 2]].map(|ip| (ip, 0).into());
        let mut index = PassiveIndex::default();
        for (key, (here, port)) in [(other, 1), (one, 9), (one, 5), (other, 7)]
            .into_iter()
            .enumerate()
        {
            index.insert(here, port, Key::new(0, key));
        }
        let ports = |index: &PassiveIndex, here| -> Vec<u16> {
            index.at(here).iter().map(|(_, port, _)| *port).collect()
        };
        assert_eq!(
            (ports(&index, one), ports(&index, other)),
            (vec![5, 9], vec![1, 7])
        );
        assert!(index.has(one, 9) && !index.has(one, 7));
        index.retain(|key| key.index() != 1);
        assert_eq!(ports(&index, one), [5]);
        assert_eq!(ports(&index, ([127, 0, 0, 3], 0).into()), [0; 0]);
    }
}
