//! A session after a reload: whether it may go on, with which rights, and how it ends where it may not.
//!
//! The reactor asks [`Session::review`] of each session, and tells it what came of that together with
//! what only the reactor knows (addresses, certificates). A session that may not stay says 421 and the
//! reason; a transfer is cut before, and has its own 426. What a session has lost ends, and nothing
//! else of it.

use std::sync::Arc;
use std::time::Duration;

use super::farewells::Farewell;
use super::login::Login;
use super::question::Question;
use super::transfers::Purpose;
use super::{Action, Context, Deadline, Ending, Progress, Session, Settings};
use crate::auth::{Account, Denial, Permissions, ProvenBy, Revocation, RevokedSessions};
use crate::limits::EXPIRY_CHECKED;
use crate::observe::target;
use crate::protocol::reply::Reply;
use crate::protocol::visible::QuotedName;

impl Session {
    /// Whether the client would be let in again with these settings at `now`, in seconds since 1970;
    /// `is_certified`: with its certificate. If it is logged in, the account as it is now.
    pub fn review(
        &self,
        settings: &Settings,
        is_certified: bool,
        now: i64,
    ) -> Result<Option<Arc<Account>>, Revocation> {
        let Login::LoggedIn(name, user, by) = &self.login else {
            return Ok(None);
        };
        if self.protection.lacks_tls(name, settings) {
            return Err(Revocation::Clear);
        }
        if *by == ProvenBy::Certificate && !(is_certified && settings.accepts_certificates()) {
            return Err(Revocation::Certificate);
        }
        let (from, account) = (self.peer.ip(), &user.account);
        let reviewed = settings.accounts.review(name, account, *by, from, now)?;
        Ok(Some(Arc::clone(reviewed)))
    }

    /// The account has changed: its rights count from the next command on, and what goes on by one
    /// that it has lost ends.
    pub fn renew(&mut self, account: Arc<Account>, cx: &mut Context<'_>) {
        let Login::LoggedIn(_, user, _) = &mut self.login else {
            return;
        };
        let before = std::mem::replace(&mut user.account, account);
        let lost = before.permissions.without(user.account.permissions);
        // Unless SITE UMASK has set another.
        if self.umask == before.umask {
            self.umask = user.account.umask;
        }
        let lost_fxp = before.allow_fxp && !user.account.allow_fxp;
        self.withdraw(lost, lost_fxp, cx);
        self.conclude(cx);
        self.watch_expiry(cx);
    }

    /// Ends what goes on by these permissions; and a data connection that is in the clear, or may be to
    /// another host, where that is not allowed any more.
    fn withdraw(&mut self, lost: Permissions, lost_fxp: bool, cx: &mut Context<'_>) {
        let no_data = lost_fxp || self.sends_in_the_clear(cx.settings);
        match &self.progress {
            Progress::Transferring(purpose, _)
                if no_data || needed_for(purpose).intersects(lost) =>
            {
                self.cut_off(cx);
            }
            Progress::Opening(purpose) if no_data || needed_for(purpose).intersects(lost) => {
                self.progress = Progress::Withdrawn;
            }
            Progress::Counting(purpose) if no_data || needed_for(purpose).intersects(lost) => {
                self.withdrawn(cx);
            }
            Progress::Idle if lost_fxp => {
                self.channel.disarrange();
                cx.action(Action::HangUp);
            }
            Progress::Asking(Question::Digest(_)) if lost.intersects(Permissions::RETRIEVE) => {
                self.abandon_reading(&Reply::fixed(426, "No longer allowed; aborted."), cx);
            }
            Progress::Asking(Question::Measure) if lost.intersects(Permissions::LIST) => {
                self.abandon_reading(&Reply::fixed(426, "No longer allowed; aborted."), cx);
            }
            _ => {}
        }
    }

    /// What was opened is closed again: nothing is left to come when the client hears of it.
    pub(super) fn withdrawn(&mut self, cx: &mut Context<'_>) {
        self.progress = Progress::Idle;
        self.channel.disarrange();
        cx.action(Action::HangUp);
        let text = "No longer allowed; data connection closed.";
        cx.reply(&Reply::fixed(425, text));
    }

    /// Cuts the transfer, unless it is being cut already.
    fn cut_off(&mut self, cx: &mut Context<'_>) {
        if self.may_be_aborted() {
            self.cut(Ending::Revoked, cx);
        }
    }

    /// The client would not be let in any more: the session ends, once a transfer is cut.
    pub fn revoke(&mut self, why: Revocation, cx: &mut Context<'_>) {
        if self.is_closing() || matches!(self.farewell, Some(Farewell::Revoked(_))) {
            return;
        }
        let name = match self.login.name() {
            b"" => String::new(),
            name => format!(" of {}", QuotedName(name)),
        };
        log::info!(target: target::SECURITY, "{}: Session{name} ended: {why}", self.peer);
        let farewell = Farewell::Revoked(why);
        self.farewell = Some(farewell);
        match &self.progress {
            Progress::Transferring(..) => self.cut_off(cx),
            _ => self.dismiss(&farewell.reply(), cx),
        }
    }

    /// Ends the session where its account has expired, and comes back when it may have. The wall clock
    /// can be set, so that is looked at now and then.
    pub(super) fn watch_expiry(&mut self, cx: &mut Context<'_>) {
        let expires = self.login.account().and_then(|account| account.expires);
        let Some(expires) =
            expires.filter(|_| cx.settings.revoked_sessions == RevokedSessions::End)
        else {
            return cx.deadlines.clear(Deadline::Expiry);
        };
        match u64::try_from(expires.saturating_sub(cx.unix_time)) {
            Ok(left @ 1..) => {
                let next = Duration::from_secs(left).min(EXPIRY_CHECKED);
                cx.deadlines.set(Deadline::Expiry, cx.now + next);
            }
            _ => self.revoke(Revocation::Denied(Denial::Expired), cx),
        }
    }
}

/// What a transfer may make use of, all of which it must keep.
fn needed_for(purpose: &Purpose) -> Permissions {
    match purpose {
        Purpose::Retrieve(_) => Permissions::RETRIEVE,
        Purpose::Store(_) => Permissions::CREATE | Permissions::OVERWRITE,
        Purpose::StoreUnique(_) => Permissions::CREATE,
        Purpose::Append(_) => Permissions::CREATE | Permissions::APPEND,
        Purpose::List | Purpose::MachineList => Permissions::LIST,
    }
}
