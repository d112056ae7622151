//! The passive listeners, which stay open and are lent to sessions.
//!
//! It owns the listeners and decides who shares one: sessions whose connections [can be told
//! apart](super::claimant). A port is lent for the same again only when no connection of the earlier session
//! can be late any more. If each port is taken, sessions take turns: they wait in a queue, and when a claim
//! ends the reactor has the first ask again. Listeners that are idle for a while are closed. It does not know
//! what a session does with its connection.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use super::backlog::Backlog;
use super::claimant::Claimant;
use super::passive_index::{PassiveIndex, without_port};
use super::passive_lease::{Borrower, Lending, PassiveLease};
use super::passive_listener::{Arrival, PassiveListener};
use super::port_queue::{Place, PortQueue};
use super::socket_role::SocketRole;
use super::unidentified::{Callers, reset};
use crate::clock::Instant;
use crate::event_loop::{Key, Slots};
use crate::limits::{
    ACCEPT_PAUSE, LATE_PER_ADDRESS, LATE_PER_SESSION, PASSIVE_IDLE, PASSIVE_PROBES,
};
use crate::net::{Network, PassivePorts, Stream};

pub(super) struct PassivePool {
    ports: PassivePorts,
    pub(super) listeners: Slots<PassiveListener>,
    /// The most listeners, for which there are descriptors.
    pub(super) most: usize,
    index: PassiveIndex,
    /// Listeners whose backlog is not empty.
    ready: VecDeque<Key>,
    /// Connections that their sessions have not taken yet.
    arrived: VecDeque<(PassiveLease, Key, Box<dyn Stream>)>,
    /// Claims whose connection may be late, in the order of their ends.
    late: VecDeque<(Instant, PassiveLease)>,
    pub(super) queue: PortQueue,
    /// When idle listeners and connections that are not identified are looked through.
    sweep_at: Option<Instant>,
}

impl PassivePool {
    pub(super) fn new(ports: PassivePorts, most: usize) -> Self {
        Self {
            ports,
            listeners: Slots::default(),
            most,
            index: PassiveIndex::default(),
            ready: VecDeque::new(),
            arrived: VecDeque::new(),
            late: VecDeque::new(),
            queue: PortQueue::default(),
            sweep_at: None,
        }
    }

    /// Lends a port of the local address `here`, whose own port is ignored.
    ///
    /// # Errors
    /// If there is no port at all: as [`PassivePorts::open`].
    pub(super) fn lend(
        &mut self,
        here: SocketAddr,
        borrower: Borrower,
        network: &mut dyn Network,
    ) -> io::Result<Lending> {
        let here = without_port(here);
        let again = self.lend_again(borrower);
        let found = self.find_or_open(here, borrower, again.is_some(), network)?;
        let lent = found.and_then(|listener| self.lend_at(listener, borrower));
        Ok(lent
            .or(again)
            .unwrap_or_else(|| self.enqueue(here, borrower)))
    }

    /// The session waits at this listener no longer. If its connection has not arrived, it may do so late.
    pub(super) fn give_back(&mut self, lease: PassiveLease, owner: Key, late_until: Instant) {
        if let Some(stream) = self.take_arrived(lease, owner) {
            reset(stream);
        }
        let listener = self.listeners.get_mut(lease.listener);
        if listener.is_some_and(|one| one.take_back(lease.claimant, owner)) {
            self.late.push_back((late_until, lease));
        }
    }

    /// An event at a listener: a connection, or more over one that is not identified.
    pub(super) fn set_ready(&mut self, key: Key) {
        if let Some(listener) = self.listeners.get_mut(key) {
            listener.set_ready();
        }
        self.keep_ready(key);
    }

    /// How many listeners [may have](Self::next_ready) connections to accept.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Takes the next listener that may have connections, unless it backs off.
    pub(super) fn next_ready(&mut self, now: Instant) -> Option<Key> {
        let key = self.ready.pop_front()?;
        let is_ready = self.listeners.get_mut(key)?.backlog.is_ready(now);
        if !is_ready {
            self.ready.push_back(key);
        }
        is_ready.then_some(key)
    }

    /// A listener has another turn while there may be connections to accept.
    pub(super) fn keep_ready(&mut self, key: Key) {
        let listener = self.listeners.get_mut(key);
        let is_drained = listener.is_none_or(|one| one.backlog == Backlog::Empty);
        if !is_drained && !self.ready.contains(&key) {
            self.ready.push_back(key);
        }
    }

    /// Accepts one connection at a listener. A client's is kept until its session takes it.
    pub(super) fn accept(&mut self, key: Key, now: Instant, callers: &Callers<'_>) -> Arrival {
        let Some(listener) = self.listeners.get_mut(key) else {
            return Arrival::Nothing;
        };
        let token = SocketRole::Passive(key).to_token();
        let arrival = listener.accept(token, now, callers);
        if let Some(until) = listener.unidentified_until(Claimant::ANY) {
            self.sweep_by(until);
        }
        let Arrival::Client(claimant, owner, stream) = arrival else {
            return arrival;
        };
        let lease = PassiveLease {
            listener: key,
            claimant,
        };
        self.arrived.push_back((lease, owner, stream));
        self.claim_ended(lease, now);
        Arrival::Other
    }

