//! The state of one control connection, as a state machine without I/O. RFC 959 §5.4.
//!
//! Input: command lines, [`SessionEvent`]s and expired deadlines. Output, through the [`Context`] of each
//! call: replies, [`Action`]s and new deadlines. A session owns the login, the current directory and the
//! transfer parameters; it must not know sockets, files or the clock. One command is in progress at a
//! time, so replies have the order of the commands. Each command has a method in the file of its family;
//! `question` has the replies of those that wait for one answer.

mod actions;
mod attributes;
mod audit;
mod channel;
mod closing;
mod control_only;
mod count_wait;
mod deadlines;
mod digests;
mod dispatch;
mod failures;
mod files;
mod idle;
mod information;
mod listings;
mod login;
mod navigation;
mod negotiation;
mod outbox;
mod overview;
mod parameters;
mod question;
mod revocation;
mod security;
mod session_log;
mod settings;
mod site;
mod space;
#[cfg(test)]
mod tests;
mod transfers;
mod uploads;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

pub use actions::{Action, Ending, NoListener, SessionEvent};
pub use deadlines::{Deadline, Deadlines, PausedTimeout};
pub use outbox::Outbox;
pub use overview::{Overview, TransferOverview};
pub use security::{SecurityPolicy, TlsRequired};
pub use session_log::Repeated;
pub use settings::{ServerMode, Settings};

use crate::auth::{Denial, TokenBucket};
use crate::clock::Instant;
use crate::metrics::Counts;
#[cfg(test)]
use crate::protocol::byte_range::ByteRange;
use crate::protocol::line::Line;
use crate::protocol::path::VirtualPath;
use crate::protocol::reply::Reply;
use crate::storage::Umask;
use crate::transfer::Format;
use audit::AuditState;
use channel::TransferParameters;
use closing::EndReason;
use failures::refusal;
use login::{Login, Proof};
use question::{Found, Question};
use security::{Protection, TlsSwitch};
use session_log::SessionLog;
use transfers::{Purpose, RunningTransfer};

/// The inputs and outputs of one call of a session.
pub struct Context<'a> {
    /// The monotonic clock.
    pub now: Instant,
    /// The wall clock, in seconds since 1970.
    pub unix_time: i64,
    /// The settings that all sessions share.
    pub settings: &'a Settings,
    /// The queue of replies.
    pub outbox: &'a mut Outbox,
    /// The queue of actions.
    pub actions: &'a mut VecDeque<Action>,
    /// The connection's deadlines.
    pub deadlines: &'a mut Deadlines,
    /// The counters that all sessions share.
    pub counts: &'a mut Counts,
}

impl Context<'_> {
    #[inline]
    fn reply(&mut self, reply: &Reply) {
        self.counts.reply(reply.code);
        self.outbox.reply(reply);
    }

    fn action(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    const fn long_format(&self) -> Format {
        Format::Long {
            now: self.unix_time,
            zone: self.settings.zone,
        }
    }
}

/// The state of the command in progress.
///
/// ```text
///             ┌──PASS──▶ Verifying ──fail──▶ LoginDelayed ─┐
///             │              └──ok───┐         (deadline)  │
///   ──220──▶ Idle ◀──────────────────┴─────────────────────┘
///             │ ▲
///             │ ├──deadline── Throttled      ◀──rate limit before a login
///             │ ├──event───── AwaitingAnswer ◀──CWD SIZE DELE … PASV
///             │ │               │ no port is free
///             │ ├──ABOR───────── AwaitingPort
///             │ ├──550─────── Opening        ◀──RETR STOR LIST …
///             │ │               │ │ ▲
///             │ │               │ ▼ │ retry
///             │ ├──ABOR───────── AwaitingCount
///             │ ├──425──────── OpeningRevoked ◀──reload while Opening
///             │ │               │ 150
///             │ └──ended─────── Transferring
///             ├──AUTH, CCC──▶ Switching ──handshake──▶ Idle
///             └──QUIT, 421──▶ Closing
/// ```
#[derive(Debug)]
enum Progress {
    /// Ready for the next command.
    Idle,
    /// A password or a certificate is being verified.
    Verifying(Proof),
    /// AUTH or CCC: TLS starts or ends on the control connection.
    Switching(TlsSwitch),
    /// The login failed; the reply waits for [`Deadline::Penalty`].
    LoginDelayed(Denial),
    /// Rate limit before the login: the next command waits for [`Deadline::Penalty`].
    Throttled,
    /// The command waits for one event.
    AwaitingAnswer(Question),
    /// PASV or EPSV waits until a port is free for the client's address.
    AwaitingPort(Question),
    /// The file of a transfer is being opened.
    Opening(Box<Purpose>),
    /// Opening it waits until the files under its quota have been counted.
    AwaitingCount(Box<Purpose>),
    /// A reload has revoked the permission while the file is being opened.
    OpeningRevoked,
    /// The 150 is sent.
    Transferring(Box<RunningTransfer>),
    /// The last reply is sent.
    Closing,
}

