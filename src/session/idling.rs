//! How long a client may say nothing, and what it hears then.
//!
//! The clock begins with each command, and again with the answer to one that took its time: then the
//! client has had nothing to say. A transfer, which has clocks of its own, stops it.

use std::time::Duration;

use super::{Context, Deadline, Progress, Session, farewells};
use crate::protocol::reply::Reply;

impl Session {
    pub(super) fn restart_idle_clock(&self, cx: &mut Context<'_>) {
        let until = cx.now + self.idle_time(cx);
        cx.deadlines.set(Deadline::Idle, until);
    }

    fn idle_time(&self, cx: &Context<'_>) -> Duration {
        self.idle.unwrap_or(cx.settings.timings.idle)
    }

    /// Nobody is idle who waits for an answer: then it is the server that does not get on.
    pub(super) fn idled(&self, cx: &Context<'_>) -> Reply {
        match self.progress {
            Progress::Idle | Progress::Penalised(_) | Progress::Slowed => {
                let limit = match self.idle {
                    Some(_) => "SITE IDLE",
                    None => "timings.idle",
                };
                log::info!("{}: No command in time ({limit})", self.peer);
                farewells::no_command(self.idle_time(cx))
            }
            _ => {
                log::error!("{}: No answer from the server's own workers", self.peer);
                Reply::service_not_available()
            }
        }
    }
}
