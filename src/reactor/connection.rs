//! One client: the owner of its control stream, session, data channel and deadlines.
//!
//! Whatever happens to a connection happens in a turn ([`Connection::run_turn`]): the output buffer is
//! lent, the session's actions are applied, the replies leave in one write, and the close makes its next
//! step if it is requested. What the connection wants next is computed from its
//! state, never stored.

use std::fmt::Arguments;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use log::Level;

use super::activity::label;
use super::close_reason::CloseReason;
use super::context::LoopContext;
use super::count_wait::CountWait;
use super::data::{DataChannel, PassivePort, TransferState};
use super::proxy_header::ProxyHeader;
use super::turn::{Turn, TurnResult};
use crate::clock::Instant;
use crate::event_loop::{Key, Latch, Queued};
use crate::limits::INPUT_BYTES;
use crate::metrics::Since;
use crate::net::Channel;
use crate::net::tls::SessionTag;
use crate::observe::target;
use crate::protocol::line::LineBuffer;
use crate::protocol::seconds::Seconds;
use crate::session::{
    Context, Deadline, Deadlines, Outbox, PausedTimeout, Repeated, Session, SessionEvent,
};
use crate::status::SessionStart;
use crate::storage::Storage;

/// The data stall clock may be due although data has arrived: the connection was not given its turn yet. It
/// gets its turn within this time, and is not stalled then.
const STALL_GRACE: Duration = Duration::from_millis(1);

/// The state of the control connection.
///
/// ```text
///   ProxyHeader ──complete──▶ Open                          (connections from a proxy begin here)
///   Open ──last reply written, half-closed──▶ Lingering ──client's end, deadline──▶ closed
///   │ ▲└──client half-closes──▶ HalfOpen ──nothing left to answer──▶ closed
///   │ └────────────────────────────────────────┐
///   └──AUTH, CCC──▶ Switching ──234 written──▶ Handshaking     (implicit TLS begins here)
///                                       records │▲ step computed
///                                               ▼│
///                                            Computing
/// ```
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// A proxy has connected, and its header is incomplete. Nothing is sent; the session is not the
    /// client's yet.
    ProxyHeader(Box<ProxyHeader>),
    /// Commands are read and replies written.
    Open,
    /// The reply that begins or ends TLS is being written; nothing is read.
    Switching(Switch),
    /// TLS begins or ends; no command is read and no reply written.
    Handshaking(Handshake),
    /// A worker computes a step of the handshake that begins TLS, or will. The client's time-out is paused;
    /// nothing is read or written, and what becomes ready stays in the latch.
    Computing(Box<AwaitedStep>),
    /// The client has half-closed; the commands that it sent are still answered.
    HalfOpen,
    /// The last reply is written. Input is read and discarded: closing with unread input would reset the
    /// connection, and that can destroy the reply (RFC 1122 §4.2.2.13).
    Lingering,
}

/// A step of a handshake that a worker computes, or will.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AwaitedStep {
    pub(super) ticket: u32,
    /// When the handshake began.
    pub(super) began: Since,
    /// The time-out of the handshake, which is paused.
    pub(super) left: PausedTimeout,
}

/// The direction of a change between clear text and TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    /// From clear text to TLS.
    Secure,
    /// And back (CCC).
    Clear,
}

/// A change between clear text and TLS, and when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handshake {
    pub(super) switch: Switch,
    pub(super) began: Since,
}

/// Set if the client came through a proxy.
pub(super) struct Proxied {
    pub(super) proxy: IpAddr,
    /// The address that the client connected to.
    pub(super) destination: SocketAddr,
}

/// What a session that uses passive mode has beside its link.
pub(super) struct PassiveMode {
    /// The local address of the control connection. It stays the same, so the system is asked once.
    pub(super) here: SocketAddr,
    /// The port that it holds in the pool.
    pub(super) port: PassivePort,
}

