//! From a PASS to the account: whether it is they, without anybody waiting for it.
//!
//! A password that need not be hashed is compared at once. Others wait for their turn in a lane of
//! their own, and only so many: hashing is what a flood of logins could buy cheapest. A banned
//! address has nothing hashed.

use super::connection::Connection;
use super::services::Services;
use crate::auth::{Check, Credentials, Denial};
use crate::limits::LOGINS_WAITING;
use crate::workers::{Outcome, Work};

impl Connection {
    pub(super) fn verify(&mut self, credentials: Credentials, services: &mut Services) {
        services.holds_password = true;
        if self.is_banned(services) {
            return self.refuse(Denial::Banned, services);
        }
        match services.settings.accounts.check(credentials) {
            Check::Done(account) => self.verified(account.as_deref(), services),
            Check::Slow(_) if services.verifying >= LOGINS_WAITING => {
                self.refuse(Denial::Busy, services);
            }
            Check::Slow(verification) => {
                services.verifying += 1;
                self.submit(Work::Verify(verification), services);
            }
        }
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
