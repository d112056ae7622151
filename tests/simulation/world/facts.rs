//! What was delivered over each connection: facts that stay when the connection is gone.
//!
//! An oracle asks here which bytes, ends and resets have landed at which side, and in which order,
//! instead of guessing it from the weather. All moments of a run are in one order, also those at the
//! same time. It keeps what the network does and decides nothing.

use std::time::Duration;

use super::connection::Segment;
use super::{ConnectionId, Side, World};

/// When something happened, in the one order of everything that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    order: u64,
    pub(crate) at: Duration,
}

/// Why there is a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reset {
    /// The network has cut the connection.
    Network,
    /// The other end has chosen it: a linger time of zero.
    Chosen,
    /// The other end was closed over so many bytes that had landed and that nobody had read.
    Unread(usize),
    /// Bytes have landed at the other end when it was closed.
    Late,
}

/// How an end was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// With a FIN, then or before.
    InOrder,
    /// With a reset.
    ByReset(Reset),
    /// It had been reset before, or had never stood.
    Dead,
}

/// What has happened at one end of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EndFacts {
    /// Bytes that it has written.
    pub(crate) written: u64,
    /// When it has written the last of them.
    pub(crate) last_written: Option<Moment>,
    /// Bytes that have landed at it, before it was closed or reset.
    pub(crate) delivered: u64,
    /// Of these, bytes that it has read.
    pub(crate) read: u64,
    /// When the last of these bytes has landed.
    pub(crate) last_delivery: Option<Moment>,
    /// When the other end's FIN has landed at it.
    pub(crate) fin_delivered: Option<Moment>,
    /// When a reset has landed at it, and why there was one.
    pub(crate) reset_delivered: Option<(Moment, Reset)>,
    /// When it has sent its FIN.
    pub(crate) fin_sent: Option<Moment>,
    /// When it was closed, something waited to be written for which there was no room.
    pub(crate) was_starved: bool,
    /// When it was closed, and how.
    pub(crate) closed: Option<(Moment, Closing)>,
}

impl EndFacts {
    pub(crate) fn closed_at(&self) -> Option<Duration> {
        self.closed.map(|(moment, _)| moment.at)
    }

    /// Whether it was closed, and no sooner than so long after that.
    pub(crate) fn is_closed_after(&self, since: Option<Moment>, time: Duration) -> bool {
        let both = self.closed_at().zip(since);
        both.is_some_and(|(closed, since)| closed.saturating_sub(since.at) >= time)
    }

    /// When this end could know that nothing more comes: a FIN or a reset, whichever was first.
    pub(crate) fn end_delivered(&self) -> Option<Moment> {
        let reset = self.reset_delivered.map(|(moment, _)| moment);
        self.fin_delivered.into_iter().chain(reset).min()
    }
}

/// What has happened to one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionFacts {
    pub(crate) server: EndFacts,
    pub(crate) client: EndFacts,
    /// When the server has accepted it, or its own has come to the client.
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
    /// What was delivered over a connection until now, be it gone or not.
    pub(crate) fn facts_of(&self, id: ConnectionId) -> ConnectionFacts {
        let standing = self.connections.get(&id).map(|connection| connection.facts);
        standing
            .or_else(|| self.past.get(&id).copied())
            .unwrap_or_default()
    }

    /// How much the server has written until now over each connection that it has.
    pub(crate) fn written_by_server(&self) -> Vec<(ConnectionId, u64)> {
        let held = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.is_held());
        held.map(|(id, connection)| (*id, connection.facts.server.written))
            .collect()
    }

    /// This moment, behind all that there were.
    pub(super) const fn moment(&mut self) -> Moment {
        let order = self.new_id();
        let at = self.now;
        Moment { order, at }
    }

    /// Nobody has any end of the connection any more.
    pub(super) fn remove_connection(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.remove(&id) {
            self.past.insert(id, connection.facts);
        }
    }
}

impl EndFacts {
    /// A segment has landed.
    pub(super) fn take_in(&mut self, segment: &Segment, moment: Moment) {
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
