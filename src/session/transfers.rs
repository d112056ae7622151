//! RETR, ABOR, and the course of every transfer from its command to its final reply. RFC 959 §4.1.3 and
//! §5.4.
//!
//! The file is opened first, so that a missing one is refused before the 150 and the data connection stays
//! usable. The final reply is sent after the file and the data connection are closed. No byte of a file
//! passes through here.

use std::num::NonZeroU64;
use std::time::Duration;

use log::Level;

use super::channel::{DataMode, no_data_connection};
use super::{Action, Context, Deadline, Ending, Progress, Repeated, Session};
use crate::auth::Permissions;
use crate::clock::Instant;
use crate::metrics::{Channel, Way};
use crate::observe::{TransferRecord, Verb};
use crate::protocol::reply::Reply;
use crate::storage::{InPlace, Result, VirtualPath};
use crate::transfer::{DataType, Direction, Mode, Opened, Plan};

/// The command of a transfer, which determines its replies.
#[derive(Debug)]
pub(super) enum Purpose {
    Retrieve(VirtualPath),
    Store(VirtualPath),
    StoreUnique(VirtualPath),
    Append(VirtualPath),
    List,
    MachineList,
}

impl Purpose {
    /// The file and the command. `None` for listings.
    pub(super) const fn file(&self) -> Option<(Verb, &VirtualPath)> {
        Some(match self {
            Self::Retrieve(path) => (Verb::Retrieve, path),
            Self::Store(path) => (Verb::Store, path),
            Self::StoreUnique(path) => (Verb::StoreUnique, path),
            Self::Append(path) => (Verb::Append, path),
            Self::List | Self::MachineList => return None,
        })
    }

    const fn way(&self) -> Way {
        match self {
            Self::Retrieve(_) | Self::List | Self::MachineList => Way::Sent,
            Self::Store(_) | Self::StoreUnique(_) | Self::Append(_) => Way::Received,
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Retrieve(_) => "download",
            Self::Store(_) | Self::StoreUnique(_) | Self::Append(_) => "upload",
            Self::List | Self::MachineList => "listing",
        }
    }
}

/// A transfer after its 150.
#[derive(Debug)]
pub(super) struct RunningTransfer {
    pub(super) purpose: Purpose,
    /// The bytes to send, if that is known and not zero.
    pub(super) size: Option<NonZeroU64>,
    pub(super) phase: Phase,
}

/// The progress of a transfer.
///
/// ```text
///   Connecting ──data connection──▶ Moving ──┬──ended──▶
///       └───────────────┴──ABOR, time-out──▶ Cutting ──ended──▶
/// ```
#[derive(Debug)]
pub(super) enum Phase {
    /// Waits for the data connection.
    Connecting,
    /// Bytes are moving: their number so far, and the start.
    Moving(u64, Instant),
    /// Is being cut: the bytes moved, and the start if any could move. The file is being closed.
    Cutting(u64, Option<Instant>),
}

impl Session {
    /// Whether a transfer is in progress: the 150 is sent, the final reply is not.
    pub const fn is_transferring(&self) -> bool {
        matches!(self.progress, Progress::Transferring(_))
    }

    /// Whether ABOR has anything to end: a transfer, unless it is being cut, a wait for a port, or a file
    /// task that reads.
    pub const fn may_be_aborted(&self) -> bool {
        match &self.progress {
            Progress::AwaitingPort(_) | Progress::AwaitingCount(_) => true,
            Progress::Transferring(transfer) => !transfer.is_being_cut(),
            _ => self.is_task_abortable(),
        }
    }

    /// ABOR was received during a transfer. The ABOR itself is executed in its turn, after the final reply
    /// of the transfer.
    pub fn abort(&mut self, cx: &mut Context<'_>) {
        self.abort_task(cx);
        self.abort_port_wait(cx);
        self.abort_count_wait(Ending::Aborted, cx);
        if self.may_be_aborted() {
            self.cut(Ending::Aborted, cx);
        }
    }

    /// End of file on the control connection without QUIT. Cuts an upload in progress, since it may be
    /// incomplete: when a client is killed, the system closes both connections as after a complete upload.
    /// Ends a wait for a port too, which others of the client's address may need.
    pub fn input_ended(&mut self, cx: &mut Context<'_>) {
        self.abort_port_wait(cx);
        self.abort_count_wait(Ending::Abandoned, cx);
        if let Progress::Transferring(transfer) = &self.progress
            && !transfer.is_being_cut()
            && let Some((verb, _)) = transfer.purpose.file()
            && verb != Verb::Retrieve
        {
            self.cut(Ending::Abandoned, cx);
        }
    }