pub(super) struct Connection {
    key: Key,
    pub(super) proxied: Option<Box<Proxied>>,
    pub(super) stream: Channel,
    pub(super) ready: Latch,
    pub(super) phase: Phase,
    pub(super) input: LineBuffer,
    pub(super) outbox: Outbox,
    pub(super) session: Session,
    pub(super) serving: Since,
    #[cfg_attr(
        not(feature = "status"),
        expect(dead_code, reason = "only the status service shows it")
    )]
    pub(super) since: SessionStart,
    pub(super) deadlines: Deadlines,
    pub(super) data: Option<Box<DataChannel>>,
    /// Set once passive mode was asked for.
    pub(super) passive: Option<Box<PassiveMode>>,
    /// Binds the TLS sessions of its data connections to this control connection.
    pub(super) tag: Option<SessionTag>,
    /// The files of the account. The session submits nothing before a login.
    pub(super) storage: Arc<dyn Storage>,
    /// The ticket of the job that is awaited; completions with another one are late.
    pub(super) ticket: u32,
    /// A command waits until the files that a quota is for have been counted.
    pub(super) count_wait: Option<Box<CountWait>>,
    pub(super) queued: Queued,
    /// The time of its live entry in the timers.
    pub(super) armed: Option<Instant>,
}

impl Connection {
    /// A connection that was just accepted. Nothing is sent yet.
    pub(super) fn new(
        key: Key,
        stream: Channel,
        peer: SocketAddr,
        phase: Phase,
        context: &LoopContext,
    ) -> Self {
        Self {
            key,
            proxied: None,
            stream,
            ready: Latch::FRESH,
            phase,
            input: LineBuffer::default(),
            outbox: Outbox::default(),
            session: Session::new(peer),
            deadlines: Deadlines::default(),
            data: None,
            passive: None,
            tag: None,
            serving: Since::default(),
            since: SessionStart::new(context.now),
            storage: Arc::clone(&context.policy.storage),
            ticket: 0,
            count_wait: None,
            queued: Queued::default(),
            armed: None,
        }
    }

    pub(super) fn greet(&mut self, context: &mut LoopContext) {
        let mut cx = context.for_session(&mut self.outbox, &mut self.deadlines);
        self.session.greet(&mut cx);
    }

    pub(super) const fn is_known(&self) -> bool {
        !matches!(self.phase, Phase::ProxyHeader(_))
    }

    pub(super) const fn key(&self) -> Key {
        self.key
    }

    /// The client; a proxy, until its header names the client.
    pub(super) const fn peer(&self) -> SocketAddr {
        self.session.peer()
    }

    /// Runs a turn: its work, then the session's actions; then what the loop waits for is registered, and the
    /// replies are written.
    pub(super) fn run_turn(
        &mut self,
        context: &mut LoopContext,
        work: impl FnOnce(&mut Self, &mut LoopContext) -> TurnResult,
    ) -> TurnResult {
        self.outbox.attach(&mut context.scratch.output);
        let before = context.activity.commands;
        let worked = work(self, context);
        let result = self.end_turn(worked, context);
        self.take_times(context.activity.commands - before, context);
        result
    }

    /// The rest of a turn, which is the same for all kinds of work.
    fn end_turn(&mut self, worked: TurnResult, context: &mut LoopContext) -> TurnResult {
        let worked = worked.map(|request| {
            let asked = self.apply_actions(context);
            let asked_late = self.register_link(context);
            self.return_port(context);
            request.or(asked).or(asked_late)
        });
        let written = worked.and_then(|request| {
            self.write_replies(context)?;
            Ok(request)
        });
        self.outbox.detach(&mut context.scratch.output);
        if written.is_err() {
            // The scratch is the next connection's.
            context.drop_actions(&self.storage);
        }
        let request = written?;
        self.advance_close(context)?;
        Ok(request)
    }