    /// The next connection that no session has taken, and its session.
    pub(super) fn next_arrived(&mut self) -> Option<(Key, Box<dyn Stream>)> {
        let (_, owner, stream) = self.arrived.pop_front()?;
        Some((owner, stream))
    }

    /// The session's connection, if it has arrived.
    pub(super) fn take_arrived(
        &mut self,
        lease: PassiveLease,
        owner: Key,
    ) -> Option<Box<dyn Stream>> {
        let is_its_own = |(at, to, _): &(PassiveLease, Key, _)| (*at, *to) == (lease, owner);
        let at = self.arrived.iter().position(is_its_own)?;
        self.arrived.remove(at).map(|(_, _, stream)| stream)
    }

    /// Whether others wait for the port.
    pub(super) fn is_wanted(&self, lease: PassiveLease) -> bool {
        self.place(lease)
            .is_some_and(|place| self.queue.is_held_up_by(place))
    }

    /// Whether its client may have connected there, and is not identified yet.
    pub(super) fn may_have(&self, lease: PassiveLease) -> bool {
        let listener = self.listeners.get(lease.listener);
        listener.is_some_and(|one| one.may_have(lease.claimant))
    }

    /// Ends claims whose connection cannot be late any more, connections that are not identified in time, and
    /// listeners that were idle for long. Returns the number of these checks that were due.
    pub(super) fn expire(&mut self, now: Instant) -> u64 {
        let mut due = 0;
        if self.sweep_at.is_some_and(|at| at <= now) {
            due += 1;
            self.sweep(now);
        }
        while let Some((_, lease)) = self
            .late
            .front()
            .copied()
            .filter(|(until, _)| *until <= now)
        {
            self.late.pop_front();
            due += 1;
            let Some(listener) = self.listeners.get_mut(lease.listener) else {
                continue;
            };
            if listener.is_drained(lease.claimant) {
                listener.forget(lease.claimant);
                self.claim_ended(lease, now);
            } else {
                // It may be among those that are not accepted or not identified.
                let until = listener.unidentified_until(lease.claimant);
                let until = until.unwrap_or(now + ACCEPT_PAUSE);
                self.late.push_back((until, lease));
            }
        }
        due
    }

    /// When the loop must wake up for the pool without an event.
    pub(super) fn wakes_at(&self, now: Instant) -> Option<Instant> {
        let listeners = self.ready.iter().filter_map(|key| self.listeners.get(*key));
        let backlogs = listeners.filter_map(|one| one.backlog.wakes_at(now));
        let late = self.late.front().map(|(until, _)| *until);
        // The turn of a connection may leave work for others, after their step of the iteration.
        let has_work = !self.arrived.is_empty() || self.queue.has_work();
        let work = has_work.then_some(now);
        backlogs.chain(late).chain(self.sweep_at).chain(work).min()
    }

    fn sweep(&mut self, now: Instant) {
        let mut next: Option<Instant> = None;
        self.index.retain(|key| {
            let Some(listener) = self.listeners.get_mut(key) else {
                return false;
            };
            let header = listener.expire_unidentified(now);
            let idle = listener.idle_since(now).map(|since| since + PASSIVE_IDLE);
            if idle.is_some_and(|end| end <= now) {
                self.listeners.remove(key);
                return false;
            }
            next = next.into_iter().chain(header).chain(idle).min();
            true
        });
        self.sweep_at = next;
    }

    /// Closes the listeners that are idle: there is a lack of descriptors.
    pub(super) fn close_idle(&mut self, now: Instant) {
        self.index.retain(|key| {
            let listener = self.listeners.get_mut(key);
            let is_idle = listener.is_none_or(|one| one.idle_since(now).is_some());
            if is_idle {
                self.listeners.remove(key);
            }
            !is_idle
        });
    }

    fn sweep_by(&mut self, at: Instant) {
        self.sweep_at = Some(self.sweep_at.map_or(at, |sweep_at| sweep_at.min(at)));
    }

    fn place(&self, lease: PassiveLease) -> Option<Place> {
        let listener = self.listeners.get(lease.listener)?;
        Some((without_port(listener.address()), lease.claimant))
    }

    /// The claim of a lease is gone.
    fn claim_ended(&mut self, lease: PassiveLease, now: Instant) {
        if let Some(place) = self.place(lease) {
            self.queue.freed(place);
        }
        let listener = self.listeners.get_mut(lease.listener);
        if listener.is_some_and(|one| one.idle_since(now).is_some()) {
            self.sweep_by(now + PASSIVE_IDLE);
        }
    }

