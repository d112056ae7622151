//! One client's conversation: a pure state machine.
//!
//! Lines, reports and deadlines go in; replies, [`Action`]s and deadlines come out, through the
//! [`Context`] that each call is given. A session owns what the conversation has agreed on
//! (who, where, which TYPE, which data channel) and knows no socket, no file and no clock. One
//! command is in progress at a time, so replies come in the order of the commands. RFC 959 §5.4.
//!
//! `question` holds the open question of a command that waits for one answer, and its replies.
//! Each command has its method in the file of its family: `login`, `navigation`, `files`,
//! `attributes`, `digests`, `space`, `site`, `parameters`, `security`, `channel`, `transfers`,
//! `uploads`, `listings`, `information`.

mod actions;
mod attributes;
mod audit;
mod channel;
mod control_only;
mod counting;
mod deadlines;
mod digests;
mod dispatch;
mod farewells;
mod files;
mod idling;
mod information;
mod introduction;
mod listings;
mod login;
mod navigation;
mod outbox;
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
use std::time::{Duration, Instant};

pub use actions::{Action, Ending, NoListener, SessionEvent};
pub use deadlines::{Deadline, Deadlines, Left};
pub use outbox::Outbox;
pub use security::{SecurityPolicy, TlsRequired};
pub use session_log::Repeated;
pub use settings::{Mode, Settings};

use crate::auth::{Denial, TokenBucket};
use crate::protocol::line::Line;
use crate::protocol::path::VirtualPath;
use crate::protocol::reply::Reply;
use crate::storage::{Error, Umask};
use crate::transfer::Format;
use audit::Audited;
use channel::Channel;
use farewells::Farewell;
use login::{Login, Proof};
use question::Question;
use security::{Protection, Switch};
use session_log::SessionLog;
use transfers::{Phase, Purpose};

/// What a session is given in each call: the time, and where its output goes.
pub struct Context<'a> {
    /// The monotonic clock.
    pub now: Instant,
    /// The wall clock, in seconds since 1970.
    pub unix_time: i64,
    /// What all sessions have in common.
    pub settings: &'a Settings,
    /// Where replies go.
    pub outbox: &'a mut Outbox,
    /// Where orders go.
    pub actions: &'a mut VecDeque<Action>,
    /// The connection's deadlines.
    pub deadlines: &'a mut Deadlines,
}