    pub(super) fn retrieve(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let offset = std::mem::take(&mut self.params.restart);
        let range = self.params.range.take().map(|range| *range);
        let Some(path) = self.permitted_path(Permissions::RETRIEVE, argument, cx) else {
            return;
        };
        if !self.can_represent(cx) {
            return;
        }
        let representation = self.params.representation;
        if offset > 0 && !representation.can_restart() {
            let text = "REST works in TYPE I, and in MODE B and C.";
            return cx.reply(&Reply::fixed(554, text));
        }
        if range.is_some() && representation.data_type != DataType::Image {
            return cx.reply(&Reply::fixed(554, "RANG works in TYPE I."));
        }
        let direction = Direction::Retrieve {
            path: path.clone(),
            offset,
            range,
        };
        self.open_transfer(Purpose::Retrieve(path), direction, cx);
    }

    /// ABOR with no transfer in progress: 225 if a data connection is set up, else 226 (RFC 959 §4.1.3).
    pub(super) fn abort_without_transfer(&mut self, cx: &mut Context<'_>) {
        if self.params.data_mode == DataMode::Unset {
            cx.reply(&Reply::fixed(226, "Nothing is in progress any more."));
        } else {
            self.hang_up(cx);
            cx.reply(&Reply::fixed(225, "No transfer was in progress."));
        }
    }

    pub(super) fn hang_up(&mut self, cx: &mut Context<'_>) {
        self.params.data_mode = DataMode::Unset;
        cx.action(Action::CloseDataConnection);
    }

