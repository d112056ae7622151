//! The last words to a client that the server does not wait for any longer: 421, and why (RFC 959
//! §5.4).
//!
//! They are for what the client has done, or not done, and can do better the next time, and for what was
//! taken from it. What the server lacks, and that it stops, is told in the words of the standard.

use std::time::Duration;

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
