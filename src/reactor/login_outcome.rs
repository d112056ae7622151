//! A login's verdict: what the accounts say, and what is remembered of the client's address.
//!
//! A banned address does not learn whether its password is right, not even where that was found out
//! while it was being banned: many guesses at once are no way around the count.

use std::sync::Arc;

use super::connection::Connection;
use super::context::LoopContext;
use crate::auth::{Account, AuthenticatedUser, Denial, Penalty, Refusal};
use crate::net::ClientStanding;
use crate::observe::target;
use crate::session::SessionEvent;

impl Connection {
    pub(super) fn is_banned(&self, context: &LoopContext) -> bool {
        context.throttle.is_banned(self.peer.ip(), context.now)
    }

    /// The client has shown a certificate with this name, and so needs no password, if the certificate
    /// still counts. Where that is not enough nothing is lost: it is no guess.
    pub(super) fn vouch(&mut self, name: &[u8], context: &mut LoopContext) {
        let is_certified = self.client_standing(context) == ClientStanding::Verified;
        let account = context.settings.accounts.vouched(name);
        let account = account.filter(|_| is_certified).cloned();
        let login_outcome = self.judge(account.as_deref(), context);
        self.notify(
            SessionEvent::Verified(login_outcome.map_err(Refusal::from)),
            context,
        );
    }

    /// It is known who it is, or that it is nobody.
    pub(super) fn verified(&mut self, account: Option<&Account>, context: &mut LoopContext) {
        match self.judge(account, context) {
            Ok(user) => self.notify(SessionEvent::Verified(Ok(user)), context),
            Err(denial) => self.refuse(denial, context),
        }
    }

    /// Says so, and counts it where it is to count.
    pub(super) fn refuse(&mut self, denial: Denial, context: &mut LoopContext) {
        let refusal = if denial.is_failure() {
            self.count_failure(denial, context)
        } else {
            Refusal::from(denial)
        };
        self.notify(SessionEvent::Verified(Err(refusal)), context);
    }

    /// Who has proved who they are may come in, if their address and their account have it so.
    fn judge(
        &mut self,
        account: Option<&Account>,
        context: &LoopContext,
    ) -> Result<AuthenticatedUser, Denial> {
        if self.is_banned(context) {
            return Err(Denial::Banned);
        }
        let account = account.ok_or(Denial::Unproven)?;
        let accounts = &context.settings.accounts;
        let name = self.session.claimed_name().ok_or(Denial::Unproven)?;
        let user = accounts.admit(name, account, self.peer.ip(), context.unix_time)?;
        let home = context.storage_of(&user.account);
        self.storage = Arc::clone(home.ok_or(Denial::Disabled)?);
        Ok(user)
    }

    /// The one place where a ban begins, and so the one where it is logged.
    fn count_failure(&self, denial: Denial, context: &mut LoopContext) -> Refusal {
        let (address, limits) = (self.peer.ip(), &context.settings.throttling);
        match context.throttle.fail(address, limits, context.now) {
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
