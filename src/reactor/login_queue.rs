//! From a PASS to the account: whether it is they, without anybody waiting for it.
//!
//! A password that need not be hashed is compared at once. Others wait for their turn in a lane of
//! their own, and only so many, of all and of each address: hashing is what a flood of logins could
//! buy cheapest. A banned address has nothing hashed, and PAM is not asked about it.

use super::connection::Connection;
use super::context::LoopContext;
use crate::auth::{Check, ClientPrefix, Credentials, Denial, Verification, Verified};
use crate::limits::logins_of_one;
use crate::workers::{Completion, JobId, JobResult, Work};

/// Passwords that are being hashed, or wait for it: the job of each, and from where it is. The client
/// may have left; the lane has it all the same.
#[derive(Debug, Default)]
pub(super) struct LoginQueue(Vec<(JobId, ClientPrefix)>);

impl LoginQueue {
    fn has_room_for(&self, prefix: ClientPrefix) -> bool {
        let own = self.0.iter().filter(|(_, other)| *other == prefix).count();
        own < logins_of_one(self.0.len())
    }

    fn enter(&mut self, id: JobId, prefix: ClientPrefix) {
        self.0.push((id, prefix));
    }

    /// A job has come back, whoever it was for.
    pub(super) fn leave(&mut self, completion: &Completion) {
        if matches!(completion.outcome, JobResult::Verified(_))
            && let Some(index) = self.0.iter().position(|(id, _)| *id == completion.id)
        {
            self.0.swap_remove(index);
        }
    }
}

impl Connection {
    pub(super) fn verify(&mut self, credentials: Credentials, context: &mut LoopContext) {
        context.holds_password = true;
        if self.is_banned(context) {
            return self.refuse(Denial::Banned, context);
        }
        let from = self.peer.ip();
        match context.settings.accounts.check(credentials, from) {
            Check::Done(account) => self.verified(account.as_deref(), context),
            Check::Slow(_) if !context.login_queue.has_room_for(ClientPrefix::of(from)) => {
                self.refuse(Denial::Busy, context);
            }
            Check::Slow(verification) => self.submit_verification(verification, context),
        }
    }

    /// A step is done; there may be another.
    pub(super) fn verification_step(&mut self, verified: Verified, context: &mut LoopContext) {
        match verified {
            Verified::Is(account) => self.verified(Some(&account), context),
            Verified::Nobody => self.verified(None, context),
            Verified::NotYet(next) => self.submit_verification(next, context),
        }
    }

    fn submit_verification(&mut self, verification: Verification, context: &mut LoopContext) {
        self.submit(Work::Verify(verification), context);
        context
            .login_queue
            .enter(self.id(), ClientPrefix::of(self.peer.ip()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LOGINS_WAITING;

    #[test]
    fn one_address_has_half_of_the_lane_and_leaves_others_room() {
        let (one, other) = ["192.0.2.1", "192.0.2.2"]
            .map(|ip| ClientPrefix::of(ip.parse().unwrap()))
            .into();
        let mut login_queue = LoginQueue::default();
        let entered = (0..LOGINS_WAITING).take_while(|&owner| {
            let has_room = login_queue.has_room_for(one);
            if has_room {
                login_queue.enter(JobId { owner, ticket: 0 }, one);
            }
            has_room
        });
        assert_eq!(entered.count(), LOGINS_WAITING / 2);
        assert!(login_queue.has_room_for(other));
    }
}
