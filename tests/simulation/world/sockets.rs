//! What is done with a connection: by its two ends, and by the network between them.
//!
//! Here the faults of the network happen: what arrives late, in pieces, or as a reset.

use std::io;
use std::time::Duration;

use mioftpd::net::{EndWatch, Ends, Token};

use super::wire::Segment;
use super::{Line, Occurrence, Side, Watched, WireId, World};

impl World {
    pub(crate) fn read(&mut self, id: WireId, side: Side, buffer: &mut [u8]) -> io::Result<usize> {
        let wire = self.wires.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        let count = wire.read(side, buffer)?;
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
            self.wires.remove(&id);
            return;
        }
        end.closed = true;
        let (is_up, shut) = (end.line == Line::Up, end.shut);
        let abrupt = end.reset_on_close || !end.inbound.arrived.is_empty();
        self.ready
            .retain(|one| *one != Watched::Wire(id) || side == Side::Client);
        self.note(|| {
            format!(
                "{side:?} closes wire {id}{}",
                if abrupt { ", reset" } else { "" }
            )
        });
        if is_up && abrupt {
            self.reset(id, side);
        } else if is_up && !shut {
            self.launch(id, side, Segment::Fin);
        }
        let over = self.wires.get(&id);
        if over.is_some_and(|wire| wire.server.closed && (wire.client.closed || wire.vanished)) {
            self.wires.remove(&id);
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
        let ended = ended.map(|wire| wire.server.inbound.last_landing);
        if let Some((wire, ended)) = self.wires.get_mut(&later).zip(ended) {
            let landing = &mut wire.server.inbound.last_landing;
            *landing = ended.max(*landing);
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
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        if wire.vanished {
            return;
        }
        let sheltered = wire.sheltered;
        let Some(segment) = wire.land(side) else {
            return;
        };
        let end = wire.end(side);
        if end.closed || end.line != Line::Up {
            let refused = end.closed && matches!(segment, Segment::Bytes(_));
            if refused {
                self.break_end(id, side.other());
            }
            return;
        }
        match segment {
            Segment::Reset => return self.break_end(id, side),
            Segment::Bytes(_) if !sheltered && self.fault(|weather| weather.reset) => {
                return self.cut(id);
            }
            segment => {
                if let Some(wire) = self.wires.get_mut(&id) {
                    wire.end(side).receive(segment);
                }
            }
        }
        self.hear_end(id);
        self.notify(id, side);
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

    /// The network resets a connection, at both ends.
    pub(super) fn cut(&mut self, id: WireId) {
        self.note(|| format!("wire {id} is cut"));
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.cut = true;
        }
        self.break_end(id, Side::Server);
        self.break_end(id, Side::Client);
    }

    fn reset(&mut self, id: WireId, from: Side) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.lose(from.other());
        }
        self.launch(id, from, Segment::Reset);
    }

    fn break_end(&mut self, id: WireId, side: Side) {
        let forgetful = self.rng.one_in(2);
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        wire.lose(side);
        let end = wire.end(side);
        if end.line == Line::Up {
            end.receive(Segment::Reset);
            // Some systems throw away what their application has not read.
            if side == Side::Client && forgetful {
                end.inbound.arrived.clear();
            }
            self.hear_end(id);
            self.notify(id, side);
        }
    }

    fn launch(&mut self, id: WireId, from: Side, segment: Segment) {
        let mut after = self.rng.time(self.weather.delay);
        let stalled = self.fault(|weather| weather.stall);
        if stalled {
            after += self.rng.time(Duration::from_secs(200));
        }
        let now = self.now;
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        if wire.sheltered {
            after = Duration::from_millis(1);
        }
        wire.launch(from, segment);
        let side = from.other();
        let pipe = &mut wire.end(side).inbound;
        pipe.last_landing = pipe.last_landing.max(now + after);
        let after = pipe.last_landing.saturating_sub(now);
        self.plan(after, Occurrence::Land(id, side));
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
