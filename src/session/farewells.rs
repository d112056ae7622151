//! The last words to a client that the server does not wait for any longer: 421, and why (RFC 959
//! §5.4).
//!
//! They are for what the client has done, or not done, and can do better the next time, and for what was
//! taken from it. What the server lacks, and that it stops, is told in the words of the standard.

use std::time::Duration;

use super::{Context, Ending, Session};
use crate::auth::Revocation;
use crate::protocol::reply::Reply;

/// Why a session ends without the client's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    /// The server stops.
    Stopping,
    /// The client would not be let in any more.
    Revoked(Revocation),
}

impl Farewell {
    pub(super) fn reply(self) -> Reply {
        match self {
            Self::Stopping => Reply::service_not_available(),
            Self::Revoked(why) => farewell(format!("Session ended: {why}")),
        }
    }
}

impl Session {
    /// The server stops: a transfer may end, everything else ends now.
    pub fn stop(&mut self, cx: &mut Context<'_>) {
        self.farewell.get_or_insert(Farewell::Stopping);
        if !self.is_transferring() && !self.is_closing() {
            self.dismiss(&Reply::service_not_available(), cx);
        }
    }

    /// The grace period of a stop is over.
    pub fn stop_now(&mut self, cx: &mut Context<'_>) {
        self.farewell.get_or_insert(Farewell::Stopping);
        if self.is_transferring() {
            // One that is being cut already has its time for it.
            if self.may_be_aborted() {
                self.cut(Ending::Stopped, cx);
            }
        } else if !self.is_closing() {
            self.dismiss(&Reply::service_not_available(), cx);
        }
    }
}

pub(super) fn no_command(time: Duration) -> Reply {
    farewell(format!("No command for {} seconds", time.as_secs_f64()))
}

pub(super) fn no_login(time: Duration) -> Reply {
    farewell(format!("No login within {} seconds", time.as_secs_f64()))
}

pub(super) fn too_many(what: &str) -> Reply {
    farewell(format!("Too many {what}"))
}

fn farewell(why: String) -> Reply {
    Reply::new(421, why + ", closing control connection.")
}
