//! When the server may send 421, and with which reason: each needs its elapsed time or its event.
//!
//! A 421 instead of the greeting is checked by the [admission model](crate::world::AdmissionModel).

use std::time::Duration;

use mioftpd::internals::limits::{LOGIN_FAILURES, LONG_LINES};

use super::conversation::{CommandKind, PendingCommand};
use super::session_model::{ReplyContext, SessionModel};
use crate::fault_plan::FaultPlan;

impl SessionModel {
    /// The violation in a 421 while these commands are pending.
    pub(super) fn closing_reply_violation<'a>(
        &self,
        text: &str,
        mut pending: impl Iterator<Item = &'a PendingCommand>,
        context: &ReplyContext<'_>,
    ) -> Option<String> {
        let head = pending.next();
        let why = text.split(", closing control connection").next();
        match why.unwrap_or(text) {
            "Service not available" => Self::unavailable_violation(head, context),
            // Checked in `revocation`.
            why if why.starts_with("Session ended") => None,
            why if why.starts_with("No login within") => {
                let since = context.now.saturating_sub(self.outside_since());
                let is_leaving = head.is_some_and(|head| {
                    matches!(
                        head.kind,
                        CommandKind::User | CommandKind::Rein | CommandKind::Auth
                    ) || head.kind.is_switch()
                });
                let is_early = since < context.config.timings.login;
                (is_early || self.is_in() && !is_leaving)
                    .then(|| format!("without a login for only {since:?}"))
            }
            why if why.starts_with("No command for") => self.idle_violation(head, context),
            "Too many over-long lines" => (self.long_lines() != u32::from(LONG_LINES))
                .then(|| format!("{}", self.long_lines())),
            "Too many failed logins" => {
                let is_last = self.failed_logins() + 1 == u32::from(LOGIN_FAILURES);
                let is_login = head.is_some_and(|head| head.kind == CommandKind::Pass);
                (!is_last || !is_login).then(|| format!("{} had failed", self.failed_logins()))
            }
            "Too many sessions of this account" => {
                let is_login = head.is_some_and(|head| head.kind == CommandKind::Pass);
                (!is_login).then(|| "no login is pending".to_owned())
            }
            _ => Some("unknown reason".to_owned()),
        }
    }

    /// Legal if the server stops, its workers hang, or the address is banned (which the admission model
    /// checks).
    fn unavailable_violation(
        head: Option<&PendingCommand>,
        context: &ReplyContext<'_>,
    ) -> Option<String> {
        let is_login = head.is_some_and(|head| head.kind == CommandKind::Pass);
        let is_stuck = head.is_some() && !context.config.fault_plan.is_prompt();
        (!context.config.stops && !is_login && !is_stuck)
            .then(|| "the server is not stopping, and no job hangs".to_owned())
    }

    /// A client is idle while it sends nothing, and never during a transfer. A command that was delivered
    /// long ago must have been answered, under plans with short delays.
    fn idle_violation(
        &self,
        head: Option<&PendingCommand>,
        context: &ReplyContext<'_>,
    ) -> Option<String> {
        let idle = context.config.timings.idle;
        let since = context.now.saturating_sub(self.last_answered_sent_at());
        if since < idle {
            return Some(format!("idle for only {since:?}"));
        }
        let head = head?;
        if head.begun {
            return Some("in the middle of a transfer".to_owned());
        }
        let owed = context.now.saturating_sub(context.facts_of?);
        let is_owed = context.config.fault_plan.is_timely() && owed > at_ease(idle);
        (is_owed && head.kind != CommandKind::Pass)
            .then(|| format!("{:?} of {owed:?} ago was not answered", head.kind))
    }
}

/// After this time without a reply, the server must have received a command.
fn at_ease(idle: Duration) -> Duration {
    FaultPlan::PROMPT_LIMIT.min(idle / 2)
}