/// The session of one control connection.
#[derive(Debug)]
pub struct Session {
    peer: SocketAddr,
    progress: Progress,
    login: Login,
    directory: VirtualPath,
    /// For new files and directories; `None`: the umask of the process.
    umask: Option<Umask>,
    protection: Protection,
    params: TransferParameters,
    rename_from: Option<Box<VirtualPath>>,
    /// The idle time-out that SITE IDLE has set, instead of `timings.idle`.
    idle: Option<Duration>,
    failures: u8,
    /// The rate of commands before a login.
    command_rate: TokenBucket,
    long_lines: u8,
    log: SessionLog,
    audit: AuditState,
    /// Set when the session must end once no transfer is in progress.
    end_reason: Option<EndReason>,
}

/// The size of the boxes of a session, for the total memory of a connection.
#[cfg(test)]
pub(crate) const BOXED_BYTES: usize = SessionLog::BOXED_BYTES
    + size_of::<audit::AuditNotes>()
    + Deadlines::BOXED_BYTES
    + size_of::<RunningTransfer>()
    + size_of::<ByteRange>();

impl Session {
    /// A session without a greeting, which a PROXY header or a TLS handshake may precede.
    pub fn new(peer: SocketAddr) -> Self {
        Self {
            peer,
            progress: Progress::Idle,
            login: Login::LoggedOut,
            directory: VirtualPath::root(),
            umask: None,
            protection: Protection::default(),
            params: TransferParameters::default(),
            rename_from: None,
            idle: None,
            failures: 0,
            command_rate: TokenBucket::default(),
            long_lines: 0,
            log: SessionLog::default(),
            audit: AuditState::default(),
            end_reason: None,
        }
    }

    /// Greets the client, and sets the first deadlines.
    pub fn greet(&self, cx: &mut Context<'_>) {
        cx.reply(&cx.settings.greeting_reply());
        if cx.settings.mode == ServerMode::Serving {
            let login = cx.now + cx.settings.timings.login;
            cx.deadlines.set(Deadline::Login, login);
        }
        self.restart_idle_timer(cx);
    }

    /// The address of the client.
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whether the next command may be executed now.
    pub const fn accepts_command(&self) -> bool {
        matches!(self.progress, Progress::Idle)
    }

    /// Whether the last reply is sent.
    pub const fn is_closing(&self) -> bool {
        matches!(self.progress, Progress::Closing)
    }

    /// Whether a password or a certificate is being verified.
    pub const fn is_verifying(&self) -> bool {
        matches!(self.progress, Progress::Verifying(_))
    }

    /// Executes one command. Requires [`accepts_command`](Self::accepts_command), except for STAT
    /// during a transfer.
    pub fn execute(&mut self, line: &Line<'_>, cx: &mut Context<'_>) {
        // The 426 of an ABOR belongs to no command: it must not be audited as the reply to this one.
        let _ = cx.outbox.take_final_code();
        let during_transfer = self.is_transferring();
        if !during_transfer {
            self.restart_idle_timer(cx);
        }
        match line {
            Line::TooLong => self.line_too_long(cx),
            Line::Text(line) if cx.settings.mode == ServerMode::ControlOnly => {
                self.control_only(line, cx);
            }
            Line::Text(line) => self.serve(line, cx),
        }
        if during_transfer {
            // The code of this STAT must not be audited as the reply of the transfer.
            let _ = cx.outbox.take_final_code();
        } else {
            self.audit_if_answered(cx);
        }
        if cx.settings.mode == ServerMode::Serving && !self.login.is_logged_in() {
            self.throttle(cx);
        }
    }

