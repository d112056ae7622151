//! From a PASS to the account: whether it is they, without anybody waiting for it.
//!
//! A password that need not be hashed is compared at once. Others wait for their turn in a lane of
//! their own, and only so many: hashing is what a flood of logins could buy cheapest. A banned
//! address has nothing hashed, and PAM is not asked about it.

use super::connection::Connection;
use super::services::Services;
use crate::auth::{Check, Credentials, Denial, Verification, Verified};
use crate::limits::LOGINS_WAITING;
use crate::workers::{Outcome, Work};

impl Connection {
    pub(super) fn verify(&mut self, credentials: Credentials, services: &mut Services) {
        services.holds_password = true;
        if self.is_banned(services) {
            return self.refuse(Denial::Banned, services);
        }
        match services
            .settings
            .accounts
            .check(credentials, self.peer.ip())
        {
            Check::Done(account) => self.verified(account.as_deref(), services),
            Check::Slow(_) if services.verifying >= LOGINS_WAITING => {
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
        services.verifying += 1;
        self.submit(Work::Verify(verification), services);
    }
}

impl Services {
    /// A job has come back, whoever it was for.
    pub(super) const fn count(&mut self, outcome: &Outcome) {
        if matches!(outcome, Outcome::Verified(_)) {
            self.verifying = self.verifying.saturating_sub(1);
        }
    }
}
