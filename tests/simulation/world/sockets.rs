//! Operations on connections: by their two ends, and by the network between.
//!
//! Network faults happen here: late, fragmented and reset segments. Resets follow TCP: an end that is closed
//! with unread bytes sends one, and so does a closed end that receives bytes. A reset has a delay, and may
//! overtake earlier bytes, which are then lost.
//!
//! Simpler than TCP: both ends are established at once; written bytes occupy the buffer until they are read,
//! without acknowledgements; a FIN is acknowledged on arrival.

use std::io;
use std::time::Duration;

use mioftpd::internals::net::{EndWatch, Ends, Token};

use super::connection::{Connection, Segment};
use super::{Closing, ConnectionId, LinkState, PollSource, Reset, Side, SimEvent, World};

/// The longest until a keep-alive probe detects a dead peer.
const KEEP_ALIVE: Duration = Duration::from_secs(200);

/// Delay of a segment on a fault-free connection.
pub(super) const FAULT_FREE_DELAY: Duration = Duration::from_millis(1);

impl World {
    pub(crate) fn read(
        &mut self,
        id: ConnectionId,
        side: Side,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        let connection = self
            .connections
            .get_mut(&id)
            .ok_or(io::ErrorKind::NotConnected)?;
        let count = connection.read(side, buffer)?;
        connection.was_read |= side == Side::Server;
        let relieved = connection.relieves(side);
        if relieved {
            self.notify(id, side.other());
        }
        // Reading an end of stream is no progress.
        self.progress += u64::from(count > 0);
        Ok(count)
    }

    pub(crate) fn peek(
        &mut self,
        id: ConnectionId,
        side: Side,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        self.tally.effect();
        let connection = self
            .connections
            .get_mut(&id)
            .ok_or(io::ErrorKind::NotConnected)?;
        let arrived = &connection.end(side).inbound.arrived;
        if arrived.is_empty() {
            // The end, or the error.
            return connection.read(side, buffer);
        }
        let bytes = arrived.iter().copied();
        let peeked = buffer.iter_mut().zip(bytes);
        Ok(peeked.map(|(to, byte)| *to = byte).count())
    }

    pub(crate) fn write(
        &mut self,
        id: ConnectionId,
        side: Side,
        bytes: &[u8],
    ) -> io::Result<usize> {
        let connection = self
            .connections
            .get_mut(&id)
            .ok_or(io::ErrorKind::NotConnected)?;
        let room = connection.room(side)?;
        let fault_free = connection.fault_free;
        if side == Side::Server && connection.others_at_accept.is_some() {
            self.check_first_reply(id, bytes);
        }
        let mut count = room.min(bytes.len());
        if !fault_free && count > 1 && self.inject_fault(|plan| plan.short_write) {
            count = self.rng.within(1, count);
        }
        let mut left = &bytes[..count];
        // Tiny segments suit control connections; on large files they would only take long.
        let most = self.fault_plan.segment.max(count / 16);
        while !left.is_empty() {
            let count = self.rng.within(1, most).min(left.len());
            let (segment, behind) = left.split_at(count);
            self.launch(id, side, Segment::Bytes(segment.to_vec()));
            left = behind;
        }
        self.progress += 1;
        Ok(count)
    }

    /// Marks the next byte that the client writes as urgent.
    pub(crate) fn mark_urgent(&mut self, id: ConnectionId) {
        self.launch(id, Side::Client, Segment::Mark);
    }

