//! Records by client address, in a table of bounded size (a set-associative cache).
//!
//! IPv6 addresses are keyed by their /64, as a client usually has a whole /64 to connect from. A keyed hash
//! maps each prefix to one of a fixed number of sets (the random key prevents chosen collisions), and a set
//! holds a fixed number of records. A full set evicts the record of the lowest priority. The table knows
//! neither the meaning of a record nor the time.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;

use crate::limits::{ADDRESS_TABLE_ENTRIES, ADDRESSES_PER_SET};

const SETS: usize = ADDRESS_TABLE_ENTRIES / ADDRESSES_PER_SET;

/// The key of a client address: an IPv4 address, or the /64 prefix of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientPrefix(u64);

impl ClientPrefix {
    /// A prefix of IPv6 multicast addresses, which no client has.
    const IPV4: u64 = 0xffff_ffff_0000_0000;

    /// The key of an address; an IPv4-mapped IPv6 address has that of the IPv4 address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(ip) => Self(Self::IPV4 | u64::from(ip.to_bits())),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                let high = u64::from(a) << 48 | u64::from(b) << 32;
                Self(high | u64::from(c) << 16 | u64::from(d))
            }
        }
    }
}

/// Records by client prefix.
#[derive(Debug)]
pub(super) struct AddressTable<R> {
    /// Each set is allocated with its first record, and has the oldest first.
    sets: Vec<Vec<(ClientPrefix, R)>>,
    keys: RandomState,
}

impl<R> Default for AddressTable<R> {
    fn default() -> Self {
        Self {
            sets: (0..SETS).map(|_| Vec::new()).collect(),
            keys: RandomState::new(),
        }
    }
}

impl<R: Default> AddressTable<R> {
    pub(super) fn get(&self, prefix: ClientPrefix) -> Option<&R> {
        let set = self.sets.get(self.set_of(prefix))?;
        let found = set.iter().find(|(other, _)| *other == prefix)?;
        Some(&found.1)
    }

    /// The record of a prefix; a new one if there is none. In a full set a new record evicts the oldest one
    /// of the lowest `priority`; returns `None` if that priority is above `evict_up_to`. Adding a record
    /// removes those of priority 0 from its set.
    pub(super) fn record(
        &mut self,
        prefix: ClientPrefix,
        evict_up_to: u32,
        priority: impl Fn(&R) -> u32,
    ) -> Option<&mut R> {
        let number = self.set_of(prefix);
        let set = self.sets.get_mut(number)?;
        let index = set.iter().position(|(other, _)| *other == prefix);
        if index.is_none() {
            make_room(set, evict_up_to, priority)?;
            set.push((prefix, R::default()));
        }
        let found = match index {
            Some(index) => set.get_mut(index),
            None => set.last_mut(),
        };
        found.map(|(_, record)| record)
    }

    fn set_of(&self, prefix: ClientPrefix) -> usize {
        let hash = self.keys.hash_one(prefix);
        // Less than SETS, so it fits.
        usize::try_from(hash % SETS as u64).unwrap_or(0)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sets.iter().map(Vec::len).sum()
    }

    /// Records that the allocated memory has room for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.sets.iter().map(Vec::capacity).sum()
    }
}

/// Makes room for one more record in a set; `None` if every record has a priority above `evict_up_to`.
fn make_room<R>(
    set: &mut Vec<(ClientPrefix, R)>,
    evict_up_to: u32,
    priority: impl Fn(&R) -> u32,
) -> Option<()> {
    set.retain(|(_, record)| priority(record) > 0);
    if set.len() < ADDRESSES_PER_SET {
        return Some(());
    }
    let priorities = set.iter().map(|(_, record)| priority(record)).enumerate();
    let (index, lowest) = priorities.min_by_key(|(_, priority)| *priority)?;
    if lowest > evict_up_to {
        return None;
    }
    set.remove(index);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn prefix(number: u32) -> ClientPrefix {
        ClientPrefix::of(Ipv4Addr::from_bits(number).into())
    }

    /// `count` prefixes of the same set.
    fn colliding(table: &AddressTable<u32>, count: usize) -> Vec<ClientPrefix> {
        let set = table.set_of(prefix(0));
        (0..)
            .map(prefix)
            .filter(|&prefix| table.set_of(prefix) == set)
            .take(count)
            .collect()
    }

    #[test]
    fn ipv6_is_keyed_by_64_and_mapped_as_ipv4() {
        let of = |text: &str| ClientPrefix::of(text.parse().unwrap());
        assert_eq!(
            of("2001:db8:1:2::3"),
            of("2001:db8:1:2:ffff:ffff:ffff:ffff")
        );
        assert_ne!(of("2001:db8:1:2::3"), of("2001:db8:1:3::3"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("192.0.2.1"), of("::192.0.2.1"));
        let [loopback, all] = [Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED];
        assert_eq!(
            ClientPrefix::of(loopback.into()),
            ClientPrefix::of(all.into())
        );
    }

    #[test]
    fn full_set_evicts_the_lowest_priority() {
        let mut table = AddressTable::default();
        let colliding = colliding(&table, ADDRESSES_PER_SET + 2);
        let priority = |record: &u32| *record;
        for (number, mate) in (2..).zip(&colliding[..ADDRESSES_PER_SET]) {
            *table.record(*mate, u32::MAX, priority).unwrap() = number;
        }
        let [newcomer, other] = colliding[ADDRESSES_PER_SET..] else {
            panic!("two more");
        };
        assert_eq!(table.record(newcomer, 1, priority), None);
        *table.record(newcomer, 2, priority).unwrap() = 1;
        assert_eq!(table.get(colliding[0]), None);
        assert_eq!(table.get(colliding[1]), Some(&3));
        *table.record(other, u32::MAX, priority).unwrap() = 9;
        assert_eq!(table.get(newcomer), None);
        assert_eq!(table.len(), ADDRESSES_PER_SET);
    }

    #[test]
    fn full_set_evicts_priority_zero_then_the_oldest() {
        let mut table = AddressTable::default();
        let colliding = colliding(&table, ADDRESSES_PER_SET + 2);
        let priority = |record: &u32| *record;
        for mate in &colliding[..ADDRESSES_PER_SET] {
            *table.record(*mate, u32::MAX, priority).unwrap() = 5;
        }
        *table.record(colliding[7], 0, priority).unwrap() = 0;
        *table
            .record(colliding[ADDRESSES_PER_SET], 0, priority)
            .unwrap() = 5;
        assert_eq!(table.get(colliding[7]), None);
        *table
            .record(colliding[ADDRESSES_PER_SET + 1], 5, priority)
            .unwrap() = 5;
        assert_eq!(table.get(colliding[0]), None);
        assert_eq!(table.get(colliding[1]), Some(&5));
    }

    #[test]
    fn memory_is_bounded_for_any_number_of_addresses() {
        let mut table = AddressTable::default();
        assert_eq!(table.capacity(), 0);
        for number in 0..200_000 {
            *table.record(prefix(number), u32::MAX, |_| 1).unwrap() = number;
        }
        assert!(table.len() <= ADDRESS_TABLE_ENTRIES && table.len() > ADDRESS_TABLE_ENTRIES / 2);
        assert!(table.capacity() <= ADDRESS_TABLE_ENTRIES);
    }

    #[test]
    fn a_thousand_addresses_fit_without_eviction() {
        let mut table = AddressTable::default();
        for number in 0..1000 {
            *table.record(prefix(number), 0, |_| 1).unwrap() = number;
        }
        assert_eq!(table.len(), 1000);
    }
}
