//! RETR, STOR, STOU, APPE, ABOR: what needs a data connection, from its command to its final
//! reply. RFC 959 §4.1.3 and §5.4, RFC 1123 §4.1.2.9.
//!
//! The file is opened before anything else, so that a missing one is refused before any 150, which leaves
//! the data connection as it is; the final reply is said when all that the transfer held is closed.

use std::time::{Duration, Instant};

use log::Level;

use super::channel::{Arranged, nothing_arranged};
use super::{Action, Context, Deadline, Ending, Progress, Repeated, Session, refusal};
use crate::auth::Permissions;
use crate::limits::{DIRECTORIES_PENDING, DIRECTORY_DEPTH};
use crate::observe::{TransferRecord, Verb};
use crate::protocol::reply::Reply;
use crate::storage::{Error, Result, VirtualPath};
use crate::transfer::{DataType, Direction, Mode, Opened, Plan};

/// What the transfer is for, and so what its replies say.
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
    /// The file that it is for, and the command; listings are of none.
    pub(super) const fn file(&self) -> Option<(Verb, &VirtualPath)> {
        Some(match self {
            Self::Retrieve(path) => (Verb::Retrieve, path),
            Self::Store(path) => (Verb::Store, path),
            Self::StoreUnique(path) => (Verb::StoreUnique, path),
            Self::Append(path) => (Verb::Append, path),
            Self::List | Self::MachineList => return None,
        })
    }
}

/// How far a transfer is.
///
/// ```text
///   Connecting ──data connection──▶ Moving ──┬──ended──▶
///       └───────────────┴──ABOR, time-out──▶ Cutting ──ended──▶
/// ```
#[derive(Debug)]
pub(super) enum Phase {
    /// The data connection is awaited.
    Connecting,
    /// Bytes move: how many so far, since when.
    Moving(u64, Instant),
    /// It is being cut, after so many bytes since then; what it holds is being closed.
    Cutting(u64, Option<Instant>),
}

impl Session {
    /// Whether a transfer is in progress: the 150 is said, the final reply is not.
    pub const fn is_transferring(&self) -> bool {
        matches!(self.progress, Progress::Transferring(..))
    }

    /// Whether there is a transfer in progress that is not being cut already.
    pub const fn may_be_aborted(&self) -> bool {
        self.is_reading()
            || matches!(
                self.progress,
                Progress::Counting(_)
                    | Progress::Transferring(_, Phase::Connecting | Phase::Moving(..))
            )
    }

    /// The client said ABOR while a transfer is in progress. The command itself is answered in
    /// its turn, behind the transfer's own reply.
    pub fn abort(&mut self, cx: &mut Context<'_>) {
        self.stop_reading(cx);
        self.stop_counting(Ending::Aborted, cx);
        if self.may_be_aborted() {
            self.cut(Ending::Aborted, cx);
        }
    }

    /// The control connection has ended without a QUIT, at least in the client's direction. An upload
    /// that is in progress then cannot be known to be whole: a client that was killed ends both alike.
    pub fn input_ended(&mut self, cx: &mut Context<'_>) {
        self.stop_counting(Ending::Abandoned, cx);
        if let Progress::Transferring(purpose, Phase::Connecting | Phase::Moving(..)) =
            &self.progress
            && purpose
                .file()
                .is_some_and(|(verb, _)| verb != Verb::Retrieve)
        {
            self.cut(Ending::Abandoned, cx);
        }
    }

    pub(super) fn retrieve(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let offset = std::mem::take(&mut self.channel.restart);
        let range = self.channel.range.take();
        if !self.may(Permissions::RETRIEVE, cx) {
            return;
        }
        let Some(path) = self.path(argument, cx) else {
            return;
        };
        if !self.can_represent(cx) {
            return;
        }
        let representation = self.channel.representation;
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
        self.prepare(Purpose::Retrieve(path), direction, cx);
    }

    /// ABOR with no transfer in progress: RFC 959 §4.1.3 tells apart whether a data connection
    /// is open.
    pub(super) fn abort_nothing(&mut self, cx: &mut Context<'_>) {
        if self.channel.arranged == Arranged::Nothing {
            cx.reply(&Reply::fixed(226, "Nothing is in progress any more."));
        } else {
            self.hang_up(cx);
            cx.reply(&Reply::fixed(225, "No transfer was in progress."));
        }
    }

    pub(super) fn hang_up(&mut self, cx: &mut Context<'_>) {
        self.channel.arranged = Arranged::Nothing;
        cx.action(Action::HangUp);
    }

