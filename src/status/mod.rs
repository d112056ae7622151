//! The status service: what the server is doing, over HTTP.
//!
//! It owns the protocol (requests, responses) and the formats in which counters and sessions are shown. It is
//! given what it shows as plain data, and must not know the server that it is about.

mod about;

mod connection;
mod json;
pub mod openmetrics;
mod page;
mod piecewise;
mod quantity;
pub mod request;
pub mod response;
mod route;
pub mod sessions;

pub use about::About;
pub use connection::{StatusConnection, StatusTurn};
pub use json::{stats, times};
pub use page::{PAGE_POLICY, page};
pub use piecewise::{Piece, Pieces, TraceJob};
pub use route::{Call, TraceCall};

use std::time::Duration;

use crate::clock::Instant;

/// When a session of FTP began, to the second: each connection has one, in a gap of four bytes.
#[derive(Clone, Copy, Debug)]
pub struct SessionStart(u32);

impl SessionStart {
    /// It begins now.
    pub fn new(now: Instant) -> Self {
        Self(now.seconds())
    }

    /// The time since then, within a second.
    pub fn lasted(self, now: Instant) -> Duration {
        let seconds = now.seconds().saturating_sub(self.0);
        Duration::from_secs(seconds.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_lasts_whole_seconds() {
        let now = Instant::now();
        let start = SessionStart::new(now);
        for seconds in [0, 1, 3600] {
            let time = Duration::from_secs(seconds);
            assert_eq!(start.lasted(now + time), time);
        }
        assert_eq!(start.lasted(now - Duration::from_secs(1)), Duration::ZERO);
    }
}
