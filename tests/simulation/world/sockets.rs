//! What is done with a connection: by its two ends, and by the network between them.
//!
//! Here the faults of the network happen: what arrives late, in pieces, or as a reset. Resets are those of
//! TCP: an end that is closed over bytes which nobody has read sends one, and so does a closed end where
//! bytes land. It takes its flight time; of what was written before it a part may be lost.
//!
//! Simpler than TCP: a connection stands at both ends in the same moment; what is written takes room
//! until it has been read, and nothing is said back for it; a kernel confirms a FIN when it lands.

use std::io;
use std::time::Duration;

use mioftpd::net::{EndWatch, Ends, Token};

use super::wire::{Segment, Wire};
use super::{Closing, Line, Occurrence, Reset, Side, Watched, WireId, World};

/// The longest until a system that hears nothing asks whether the other end is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(200);

/// What a segment takes where no fault reaches.
pub(super) const SHELTERED: Duration = Duration::from_millis(1);

impl World {
    pub(crate) fn read(&mut self, id: WireId, side: Side, buffer: &mut [u8]) -> io::Result<usize> {
        let wire = self.wires.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        let count = wire.read(side, buffer)?;
        wire.was_read |= side == Side::Server;
        let relieved = wire.relieves(side);
        if relieved {
            self.notify(id, side.other());
        }
        // An end can be read again and again.
        self.progress += u64::from(count > 0);
        Ok(count)
    }

    pub(crate) fn write(&mut self, id: WireId, side: Side, bytes: &[u8]) -> io::Result<usize> {
        let wire = self.wires.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        let room = wire.room(side)?;
        let sheltered = wire.sheltered;
        if side == Side::Server && wire.others_in.is_some() {
            self.judge_first_words(id, bytes);
        }
        let mut count = room.min(bytes.len());
        if !sheltered && count > 1 && self.fault(|weather| weather.short_write) {
            count = self.rng.within(1, count);
        }
        let mut left = &bytes[..count];
        // Bytes one by one are for conversations; of a large file they would only take long.
        let most = self.weather.segment.max(count / 16);
        while !left.is_empty() {
            let count = self.rng.within(1, most).min(left.len());
            let (segment, behind) = left.split_at(count);
            self.launch(id, side, Segment::Bytes(segment.to_vec()));
            left = behind;
        }
        self.progress += 1;
        Ok(count)
    }

    /// The next byte that a client writes is urgent.
    pub(crate) fn mark_urgent(&mut self, id: WireId) {
        self.launch(id, Side::Client, Segment::Mark);
    }