    pub(super) fn opened(&mut self, opened: Result<Opened>, cx: &mut Context<'_>) {
        let mut purpose = match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::Opening(purpose) | Progress::Counting(purpose) => purpose,
            other => return self.progress = other,
        };
        match opened {
            Ok(opened) => {
                if let (Purpose::StoreUnique(path), Some(found)) = (&mut purpose, &opened.path) {
                    *path = found.clone();
                }
                if let (Some(why), Some((_, path))) = (opened.in_place, purpose.file()) {
                    let text = format_args!(
                        "{}: {path} is written in place, so that a cut upload leaves a part of it: {why}",
                        self.peer
                    );
                    self.log.once(Repeated::WrittenInPlace, Level::Warn, text);
                }
                let mode = self.channel.representation.data_type.name();
                cx.reply(&self.begins(&purpose, &opened, mode, cx));
                cx.deadlines.clear(Deadline::Idle);
                let connect = cx.now + cx.settings.timings.data_connect;
                cx.deadlines.set(Deadline::DataConnect, connect);
                self.progress = Progress::Transferring(purpose, Phase::Connecting);
                cx.action(Action::Begin);
            }
            Err(error) => {
                self.transfer_refused(cx);
                cx.reply(&refused(&purpose, error));
            }
        }
    }

    pub(super) fn connected(&mut self, cx: &mut Context<'_>) {
        if let Progress::Transferring(_, phase @ Phase::Connecting) = &mut self.progress {
            *phase = Phase::Moving(0, cx.now);
            cx.deadlines.clear(Deadline::DataConnect);
            Self::restart_stall_clock(cx);
        }
    }

    pub(super) fn moved(&mut self, bytes: u64, cx: &mut Context<'_>) {
        if let Progress::Transferring(_, Phase::Moving(moved, _)) = &mut self.progress
            && *moved != bytes
        {
            *moved = bytes;
            Self::restart_stall_clock(cx);
        }
    }

    pub(super) fn ended(
        &mut self,
        ending: Ending,
        bytes: u64,
        kept: Option<u64>,
        cx: &mut Context<'_>,
    ) {
        let (purpose, phase) = match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::Transferring(purpose, phase) => (purpose, phase),
            other => return self.progress = other,
        };
        let took = phase.took(cx.now);
        self.channel.arranged = Arranged::Nothing;
        cx.deadlines.clear(Deadline::DataConnect);
        cx.deadlines.clear(Deadline::DataStall);
        self.record(&purpose, ending, bytes, took, cx);
        cx.reply(&match kept {
            Some(size) => saying_what_is_kept(&ends(ending), size),
            None => ends(ending),
        });
    }

    /// The connection goes, and with it a transfer that is in progress: nobody will report its end.
    pub fn leave(&mut self, cx: &mut Context<'_>) {
        self.log.sum_up(self.peer);
        let progress = std::mem::replace(&mut self.progress, Progress::Closing);
        if let Progress::Transferring(purpose, phase) = progress {
            let (bytes, took) = (phase.moved(), phase.took(cx.now));
            self.record(&purpose, Ending::Abandoned, bytes, took, cx);
            // As it would be said, if there were one to hear it.
            self.audit_unsaid(&ends(Ending::Abandoned), cx);
        }
    }

    /// Has the transfer cut; its reply comes when everything that it held is closed.
    pub(super) fn cut(&mut self, ending: Ending, cx: &mut Context<'_>) {
        let Progress::Transferring(_, phase) = &mut self.progress else {
            return;
        };
        if matches!(phase, Phase::Cutting(..)) {
            // Even closing the file takes this long: the device hangs, and may do so for ever.
            log::error!("{}: The storage does not answer", self.peer);
            return self.close(&Reply::service_not_available(), cx);
        }
        *phase = match *phase {
            Phase::Moving(bytes, since) => Phase::Cutting(bytes, Some(since)),
            _ => Phase::Cutting(0, None),
        };
        cx.deadlines.clear(Deadline::DataConnect);
        Self::restart_stall_clock(cx);
        cx.action(Action::Cut(ending));
    }

    pub(super) fn prepare(&mut self, purpose: Purpose, direction: Direction, cx: &mut Context<'_>) {
        if self.channel.arranged == Arranged::Nothing {
            return cx.reply(&nothing_arranged());
        }
        if !self.may_open_data(cx) {
            return;
        }
        let account = self.login.account();
        let rate = match direction {
            Direction::Retrieve { .. } => account.and_then(|account| account.rate_down),
            Direction::Store { .. } => account.and_then(|account| account.rate_up),
            Direction::List(_) => None,
        };
        self.progress = Progress::Opening(purpose);
        cx.action(Action::Open(Plan {
            direction,
            representation: self.channel.representation,
            rate,
        }));
    }

    fn begins(&self, purpose: &Purpose, opened: &Opened, mode: &str, cx: &Context<'_>) -> Reply {
        match (purpose, &opened.path, opened.size) {
            (Purpose::StoreUnique(_), Some(path), _) => {
                let path = path.seen_from(&self.directory);
                Reply::new(150, [b"FILE: ", self.shown(path, cx).as_slice()].concat())
            }
            (_, _, Some(size)) => {
                let text = format!("Opening {mode} mode data connection ({size} bytes).");
                Reply::new(150, text)
            }
            _ => Reply::new(150, format!("Opening {mode} mode data connection.")),
        }
    }

    fn restart_stall_clock(cx: &mut Context<'_>) {
        let stall = cx.now + cx.settings.timings.data_stall;
        cx.deadlines.set(Deadline::DataStall, stall);
    }

    /// Has whoever wants to know of it told that a transfer of a file is over.
    fn record(
        &mut self,
        purpose: &Purpose,
        ending: Ending,
        bytes: u64,
        took: Duration,
        cx: &mut Context<'_>,
    ) {
        self.audited.moved = Some((bytes, took));
        let Some((verb, path)) = purpose.file() else {
            return;
        };
        self.audited.changes = true;
        // Of STOU, the name that was found.
        self.audited.path = Some(path.clone());
        let representation = self.channel.representation;
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

impl Phase {
    pub(super) const fn moved(&self) -> u64 {
        match self {
            Self::Connecting => 0,
            Self::Moving(bytes, _) | Self::Cutting(bytes, _) => *bytes,
        }
    }

    fn took(&self, now: Instant) -> Duration {
        match self {
            Self::Moving(_, since) | Self::Cutting(_, Some(since)) => {
                now.saturating_duration_since(*since)
            }
            Self::Connecting | Self::Cutting(_, None) => Duration::ZERO,
        }
    }
}

fn refused(purpose: &Purpose, error: Error) -> Reply {
    match (purpose, error) {
        (_, Error::BeyondEnd) => Reply::fixed(554, "REST is beyond the end of the file."),
        (Purpose::MachineList, Error::NotDirectory) => Reply::fixed(501, "Not a directory."),
        (Purpose::Retrieve(_), Error::BadName | Error::NotDirectory)
        | (Purpose::List | Purpose::MachineList, Error::BadName) => refusal(Error::NotFound),
        // Programs look for these words, also where it is a directory.
        (_, Error::IsDirectory) => refusal(Error::NotRegular),
        _ => refusal(error),
    }
}

/// The client may go on behind the bytes that are there (REST).
fn saying_what_is_kept(reply: &Reply, size: u64) -> Reply {
    let kept = format!(" {size} bytes are kept.");
    Reply::new(reply.code, [&reply.lines, kept.as_bytes()].concat())
}

pub(super) fn ends(ending: Ending) -> Reply {
    match ending {
        Ending::Complete => Reply::fixed(226, "Closing data connection; transfer complete."),
        Ending::NotConnected => Reply::cannot_open_data_connection(),
        Ending::NotSecured => Reply::fixed(522, "TLS failed on the data connection."),
        Ending::Cut => Reply::transfer_aborted(),
        Ending::Malformed => Reply::fixed(451, "Not what MODE and STRU say; transfer aborted."),
        Ending::Bounded => Reply::new(
            451,
            format!(
                "The listing is not complete: LIST -R goes {DIRECTORY_DEPTH} directories deep, \
                 and remembers {DIRECTORIES_PENDING} that follow."
            ),
        ),
        Ending::Stalled => Reply::fixed(426, "No data for too long; transfer aborted."),
        Ending::Aborted => Reply::fixed(426, "Transfer aborted, as asked."),
        Ending::Abandoned => Reply::fixed(426, "Control connection ended; transfer aborted."),
        Ending::Stopped => Reply::fixed(426, "Server is stopping; transfer aborted."),
        Ending::Revoked => Reply::fixed(426, "No longer allowed; transfer aborted."),
        Ending::Failed(error @ (Error::NoSpace | Error::QuotaExceeded)) => refusal(error),
        // The largest file that the file system, or the process, may have.
        Ending::Failed(Error::TooLarge) => Reply::fixed(552, "File too large; transfer aborted."),
        Ending::Failed(error) => Reply::new(451, format!("{}; transfer aborted.", error.reason())),
    }
}
