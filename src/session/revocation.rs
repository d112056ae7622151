//! A session after a reload of the configuration: whether it may continue, and with which permissions.
//!
//! The reactor calls [`Session::review`], adds its own checks (client address, certificate), and calls
//! `renew` or `revoke`. A revoked session ends with a 421 that names the reason, after the 426 of a
//! transfer in progress. A renewed session ends only the work whose permission it has lost.

use std::sync::Arc;
use std::time::Duration;

use super::closing::EndReason;
use super::login::Login;
use super::question::Question;
use super::transfers::Purpose;
use super::{Action, Context, Deadline, Ending, Progress, Session, Settings};
use crate::auth::{Account, Denial, Permissions, ProvenBy, Revocation, RevokedSessions};
use crate::limits::EXPIRY_CHECK_INTERVAL;
use crate::observe::target;
use crate::protocol::reply::Reply;
use crate::protocol::visible::QuotedName;

impl Session {
    /// Checks whether the client could log in again with these settings at `now` (seconds since 1970), and
    /// returns the present account of a logged-in client. `is_certified`: its certificate is still valid.
    pub fn review(
        &self,
        settings: &Settings,
        is_certified: bool,
        now: i64,
    ) -> Result<Option<Arc<Account>>, Revocation> {
        let Login::LoggedIn { user, by, .. } = &self.login else {
            return Ok(None);
        };
        let name = self.login.name();
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

    /// Replaces the account. Its permissions apply from the next command on; work in progress whose
    /// permission is lost ends.
    pub fn renew(&mut self, account: &Arc<Account>, cx: &mut Context<'_>) {
        let Some(before) = self.login.renew(Arc::clone(account)) else {
            return;
        };
        let lost = before.permissions.without(account.permissions);
        // A umask from SITE UMASK stays.
        if self.umask == before.umask {
            self.umask = account.umask;
        }
        let lost_fxp = before.allow_fxp && !account.allow_fxp;
        self.end_revoked(lost, lost_fxp, cx);
        self.audit_if_answered(cx);
        self.watch_expiry(cx);
    }

    /// Ends work in progress that needs a lost permission, and data connections that are now forbidden: in
    /// the clear, or after the loss of FXP.
    fn end_revoked(&mut self, lost: Permissions, lost_fxp: bool, cx: &mut Context<'_>) {
        let forbids_data = lost_fxp || self.violates_data_policy(cx.settings);
        let is_over = |purpose: &Purpose| forbids_data || permissions_for(purpose).intersects(lost);
        match &self.progress {
            Progress::Transferring(transfer) if is_over(&transfer.purpose) => self.cut_revoked(cx),
            Progress::Opening(purpose) if is_over(purpose) => {
                self.progress = Progress::OpeningRevoked;
            }
            Progress::AwaitingCount(purpose) if is_over(purpose) => self.opening_revoked(cx),
            Progress::Idle if lost_fxp => {
                self.params.clear_transfer();
                cx.action(Action::CloseDataConnection);
            }
            Progress::AwaitingAnswer(Question::Digest(_))
                if lost.intersects(Permissions::RETRIEVE) =>
            {
                self.abandon_task(&Reply::fixed(426, "No longer allowed; aborted."), cx);
            }
            Progress::AwaitingAnswer(Question::Measure) if lost.intersects(Permissions::LIST) => {
                self.abandon_task(&Reply::fixed(426, "No longer allowed; aborted."), cx);
            }
            _ => {}
        }
    }

    /// The file that was being opened is closed again, so that the 425 is the last event of the transfer.
    pub(super) fn opening_revoked(&mut self, cx: &mut Context<'_>) {
        self.progress = Progress::Idle;
        self.params.clear_transfer();
        cx.action(Action::CloseDataConnection);
        let text = "No longer allowed; data connection closed.";
        cx.reply(&Reply::fixed(425, text));
    }

    /// Cuts the transfer, unless it is being cut already.
    fn cut_revoked(&mut self, cx: &mut Context<'_>) {
        if self.may_be_aborted() {
            let ending = match self.end_reason {
                Some(EndReason::Revoked(Revocation::Operator)) => Ending::EndedByOperator,
                _ => Ending::Revoked,
            };
            self.cut(ending, cx);
        }
    }

    /// Ends the session with a 421, after a transfer in progress is cut.
    pub fn revoke(&mut self, reason: Revocation, cx: &mut Context<'_>) {
        if self.is_closing() || matches!(self.end_reason, Some(EndReason::Revoked(_))) {
            return;
        }
        let name = match self.login.name() {
            b"" => String::new(),
            name => format!(" of {}", QuotedName(name)),
        };
        log::info!(target: target::SECURITY, "{}: Session{name} ended: {reason}", self.peer);
        let end_reason = EndReason::Revoked(reason);
        self.end_reason = Some(end_reason);
        match &self.progress {
            Progress::Transferring(_) => self.cut_revoked(cx),
            _ => self.close_unsolicited(&end_reason.reply(), cx),
        }
    }

    /// Ends the session if its account has expired, or sets the deadline for the next check. Checks at least
    /// every `EXPIRY_CHECK_INTERVAL`, since the wall clock can be set.
    pub(super) fn watch_expiry(&mut self, cx: &mut Context<'_>) {
        let expires = self.login.account().and_then(|account| account.expires);
        let Some(expires) =
            expires.filter(|_| cx.settings.revoked_sessions == RevokedSessions::End)
        else {
            return cx.deadlines.clear(Deadline::Expiry);
        };
        match u64::try_from(expires.saturating_sub(cx.unix_time)) {
            Ok(left @ 1..) => {
                let next = Duration::from_secs(left).min(EXPIRY_CHECK_INTERVAL);
                cx.deadlines.set(Deadline::Expiry, cx.now + next);
            }
            _ => self.revoke(Revocation::Denied(Denial::Expired), cx),
        }
    }
}

/// The permissions that a transfer must keep.
fn permissions_for(purpose: &Purpose) -> Permissions {
    match purpose {
        Purpose::Retrieve(_) => Permissions::RETRIEVE,
        Purpose::Store(_) => Permissions::CREATE | Permissions::OVERWRITE,
        Purpose::StoreUnique(_) => Permissions::CREATE,
        Purpose::Append(_) => Permissions::CREATE | Permissions::APPEND,
        Purpose::List | Purpose::MachineList => Permissions::LIST,
    }
}
