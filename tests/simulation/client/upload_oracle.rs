//! Whether an upload can be whole to the server: from what was really delivered, and in which order.
//!
//! The table in `src/reactor/upload_end.rs` is what it is held to. Two outcomes are legal, whole or cut,
//! where both connections have ended, the data connection first: how long the pause before its end was
//! is for the server's own clock to say ([`END_PAUSE`](mioftpd::limits::END_PAUSE)), and a fault of the
//! disk, a time-out or a stop can come in between. In every other case there is one, and this says why.

use std::time::Duration;

use mioftpd::storage::Memory;

use super::conversation::CommandKind;
use super::ftp_client::FtpClient;
use super::transfer::Transfer;
use super::upload::{Arrived, Upload};
use crate::rng::Odds;
use crate::world::{ConnectionFacts, ConnectionId, World};

/// How the data connection says that the file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EofSignal {
    /// In the clear: by ending.
    Fin,
    /// By TLS, and it has said so.
    CloseNotify,
    /// By TLS, and it has not; whether the server may take its end for that of the file.
    FinOnly { is_allowed: bool },
}

/// The connections of an upload, and what its client has done with them.
#[derive(Clone, Copy, Debug)]
pub(super) struct UploadFacts {
    pub(super) control: Option<ConnectionId>,
    pub(super) data: Option<ConnectionId>,
    pub(super) ending: EofSignal,
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
pub(super) enum UploadOutcome {
    MayBeWhole,
    /// For this reason it must not be.
    MustBeCut(&'static str),
}

impl UploadFacts {
    pub(super) fn decide(&self, world: &World) -> UploadOutcome {
        let data = self.data.map(|id| world.facts_of(id));
        let Some(data) = data.filter(|data| data.accepted.is_some()) else {
            return UploadOutcome::MustBeCut("the server never had its data connection");
        };
        if data.server.delivered < data.client.written {
            return UploadOutcome::MustBeCut("not all that was sent of it has arrived");
        }
        if self.ending == (EofSignal::FinOnly { is_allowed: false }) {
            return UploadOutcome::MustBeCut("its end was not announced");
        }
        let is_announced = self.ending == EofSignal::CloseNotify;
        let end = match data.server.fin_delivered {
            Some(end) => end,
            None if is_announced => match data.server.last_delivery {
                Some(landing) => landing,
                None => return UploadOutcome::MustBeCut("nothing of it has arrived"),
            },
            None => return UploadOutcome::MustBeCut("its data connection has not ended in order"),
        };
        let last = data.server.last_delivery.filter(|_| is_announced);
        let end = last.unwrap_or(end);
        if self.over_from.is_some_and(|from| end.at >= from) {
            return UploadOutcome::MustBeCut("the session had been ended before");
        }
        let control = self.control.map(|id| world.facts_of(id).server);
        let Some(control) = control.filter(|_| !is_announced) else {
            return UploadOutcome::MayBeWhole;
        };
        let is_first = control.end_delivered().is_some_and(|ended| ended < end);
        let is_reset = control.reset_delivered.is_some_and(|(at, _)| at < end);
        if is_first && (is_reset || !self.has_quit) {
            return UploadOutcome::MustBeCut("the control connection had ended before");
        }
        UploadOutcome::MayBeWhole
    }

    /// How much of it the server has, where it was cut.
    pub(super) fn arrived(&self, upload: &Upload, world: &World) -> Arrived {
        let data = self
            .data
            .map_or_else(ConnectionFacts::default, |id| world.facts_of(id));
        // In front of it a proxy may have said something.
        let proxy_header = data.client.written.saturating_sub(self.sent as u64);
        let read = data.server.read.saturating_sub(proxy_header) as usize;
        match self.ending {
            EofSignal::Fin if self.is_disk_kind && !upload.is_text => Arrived::Exactly(read),
            EofSignal::Fin => Arrived::AtMost(read),
            // How much of it is the file's TLS does not say.
            EofSignal::CloseNotify | EofSignal::FinOnly { .. } => {
                Arrived::AtMost(upload.bytes.len())
            }
        }
    }

    /// What is wrong with the file of which nobody has said what became of its upload.
    pub(super) fn violation(
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
        let final_code = self.decide(world);
        let is_exact = self.ending == EofSignal::Fin;
        let sent = Arrived::of(self.sent, is_exact);
        if final_code == UploadOutcome::MayBeWhole && upload.may_be(before, now.as_deref(), sent) {
            return None;
        }
        let length = now.map(|bytes| bytes.len());
        Some(format!(
            "in the end {} holds {length:?} bytes: {final_code:?}, {arrived:?} of {} ({:?})",
            upload.path, self.sent, upload.change
        ))
    }
}

impl FtpClient {
    /// How its upload has gone until now.
    pub(super) fn upload_facts(&self) -> UploadFacts {
        let transfer = self.transfer.as_ref();
        let fault_plan = &self.config.fault_plan;
        let violations = [
            fault_plan.disk_error,
            fault_plan.disk_full,
            fault_plan.uncounted,
            fault_plan.panic,
        ];
        // The last reply may have come together with this one.
        let mut pending = self.conversation.pending.iter();
        let has_quit = self.conversation.over || pending.any(|one| one.kind == CommandKind::Quit);
        UploadFacts {
            control: self.control,
            data: transfer.and_then(|transfer| transfer.connection),
            ending: transfer.map_or(EofSignal::Fin, Transfer::ending),
            sent: transfer.map_or(0, Transfer::sent),
            has_quit,
            over_from: self.over_from(),
            is_disk_kind: violations == [Odds(0); 4] && self.config.quota.is_none(),
        }
    }
}
