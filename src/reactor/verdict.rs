//! A login's verdict: what the accounts say, and what is remembered of the client's address.
//!
//! A banned address does not learn whether its password is right, not even where that was found out
//! while it was being banned: many guesses at once are no way around the count.

use super::connection::Connection;
use super::services::Services;
use crate::auth::{Credentials, Denial, Rights};
use crate::session::Report;

impl Connection {
    pub(super) fn verify(&mut self, credentials: &Credentials, services: &mut Services) {
        let address = self.peer.ip();
        if services.throttle.is_banned(address, services.now) {
            return self.report(Report::Verified(Err(Denial::Banned)), services);
        }
        let rights = services.settings.accounts.verify(credentials);
        self.verified(rights, services);
    }

    /// The client has shown a certificate with this name. Where that is not enough nothing is lost:
    /// it is no guess.
    pub(super) fn vouch(&mut self, name: &[u8], services: &mut Services) {
        let is_banned = services.throttle.is_banned(self.peer.ip(), services.now);
        let rights = services.settings.accounts.vouched(name);
        let verdict = match rights {
            Some(rights) if !is_banned => Ok(rights),
            _ => Err(Denial::Banned),
        };
        self.report(Report::Verified(verdict), services);
    }

    /// Takes what the accounts say.
    fn verified(&mut self, rights: Option<Rights>, services: &mut Services) {
        let verdict = match rights {
            _ if services.throttle.is_banned(self.peer.ip(), services.now) => Err(Denial::Banned),
            Some(rights) => Ok(rights),
            None => Err(self.count_failure(services)),
        };
        self.report(Report::Verified(verdict), services);
    }

    /// The one place where a ban begins, and so the one where it is logged.
    fn count_failure(&self, services: &mut Services) -> Denial {
        let (address, limits) = (self.peer.ip(), &services.settings.throttling);
        let denial = services.throttle.fail(address, limits, services.now);
        if denial == Denial::Banned {
            log::warn!(
                "Banned {address} for {} seconds: {} logins have failed",
                limits.ban.as_secs(),
                limits.failures
            );
        }
        denial
    }
}
