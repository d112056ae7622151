//! From a PASS to the account: whether it is they, without anybody waiting for it.
//!
//! A password that need not be hashed is compared at once. Others wait for their turn in a lane of
//! their own, and only so many, of all and of each address: hashing is what a flood of logins could
//! buy cheapest. A banned address has nothing hashed, and PAM is not asked about it.

use super::connection::Connection;
use super::services::Services;
use crate::auth::{Check, Credentials, Denial, Site, Verification, Verified};
use crate::limits::logins_of_one;
use crate::workers::{Completion, Outcome, Tag, Work};

/// Passwords that are being hashed, or wait for it: the job of each, and from where it is. The client
/// may have left; the lane has it all the same.
#[derive(Debug, Default)]
pub(super) struct Lane(Vec<(Tag, Site)>);

impl Lane {
    fn has_room_for(&self, site: Site) -> bool {
        let own = self.0.iter().filter(|(_, other)| *other == site).count();
        own < logins_of_one(self.0.len())
    }

    fn enter(&mut self, tag: Tag, site: Site) {
        self.0.push((tag, site));
    }

    /// A job has come back, whoever it was for.
    pub(super) fn leave(&mut self, completion: &Completion) {
        if matches!(completion.outcome, Outcome::Verified(_))
            && let Some(index) = self.0.iter().position(|(tag, _)| *tag == completion.tag)
        {
            self.0.swap_remove(index);
        }
    }
}

impl Connection {
    pub(super) fn verify(&mut self, credentials: Credentials, services: &mut Services) {
        services.holds_password = true;
        if self.is_banned(services) {
            return self.refuse(Denial::Banned, services);
        }
        let from = self.peer.ip();
        match services.settings.accounts.check(credentials, from) {
            Check::Done(account) => self.verified(account.as_deref(), services),
            Check::Slow(_) if !services.lane.has_room_for(Site::of(from)) => {
                self.refuse(Denial::Busy, services);
            }
            Check::Slow(verification) => self.have_verified(verification, services),
        }
    }

    /// A step is done; there may be another.
    pub(super) fn went_on(&mut self, verified: Verified, services: &mut Services) {
        match verified {
            Verified::Is(account) => self.verified(Some(&account), services),
            Verified::Nobody => self.verified(None, services),
            Verified::NotYet(next) => self.have_verified(next, services),
        }
    }

    fn have_verified(&mut self, verification: Verification, services: &mut Services) {
        self.submit(Work::Verify(verification), services);
        services.lane.enter(self.tag(), Site::of(self.peer.ip()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LOGINS_WAITING;

    #[test]
    fn one_address_has_half_of_the_lane_and_leaves_others_room() {
        let (one, other) = ["192.0.2.1", "192.0.2.2"]
            .map(|ip| Site::of(ip.parse().unwrap()))
            .into();
        let mut lane = Lane::default();
        let entered = (0..LOGINS_WAITING).take_while(|&owner| {
            let has_room = lane.has_room_for(one);
            if has_room {
                lane.enter(Tag { owner, ticket: 0 }, one);
            }
            has_room
        });
        assert_eq!(entered.count(), LOGINS_WAITING / 2);
        assert!(lane.has_room_for(other));
    }
}