    /// Handles the result of an action.
    pub fn handle(&mut self, event: SessionEvent, cx: &mut Context<'_>) {
        self.audit.note_failure(&event);
        let was_busy = !self.accepts_command();
        match event {
            SessionEvent::Verified(result) => self.verified(result, cx),
            SessionEvent::Switching(is_last) => self.switching(is_last, cx),
            SessionEvent::Secured(name) => self.secured(name, cx),
            SessionEvent::Cleared => self.cleared(),
            SessionEvent::Listening(address) => self.listening(address, cx),
            SessionEvent::PortAwaited => self.port_awaited(cx),
            SessionEvent::DataConnectionLost => self.data_connection_lost(cx),
            SessionEvent::StorageAnswered(answer) => self.answered(answer.map(Found::Answered), cx),
            SessionEvent::CountPending => self.count_pending(cx),
            SessionEvent::CountRetried => self.count_retried(),
            SessionEvent::TaskAdvanced => self.restart_idle_timer(cx),
            SessionEvent::TaskFinished(result) => self.answered(result.map(Found::TaskDone), cx),
            SessionEvent::TaskDropped => self.task_dropped(),
            SessionEvent::Entry(entry) => self.answered(entry.map(Found::Described), cx),
            SessionEvent::ListingMade(lines) => self.answered(lines.map(Found::Listed), cx),
            SessionEvent::Opened(_) if matches!(self.progress, Progress::OpeningRevoked) => {
                self.opening_revoked(cx);
            }
            SessionEvent::Opened(opened) => self.opened(opened, cx),
            SessionEvent::SessionsListed(lines) => self.sessions_listed(&lines, cx),
            SessionEvent::Connected => self.connected(cx),
            SessionEvent::MarkerReached(mark) => self.marked(&mark, cx),
            SessionEvent::Moved(bytes) => self.moved(bytes, cx),
            SessionEvent::EndedUnclean => self.ended_unclean(cx),
            SessionEvent::Ended {
                ending,
                bytes,
                kept,
            } => self.ended(ending, bytes, kept, cx),
        }
        // The idle time-out must not include the time that the command took.
        if was_busy && self.accepts_command() {
            self.restart_idle_timer(cx);
        }
        self.audit_if_answered(cx);
        if let Some(end_reason) = self.end_reason.filter(|_| self.accepts_command()) {
            self.close_unsolicited(&end_reason.reply(), cx);
        }
    }

    /// Handles an expired deadline.
    pub fn expired(&mut self, deadline: Deadline, cx: &mut Context<'_>) {
        match deadline {
            Deadline::Login => {
                log::info!("{}: Closed: no login within timings.login", self.peer);
                self.close_unsolicited(&closing::no_login(cx.settings.timings.login), cx);
            }
            Deadline::Idle => self.close_unsolicited(&self.idle_expired(cx), cx),
            Deadline::Penalty => self.penalty_expired(cx),
            Deadline::Expiry => self.watch_expiry(cx),
            Deadline::DataConnect => self.cut(Ending::NotConnected, cx),
            Deadline::DataStall => self.cut(Ending::Stalled, cx),
            // The reactor handles these itself.
            Deadline::ReplyStall
            | Deadline::Arrival
            | Deadline::Handshake
            | Deadline::Linger
            | Deadline::Resume => {}
        }
    }

    /// The account name of a logged-in client.
    pub fn account_name(&self) -> Option<&[u8]> {
        self.login.account().map(|account| account.name.as_slice())
    }

    /// The name from USER, while the client is not logged in.
    pub fn claimed_name(&self) -> Option<&[u8]> {
        self.login.claimed_name()
    }

    /// Whether data connections to other hosts than the client's are allowed (FXP).
    pub fn allows_fxp(&self) -> bool {
        self.login.allows_fxp()
    }

    /// Logs an event that the client can repeat at will: only the first time in this session.
    pub fn log_once(&mut self, event: Repeated, level: log::Level, text: std::fmt::Arguments<'_>) {
        self.log.once(self.peer, event, level, text);
    }

    /// Closes the session with a 421 that answers no command. During a switch of TLS it closes without
    /// a reply: the client no longer reads clear text, or does not read it yet.
    fn close_unsolicited(&mut self, reply: &Reply, cx: &mut Context<'_>) {
        match self.progress {
            Progress::Switching(_) => self.close_silently(cx),
            _ => self.close(reply, cx),
        }
    }

    fn close(&mut self, reply: &Reply, cx: &mut Context<'_>) {
        cx.reply(reply);
        self.close_silently(cx);
    }

    /// Closes the session without a reply.
    pub fn close_silently(&mut self, cx: &mut Context<'_>) {
        self.leave(Ending::Abandoned, cx);
        cx.deadlines.clear_all();
        cx.action(Action::CloseDataConnection);
    }
}
