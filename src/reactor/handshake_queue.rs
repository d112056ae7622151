//! The steps of TLS handshakes that workers compute or that wait for a worker, by client address.
//!
//! A step takes a signature, milliseconds of a processor, and any client can demand it. So workers have a few
//! steps of each client prefix at once, and the others wait in a queue of the prefix: a flood of one delays
//! the handshakes of others by no more than those few. A step is known by the id of its job, from the moment
//! in which it is wanted.

use std::collections::{HashMap, VecDeque};

use crate::auth::ClientPrefix;
use crate::event_loop::Key;
use crate::limits::HANDSHAKES_OF_ONE;
use crate::workers::{Completion, JobId, JobResult};

#[derive(Debug, Default)]
pub(super) struct HandshakeQueue {
    /// The ticket of the last step.
    ticket: u32,
    /// The prefix of each step that a worker has, by its ticket. It stays when its client has left.
    running: HashMap<u32, ClientPrefix>,
    /// Each prefix with steps.
    shares: HashMap<ClientPrefix, Share>,
}

#[derive(Debug, Default)]
struct Share {
    running: usize,
    /// At most one of each connection.
    waiting: VecDeque<JobId>,
}

impl HandshakeQueue {
    /// Enters a step of a connection, in place of an earlier one that still waits. Returns its id, and
    /// whether it is running: to be given to a worker now.
    pub(super) fn enter(&mut self, owner: Key, prefix: ClientPrefix) -> (JobId, bool) {
        self.withdraw(owner, prefix);
        self.ticket = self.ticket.wrapping_add(1);
        let id = JobId {
            owner: owner.to_bits(),
            ticket: self.ticket,
        };
        self.shares.entry(prefix).or_default().waiting.push_back(id);
        // None waits where there is room, so this is the next, or none is.
        (id, self.next(prefix).is_some())
    }

    /// The step that is to be given to a worker now. It is running from then on.
    pub(super) fn next(&mut self, prefix: ClientPrefix) -> Option<JobId> {
        let share = self.shares.get_mut(&prefix)?;
        if share.running >= HANDSHAKES_OF_ONE {
            return None;
        }
        let id = share.waiting.pop_front()?;
        share.running += 1;
        self.running.insert(id.ticket, prefix);
        Some(id)
    }

    /// Ends the step of a completion. Returns the prefix whose [`next`](Self::next) ones are to be started.
    pub(super) fn leave(&mut self, completion: &Completion) -> Option<ClientPrefix> {
        let is_step =
            cfg!(feature = "tls") && matches!(completion.outcome, JobResult::Handshake(_));
        is_step.then(|| self.end(completion.id))?
    }

    /// A step is no longer running.
    pub(super) fn end(&mut self, id: JobId) -> Option<ClientPrefix> {
        let prefix = self.running.remove(&id.ticket);
        debug_assert!(prefix.is_some(), "the step was not running");
        if let Some(share) = self.shares.get_mut(&prefix?) {
            share.running -= 1;
        }
        self.forget_unused(prefix?);
        prefix
    }

    /// The connection is closed: it waits for no worker.
    pub(super) fn withdraw(&mut self, owner: Key, prefix: ClientPrefix) {
        if let Some(share) = self.shares.get_mut(&prefix) {
            share.waiting.retain(|id| id.owner != owner.to_bits());
            self.forget_unused(prefix);
        }
    }

    fn forget_unused(&mut self, prefix: ClientPrefix) {
        let is_unused = |share: &Share| share.running == 0 && share.waiting.is_empty();
        if self.shares.get(&prefix).is_some_and(is_unused) {
            self.shares.remove(&prefix);
        }
    }
}

#[cfg(feature = "tls")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::JobTimes;

    fn end_of(id: JobId) -> Completion {
        Completion {
            id,
            outcome: JobResult::Handshake(None),
            times: JobTimes::default(),
        }
    }

    #[test]
    fn prefix_has_few_steps_at_once_and_delays_no_other() {
        let [one, other] =
            ["192.0.2.1", "192.0.2.2"].map(|ip| ClientPrefix::of(ip.parse().unwrap()));
        let mut queue = HandshakeQueue::default();
        let mut ids = Vec::new();
        for index in 0..10 {
            let (id, is_running) = queue.enter(Key::new(0, index), one);
            assert_eq!(is_running, index < HANDSHAKES_OF_ONE);
            ids.push(id);
        }
        let (id, is_running) = queue.enter(Key::new(0, 10), other);
        assert!(is_running);
        assert_eq!(queue.leave(&end_of(id)), Some(other));

        // One after the other, without those that were withdrawn.
        queue.withdraw(Key::new(0, 5), one);
        ids.remove(5);
        for (ended, id) in ids.iter().enumerate() {
            assert_eq!(queue.next(one), None);
            assert_eq!(queue.leave(&end_of(*id)), Some(one));
            assert_eq!(queue.next(one), ids.get(ended + HANDSHAKES_OF_ONE).copied());
        }
        assert!(queue.shares.is_empty() && queue.running.is_empty());
    }

    #[test]
    fn connection_waits_for_its_last_step_only() {
        let prefix = ClientPrefix::of("192.0.2.1".parse().unwrap());
        let mut queue = HandshakeQueue::default();
        let running: Vec<_> = (1..=HANDSHAKES_OF_ONE)
            .map(|index| queue.enter(Key::new(0, index), prefix).0)
            .collect();
        let key = Key::new(0, 0);
        let [(earlier, _), (later, _)] = [(); 2].map(|()| queue.enter(key, prefix));
        assert_ne!(earlier, later);
        for (id, next) in running.into_iter().zip([Some(later), None]) {
            queue.end(id);
            assert_eq!(queue.next(prefix), next);
        }
    }
}