    pub(crate) fn shutdown(&mut self, id: ConnectionId, side: Side) -> io::Result<()> {
        let connection = self
            .connections
            .get_mut(&id)
            .ok_or(io::ErrorKind::NotConnected)?;
        let end = connection.end(side);
        if end.link != LinkState::Up {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if !std::mem::replace(&mut end.shut, true) {
            self.launch(id, side, Segment::Fin);
        }
        Ok(())
    }

    pub(crate) fn reset_on_close(&mut self, id: ConnectionId, side: Side) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.end(side).reset_on_close = true;
        }
    }

    /// Closes one end as the kernel does: with a reset if bytes are unread.
    pub(crate) fn close(&mut self, id: ConnectionId, side: Side) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let end = connection.end(side);
        if side == Side::Client && end.link == LinkState::Connecting {
            // The attempt has not arrived: it never becomes a connection.
            self.remove_connection(id);
            return;
        }
        let shut = end.shut;
        let closing = connection.closing(side);
        connection.end(side).closed = true;
        let now = self.moment();
        if let Some(connection) = self.connections.get_mut(&id) {
            let was_starved = connection.end(side).starved;
            let facts = connection.facts.end(side);
            facts.closed = Some((now, closing));
            facts.was_starved = was_starved;
        }
        self.ready
            .retain(|one| *one != PollSource::Connection(id) || side == Side::Client);
        self.note(|| {
            let how = match closing {
                Closing::ByReset(why) => format!(", reset: {why:?}"),
                Closing::InOrder | Closing::Dead => String::new(),
            };
            format!("{side:?} closes connection {id}{how}")
        });
        match closing {
            Closing::ByReset(why) => self.reset(id, side, why),
            Closing::InOrder if !shut => self.launch(id, side, Segment::Fin),
            Closing::InOrder | Closing::Dead => {}
        }
        let over = self.connections.get(&id);
        if over.is_some_and(|connection| {
            connection.server.closed && (connection.client.closed || connection.vanished)
        }) {
            self.remove_connection(id);
        }
    }

    /// A client's process dies: the end of its data connection arrives after that of its control connection.
    pub(crate) fn kill(&mut self, control: ConnectionId, data: Option<ConnectionId>) {
        self.close(control, Side::Client);
        if let Some(data) = data {
            self.deliver_after(data, control);
            self.close(data, Side::Client);
        }
    }

    /// Orders later segments of `later` behind those already sent over `earlier`.
    pub(crate) fn deliver_after(&mut self, later: ConnectionId, earlier: ConnectionId) {
        let ended = self.connections.get(&earlier);
        let ended = ended.map(Connection::last_landing_at_server);
        if let Some((connection, ended)) = self.connections.get_mut(&later).zip(ended) {
            let not_before = &mut connection.server.inbound.not_before;
            *not_before = ended.max(*not_before);
        }
    }

    /// A client's host disappears: nothing is delivered from or to it any more.
    pub(crate) fn vanish(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.vanished = true;
        }
        self.note(|| format!("connection {id} vanishes"));
    }

    /// Delivers the next segment towards `side`.
    pub(crate) fn deliver_segment(&mut self, id: ConnectionId, side: Side) {
        let now = self.moment();
        let Some(connection) = self
            .connections
            .get_mut(&id)
            .filter(|connection| !connection.vanished)
        else {
            return;
        };
        let fault_free = connection.fault_free;
        let Some(segment) = connection.deliver_segment(side, now.at) else {
            return;
        };
        let end = connection.end(side);
        if end.closed || end.link != LinkState::Up {
            return self.answer(id, side, &segment);
        }
        match segment {
            Segment::Reset(why) => return self.break_end(id, side, why),
            Segment::Bytes(_) if !fault_free && self.inject_fault(|plan| plan.reset) => {
                return self.cut(id, side);
            }
            segment => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.receive(side, segment, now);
                }
            }
        }
        self.note_end(id);
        self.notify(id, side);
    }

    /// The response of an end that can no longer receive.
    fn answer(&mut self, id: ConnectionId, side: Side, segment: &Segment) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let end = connection.end(side);
        let is_unknown = end.link != LinkState::Up;
        match segment {
            Segment::Bytes(_) if !is_unknown => self.reset(id, side, Reset::Late),
            // Bytes or a FIN for a connection that this end knows to be cut.
            Segment::Bytes(_) | Segment::Fin if is_unknown => {
                self.reset(id, side, Reset::Network);
            }
            _ => {}
        }
    }

    /// Starts to watch the ends of these two connections.
    pub(crate) fn watch_ends(&mut self, pair: [Token; 2]) -> io::Result<EndWatch> {
        let mut ids = [0; 2];
        for (id, token) in ids.iter_mut().zip(pair) {
            let mut held = self
                .connections
                .iter()
                .filter(|(_, connection)| connection.is_held());
            let found = held.find(|(_, connection)| connection.token == Some(token));
            *id = *found.ok_or(io::ErrorKind::NotConnected)?.0;
        }
        for id in ids {
            self.note_end(id);
        }
        let watch = self.new_id();
        self.watched.insert(watch, ids);
        Ok(EndWatch(watch))
    }

    /// Which of a watched pair have ended, in order.
    pub(crate) fn ends(&self, watch: u64) -> Ends {
        let mut heard: Vec<(u64, Token)> = Vec::new();
        for connection in self.watched[&watch]
            .iter()
            .filter_map(|id| self.connections.get(id))
        {
            heard.extend(connection.end_order.zip(connection.token));
        }
        heard.sort_unstable();
        let ends = heard.into_iter().map(|(_, token)| token);
        ends.fold(Ends::Neither, Ends::and)
    }

    /// Number of watched pairs.
    pub(crate) fn watches(&self) -> usize {
        self.watched.len()
    }

    pub(crate) fn forget_ends(&mut self, watch: u64) {
        if self.watched.remove(&watch).is_none() {
            self.violate("a watch of two ends was removed twice".to_owned());
        }
    }

    /// Assigns the client's end its place in the order of ends known to the server's kernel.
    fn note_end(&mut self, id: ConnectionId) {
        let order = self.new_id();
        if let Some(connection) = self
            .connections
            .get_mut(&id)
            .filter(|connection| connection.has_ended())
        {
            connection.end_order.get_or_insert(order);
        }
    }

    /// A network fault resets a connection: one end learns of it now, the other when the reset arrives.
    /// Until then it is half-open, and whatever it sends is answered by a reset.
    pub(super) fn cut(&mut self, id: ConnectionId, first: Side) {
        self.note(|| format!("connection {id} is cut"));
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.cut = true;
        }
        self.break_end(id, first, Reset::Network);
        if self.rng.one_in(4) {
            let after = self.rng.time(KEEP_ALIVE);
            self.launch_after(id, first, Segment::Reset(Reset::Network), after);
        } else {
            self.reset(id, first, Reset::Network);
        }
    }

    /// Sends a reset. Part of what was in flight arrives first; the rest is lost.
    fn reset(&mut self, id: ConnectionId, from: Side, why: Reset) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut connection.end(from).has_reset, true) {
            return;
        }
        let flying = connection.flying(from.other());
        let left = if self.rng.one_in(2) {
            flying
        } else {
            self.rng.below(flying + 1)
        };
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.lose(from.other(), left);
        }
        self.launch(id, from, Segment::Reset(why));
    }

    /// Delivers a reset: what this end had in flight is lost.
    fn break_end(&mut self, id: ConnectionId, side: Side, why: Reset) {
        let forgetful = self.rng.one_in(2);
        let now = self.moment();
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        connection.lose(side, 0);
        if connection.end(side).link == LinkState::Up {
            connection.receive(side, Segment::Reset(why), now);
            let end = connection.end(side);
            // Some systems discard unread bytes.
            if side == Side::Client && forgetful {
                end.inbound.arrived.clear();
                end.ended = false;
            }
            self.note_end(id);
            self.notify(id, side);
        }
    }

    fn launch(&mut self, id: ConnectionId, from: Side, segment: Segment) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let delay = connection.end(from.other()).inbound.delay;
        let fault_free = connection.fault_free;
        let mut after = self.rng.time(delay);
        // A FIN that is lost is retransmitted late: nothing behind it triggers a fast retransmission.
        let is_lost = matches!(segment, Segment::Fin) && self.rng.one_in(8);
        if is_lost {
            after += self.rng.time(delay * 4);
        }
        if self.inject_fault(|plan| plan.stall) {
            after += self.rng.time(Duration::from_secs(200));
        }
        if fault_free {
            after = FAULT_FREE_DELAY;
        }
        self.launch_after(id, from, segment, after);
    }

    fn launch_after(&mut self, id: ConnectionId, from: Side, segment: Segment, after: Duration) {
        let now = self.moment();
        if let Some(connection) = self.connections.get_mut(&id) {
            let landing = connection.launch(from, segment, now, after);
            let after = landing.saturating_sub(now.at);
            self.schedule(after, SimEvent::SegmentArrives(id, from.other()));
        }
    }

    /// Whether a network fault has reset the connection.
    pub(crate) fn is_cut(&mut self, id: ConnectionId) -> bool {
        self.connection(id).is_some_and(|connection| connection.cut)
    }

    /// Resets a connection from the client's side.
    pub(crate) fn reset_by_client(&mut self, id: ConnectionId) {
        self.reset_on_close(id, Side::Client);
        self.close(id, Side::Client);
    }
}
