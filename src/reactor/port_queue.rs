//! The queue of sessions that wait for a passive port, because each is taken for their address.
//!
//! It owns who waits, which claims have ended meanwhile, and whose ports are wanted. It does not know the
//! ports: the reactor has a session ask again when a claim has ended that was in its way.

use std::collections::VecDeque;

use super::passive_listener::Claimant;
use crate::event_loop::Key;

#[derive(Default)]
pub(super) struct PortQueue {
    /// In the order of their requests.
    waiting: VecDeque<(Claimant, Key)>,
    /// Claimants whose claims have ended while sessions were waiting.
    freed: VecDeque<Claimant>,
    /// Sessions whose ports others wait for.
    wanted: VecDeque<Key>,
}

impl PortQueue {
    /// Whether a session waits for a port for this claimant.
    pub(super) fn has(&self, claimant: Claimant) -> bool {
        self.waiting.iter().any(|(waiting, _)| *waiting == claimant)
    }

    /// Whether a session waits that this claimant's claim is in the way of.
    pub(super) fn is_held_up_by(&self, claimant: Claimant) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|(waiting, _)| waiting.conflicts(claimant))
    }

    /// A session waits from now on. `owners` have the ports that it could use.
    pub(super) fn join(
        &mut self,
        claimant: Claimant,
        session: Key,
        owners: impl Iterator<Item = Key>,
    ) {
        self.waiting.push_back((claimant, session));
        self.wanted.extend(owners);
    }

    /// A session that was [next](Self::next) got no port: the claim that has ended was not in its way. It is
    /// the first again.
    pub(super) fn rejoin(&mut self, claimant: Claimant, session: Key) {
        self.freed.pop_front();
        self.waiting.push_front((claimant, session));
    }

    /// A session has a port that others wait for.
    pub(super) fn want(&mut self, owner: Key) {
        self.wanted.push_back(owner);
    }

    pub(super) fn leave(&mut self, session: Key) {
        self.waiting.retain(|(_, waiting)| *waiting != session);
    }

    /// A claim of this claimant has ended.
    pub(super) fn freed(&mut self, claimant: Claimant) {
        if !self.waiting.is_empty() {
            self.freed.push_back(claimant);
        }
    }

    /// Takes the first session that may get a port now, if it asks again.
    pub(super) fn next(&mut self) -> Option<Key> {
        while let Some(freed) = self.freed.front().copied() {
            let is_helped = |(waiting, _): &(Claimant, Key)| waiting.conflicts(freed);
            if let Some(at) = self.waiting.iter().position(is_helped) {
                return self.waiting.remove(at).map(|(_, session)| session);
            }
            self.freed.pop_front();
        }
        None
    }

    /// Takes the next session whose port others wait for.
    pub(super) fn next_wanted(&mut self) -> Option<Key> {
        self.wanted.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn only(number: u8) -> Claimant {
        Claimant::Only(IpAddr::from([10, 0, 0, number]))
    }

    #[test]
    fn first_of_the_freed_address_is_next() {
        let mut queue = PortQueue::default();
        let [a, b, c] = [1, 2, 3].map(|index| Key::new(0, index));
        queue.freed(only(1));
        queue.join(only(1), a, std::iter::empty());
        queue.join(only(2), b, std::iter::once(Key::NONE));
        queue.join(only(2), c, std::iter::empty());
        assert_eq!((queue.next(), queue.next_wanted()), (None, Some(Key::NONE)));
        queue.freed(only(2));
        assert_eq!(queue.next(), Some(b));
        // It got a port; the next of its address tries, in vain, and stays the first.
        assert_eq!(queue.next(), Some(c));
        queue.rejoin(only(2), c);
        assert_eq!(queue.next(), None);
        queue.freed(only(2));
        assert_eq!(queue.next(), Some(c));
        queue.leave(a);
        assert!(!queue.has(only(1)));
    }

    #[test]
    fn any_claim_holds_up_one_that_accepts_any() {
        let mut queue = PortQueue::default();
        queue.join(Claimant::Any, Key::new(0, 1), std::iter::empty());
        assert!(queue.is_held_up_by(only(1)) && !queue.has(only(1)));
        queue.freed(only(1));
        assert_eq!(queue.next(), Some(Key::new(0, 1)));
    }
}
