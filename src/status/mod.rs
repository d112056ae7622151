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

/// When a session of FTP began.
#[derive(Clone, Copy, Debug)]
pub struct SessionStart(Instant);

impl SessionStart {
    /// It begins now.
    pub const fn new(now: Instant) -> Self {
        Self(now)
    }

    /// The time since then.
    pub fn lasted(self, now: Instant) -> Duration {
        now - self.0
    }
}