    /// Lets the session act. Its actions are queued, and applied later in the turn.
    pub(super) fn converse(
        &mut self,
        context: &mut LoopContext,
        act: impl FnOnce(&mut Session, &mut Context<'_>),
    ) {
        let mut cx = context.for_session(&mut self.outbox, &mut self.deadlines);
        act(&mut self.session, &mut cx);
    }

    pub(super) fn notify(&mut self, event: SessionEvent, context: &mut LoopContext) {
        self.converse(context, |session, cx| session.handle(event, cx));
    }

    /// Logs an event that the client can repeat at will: only the first time in its session.
    pub(super) fn log_once(&mut self, event: Repeated, level: Level, text: Arguments<'_>) {
        self.session.log_once(event, level, text);
    }

    /// Whether the connection is runnable, and for which turn: the one predicate of the run queue.
    pub(super) fn wants(&self, turn: Turn) -> bool {
        match turn {
            Turn::Control => self.wants_control(),
            Turn::Data => self.data.as_ref().is_some_and(|data| {
                data.is_runnable()
                    || self.wants_early_handshake()
                    || data.ready.readable && data.must_be_silent(self.session.protects_data())
            }),
        }
    }

    fn wants_control(&self) -> bool {
        match self.phase {
            Phase::Handshaking(_) => self.ready.has(self.stream.handshake_interest()),
            Phase::Computing(_) => false,
            Phase::Lingering | Phase::ProxyHeader(_) => self.ready.readable,
            Phase::Open | Phase::Switching(_) | Phase::HalfOpen => {
                (self.ready.writable && self.has_output())
                    || self.wants_read()
                    || self.has_command()
                    || self.has_urgent()
            }
        }
    }

    /// Whether the client has begun, or goes on with, a handshake of a data connection before its command.
    pub(super) fn wants_early_handshake(&self) -> bool {
        let data = self.data.as_ref();
        data.is_some_and(|data| data.wants_handshake()) && self.session.protects_data()
    }

    pub(super) fn has_output(&self) -> bool {
        !self.outbox.is_empty() || self.stream.has_unsent()
    }

    /// Whether a read may find commands, and there is room for them.
    pub(super) fn wants_read(&self) -> bool {
        (self.ready.readable || self.needs_control_probe()) && self.wants_input()
    }

    fn needs_control_probe(&self) -> bool {
        let data = self.data.as_deref();
        data.is_some_and(DataChannel::needs_control_probe)
    }

    fn wants_input(&self) -> bool {
        matches!(self.phase, Phase::Open)
            && !self.session.is_closing()
            && !self.outbox.is_full()
            && self.input.len() < INPUT_BYTES
    }

    fn has_command(&self) -> bool {
        self.session.accepts_command() && !self.outbox.is_full() && self.input.has_line()
    }

    /// Whether a command waits that is executed during a transfer (RFC 959 §4.1.3): ABOR anywhere in the
    /// input, or a STAT that is next.
    fn has_urgent(&self) -> bool {
        self.has_status() || self.has_abort()
    }

    pub(super) fn has_status(&self) -> bool {
        self.session.is_transferring()
            && !self.outbox.is_full()
            && !self.input.is_next_too_long()
            && self
                .input
                .waiting()
                .next()
                .is_some_and(|line| line.is_bare(b"STAT"))
    }

    pub(super) fn has_abort(&self) -> bool {
        self.session.may_be_aborted() && self.input.waiting().any(|line| line.is(b"ABOR"))
    }

    pub(super) fn has_quit(&self) -> bool {
        self.input.waiting().any(|line| line.is_bare(b"QUIT"))
    }

    pub(super) fn expire(&mut self, context: &mut LoopContext) -> TurnResult {
        while let Some(deadline) = self.deadlines.take_due(context.now) {
            context.activity.count_expired(deadline);
            context.counts.expired(label(deadline));
            match deadline {
                Deadline::ReplyStall => return Err(CloseReason::RepliesUnread),
                Deadline::Linger => return Err(CloseReason::Finished),
                Deadline::Handshake if !self.is_known() => return Err(CloseReason::NoProxyHeader),
                Deadline::Handshake => {
                    self.log_handshake_timeout(context);
                    return Err(CloseReason::NotSecured);
                }
                Deadline::Resume => self.resume(context),
                Deadline::Arrival => self.give_up_listening(context),
                // The client has done its part; the loop is late, or waits for the end of the pause.
                Deadline::DataStall if self.wants(Turn::Data) || self.confirms_end() => {
                    self.deadlines.set(deadline, context.now + STALL_GRACE);
                }
                other => self.converse(context, |session, cx| session.expired(other, cx)),
            }
        }
        Ok(None)
    }

    /// Whether a complete upload waits for the control connection to end as well.
    fn confirms_end(&self) -> bool {
        let data = self.data.as_deref();
        data.is_some_and(|data| matches!(data.state(), TransferState::ConfirmingEnd(_)))
    }

    fn log_handshake_timeout(&self, context: &LoopContext) {
        let seconds = Seconds(context.policy.settings.timings.handshake);
        let (missing, hint) = match self.phase {
            Phase::Handshaking(handshake) if handshake.switch == Switch::Clear => {
                ("No end of TLS", "")
            }
            _ if self.session.is_switching() => ("No TLS handshake", ""),
            // A client that waits for a greeting in the clear.
            _ => (
                "No TLS handshake",
                "; the client has to be set to implicit FTPS here",
            ),
        };
        log::warn!(
            target: target::SECURITY,
            "{}: {missing} within {seconds} seconds (timings.handshake){hint}",
            self.peer()
        );
    }
}
