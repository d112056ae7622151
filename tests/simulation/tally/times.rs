//! The earliest and the latest legal time of each time-out.
//!
//! The earliest is exact under every fault plan: a deadline has its full length from the event that set it.
//! The latest is checked only where nothing else delays the server: no job is outstanding, and the client
//! reads its replies.

use std::time::Duration;

use mioftpd::Timings;
use mioftpd::internals::limits::LATE_CONNECTION;

use super::Tally;
use super::control::{ControlConnection, ReplySent};
use crate::client::RunConfig;
use crate::rng::Odds;
use crate::world::{ConnectionId, LinkState, World};

/// Bound on the lateness of timers.
const LATE: Duration = Duration::from_millis(100);

/// The longest pause of a rate-limited transfer.
const REST: Duration = Duration::from_secs(1);

/// Interval of the check for late time-outs.
const PERIOD: Duration = Duration::from_millis(200);

/// The server's time-outs.
#[derive(Default)]
pub(crate) struct Times {
    timings: Timings,
    /// Control-only mode: there is no login deadline.
    has_no_login: bool,
    /// Usage may have to be counted first, which suspends the idle time-out.
    counts: bool,
    /// When the last job returned.
    last_job: Duration,
    checked: Duration,
}

impl Times {
    pub(crate) fn of(config: &RunConfig) -> Self {
        Self {
            timings: config.timings.clone(),
            has_no_login: config.control_only,
            counts: config.fault_plan.uncounted != Odds(0),
            ..Self::default()
        }
    }

    /// How long a passive port that was given back is kept for a late connection.
    pub(crate) fn late_connection(&self) -> Duration {
        self.timings.data_connect.min(LATE_CONNECTION)
    }
}

impl World {
    /// A time-out reply was written: checks that it is not early.
    pub(super) fn check_earliest(&mut self, id: ConnectionId, reply: ReplySent) {
        let now = self.now;
        let times = &self.tally.times;
        let timings = &times.timings;
        let Some(control) = self.tally.controls.get(&id) else {
            return;
        };
        let (since, least) = match reply {
            ReplySent::NoCommand => (Some(control.last_command), timings.idle),
            // The reply that restarts the deadline is not identified; it was set by then.
            ReplySent::NoLogin => (control.login_since, timings.login),
            // After a half-close of the client, the deadline runs on while a worker has the transfer.
            ReplySent::Stalled if self.facts_of(id).server.fin_delivered.is_some() => return,
            ReplySent::Stalled => (self.tally.last_moved(control.owner), timings.data_stall),
            ReplySent::Stopped if self.stops.len() == 1 => {
                (self.stops.first().copied(), timings.grace)
            }
            ReplySent::Stopped => (None, Duration::ZERO),
        };
        if let Some(since) = since.filter(|since| now < *since + least) {
            let after = now.saturating_sub(since);
            self.violate(format!(
                "connection {id}: {reply:?} after {after:?}, and the time for it is {least:?}"
            ));
        }
    }

    /// An iteration has ended with this many jobs outstanding.
    pub(super) fn check_latest(&mut self, jobs: usize, has_completions: bool) {
        let now = self.now;
        if has_completions {
            self.tally.times.last_job = now;
        }
        if now < self.tally.times.checked + PERIOD {
            return;
        }
        self.tally.times.checked = now;
        let late = self.tally.controls.iter().find_map(|(id, control)| {
            let why = self
                .overdue(control)
                .or_else(|| self.overdue_transfer(control).filter(|_| jobs == 0))?;
            Some(format!("connection {id}: {why}: {control:?}"))
        });
        if let Some(late) = late {
            self.violate(late);
        }
    }

    fn overdue(&self, control: &ControlConnection) -> Option<&'static str> {
        let times = &self.tally.times;
        let timings = &times.timings;
        let is_over = |since: Duration, time: Duration| self.now > since + time + LATE;
        if let Some(shut) = control.shut {
            return is_over(shut, timings.linger).then_some("it lingers beyond the time-out");
        }
        if let Some(blocked) = control.blocked_since {
            // A 421 that finds no room has a time-out of its own.
            let most = 2 * timings.reply_stall.max(timings.handshake);
            return is_over(blocked, most)
                .then_some("its client reads nothing, but is not disconnected");
        }
        if control.is_encrypted || control.is_closing {
            return None;
        }
        if let Some(since) = control.login_said
            && !times.has_no_login
            && is_over(since, timings.login)
        {
            return Some("its login deadline expired unnoticed");
        }
        let is_idle = control.transfer.is_none() && !times.counts;
        (is_idle && is_over(control.last_active, timings.idle))
            .then_some("it is idle beyond the time-out")
    }

    /// Only while no worker owns it.
    fn overdue_transfer(&self, control: &ControlConnection) -> Option<&'static str> {
        let timings = &self.tally.times.timings;
        let began = control
            .transfer
            .filter(|_| control.blocked_since.is_none())?;
        let mut open = self.tally.data.iter();
        let open = open.find(|(id, _)| self.owner_of(**id) == Some(control.owner));
        let is_up = |id: &ConnectionId| {
            self.connection_ref(*id)
                .is_some_and(|connection| connection.server.link == LinkState::Up)
        };
        let last_job = self.tally.times.last_job;
        match open {
            Some((id, data)) if is_up(id) => {
                let since = began.max(data.last).max(last_job);
                // Before the first byte, the connection had to be established; a PROXY header is no progress
                // of the transfer.
                let most = timings.data_connect + timings.data_stall + REST;
                (self.now > since + most).then_some("its transfer is stalled beyond the time-out")
            }
            _ => {
                let since = began.max(last_job);
                let most = timings.data_connect + REST;
                (self.now > since + most)
                    .then_some("its data connection is missing beyond the time-out")
            }
        }
    }
}

impl Tally {
    /// When a byte last moved on a client's data connection.
    fn last_moved(&self, owner: usize) -> Option<Duration> {
        Some(self.clients.get(&owner)?.closed?.last)
    }
}
