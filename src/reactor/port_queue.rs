//! The queue of sessions that wait for a passive port, because each is taken for their address.
//!
//! It owns who waits, which claims have ended meanwhile, and whose ports are wanted. It does not know the
//! ports: the reactor has a session ask again when a claim has ended that was in its way.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use super::claimant::Claimant;
use crate::event_loop::Key;

/// A claimant at a local address, without a port.
pub(super) type Place = (SocketAddr, Claimant);

#[derive(Default)]
pub(super) struct PortQueue {
    /// In the order of their requests.
    waiting: VecDeque<(Place, Key)>,
    /// Where claims have ended while sessions were waiting.
    freed: VecDeque<Place>,
    /// Where the session was that is [asking again](Self::next).
    asking: usize,
    /// Addresses whose sessions have asked again in vain since the first of `freed`.
    failed: Vec<Option<IpAddr>>,
    /// Sessions whose ports others wait for.
    wanted: VecDeque<Key>,
}

impl PortQueue {
    /// Whether a session of the address waits at this place. Later ones of it wait behind.
    pub(super) fn has(&self, (here, claimant): Place) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|((at, one), _)| *at == here && one.address == claimant.address)
    }

    /// Whether a session waits that a claim at this place is in the way of.
    pub(super) fn is_held_up_by(&self, place: Place) -> bool {
        self.waiting
            .iter()
            .any(|(waiting, _)| is_near(*waiting, place))
    }

    /// A session waits from now on. `owners` have the ports that it could use.
    pub(super) fn join(&mut self, place: Place, session: Key, owners: impl Iterator<Item = Key>) {
        self.waiting.push_back((place, session));
        self.wanted.extend(owners);
    }

    /// The session that [asked again](Self::next) got no port: it waits where it was before.
    pub(super) fn rejoin(&mut self, place: Place, session: Key) {
        self.failed.push(place.1.address);
        let at = self.asking.min(self.waiting.len());
        self.waiting.insert(at, (place, session));
    }

    /// A session has a port that others wait for.
    pub(super) fn want(&mut self, owner: Key) {
        self.wanted.push_back(owner);
    }

    pub(super) fn leave(&mut self, session: Key) {
        self.waiting.retain(|(_, waiting)| *waiting != session);
    }

    /// A claim at this place has ended.
    pub(super) fn freed(&mut self, place: Place) {
        if !self.waiting.is_empty() {
            self.freed.push_back(place);
        }
    }

    /// Whether a session may get a port now, or does not know yet that others wait for its own.
    pub(super) fn has_work(&self) -> bool {
        !self.freed.is_empty() || !self.wanted.is_empty()
    }

    /// Takes the first session that may get a port now, if it asks again. Where one of an address got none,
    /// the others of the address wait behind it.
    pub(super) fn next(&mut self) -> Option<Key> {
        while let Some(freed) = self.freed.front().copied() {
            let is_helped = |(waiting, _): &(Place, Key)| {
                is_near(*waiting, freed) && !self.failed.contains(&waiting.1.address)
            };
            if let Some(at) = self.waiting.iter().position(is_helped) {
                self.asking = at;
                return self.waiting.remove(at).map(|(_, session)| session);
            }
            self.freed.pop_front();
            self.failed.clear();
        }
        None
    }

    /// Takes the next session whose port others wait for.
    pub(super) fn next_wanted(&mut self) -> Option<Key> {
        self.wanted.pop_front()
    }
}

fn is_near(one: Place, other: Place) -> bool {
    one.0 == other.0 && one.1.is_near(other.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(host: u8) -> SocketAddr {
        ([127, 0, 0, host], 0).into()
    }

    fn only(number: u8) -> Claimant {
        Claimant::only([10, 0, 0, number].into())
    }

    /// A queue in which these wait, named by their index.
    fn queue(places: &[Place]) -> PortQueue {
        let mut queue = PortQueue::default();
        for (index, place) in places.iter().enumerate() {
            queue.join(*place, Key::new(0, index), std::iter::empty());
        }
        queue
    }

    /// Those that ask again, of which only `lucky` get a port.
    fn asking(queue: &mut PortQueue, places: &[Place], lucky: &[usize]) -> Vec<usize> {
        let mut asking = Vec::new();
        while let Some(session) = queue.next() {
            asking.push(session.index());
            if !lucky.contains(&session.index()) {
                queue.rejoin(places[session.index()], session);
            }
        }
        asking
    }

    #[test]
    fn first_of_the_freed_address_is_next() {
        let places = [only(1), only(2), only(2), only(2)].map(|claimant| (here(1), claimant));
        let mut queue = queue(&places);
        assert_eq!(queue.next(), None);
        queue.freed(places[1]);
        // The second of the address asks in vain, the third would.
        assert_eq!(asking(&mut queue, &places, &[1]), [1, 2]);
        queue.freed(places[1]);
        assert_eq!(asking(&mut queue, &places, &[2]), [2, 3]);
        queue.leave(Key::new(0, 0));
        assert!(!queue.has(places[0]) && queue.has(places[3]));
    }

    #[test]
    fn session_that_asks_in_vain_is_in_no_others_way() {
        // One that accepts any address, and one that waits at another local address.
        for first in [(here(1), Claimant::ANY), (here(2), only(1))] {
            let places = [first, (here(1), only(1))];
            let mut queue = queue(&places);
            queue.freed(places[1]);
            assert_eq!(asking(&mut queue, &places, &[1]).last(), Some(&1));
            assert!(queue.has(first) && !queue.has(places[1]));
        }
    }

    #[test]
    fn sessions_of_the_freed_place_only_are_held_up() {
        let queue = queue(&[(here(1), Claimant::ANY)]);
        assert!(queue.is_held_up_by((here(1), only(1))) && !queue.has((here(1), only(1))));
        assert!(!queue.is_held_up_by((here(2), only(1))));
    }
}
