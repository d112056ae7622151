//! Whether a listener may have connections to accept, and the back-off when accept fails.
//!
//! Events are edges: an edge is remembered until accept would block. It knows no socket.

use crate::clock::Instant;
use crate::limits::ACCEPT_PAUSE;

/// What is known of the connections that a listener holds.
///
/// ```text
///   Empty ──event──▶ Ready ──would block──▶ Empty
///                      │  ▲
///   out of descriptors │  │ accepted: retried by a timer, because the edge is consumed
///                      ▼  │
///                  BackingOff
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Backlog {
    #[default]
    Empty,
    Ready,
    BackingOff(Instant),
}

impl Backlog {
    /// An event: there may be a connection to accept.
    pub(super) const fn set_ready(&mut self) {
        if matches!(self, Self::Empty) {
            *self = Self::Ready;
        }
    }

    pub(super) const fn would_block(&mut self) {
        *self = Self::Empty;
    }

    /// A connection was accepted; there may be more.
    pub(super) const fn accepted(&mut self) {
        *self = Self::Ready;
    }

    /// accept failed (such as EMFILE): stops accepting until `now` + [`ACCEPT_PAUSE`]. Returns true the first
    /// time, so that it is logged once.
    pub(super) fn back_off(&mut self, now: Instant) -> bool {
        let is_first = !matches!(self, Self::BackingOff(_));
        *self = Self::BackingOff(now + ACCEPT_PAUSE);
        is_first
    }

    pub(super) fn is_ready(self, now: Instant) -> bool {
        self.wakes_at(now).is_some_and(|at| at <= now)
    }

    /// When the loop must wake up for it without an event.
    pub(super) const fn wakes_at(self, now: Instant) -> Option<Instant> {
        match self {
            Self::Empty => None,
            Self::Ready => Some(now),
            Self::BackingOff(until) => Some(until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_is_reported_once_until_a_connection_is_accepted() {
        let (mut backlog, mut now) = (Backlog::default(), Instant::now());
        assert!(!backlog.is_ready(now));
        backlog.set_ready();
        assert!(backlog.is_ready(now) && backlog.back_off(now));
        assert!(!backlog.is_ready(now));
        now += ACCEPT_PAUSE;
        assert!(backlog.is_ready(now) && !backlog.back_off(now));
        now += ACCEPT_PAUSE;
        backlog.accepted();
        assert!(backlog.is_ready(now) && backlog.back_off(now));
    }
}
