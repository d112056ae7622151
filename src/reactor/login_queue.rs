//! The password verifications that run or wait for a thread, by client prefix.
//!
//! Hashing is the most expensive thing that a flood of logins can demand. So the queue is bounded: in all,
//! and for each prefix to half of the free places. Prefixes take turns (round robin): however many logins of
//! one wait, the first of another waits for one of it. It does not know which addresses are banned.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::auth::{ClientPrefix, Verification};
use crate::event_loop::Key;
use crate::limits::{LOGIN_WORKERS, PAM_WORKERS, logins_of_one};
use crate::workers::{Completion, JobId, JobResult};

#[derive(Debug, Default)]
pub(super) struct LoginQueue {
    /// By round, and within a round in the order of arrival.
    waiting: VecDeque<Waiting>,
    /// They stay when their clients have left.
    running: Vec<Place>,
    /// The round of the last one that was started.
    round: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    id: JobId,
    prefix: ClientPrefix,
    /// A prefix has one place in each round.
    round: u64,
    /// It waits for PAM and takes no processor time.
    waits: bool,
}

#[derive(Debug)]
struct Waiting {
    place: Place,
    address: IpAddr,
    verification: Verification,
}

impl LoginQueue {
    pub(super) fn has_room_for(&self, prefix: ClientPrefix) -> bool {
        let own = self.places().filter(|one| one.prefix == prefix).count();
        own < logins_of_one(self.places().count())
    }

    pub(super) fn enter(&mut self, id: JobId, address: IpAddr, verification: Verification) {
        let prefix = ClientPrefix::of(address);
        let own = self.places().filter(|one| one.prefix == prefix);
        let next = own.map(|one| one.round + 1).max();
        let round = self.round.max(next.unwrap_or(0));
        let place = Place {
            id,
            prefix,
            round,
            waits: verification.waits(),
        };
        let at = self.waiting.partition_point(|one| one.place.round <= round);
        let entry = Waiting {
            place,
            address,
            verification,
        };
        self.waiting.insert(at, entry);
    }

    /// The verification that is to be given to a worker now. It is running from then on.
    pub(super) fn next(&mut self) -> Option<(JobId, Verification)> {
        let has_thread = |one: &Waiting| {
            let waits = one.place.waits;
            let threads = if waits { PAM_WORKERS } else { LOGIN_WORKERS };
            self.running.iter().filter(|one| one.waits == waits).count() < threads
        };
        let at = self.waiting.iter().position(has_thread)?;
        let Waiting {
            place,
            verification,
            ..
        } = self.waiting.remove(at)?;
        self.round = self.round.max(place.round);
        self.running.push(place);
        Some((place.id, verification))
    }

    /// Removes the job of a completion. Returns whether it was a verification.
    pub(super) fn leave(&mut self, completion: &Completion) -> bool {
        let id = match completion.outcome {
            JobResult::Verified(_) | JobResult::Panicked => completion.id,
            _ => return false,
        };
        let index = self.running.iter().position(|one| one.id == id);
        index.map(|index| self.running.swap_remove(index)).is_some()
    }

    /// The connection is closed: it waits for no verification.
    pub(super) fn withdraw(&mut self, owner: Key) {
        let owner = owner.to_bits();
        self.waiting.retain(|one| one.place.id.owner != owner);
    }

    /// Removes a verification of such an address, and returns its connection.
    pub(super) fn refuse(&mut self, is_banned: impl Fn(IpAddr) -> bool) -> Option<Key> {
        let mut waiting = self.waiting.iter();
        let at = waiting.position(|one| is_banned(one.address))?;
        let refused = self.waiting.remove(at)?;
        Some(Key::from_bits(refused.place.id.owner))
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        let waiting = self.waiting.iter().map(|one| &one.place);
        self.running.iter().chain(waiting)
    }
}

#[cfg(feature = "hashed-passwords")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Account, Accounts, Check, LoginCredentials, Secret};
    use crate::limits::LOGINS_QUEUED;
    use crate::metrics::JobTimes;

    const HASH: &str =
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$WHwbVkQ5XzAMaltcqwxy+X9v0VxYTVTjS9BRTrowawM";

    fn ip(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn id(owner: usize) -> JobId {
        JobId { owner, ticket: 0 }
    }

    fn verification() -> Verification {
        let mut ann = Account::with_password("ann", "");
        ann.secret = Secret::hashed(HASH).unwrap();
        let credentials = LoginCredentials {
            name: b"ann".to_vec(),
            password: "secret".into(),
        };
        match Accounts::new().with(ann).check(credentials, ip(1)) {
            Check::Slow(verification) => verification,
            Check::Done(_) => panic!("a hash is slow"),
        }
    }

    /// Ends what runs, and returns the owners in the order in which they had their turns.
    fn drain(queue: &mut LoginQueue) -> Vec<usize> {
        let mut owners = Vec::new();
        while let Some((id, _)) = queue.next() {
            assert!(queue.next().is_none(), "one thread computes");
            owners.push(id.owner);
            let outcome = JobResult::Panicked;
            assert!(queue.leave(&Completion {
                id,
                outcome,
                times: JobTimes::default()
            }));
        }
        owners
    }

    #[test]
    fn one_prefix_gets_half_of_the_queue() {
        let mut queue = LoginQueue::default();
        let one = ClientPrefix::of(ip(1));
        let entered = (0..LOGINS_QUEUED).take_while(|&owner| {
            let has_room = queue.has_room_for(one);
            if has_room {
                queue.enter(id(owner), ip(1), verification());
                queue.next();
            }
            has_room
        });
        assert_eq!(entered.count(), LOGINS_QUEUED / 2);
        assert!(queue.has_room_for(ClientPrefix::of(ip(2))));
    }

    #[test]
    fn prefixes_take_turns() {
        let mut queue = LoginQueue::default();
        for (owner, from) in [(10, 1), (11, 1), (12, 1), (20, 2), (21, 2), (30, 3)] {
            queue.enter(id(owner), ip(from), verification());
        }
        let (running, _) = queue.next().unwrap();
        assert_eq!(running.owner, 10);
        // Its turn of this round is taken.
        queue.enter(id(40), ip(4), verification());
        queue.enter(id(13), ip(1), verification());
        let outcome = JobResult::Panicked;
        queue.leave(&Completion {
            id: running,
            outcome,
            times: JobTimes::default(),
        });
        assert_eq!(drain(&mut queue), [20, 30, 40, 11, 21, 12, 13]);
    }

    #[test]
    fn closed_and_banned_clients_leave_the_queue() {
        let mut queue = LoginQueue::default();
        for (owner, from) in [(10, 1), (20, 2), (11, 1), (30, 3)] {
            queue.enter(id(owner), ip(from), verification());
        }
        queue.withdraw(Key::from_bits(30));
        let mut refuse = || queue.refuse(|address| address == ip(1)).map(Key::to_bits);
        assert_eq!([refuse(), refuse(), refuse()], [Some(10), Some(11), None]);
        assert_eq!(drain(&mut queue), [20]);
        assert_eq!(queue.places().count(), 0);
    }
}
