//! The idle time-out of the control connection.
//!
//! Each command restarts the timer, and so does a reply that was delayed by the server: the client could
//! send nothing until then. A transfer stops it, since transfers have time-outs of their own
//! (`timings.data-connect`, `timings.data-stall`).

use std::time::Duration;

use super::{Context, Deadline, Progress, Session, closing};
use crate::protocol::reply::Reply;

impl Session {
    /// Whether a command is in progress whose first reply is not queued.
    pub const fn is_working(&self) -> bool {
        !matches!(
            self.progress,
            Progress::Idle | Progress::Transferring(_) | Progress::Switching(_) | Progress::Closing
        )
    }

    pub(super) fn restart_idle_timer(&self, cx: &mut Context<'_>) {
        let until = cx.now + self.idle_time(cx);
        cx.deadlines.set(Deadline::Idle, until);
    }

    fn idle_time(&self, cx: &Context<'_>) -> Duration {
        self.idle.unwrap_or(cx.settings.timings.idle)
    }

    /// The reply when the timer expires. While a command is in progress the server is at fault, not the
    /// client.
    pub(super) fn idle_expired(&self, cx: &Context<'_>) -> Reply {
        match self.progress {
            Progress::Idle | Progress::LoginDelayed(_) | Progress::Throttled => {
                let limit = match self.idle {
                    Some(_) => "SITE IDLE",
                    None => "timings.idle",
                };
                log::info!("{}: Closed: no command within {limit}", self.peer);
                closing::no_command(self.idle_time(cx))
            }
            _ => {
                log::error!(
                    "{}: Closed: no result from the worker threads within the idle time-out",
                    self.peer
                );
                Reply::service_not_available()
            }
        }
    }
}
