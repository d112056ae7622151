//! What is remembered of client addresses, in a table that does not grow with their number.
//!
//! A network of 2^64 addresses costs its owner nothing, so an IPv6 client is its /64. Each address
//! belongs to one of a fixed number of sets, by a hash with a random key, so that nobody can choose
//! addresses that fall into the same one; and a set holds a fixed number of records. When it is
//! full, what is worth least goes. It knows neither what is remembered nor the clock.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;

use crate::limits::{ADDRESSES_PER_SET, ADDRESSES_REMEMBERED};

const SETS: usize = ADDRESSES_REMEMBERED / ADDRESSES_PER_SET;

/// What counts as one client: an IPv4 address, or the /64 of an IPv6 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientPrefix(u64);

impl ClientPrefix {
    /// Where no client's /64 can be: these IPv6 addresses are multicast.
    const IPV4: u64 = 0xffff_ffff_0000_0000;

    /// That of an address.
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

/// Records by address.
#[derive(Debug)]
pub(super) struct AddressTable<R> {
    /// Grown as they are needed; in each the oldest record is first.
    sets: Vec<Vec<(ClientPrefix, R)>>,
    keys: RandomState,
}

impl<R: Default> AddressTable<R> {
    pub(super) fn new() -> Self {
        Self {
            sets: (0..SETS).map(|_| Vec::new()).collect(),
            keys: RandomState::new(),
        }
    }

    pub(super) fn get(&self, prefix: ClientPrefix) -> Option<&R> {
        let set = self.sets.get(self.set_of(prefix))?;
        let found = set.iter().find(|(other, _)| *other == prefix)?;
        Some(&found.1)
    }

    /// The record of an address, made where there is none. In a full set it takes the place of the
    /// one with the least `worth`, or of the oldest of those; where that is worth more than
    /// `at_most`, there is no place. What is worth nothing is thrown away on this occasion.
    pub(super) fn record(
        &mut self,
        prefix: ClientPrefix,
        at_most: u32,
        worth: impl Fn(&R) -> u32,
    ) -> Option<&mut R> {
        let number = self.set_of(prefix);
        let set = self.sets.get_mut(number)?;
        let index = set.iter().position(|(other, _)| *other == prefix);
        if index.is_none() {
            make_room(set, at_most, worth)?;
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
        usize::try_from(hash % SETS as u64).unwrap_or(0)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sets.iter().map(Vec::len).sum()
    }

    /// Records that the memory it has taken has room for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.sets.iter().map(Vec::capacity).sum()
    }
}

/// Sees to it that one more fits in; `None` where it may not.
fn make_room<R>(
    set: &mut Vec<(ClientPrefix, R)>,
    at_most: u32,
    worth: impl Fn(&R) -> u32,
) -> Option<()> {
    set.retain(|(_, record)| worth(record) > 0);
    if set.len() < ADDRESSES_PER_SET {
        return Some(());
    }
    let worths = set.iter().map(|(_, record)| worth(record)).enumerate();
    let (index, least) = worths.min_by_key(|(_, worth)| *worth)?;
    if least > at_most {
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

    /// As many addresses of one set.
    fn set_mates(table: &AddressTable<u32>, count: usize) -> Vec<ClientPrefix> {
        let of_the_first = table.set_of(prefix(0));
        let mates = (0..).map(prefix);
        mates
            .filter(|&mate| table.set_of(mate) == of_the_first)
            .take(count)
            .collect()
    }

    #[test]
    fn an_ipv6_client_is_its_64_and_a_mapped_one_is_ipv4() {
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
    fn a_full_set_gives_up_what_is_worth_least() {
        let mut table = AddressTable::new();
        let mates = set_mates(&table, ADDRESSES_PER_SET + 2);
        let worth = |record: &u32| *record;
        for (number, mate) in (2..).zip(&mates[..ADDRESSES_PER_SET]) {
            *table.record(*mate, u32::MAX, worth).unwrap() = number;
        }
        let [stranger, other] = mates[ADDRESSES_PER_SET..] else {
            panic!("two more");
        };
        assert_eq!(table.record(stranger, 1, worth), None);
        *table.record(stranger, 2, worth).unwrap() = 1;
        assert_eq!(table.get(mates[0]), None);
        assert_eq!(table.get(mates[1]), Some(&3));
        *table.record(other, u32::MAX, worth).unwrap() = 9;
        assert_eq!(table.get(stranger), None);
        assert_eq!(table.len(), ADDRESSES_PER_SET);
    }

    #[test]
    fn of_equals_the_oldest_goes_and_what_is_worthless_first() {
        let mut table = AddressTable::new();
        let mates = set_mates(&table, ADDRESSES_PER_SET + 2);
        let worth = |record: &u32| *record;
        for mate in &mates[..ADDRESSES_PER_SET] {
            *table.record(*mate, u32::MAX, worth).unwrap() = 5;
        }
        *table.record(mates[7], 0, worth).unwrap() = 0;
        *table.record(mates[ADDRESSES_PER_SET], 0, worth).unwrap() = 5;
        assert_eq!(table.get(mates[7]), None);
        *table
            .record(mates[ADDRESSES_PER_SET + 1], 5, worth)
            .unwrap() = 5;
        assert_eq!(table.get(mates[0]), None);
        assert_eq!(table.get(mates[1]), Some(&5));
    }

    #[test]
    fn it_takes_no_more_memory_for_any_number_of_addresses() {
        let mut table = AddressTable::new();
        assert_eq!(table.capacity(), 0);
        for number in 0..200_000 {
            *table.record(prefix(number), u32::MAX, |_| 1).unwrap() = number;
        }
        assert!(table.len() <= ADDRESSES_REMEMBERED && table.len() > ADDRESSES_REMEMBERED / 2);
        assert!(table.capacity() <= ADDRESSES_REMEMBERED);
    }

    #[test]
    fn a_thousand_addresses_do_not_push_each_other_out() {
        let mut table = AddressTable::new();
        for number in 0..1000 {
            *table.record(prefix(number), 0, |_| 1).unwrap() = number;
        }
        assert_eq!(table.len(), 1000);
    }
}
