//! When the server may say 421, and for which reason: each has its time or its deed.
//!
//! Who is turned away at the door hears 421 too; that is for the [gate](crate::world::Gate) to judge.

use std::time::Duration;

use mioftpd::limits::{LOGIN_FAILURES, LONG_LINES};

use super::conversation::{Awaited, Kind};
use super::session_model::{Circumstances, SessionModel};
use crate::weather::Weather;

impl SessionModel {
    /// What is wrong with a closing reply, of which these commands have no answer.
    pub(super) fn fault_of_farewell<'a>(
        &self,
        text: &str,
        mut awaited: impl Iterator<Item = &'a Awaited>,
        around: &Circumstances<'_>,
    ) -> Option<String> {
        let head = awaited.next();
        let why = text.split(", closing control connection").next();
        match why.unwrap_or(text) {
            "Service not available" => Self::fault_of_unavailable(head, around),
            // With the rights.
            why if why.starts_with("Session ended") => None,
            why if why.starts_with("No login within") => {
                let since = around.now.saturating_sub(self.outside_since);
                let is_leaving = head.is_some_and(|head| {
                    matches!(head.kind, Kind::User | Kind::Rein | Kind::Auth)
                        || head.kind.is_switch()
                });
                let is_early = since < around.place.timings.login;
                (is_early || self.is_in() && !is_leaving)
                    .then(|| format!("it was outside for {since:?}"))
            }
            why if why.starts_with("No command for") => self.fault_of_idling(head, around),
            "Too many over-long lines" => {
                (self.long_lines != u32::from(LONG_LINES)).then(|| format!("{}", self.long_lines))
            }
            "Too many failed logins" => {
                let is_last = self.failed_logins + 1 == u32::from(LOGIN_FAILURES);
                let is_login = head.is_some_and(|head| head.kind == Kind::Pass);
                (!is_last || !is_login).then(|| format!("{} had failed", self.failed_logins))
            }
            "Too many sessions of this account" => {
                let is_login = head.is_some_and(|head| head.kind == Kind::Pass);
                (!is_login).then(|| "it did not log in".to_owned())
            }
            _ => Some("there is no such reason".to_owned()),
        }
    }

    /// The server stops; its workers do not get on; or the address is banned, which the gate knows.
    fn fault_of_unavailable(head: Option<&Awaited>, around: &Circumstances<'_>) -> Option<String> {
        let is_login = head.is_some_and(|head| head.kind == Kind::Pass);
        let is_stuck = head.is_some() && !around.place.weather.is_prompt();
        (!around.place.stops && !is_login && !is_stuck)
            .then(|| "it does not stop, and nothing hangs".to_owned())
    }

    /// A client is idle while it has said nothing, and never during a transfer. What it has said long
    /// ago is answered, in weather in which that takes no time.
    fn fault_of_idling(
        &self,
        head: Option<&Awaited>,
        around: &Circumstances<'_>,
    ) -> Option<String> {
        let idle = around.place.timings.idle;
        let since = around.now.saturating_sub(self.answered);
        if since < idle {
            return Some(format!("it was idle for {since:?}"));
        }
        let head = head?;
        if head.begun {
            return Some("in the middle of a transfer".to_owned());
        }
        let owed = around.now.saturating_sub(around.delivered?);
        let is_owed = around.place.weather.is_smooth() && owed > at_ease(idle);
        (is_owed && head.kind != Kind::Pass)
            .then(|| format!("{:?} of {owed:?} ago was not answered", head.kind))
    }
}

/// How long ago something was said, of which the server must have heard before this time was over.
fn at_ease(idle: Duration) -> Duration {
    Weather::PROMPTLY.min(idle / 2)
}