    pub(crate) fn shutdown(&mut self, id: WireId, side: Side) -> io::Result<()> {
        let wire = self.wires.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        let end = wire.end(side);
        if end.line != Line::Up {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if !std::mem::replace(&mut end.shut, true) {
            self.launch(id, side, Segment::Fin);
        }
        Ok(())
    }

    pub(crate) fn reset_on_close(&mut self, id: WireId, side: Side) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.end(side).reset_on_close = true;
        }
    }

    /// Closes one end as the kernel would: over bytes that were not read, with a reset.
    pub(crate) fn close(&mut self, id: WireId, side: Side) {
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        let end = wire.end(side);
        if side == Side::Client && end.line == Line::Dialling {
            // What has not arrived is not answered any more: it never will be a connection.
            self.remove_wire(id);
            return;
        }
        let shut = end.shut;
        let closing = wire.closing(side);
        wire.end(side).closed = true;
        let now = self.moment();
        if let Some(wire) = self.wires.get_mut(&id) {
            let was_starved = wire.end(side).starved;
            let facts = wire.facts.end(side);
            facts.closed = Some((now, closing));
            facts.was_starved = was_starved;
        }
        self.ready
            .retain(|one| *one != Watched::Wire(id) || side == Side::Client);
        self.note(|| {
            let how = match closing {
                Closing::ByReset(why) => format!(", reset: {why:?}"),
                Closing::InOrder | Closing::Dead => String::new(),
            };
            format!("{side:?} closes wire {id}{how}")
        });
        match closing {
            Closing::ByReset(why) => self.reset(id, side, why),
            Closing::InOrder if !shut => self.launch(id, side, Segment::Fin),
            Closing::InOrder | Closing::Dead => {}
        }
        let over = self.wires.get(&id);
        if over.is_some_and(|wire| wire.server.closed && (wire.client.closed || wire.vanished)) {
            self.remove_wire(id);
        }
    }

    /// A client's process is gone, and its kernel closes what it had: the end of the data
    /// connection arrives, but not before that of the control connection.
    pub(crate) fn kill(&mut self, control: WireId, data: Option<WireId>) {
        self.close(control, Side::Client);
        if let Some(data) = data {
            self.land_after(data, control);
            self.close(data, Side::Client);
        }
    }

    /// What is sent to the server over `later` from now on comes down no sooner than what was sent over
    /// `earlier`.
    pub(crate) fn land_after(&mut self, later: WireId, earlier: WireId) {
        let ended = self.wires.get(&earlier);
        let ended = ended.map(Wire::last_landing_at_server);
        if let Some((wire, ended)) = self.wires.get_mut(&later).zip(ended) {
            let not_before = &mut wire.server.inbound.not_before;
            *not_before = ended.max(*not_before);
        }
    }

    /// A client is gone without a word: nothing arrives from it or at it any more.
    pub(crate) fn vanish(&mut self, id: WireId) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.vanished = true;
        }
        self.note(|| format!("wire {id} vanishes"));
    }

    /// A segment towards `side` comes down.
    pub(crate) fn land(&mut self, id: WireId, side: Side) {
        let now = self.moment();
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| !wire.vanished) else {
            return;
        };
        let sheltered = wire.sheltered;
        let Some(segment) = wire.land(side, now.at) else {
            return;
        };
        let end = wire.end(side);
        if end.closed || end.line != Line::Up {
            return self.answer(id, side, &segment);
        }
        match segment {
            Segment::Reset(why) => return self.break_end(id, side, why),
            Segment::Bytes(_) if !sheltered && self.fault(|weather| weather.reset) => {
                return self.cut(id, side);
            }
            segment => {
                if let Some(wire) = self.wires.get_mut(&id) {
                    wire.receive(side, segment, now);
                }
            }
        }
        self.hear_end(id);
        self.notify(id, side);
    }

    /// What an end says to what it cannot take any more.
    fn answer(&mut self, id: WireId, side: Side, segment: &Segment) {
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        let end = wire.end(side);
        let is_unknown = end.line != Line::Up;
        match segment {
            Segment::Bytes(_) if !is_unknown => self.reset(id, side, Reset::Late),
            // Bytes or a FIN of a connection that the network has cut, of which this end has heard.
            Segment::Bytes(_) | Segment::Fin if is_unknown => {
                self.reset(id, side, Reset::Network);
            }
            _ => {}
        }
    }

    /// The ends of these two connections of the server's are watched from now on.
    pub(crate) fn watch_ends(&mut self, pair: [Token; 2]) -> io::Result<EndWatch> {
        let mut ids = [0; 2];
        for (id, token) in ids.iter_mut().zip(pair) {
            let mut held = self.wires.iter().filter(|(_, wire)| wire.is_held());
            let found = held.find(|(_, wire)| wire.token == Some(token));
            *id = *found.ok_or(io::ErrorKind::NotConnected)?.0;
        }
        for id in ids {
            self.hear_end(id);
        }
        let watch = self.new_id();
        self.watched.insert(watch, ids);
        Ok(EndWatch(watch))
    }

    /// Whichever of a watched pair have ended.
    pub(crate) fn ends(&self, watch: u64) -> Ends {
        let mut heard: Vec<(u64, Token)> = Vec::new();
        for wire in self.watched[&watch]
            .iter()
            .filter_map(|id| self.wires.get(id))
        {
            heard.extend(wire.end_heard.zip(wire.token));
        }
        heard.sort_unstable();
        let ends = heard.into_iter().map(|(_, token)| token);
        ends.fold(Ends::Neither, Ends::and)
    }

    /// How many pairs are watched.
    pub(crate) fn watches(&self) -> usize {
        self.watched.len()
    }

    pub(crate) fn forget_ends(&mut self, watch: u64) {
        if self.watched.remove(&watch).is_none() {
            self.violate("a watch of ends was forgotten twice".to_owned());
        }
    }

    /// Puts the client's end in order behind those that the server's system has heard of.
    fn hear_end(&mut self, id: WireId) {
        let order = self.new_id();
        if let Some(wire) = self.wires.get_mut(&id).filter(|wire| wire.has_ended()) {
            wire.end_heard.get_or_insert(order);
        }
    }

    /// The network resets a connection: one end hears of it now, and the other when its reset comes,
    /// which may take long. Until then it is half open, and whatever it sends is answered by a reset.
    pub(super) fn cut(&mut self, id: WireId, first: Side) {
        self.note(|| format!("wire {id} is cut"));
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.cut = true;
        }
        self.break_end(id, first, Reset::Network);
        if self.rng.one_in(4) {
            let after = self.rng.time(KEEP_ALIVE);
            self.launch_after(id, first, Segment::Reset(Reset::Network), after);
        } else {
            self.reset(id, first, Reset::Network);
        }
    }

    /// One end says that there is no connection any more. Of what it had written a part has left before,
    /// and comes first; the rest never leaves.
    fn reset(&mut self, id: WireId, from: Side, why: Reset) {
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut wire.end(from).has_reset, true) {
            return;
        }
        let flying = wire.flying(from.other());
        let left = if self.rng.one_in(2) {
            flying
        } else {
            self.rng.below(flying + 1)
        };
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.lose(from.other(), left);
        }
        self.launch(id, from, Segment::Reset(why));
    }

    /// A reset has come to one end: what it had to send is not sent any more.
    fn break_end(&mut self, id: WireId, side: Side, why: Reset) {
        let forgetful = self.rng.one_in(2);
        let now = self.moment();
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        wire.lose(side, 0);
        if wire.end(side).line == Line::Up {
            wire.receive(side, Segment::Reset(why), now);
            let end = wire.end(side);
            // Some systems throw away what their application has not read.
            if side == Side::Client && forgetful {
                end.inbound.arrived.clear();
                end.ended = false;
            }
            self.hear_end(id);
            self.notify(id, side);
        }
    }

    fn launch(&mut self, id: WireId, from: Side, segment: Segment) {
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        let delay = wire.end(from.other()).inbound.delay;
        let sheltered = wire.sheltered;
        let mut after = self.rng.time(delay);
        // The last of a connection, behind which nothing asks for what is lost.
        let is_lost = matches!(segment, Segment::Fin) && self.rng.one_in(8);
        if is_lost {
            after += self.rng.time(delay * 4);
        }
        if self.fault(|weather| weather.stall) {
            after += self.rng.time(Duration::from_secs(200));
        }
        if sheltered {
            after = SHELTERED;
        }
        self.launch_after(id, from, segment, after);
    }

    fn launch_after(&mut self, id: WireId, from: Side, segment: Segment, after: Duration) {
        let now = self.moment();
        if let Some(wire) = self.wires.get_mut(&id) {
            let landing = wire.launch(from, segment, now, after);
            let after = landing.saturating_sub(now.at);
            self.plan(after, Occurrence::Land(id, from.other()));
        }
    }

    /// Whether a fault of the network has ended a connection.
    pub(crate) fn is_cut(&mut self, id: WireId) -> bool {
        self.wire(id).is_some_and(|wire| wire.cut)
    }

    /// Cuts a connection off from the client's side.
    pub(crate) fn reset_by_client(&mut self, id: WireId) {
        self.reset_on_close(id, Side::Client);
        self.close(id, Side::Client);
    }
}
