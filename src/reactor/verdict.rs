//! A login's verdict: what the accounts say, and what is remembered of the client's address.
//!
//! A banned address does not learn whether its password is right, not even where that was found out
//! while it was being banned: many guesses at once are no way around the count.

use std::sync::Arc;

use super::connection::Connection;
use super::services::Services;
use crate::auth::{Account, Denial, Guest, Penalty, Refusal};
use crate::net::ClientStanding;
use crate::observe::target;
use crate::session::Report;

impl Connection {
    pub(super) fn is_banned(&self, services: &Services) -> bool {
        services.throttle.is_banned(self.peer.ip(), services.now)
    }

    /// The client has shown a certificate with this name, and so needs no password, if the certificate
    /// still counts. Where that is not enough nothing is lost: it is no guess.
    pub(super) fn vouch(&mut self, name: &[u8], services: &mut Services) {
        let is_certified = self.client_standing(services) == ClientStanding::Verified;
        let account = services.settings.accounts.vouched(name);
        let account = account.filter(|_| is_certified).cloned();
        let verdict = self.judge(account.as_deref(), services);
        self.report(Report::Verified(verdict.map_err(Refusal::from)), services);
    }

    /// It is known who it is, or that it is nobody.
    pub(super) fn verified(&mut self, account: Option<&Account>, services: &mut Services) {
        match self.judge(account, services) {
            Ok(guest) => self.report(Report::Verified(Ok(guest)), services),
            Err(denial) => self.refuse(denial, services),
        }
    }

    /// Says so, and counts it where it is to count.
    pub(super) fn refuse(&mut self, denial: Denial, services: &mut Services) {
        let refusal = if denial.is_failure() {
            self.count_failure(denial, services)
        } else {
            Refusal::from(denial)
        };
        self.report(Report::Verified(Err(refusal)), services);
    }

    /// Who has proved who they are may come in, if their address and their account have it so.
    fn judge(&mut self, account: Option<&Account>, services: &Services) -> Result<Guest, Denial> {
        if self.is_banned(services) {
            return Err(Denial::Banned);
        }
        let account = account.ok_or(Denial::Unproven)?;
        let accounts = &services.settings.accounts;
        let name = self.session.claimed_name().ok_or(Denial::Unproven)?;
        let guest = accounts.admit(name, account, self.peer.ip(), services.unix_time)?;
        let home = services.home_of(&guest.account);
        self.storage = Arc::clone(home.ok_or(Denial::Disabled)?);
        Ok(guest)
    }

    /// The one place where a ban begins, and so the one where it is logged.
    fn count_failure(&self, denial: Denial, services: &mut Services) -> Refusal {
        let (address, limits) = (self.peer.ip(), &services.settings.throttling);
        match services.throttle.fail(address, limits, services.now) {
            Penalty::Wait { failures } => Refusal { denial, failures },
            Penalty::Ban => {
                log::warn!(
                    target: target::SECURITY,
                    "Banned {address} for {} seconds: {} logins have failed (throttling.failures)",
                    limits.ban.as_secs(),
                    limits.failures
                );
                Refusal::from(Denial::Banned)
            }
        }
    }
}