    /// A listener for a session, which has another already or not; `None` if each is taken.
    fn find_or_open(
        &mut self,
        here: SocketAddr,
        borrower: Borrower,
        has_another: bool,
        network: &mut dyn Network,
    ) -> io::Result<Option<Key>> {
        let claimant = borrower.claimant;
        let late = self
            .late
            .iter()
            .filter(|(_, lease)| lease.claimant.address == claimant.address);
        let late = late.count();
        let is_restless = late >= LATE_PER_ADDRESS || has_another && late >= LATE_PER_SESSION;
        let is_behind = self.queue.has((here, claimant)) && !borrower.has_waited;
        if is_restless || is_behind {
            return Ok(None);
        }
        let is_full = self.listeners.len() >= self.most;
        let probes = if is_full { usize::MAX } else { PASSIVE_PROBES };
        if let Some(found) = self.find(here, claimant, probes) {
            return Ok(Some(found));
        }
        if !self.make_room() {
            return Ok(None);
        }
        self.open(here, network).map(Some).or_else(|error| {
            let is_full = error.kind() == io::ErrorKind::AddrNotAvailable;
            match self.find(here, claimant, usize::MAX) {
                None if !is_full || self.index.at(here).is_empty() => Err(error),
                found => Ok(found),
            }
        })
    }

    /// A listener of the address that the claimant may be lent, among that many.
    fn find(&mut self, here: SocketAddr, claimant: Claimant, probes: usize) -> Option<Key> {
        let count = self.index.at(here).len();
        let start = self.ports.unpredictable_index(count);
        for step in 0..count.min(probes) {
            let (_, _, key) = *self.index.at(here).get((start + step) % count)?;
            let listener = self.listeners.get_mut(key);
            if listener.is_some_and(|one| one.admits(claimant)) {
                return Some(key);
            }
        }
        None
    }

    /// Closes listeners at which no session waits until another one may be opened: those that are idle, then
    /// those whose connections are late for longest.
    fn make_room(&mut self) -> bool {
        while self.listeners.len() >= self.most {
            let listener = |key| self.listeners.get(key);
            let is_idle = |key: &Key| listener(*key).is_some_and(PassiveListener::is_idle);
            let is_unused = |key: &Key| listener(*key).is_some_and(PassiveListener::is_unused);
            let mut late = self.late.iter().map(|(_, lease)| lease.listener);
            let idle = self.index.keys().find(is_idle);
            let Some(key) = idle.or_else(|| late.find(is_unused)) else {
                return false;
            };
            self.close(key);
        }
        true
    }

    fn close(&mut self, key: Key) {
        let Some(listener) = self.listeners.remove(key) else {
            return;
        };
        let here = without_port(listener.address());
        self.index.retain(|one| one != key);
        self.late.retain(|(_, lease)| {
            let is_there = lease.listener == key;
            if is_there {
                self.queue.freed((here, lease.claimant));
            }
            !is_there
        });
    }

    fn open(&mut self, here: SocketAddr, network: &mut dyn Network) -> io::Result<Key> {
        let token = SocketRole::Passive(self.listeners.vacant_key()).to_token();
        let has = |port| self.index.has(here, port);
        let listen = |address| network.listen(address, token);
        let listener = self.ports.open(here, has, listen)?;
        let port = listener.local_address().port();
        let key = self.listeners.insert(PassiveListener::new(listener));
        self.index.insert(here, port, key);
        Ok(key)
    }

    fn lend_at(&mut self, key: Key, borrower: Borrower) -> Option<Lending> {
        let lease = PassiveLease {
            listener: key,
            claimant: borrower.claimant,
        };
        let listener = self.listeners.get_mut(key)?;
        listener.lend(lease.claimant, borrower.key);
        let address = listener.address();
        if self.is_wanted(lease) {
            self.queue.want(borrower.key);
        }
        Some(Lending::Port(lease, address))
    }

    /// What the session has already, if it still waits there and nothing has arrived.
    fn lend_again(&self, borrower: Borrower) -> Option<Lending> {
        let held = borrower.held?;
        let listener = self.listeners.get(held.listener)?;
        let is_its_own = listener.owner(held.claimant) == Some(borrower.key);
        (is_its_own && listener.is_drained(held.claimant))
            .then(|| Lending::Port(held, listener.address()))
    }

    fn enqueue(&mut self, here: SocketAddr, borrower: Borrower) -> Lending {
        let Borrower { claimant, key, .. } = borrower;
        if borrower.has_waited {
            self.queue.rejoin((here, claimant), key);
        } else {
            let listeners = self.index.at(here).iter();
            let listeners = listeners.filter_map(|(_, _, key)| self.listeners.get(*key));
            let owners = listeners.flat_map(|one| one.owners(claimant));
            self.queue.join((here, claimant), key, owners);
        }
        Lending::Queued
    }
}

#[cfg(test)]
mod tests;
