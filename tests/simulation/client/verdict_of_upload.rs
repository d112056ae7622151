//! Whether an upload can be whole to the server: from what was really delivered, and in which order.
//!
//! The table in `src/reactor/upload_end.rs` is what it is held to. Two outcomes are legal, whole or cut,
//! where both connections have ended, the data connection first: how long the pause before its end was
//! is for the server's own clock to say ([`END_PAUSE`](mioftpd::limits::END_PAUSE)), and a fault of the
//! disk, a time-out or a stop can come in between. In every other case there is one, and this says why.

use std::time::Duration;

use mioftpd::storage::Memory;

use super::conversation::Kind;
use super::guest::Guest;
use super::haul::Haul;
use super::upload::{Arrived, Upload};
use crate::rng::Odds;
use crate::world::{Delivered, WireId, World};

/// How the data connection says that the file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// In the clear: by ending.
    Plain,
    /// By TLS, and it has said so.
    Announced,
    /// By TLS, and it has not; whether the server may take its end for that of the file.
    Unannounced { is_allowed: bool },
}

/// The connections of an upload, and what its client has done with them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traces {
    pub(super) control: Option<WireId>,
    pub(super) data: Option<WireId>,
    pub(super) ending: Ending,
    /// How much the client has sent of it.
    pub(super) sent: usize,
    /// QUIT was said.
    pub(super) has_quit: bool,
    /// From when on a reload has ended the session for certain.
    pub(super) over_from: Option<Duration>,
    /// Nothing that the disk does can make it shorter than what was read.
    pub(super) is_disk_kind: bool,
}

/// What the server may make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    MayBeWhole,
    /// For this reason it must not be.
    Cut(&'static str),
}

impl Traces {
    pub(super) fn judge(&self, world: &World) -> Verdict {
        let data = self.data.map(|id| world.delivered(id));
        let Some(data) = data.filter(|data| data.taken.is_some()) else {
            return Verdict::Cut("the server never had its data connection");
        };
        if data.server.landed < data.client.written {
            return Verdict::Cut("not all that was sent of it has arrived");
        }
        if self.ending == (Ending::Unannounced { is_allowed: false }) {
            return Verdict::Cut("its end was not announced");
        }
        let is_announced = self.ending == Ending::Announced;
        let end = match data.server.fin_landed {
            Some(end) => end,
            None if is_announced => match data.server.last_landing {
                Some(landing) => landing,
                None => return Verdict::Cut("nothing of it has arrived"),
            },
            None => return Verdict::Cut("its data connection has not ended in order"),
        };
        let last = data.server.last_landing.filter(|_| is_announced);
        let end = last.unwrap_or(end);
        if self.over_from.is_some_and(|from| end.at >= from) {
            return Verdict::Cut("the session had been ended before");
        }
        let control = self.control.map(|id| world.delivered(id).server);
        let Some(control) = control.filter(|_| !is_announced) else {
            return Verdict::MayBeWhole;
        };
        let is_first = control.end_landed().is_some_and(|ended| ended < end);
        let is_reset = control.reset_landed.is_some_and(|(at, _)| at < end);
        if is_first && (is_reset || !self.has_quit) {
            return Verdict::Cut("the control connection had ended before");
        }
        Verdict::MayBeWhole
    }

    /// How much of it the server has, where it was cut.
    pub(super) fn arrived(&self, upload: &Upload, world: &World) -> Arrived {
        let data = self
            .data
            .map_or_else(Delivered::default, |id| world.delivered(id));
        // In front of it a proxy may have said something.
        let preamble = data.client.written.saturating_sub(self.sent as u64);
        let read = data.server.read.saturating_sub(preamble) as usize;
        match self.ending {
            Ending::Plain if self.is_disk_kind && !upload.is_text => Arrived::Exactly(read),
            Ending::Plain => Arrived::AtMost(read),
            // How much of it is the file's TLS does not say.
            Ending::Announced | Ending::Unannounced { .. } => Arrived::AtMost(upload.bytes.len()),
        }
    }

    /// What is wrong with the file of which nobody has said what became of its upload.
    pub(super) fn fault(
        &self,
        upload: &Upload,
        before: Option<&[u8]>,
        memory: &Memory,
        world: &World,
    ) -> Option<String> {
        let now = memory.read(&upload.path);
        let arrived = self.arrived(upload, world);
        if upload.may_leave(before, now.as_deref(), arrived) {
            return None;
        }
        let verdict = self.judge(world);
        let is_exact = self.ending == Ending::Plain;
        let sent = Arrived::of(self.sent, is_exact);
        if verdict == Verdict::MayBeWhole && upload.may_be(before, now.as_deref(), sent) {
            return None;
        }
        let length = now.map(|bytes| bytes.len());
        Some(format!(
            "in the end {} holds {length:?} bytes: {verdict:?}, {arrived:?} of {} ({:?})",
            upload.path, self.sent, upload.change
        ))
    }
}

impl Guest {
    /// How its upload has gone until now.
    pub(super) fn traces(&self) -> Traces {
        let haul = self.haul.as_ref();
        let weather = &self.place.weather;
        let faults = [
            weather.disk_error,
            weather.disk_full,
            weather.uncounted,
            weather.panic,
        ];
        // The last reply may have come together with this one.
        let mut awaited = self.conversation.awaited.iter();
        let has_quit = self.conversation.over || awaited.any(|one| one.kind == Kind::Quit);
        Traces {
            control: self.control,
            data: haul.and_then(|haul| haul.wire),
            ending: haul.map_or(Ending::Plain, Haul::ending),
            sent: haul.map_or(0, Haul::sent),
            has_quit,
            over_from: self.over_from(),
            is_disk_kind: faults == [Odds(0); 4] && self.place.quota.is_none(),
        }
    }
}