impl Context<'_> {
    fn reply(&mut self, reply: &Reply) {
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

/// What a session is doing.
///
/// ```text
///             ┌──PASS──▶ Verifying ──no──▶ Penalised ─┐
///             │              └──yes──┐    (deadline)  │
///   ──220──▶ Idle ◀──────────────────┴────────────────┘
///             │ ▲
///             │ ├──deadline─ Slowed  ◀──too many commands before a login
///             │ ├──report── Asking   ◀──CWD SIZE DELE … PASV
///             │ ├──550───── Opening  ◀──RETR STOR LIST …
///             │ ├──450─── Counting ◀───┤
///             │ │              │ 150   │
///             │ └──ended── Transferring
///             ├──AUTH, CCC──▶ Switching ──handshake──▶ Idle
///             └──QUIT, 421──▶ Closing
/// ```
#[derive(Debug)]
enum Progress {
    /// The next command may come.
    Idle,
    /// A password is being checked, or a certificate.
    Verifying(Proof),
    /// TLS begins, or ends.
    Switching(Switch),
    /// The client may not come in; the answer waits.
    Penalised(Denial),
    /// Nobody is logged in, and commands come too fast: the next one waits.
    Slowed,
    /// An answer is awaited, and then said as the question has it.
    Asking(Question),
    /// The file side of a transfer is being opened.
    Opening(Purpose),
    /// It will be, when the files that a quota is for have been counted.
    Counting(Purpose),
    /// It is, and the right to the transfer was lost meanwhile.
    Withdrawn,
    /// The 150 is said.
    Transferring(Purpose, Phase),
    /// The last reply is said.
    Closing,
}

/// One client's conversation.
#[derive(Debug)]
pub struct Session {
    peer: SocketAddr,
    progress: Progress,
    login: Login,
    directory: VirtualPath,
    /// Of what this session makes; `None` is the process's own.
    umask: Option<Umask>,
    protection: Protection,
    channel: Channel,
    rename_from: Option<Box<VirtualPath>>,
    /// What SITE IDLE has set, instead of the server's.
    idle: Option<Duration>,
    failures: u8,
    /// Of commands without a login.
    command_rate: TokenBucket,
    long_lines: u8,
    log: Box<SessionLog>,
    audited: Box<Audited>,
    /// Why it ends as soon as no transfer is in progress.
    farewell: Option<Farewell>,
}

/// What a session has in boxes, for the sum of all memory.
#[cfg(test)]
pub(crate) const BOXED_BYTES: usize = size_of::<SessionLog>() + size_of::<Audited>();

impl Session {
    /// Begins a conversation: the greeting.
    pub fn open(peer: SocketAddr, cx: &mut Context<'_>) -> Self {
        cx.reply(&cx.settings.welcome());
        if cx.settings.mode == Mode::Serving {
            let login = cx.now + cx.settings.timings.login;
            cx.deadlines.set(Deadline::Login, login);
        }
        let session = Self::silent(peer);
        session.restart_idle_clock(cx);
        session
    }

    /// A conversation that has not begun: with a proxy that has not said for whom it is here.
    pub fn silent(peer: SocketAddr) -> Self {
        Self {
            peer,
            progress: Progress::Idle,
            login: Login::Nobody,
            directory: VirtualPath::root(),
            umask: None,
            protection: Protection::default(),
            channel: Channel::default(),
            rename_from: None,
            idle: None,
            failures: 0,
            command_rate: TokenBucket::new(),
            long_lines: 0,
            log: Box::default(),
            audited: Box::default(),
            farewell: None,
        }
    }

    /// Whether the next command may be executed now.
    pub const fn accepts_command(&self) -> bool {
        matches!(self.progress, Progress::Idle)
    }

    /// Whether the last reply is said.
    pub const fn is_closing(&self) -> bool {
        matches!(self.progress, Progress::Closing)
    }

    /// Executes one command. Only while [`accepts_command`](Self::accepts_command), but for a
    /// STAT during a transfer.
    pub fn execute(&mut self, line: &Line<'_>, cx: &mut Context<'_>) {
        // What was said without a command, after an ABOR, is not the answer to this one.
        let _ = cx.outbox.take_final_code();
        let is_aside = self.is_transferring();
        if !is_aside {
            self.restart_idle_clock(cx);
        }
        match line {
            Line::TooLong => self.line_too_long(cx),
            Line::Text(line) if cx.settings.mode == Mode::ControlOnly => {
                self.control_only(line, cx);
            }
            Line::Text(line) => self.serve(line, cx),
        }
        if is_aside {
            // The transfer has its own final reply yet.
            let _ = cx.outbox.take_final_code();
        } else {
            self.conclude(cx);
        }
        if cx.settings.mode == Mode::Serving && !self.login.is_logged_in() {
            self.slow_down(cx);
        }
    }

    /// Takes the result of an order.
    pub fn handle(&mut self, handle: SessionEvent, cx: &mut Context<'_>) {
        self.audited.hears(&handle);
        let is_waited_for = !self.accepts_command();
        match handle {
            SessionEvent::Verified(verdict) => self.verified(verdict, cx),
            SessionEvent::Switching(is_last) => self.switching(is_last, cx),
            SessionEvent::Secured(name) => self.secured(name, cx),
            SessionEvent::Cleared => self.cleared(),
            SessionEvent::Listening(address) => self.listening(address, cx),
            SessionEvent::Lost => self.lost(cx),
            SessionEvent::Operated(answer) => self.operated(answer, cx),
            SessionEvent::NotCounted => self.not_counted(cx),
            SessionEvent::TriedAgain => self.tried_again(),
            SessionEvent::Advanced => self.restart_idle_clock(cx),
            SessionEvent::Found(found) => self.task_finished(found, cx),
            SessionEvent::Dropped => self.dropped(),
            SessionEvent::Entry(entry) => self.entry_described(entry, cx),
            SessionEvent::Described(lines) => self.described(lines, cx),
            SessionEvent::Opened(_) if matches!(self.progress, Progress::Withdrawn) => {
                self.withdrawn(cx);
            }
            SessionEvent::Opened(opened) => self.opened(opened, cx),
            SessionEvent::Present(lines) => self.present(&lines, cx),
            SessionEvent::Connected => self.connected(cx),
            SessionEvent::Marked(mark) => self.marked(&mark, cx),
            SessionEvent::Moved(bytes) => self.moved(bytes, cx),
            SessionEvent::EndedUnclean => self.ended_unclean(cx),
            SessionEvent::Ended {
                ending,
                bytes,
                kept,
            } => self.ended(ending, bytes, kept, cx),
        }
        // However long it took, the client has its time for the next command.
        if is_waited_for && self.accepts_command() {
            self.restart_idle_clock(cx);
        }
        self.conclude(cx);
        if let Some(farewell) = self.farewell.filter(|_| self.accepts_command()) {
            self.dismiss(&farewell.reply(), cx);
        }
    }

    /// A deadline has passed.
    pub fn expired(&mut self, deadline: Deadline, cx: &mut Context<'_>) {
        match deadline {
            Deadline::Login => {
                log::info!("{}: No login in time (timings.login)", self.peer);
                self.dismiss(&farewells::no_login(cx.settings.timings.login), cx);
            }
            Deadline::Idle => self.dismiss(&self.idled(cx), cx),
            Deadline::Penalty => self.penalty_over(cx),
            Deadline::Expiry => self.watch_expiry(cx),
            Deadline::DataConnect => self.cut(Ending::NotConnected, cx),
            Deadline::DataStall => self.cut(Ending::Stalled, cx),
            // The connection's own: they concern bytes, not the conversation.
            Deadline::ReplyStall
            | Deadline::Arrival
            | Deadline::Handshake
            | Deadline::DataProxyHeader
            | Deadline::Linger
            | Deadline::Resume => {}
        }
    }

    /// The name of the account that the client is logged in to.
    pub fn account_name(&self) -> Option<&[u8]> {
        self.login.account().map(|account| account.name.as_slice())
    }

    /// The name that the client has given with USER and not proved yet.
    pub fn claimed_name(&self) -> Option<&[u8]> {
        self.login.claimed_name()
    }

    /// Whether data connections may be to other hosts than the client's.
    pub fn allows_fxp(&self) -> bool {
        self.login.allows_fxp()
    }

    /// Logs something that the client can repeat at will: the first time in this session.
    pub fn log_once(&mut self, what: Repeated, level: log::Level, text: std::fmt::Arguments<'_>) {
        self.log.once(what, level, text);
    }

    /// One line that says who is there and what is going on, for SITE WHO.
    pub fn summary(&self) -> String {
        let doing = match &self.progress {
            Progress::Idle => "idle",
            Progress::Switching(_) => "securing",
            Progress::Verifying(_) | Progress::Penalised(_) | Progress::Slowed => "logging in",
            Progress::Asking(_)
            | Progress::Opening(_)
            | Progress::Counting(_)
            | Progress::Withdrawn => "busy",
            Progress::Transferring(..) => "transferring",
            Progress::Closing => "leaving",
        };
        format!("{} {} {doing}", self.peer, self.login)
    }

    /// Ends the conversation with 421, which nobody has asked for. Behind the reply that begins or
    /// ends TLS there is nothing that could be said before the switch, nor understood.
    fn dismiss(&mut self, reply: &Reply, cx: &mut Context<'_>) {
        match self.progress {
            Progress::Switching(_) => self.break_off(cx),
            _ => self.close(reply, cx),
        }
    }

    /// Says the last reply.
    fn close(&mut self, reply: &Reply, cx: &mut Context<'_>) {
        cx.reply(reply);
        self.break_off(cx);
    }

    /// Ends the conversation without a word.
    pub fn break_off(&mut self, cx: &mut Context<'_>) {
        self.leave(cx);
        cx.deadlines.clear_all();
        cx.action(Action::HangUp);
    }
}

/// The reply to a failed storage call outside of a transfer (RFC 959 §4.2).
fn refusal(error: Error) -> Reply {
    let code = match error {
        Error::NoSpace => 452,
        Error::Busy | Error::NotCounted => 450,
        Error::QuotaExceeded => 552,
        Error::Device | Error::Exhausted => 451,
        Error::BadName => 553,
        _ => 550,
    };
    Reply::new(code, format!("{}.", error.reason()))
}
