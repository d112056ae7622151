//! The 421 that closes a session from the server's side (RFC 959 §5.4).
//!
//! The text names the cause where it is the client's behaviour or a change of its account. Where the cause
//! is the server itself (a stop, a lack of resources) the reply has the text of RFC 959.

use std::time::Duration;

use super::{Context, Ending, Session};
use crate::auth::Revocation;
use crate::protocol::reply::Reply;
use crate::protocol::seconds::Seconds;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndReason {
    /// The server is stopping.
    Stopping,
    /// With the present settings the client could not log in again.
    Revoked(Revocation),
}

impl EndReason {
    pub(super) fn reply(self) -> Reply {
        match self {
            Self::Stopping => Reply::service_not_available(),
            Self::Revoked(reason) => closing_reply(format!("Session ended: {reason}")),
        }
    }
}

impl Session {
    /// Graceful shutdown: closes now, or after the transfer in progress.
    pub fn stop(&mut self, cx: &mut Context<'_>) {
        self.end_reason.get_or_insert(EndReason::Stopping);
        if !self.is_transferring() && !self.is_closing() {
            self.close_unsolicited(&Reply::service_not_available(), cx);
        }
    }

    /// Ends the transfer in progress, after the grace period of a shutdown.
    pub fn stop_now(&mut self, cx: &mut Context<'_>) {
        self.stop(cx);
        // One that is being cut already keeps its time-out.
        if self.is_transferring() && self.may_be_aborted() {
            self.cut(Ending::Stopped, cx);
        }
    }
}

pub(super) fn no_command(time: Duration) -> Reply {
    closing_reply(format!("No command for {} seconds", Seconds(time)))
}

pub(super) fn no_login(time: Duration) -> Reply {
    closing_reply(format!("No login within {} seconds", Seconds(time)))
}

pub(super) fn too_many(excess: &str) -> Reply {
    closing_reply(format!("Too many {excess}"))
}

fn closing_reply(reason: String) -> Reply {
    Reply::new(421, reason + ", closing control connection.")
}
