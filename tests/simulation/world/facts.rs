//! What was delivered over each connection; kept after the connection is removed.
//!
//! Oracles ask here which bytes, FINs and resets arrived at which side, in which order, instead of guessing
//! from the fault plan. All moments of a run are totally ordered, even at the same time. Records only;
//! decides nothing.

use std::time::Duration;

use super::connection::Segment;
use super::{ConnectionId, Side, World};

/// A point in the total order of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    order: u64,
    pub(crate) at: Duration,
}

/// The cause of a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reset {
    /// A network fault.
    Network,
    /// The other end requested it (`SO_LINGER` 0).
    Chosen,
    /// The other end was closed with this many unread bytes.
    Unread(usize),
    /// Bytes arrived at the other end after its close.
    Late,
}

/// How an end was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// With a FIN, now or earlier.
    InOrder,
    /// With a reset.
    ByReset(Reset),
    /// It had been reset, or was never established.
    Dead,
}

/// Facts about one end of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EndFacts {
    /// Bytes written.
    pub(crate) written: u64,
    /// When the last of them was written.
    pub(crate) last_written: Option<Moment>,
    /// Bytes delivered to it before its close or reset.
    pub(crate) delivered: u64,
    /// Of these, bytes read.
    pub(crate) read: u64,
    /// When the last byte was delivered.
    pub(crate) last_delivery: Option<Moment>,
    /// When the other end's FIN was delivered.
    pub(crate) fin_delivered: Option<Moment>,
    /// When a reset was delivered, and its cause.
    pub(crate) reset_delivered: Option<(Moment, Reset)>,
    /// When it sent its FIN.
    pub(crate) fin_sent: Option<Moment>,
    /// At its close, unsent bytes waited for room.
    pub(crate) was_starved: bool,
    /// When it was closed, and how.
    pub(crate) closed: Option<(Moment, Closing)>,
}

impl EndFacts {
    pub(crate) fn closed_at(&self) -> Option<Duration> {
        self.closed.map(|(moment, _)| moment.at)
    }

    /// Whether it was closed at least this long after `since`.
    pub(crate) fn is_closed_after(&self, since: Option<Moment>, time: Duration) -> bool {
        let both = self.closed_at().zip(since);
        both.is_some_and(|(closed, since)| closed.saturating_sub(since.at) >= time)
    }

    /// When this end could know that nothing more arrives: the first of FIN and reset.
    pub(crate) fn end_delivered(&self) -> Option<Moment> {
        let reset = self.reset_delivered.map(|(moment, _)| moment);
        self.fin_delivered.into_iter().chain(reset).min()
    }
}

/// Facts about one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionFacts {
    pub(crate) server: EndFacts,
    pub(crate) client: EndFacts,
    /// When the server accepted it, or its connection reached the client.
    pub(crate) accepted: Option<Moment>,
}

impl ConnectionFacts {
    pub(super) const fn end(&mut self, side: Side) -> &mut EndFacts {
        match side {
            Side::Server => &mut self.server,
            Side::Client => &mut self.client,
        }
    }
}

impl World {
    /// The facts of a connection, removed or not.
    pub(crate) fn facts_of(&self, id: ConnectionId) -> ConnectionFacts {
        let commit_state = self.connections.get(&id).map(|connection| connection.facts);
        commit_state
            .or_else(|| self.past.get(&id).copied())
            .unwrap_or_default()
    }

    /// Bytes written by the server so far, for each connection that it holds.
    pub(crate) fn written_by_server(&self) -> Vec<(ConnectionId, u64)> {
        let held = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.is_held());
        held.map(|(id, connection)| (*id, connection.facts.server.written))
            .collect()
    }

    /// A new moment after all earlier ones.
    pub(super) const fn moment(&mut self) -> Moment {
        let order = self.new_id();
        let at = self.now;
        Moment { order, at }
    }

    /// Removes a connection that is closed at both ends.
    pub(super) fn remove_connection(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.remove(&id) {
            self.past.insert(id, connection.facts);
        }
    }
}

impl EndFacts {
    /// Records a delivered segment.
    pub(super) fn record_segment(&mut self, segment: &Segment, moment: Moment) {
        match segment {
            Segment::Bytes(bytes) => {
                self.delivered += bytes.len() as u64;
                self.last_delivery = Some(moment);
            }
            Segment::Mark => {}
            Segment::Fin => self.fin_delivered = self.fin_delivered.or(Some(moment)),
            Segment::Reset(why) => {
                self.reset_delivered = self.reset_delivered.or(Some((moment, *why)));
            }
        }
    }
}
