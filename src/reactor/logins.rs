//! From a PASS to the account: who it is, whether they may come in, and to which files.
//!
//! A password that need not be hashed is compared at once. Others wait for their turn in a lane of
//! their own, and only so many: hashing is what a flood of logins could buy cheapest.

use std::sync::Arc;

use super::connection::Connection;
use super::services::Services;
use crate::auth::{Account, Check, Credentials, Denial, Guest};
use crate::limits::LOGINS_WAITING;
use crate::session::Report;
use crate::workers::{Outcome, Work};

impl Connection {
    pub(super) fn verify(&mut self, credentials: Credentials, services: &mut Services) {
        services.holds_password = true;
        match services.settings.accounts.check(credentials) {
            Check::Done(account) => self.verified(account.as_deref(), services),
            Check::Slow(_) if services.verifying >= LOGINS_WAITING => {
                self.report(Report::Verified(Err(Denial::Busy)), services);
            }
            Check::Slow(verification) => {
                services.verifying += 1;
                self.submit(Work::Verify(verification), services);
            }
        }
    }

    /// It is known who it is, or that it is nobody.
    pub(super) fn verified(&mut self, account: Option<&Account>, services: &mut Services) {
        let verdict = account
            .ok_or(Denial::Unproven)
            .and_then(|account| self.admit(account, services));
        self.report(Report::Verified(verdict), services);
    }

    fn admit(&mut self, account: &Account, services: &Services) -> Result<Guest, Denial> {
        let accounts = &services.settings.accounts;
        let guest = accounts.admit(account, self.peer.ip(), services.unix_time)?;
        self.storage = Arc::clone(match services.homes.get(&guest.account.name) {
            Some(home) => home,
            None if guest.account.root.is_none() => &services.storage,
            // An account that was added without its directory being opened.
            None => return Err(Denial::Disabled),
        });
        Ok(guest)
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
