//! From PASS to the account: verification without waiting, and its outcome.
//!
//! A password that is not hashed is compared at once; a hash is computed by a worker, through the bounded
//! [`LoginQueue`](super::login_queue), which the logins of a banned address leave. Nothing is verified for
//! it, nor does it learn whether its password is right, even if that was computed while the ban began:
//! parallel guesses do not evade the count.

use std::sync::Arc;

use super::Reactor;
use super::connection::Connection;
use super::context::LoopContext;
use crate::auth::{
    Account, AuthenticatedUser, Check, ClientPrefix, Denial, LoginCredentials, LoginFailure,
    Penalty, Verification, Verified,
};
use crate::net::ClientCertStatus;
use crate::observe::target;
use crate::session::SessionEvent;
use crate::workers::Work;

impl LoopContext {
    /// Gives verifications to workers that have time for them.
    fn start_logins(&mut self) {
        while let Some((id, verification)) = self.limiters.login_queue.next() {
            let storage = Arc::clone(&self.policy.storage);
            self.submit(id, storage, Work::Verify(verification));
        }
    }
}

impl Reactor {
    /// A verification is done: the logins of an address that is banned now leave the queue, and the next one
    /// is started.
    pub(super) fn go_on_with_logins(&mut self) {
        loop {
            let LoopContext { limiters, now, .. } = &mut self.context;
            let is_banned = |address| limiters.throttle.is_banned(address, *now);
            let Some(owner) = limiters.login_queue.refuse(is_banned) else {
                break;
            };
            self.tell(owner, |connection, context| {
                connection.refuse(Denial::Banned, context);
            });
        }
        self.context.start_logins();
    }
}

impl Connection {
    pub(super) fn verify(&mut self, credentials: LoginCredentials, context: &mut LoopContext) {
        if self.is_banned(context) {
            return self.refuse(Denial::Banned, context);
        }
        let from = self.peer().ip();
        let prefix = ClientPrefix::of(from);
        match context.policy.settings.accounts.check(credentials, from) {
            Check::Done(account) => self.verified(account.as_deref(), context),
            Check::Slow(_) if !context.limiters.login_queue.has_room_for(prefix) => {
                self.refuse(Denial::Busy, context);
            }
            Check::Slow(verification) => self.submit_verification(verification, context),
        }
    }

    /// One step of a verification is done; there may be another.
    pub(super) fn verification_step(&mut self, verified: Verified, context: &mut LoopContext) {
        match verified {
            Verified::Accepted(account) => self.verified(Some(&account), context),
            Verified::Rejected => self.verified(None, context),
            Verified::Unavailable => self.refuse(Denial::NoMemory, context),
            Verified::NextStep(_) if self.is_banned(context) => {
                self.refuse(Denial::Banned, context);
            }
            Verified::NextStep(next) => self.submit_verification(next, context),
        }
    }

    fn submit_verification(&mut self, verification: Verification, context: &mut LoopContext) {
        let (id, from) = (self.next_job(), self.peer().ip());
        context.limiters.login_queue.enter(id, from, verification);
        context.start_logins();
    }

    fn is_banned(&self, context: &LoopContext) -> bool {
        let throttle = &context.limiters.throttle;
        throttle.is_banned(self.peer().ip(), context.now)
    }

    /// The client has a certificate with this name: no password is needed if the certificate is still
    /// valid. If that is not enough, it does not count as a failed login.
    pub(super) fn vouch(&mut self, name: &[u8], context: &mut LoopContext) {
        let is_certified = self.client_cert_status(context) == ClientCertStatus::Verified;
        let account = context.policy.settings.accounts.by_certificate(name);
        let account = account.filter(|_| is_certified).cloned();
        let outcome = self.judge(account.as_deref(), context);
        let event = SessionEvent::Verified(outcome.map_err(LoginFailure::from));
        self.notify(event, context);
    }

    fn verified(&mut self, account: Option<&Account>, context: &mut LoopContext) {
        match self.judge(account, context) {
            Ok(user) => {
                self.notify(SessionEvent::Verified(Ok(user)), context);
                if self.session.account_name().is_some() {
                    let asked = context.times.asked(self.serving);
                    context.times.logged_in(asked);
                }
            }
            Err(denial) => self.refuse(denial, context),
        }
    }

    fn refuse(&mut self, denial: Denial, context: &mut LoopContext) {
        let refusal = if denial.is_failure() {
            self.count_failure(denial, context)
        } else {
            LoginFailure::from(denial)
        };
        self.notify(SessionEvent::Verified(Err(refusal)), context);
    }

    /// Whether an account that was verified may log in from this address now.
    fn judge(
        &mut self,
        account: Option<&Account>,
        context: &LoopContext,
    ) -> Result<AuthenticatedUser, Denial> {
        if self.is_banned(context) {
            return Err(Denial::Banned);
        }
        let accounts = &context.policy.settings.accounts;
        let name = self
            .session
            .claimed_name()
            .ok_or(Denial::WrongCredentials)?;
        let account = account.ok_or_else(|| accounts.rejection(name, context.unix_time))?;
        let user = accounts.admit(name, account, self.peer().ip(), context.unix_time)?;
        let storage = context.policy.storage_of(&user.account);
        self.storage = Arc::clone(storage.ok_or(Denial::Disabled)?);
        Ok(user)
    }

    /// Counts a failed login. The one place where a ban begins, and where it is logged.
    fn count_failure(&self, denial: Denial, context: &mut LoopContext) -> LoginFailure {
        let limits = &context.policy.settings.throttling;
        let address = self.peer().ip();
        match context.limiters.throttle.fail(address, limits, context.now) {
            Penalty::Delay { failures } => LoginFailure { denial, failures },
            Penalty::Ban => {
                log::warn!(
                    target: target::SECURITY,
                    "Banned {address} for {} seconds: {} logins have failed (throttling.failures)",
                    limits.ban.as_secs(),
                    limits.failures
                );
                LoginFailure::from(Denial::Banned)
            }
        }
    }
}