    pub(super) fn opened(&mut self, opened: Result<Opened>, cx: &mut Context<'_>) {
        let mut purpose = match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::Opening(purpose) | Progress::AwaitingCount(purpose) => *purpose,
            other => return self.progress = other,
        };
        match opened {
            Ok(opened) => {
                if let (Purpose::StoreUnique(path), Some(unique)) = (&mut purpose, &opened.path) {
                    *path = unique.clone();
                }
                let obstacle = opened.in_place.filter(|why| *why != InPlace::Configured);
                if let (Some(reason), Some((_, path))) = (obstacle, purpose.file()) {
                    let text = format_args!(
                        "{path} is written in place, so a cut upload leaves a partial file: {reason}"
                    );
                    self.log_once(Repeated::WrittenInPlace, Level::Warn, text);
                }
                let mode = self.params.representation.data_type.name();
                cx.reply(&self.preliminary_reply(&purpose, &opened, mode, cx));
                cx.deadlines.clear(Deadline::Idle);
                let connect = cx.now + cx.settings.timings.data_connect;
                cx.deadlines.set(Deadline::DataConnect, connect);
                self.progress = Progress::Transferring(Box::new(RunningTransfer {
                    purpose,
                    size: opened.size.and_then(NonZeroU64::new),
                    phase: Phase::Connecting,
                }));
                cx.action(Action::Begin);
            }
            Err(error) => {
                self.transfer_refused(cx);
                cx.reply(&purpose.refusal(error));
            }
        }
    }

    pub(super) fn connected(&mut self, cx: &mut Context<'_>) {
        if let Progress::Transferring(transfer) = &mut self.progress
            && matches!(transfer.phase, Phase::Connecting)
        {
            transfer.phase = Phase::Moving(0, cx.now);
            cx.deadlines.clear(Deadline::DataConnect);
            Self::restart_stall_timer(cx);
        }
    }

    pub(super) fn moved(&mut self, bytes: u64, cx: &mut Context<'_>) {
        let is_secured = self.protects_data();
        if let Progress::Transferring(transfer) = &mut self.progress
            && let Phase::Moving(moved, _) = &mut transfer.phase
            && *moved != bytes
        {
            let more = bytes.saturating_sub(*moved);
            *moved = bytes;
            cx.counts
                .moved(transfer.purpose.way(), Channel::Data, is_secured, more);
            Self::restart_stall_timer(cx);
        }
    }

    pub(super) fn ended(
        &mut self,
        ending: Ending,
        bytes: u64,
        kept: Option<u64>,
        cx: &mut Context<'_>,
    ) {
        let transfer = match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::Transferring(transfer) => transfer,
            other => return self.progress = other,
        };
        let took = transfer.phase.elapsed(cx.now);
        let more = bytes.saturating_sub(transfer.phase.moved());
        let way = transfer.purpose.way();
        cx.counts
            .moved(way, Channel::Data, self.protects_data(), more);
        self.params.data_mode = DataMode::Unset;
        cx.deadlines.clear(Deadline::DataConnect);
        cx.deadlines.clear(Deadline::DataStall);
        self.record(&transfer.purpose, ending, bytes, took, cx);
        cx.reply(&ending.reply(kept));
    }

    /// The connection closes. Records a transfer in progress with this ending, since no event will report it.
    pub fn leave(&mut self, ending: Ending, cx: &mut Context<'_>) {
        self.log.log_totals(self.peer);
        let progress = std::mem::replace(&mut self.progress, Progress::Closing);
        if let Progress::Transferring(transfer) = progress {
            let RunningTransfer { purpose, phase, .. } = *transfer;
            let (bytes, took) = (phase.moved(), phase.elapsed(cx.now));
            self.record(&purpose, ending, bytes, took, cx);
            // There is no client to send this reply to.
            self.audit_without_reply(&ending.reply(None), cx);
        }
    }

    /// Cuts the transfer. Its reply follows when its file and data connection are closed.
    pub(super) fn cut(&mut self, ending: Ending, cx: &mut Context<'_>) {
        let Progress::Transferring(transfer) = &mut self.progress else {
            return;
        };
        if transfer.is_being_cut() {
            // The device hangs, possibly for ever.
            log::error!(
                "{}: Closed: the storage did not close a file within timings.data-stall",
                self.peer
            );
            return self.close(&Reply::service_not_available(), cx);
        }
        transfer.phase = match transfer.phase {
            Phase::Moving(bytes, since) => Phase::Cutting(bytes, Some(since)),
            _ => Phase::Cutting(0, None),
        };
        cx.deadlines.clear(Deadline::DataConnect);
        Self::restart_stall_timer(cx);
        cx.action(Action::Cut(ending));
    }

    pub(super) fn open_transfer(
        &mut self,
        purpose: Purpose,
        direction: Direction,
        cx: &mut Context<'_>,
    ) {
        if self.params.data_mode == DataMode::Unset {
            return cx.reply(&no_data_connection());
        }
        if !self.tls_permits_data(cx) {
            return;
        }
        let account = self.login.account();
        let rate = match direction {
            Direction::Retrieve { .. } => account.and_then(|account| account.rate_down),
            Direction::Store { .. } => account.and_then(|account| account.rate_up),
            Direction::List(_) => None,
        };
        self.progress = Progress::Opening(Box::new(purpose));
        cx.action(Action::Open(Plan {
            direction,
            representation: self.params.representation,
            rate,
        }));
    }

    fn preliminary_reply(
        &self,
        purpose: &Purpose,
        opened: &Opened,
        mode: &str,
        cx: &Context<'_>,
    ) -> Reply {
        match (purpose, &opened.path, opened.size) {
            (Purpose::StoreUnique(_), Some(path), _) => {
                let path = path.relative_to(&self.directory);
                Reply::new(
                    150,
                    [b"FILE: ", self.encoded_for_client(path, cx).as_slice()].concat(),
                )
            }
            (_, _, Some(size)) => {
                let text = format!("Opening {mode} mode data connection ({size} bytes).");
                Reply::new(150, text)
            }
            _ => Reply::new(150, format!("Opening {mode} mode data connection.")),
        }
    }

    fn restart_stall_timer(cx: &mut Context<'_>) {
        let stall = cx.now + cx.settings.timings.data_stall;
        cx.deadlines.set(Deadline::DataStall, stall);
    }

    /// Reports the end of a file transfer to the transfer log and the embedding program.
    fn record(
        &mut self,
        purpose: &Purpose,
        ending: Ending,
        bytes: u64,
        took: Duration,
        cx: &mut Context<'_>,
    ) {
        self.audit.notes().moved = Some((bytes, took));
        cx.counts
            .transferred(purpose.kind(), ending.label(), bytes, took);
        let Some((verb, path)) = purpose.file() else {
            return;
        };
        self.audit.notes().changes = true;
        // STOU has chosen its name since the command was parsed.
        self.audit.notes().path = Some(path.clone());
        let representation = self.params.representation;
        cx.action(Action::Record(Box::new(TransferRecord {
            ended: cx.unix_time,
            took,
            peer: self.peer,
            account: self.login.name().into(),
            anonymous: !self.login.is_personal(),
            verb,
            path: path.clone(),
            bytes,
            outcome: ending.outcome(),
            secured: self.protects_data(),
            text: representation.data_type != DataType::Image,
            compressed: matches!(representation.mode, Mode::Compressed | Mode::Deflate(_)),
        })));
    }
}

impl RunningTransfer {
    const fn is_being_cut(&self) -> bool {
        matches!(self.phase, Phase::Cutting(..))
    }
}

impl Phase {
    pub(super) const fn moved(&self) -> u64 {
        match self {
            Self::Connecting => 0,
            Self::Moving(bytes, _) | Self::Cutting(bytes, _) => *bytes,
        }
    }

    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        match self {
            Self::Moving(_, since) | Self::Cutting(_, Some(since)) => now - *since,
            Self::Connecting | Self::Cutting(_, None) => Duration::ZERO,
        }
    }
}
