//! The password hashes that are being computed or wait for a thread, counted by client address.
//!
//! Hashing is the most expensive thing that a flood of logins can demand, so the queue is bounded: in all,
//! and for each client prefix to half of the free places.

use crate::auth::ClientPrefix;
use crate::limits::logins_of_one;
use crate::workers::{Completion, JobId, JobResult};

/// The job of each queued verification, and the prefix that it is for. A job stays queued when its client
/// has left.
#[derive(Debug, Default)]
pub(super) struct LoginQueue(Vec<(JobId, ClientPrefix)>);

impl LoginQueue {
    pub(super) fn has_room_for(&self, prefix: ClientPrefix) -> bool {
        let own = self.0.iter().filter(|(_, other)| *other == prefix).count();
        own < logins_of_one(self.0.len())
    }

    pub(super) fn enter(&mut self, id: JobId, prefix: ClientPrefix) {
        self.0.push((id, prefix));
    }

    /// Removes the job of a completion, if it was a verification.
    pub(super) fn leave(&mut self, completion: &Completion) {
        if matches!(completion.outcome, JobResult::Verified(_))
            && let Some(index) = self.0.iter().position(|(id, _)| *id == completion.id)
        {
            self.0.swap_remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LOGINS_QUEUED;

    #[test]
    fn one_prefix_gets_half_of_the_queue() {
        let (one, other) = ["192.0.2.1", "192.0.2.2"]
            .map(|ip| ClientPrefix::of(ip.parse().unwrap()))
            .into();
        let mut queue = LoginQueue::default();
        let entered = (0..LOGINS_QUEUED).take_while(|&owner| {
            let has_room = queue.has_room_for(one);
            if has_room {
                queue.enter(JobId { owner, ticket: 0 }, one);
            }
            has_room
        });
        assert_eq!(entered.count(), LOGINS_QUEUED / 2);
        assert!(queue.has_room_for(other));
    }
}
