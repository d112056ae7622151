//! Whether the server may take an upload as complete: decided from what was delivered, and in which order.
//!
//! The reference is the table in `src/reactor/upload_end.rs`. Both outcomes are legal only where both
//! connections have ended, the data connection first: the server's own clock decides about the pause before
//! the end ([`UPLOAD_END_PAUSE`](mioftpd::internals::limits::UPLOAD_END_PAUSE)), and a disk fault, a
//! time-out or a stop can come between. In every other case one outcome is legal, with a stated reason.

use std::time::Duration;

use mioftpd::internals::storage::Memory;

use super::conversation::CommandKind;
use super::ftp_client::FtpClient;
use super::transfer::Transfer;
use super::upload::{Arrived, Upload};
use crate::rng::Odds;
use crate::world::{ConnectionFacts, ConnectionId, World};

/// What marks the end of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EofSignal {
    /// In the clear: a FIN.
    Fin,
    /// TLS with `close_notify`.
    CloseNotify,
    /// TLS with a FIN only; whether the server may accept that.
    FinOnly { is_allowed: bool },
}

/// The connections of an upload, and what its client did with them.
#[derive(Clone, Copy, Debug)]
pub(super) struct UploadFacts {
    control: Option<ConnectionId>,
    data: Option<ConnectionId>,
    ending: EofSignal,
    /// Bytes that the client sent.
    sent: usize,
    /// QUIT was sent.
    has_quit: bool,
    /// From when on a reload has certainly ended the session.
    over_from: Option<Duration>,
    /// No disk fault can make it shorter than what was read.
    is_disk_kind: bool,
}

/// The legal outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UploadOutcome {
    MayBeWhole,
    /// It must not be complete, for this reason.
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

    /// Bytes that the server received, if the upload was cut.
    pub(super) fn arrived(&self, upload: &Upload, world: &World) -> Arrived {
        let data = self
            .data
            .map_or_else(ConnectionFacts::default, |id| world.facts_of(id));
        // Excludes the PROXY header.
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

    /// The violation in the file of an upload without a final reply.
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
    /// The upload without a final reply.
    pub(super) fn upload(&self) -> Option<&Upload> {
        self.transfer.as_ref()?.upload()
    }

    /// Its data connection.
    pub(super) fn data_id(&self) -> Option<ConnectionId> {
        self.transfer.as_ref()?.connection.id()
    }

    /// The facts of its upload so far.
    pub(super) fn upload_facts(&self) -> UploadFacts {
        let transfer = self.transfer.as_ref();
        let fault_plan = &self.config.fault_plan;
        let violations = [
            fault_plan.disk_error,
            fault_plan.disk_full,
            fault_plan.uncounted,
            fault_plan.panic,
        ];
        // The last reply may have arrived together with this one.
        let has_quit = self.conversation.is_over() || self.conversation.awaits(CommandKind::Quit);
        UploadFacts {
            control: self.control.id(),
            data: self.data_id(),
            ending: transfer.map_or(EofSignal::Fin, Transfer::ending),
            sent: transfer.map_or(0, |transfer| transfer.payload().sent()),
            has_quit,
            over_from: self.over_from(),
            is_disk_kind: violations == [Odds(0); 4] && self.config.quota.is_none(),
        }
    }
}
