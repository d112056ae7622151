//! One client: the owner of its control stream, its session, its data channel and its
//! deadlines.
//!
//! Whatever happens to a connection is a *visit*: the replies' storage is lent, something is
//! done, the session's orders are carried out, the replies leave in one write, and the
//! connection says what it wants next. What it wants is computed from its state, never kept.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::close_reason::CloseReason;
use super::context::LoopContext;
use super::count_wait::CountWait;
use super::data::DataChannel;
use super::key::Key;
use super::latch::Latch;
use super::proxied::ProxyHeader;
use super::run_queue::{Queued, Turn};
use crate::limits::INPUT_BYTES;
use crate::net::tls::SessionTag;
use crate::net::{Channel, Stream};
use crate::observe::target;
use crate::protocol::line::LineBuffer;
use crate::session::{Context, Deadline, Deadlines, Outbox, Session};
use crate::storage::Storage;

/// A data connection that is ready when its time is over has had no turn yet; it has one within this.
const A_MOMENT: Duration = Duration::from_millis(1);

/// What comes of a visit: the connection goes on, or is to be closed.
pub(super) type Visit = Result<(), CloseReason>;

/// How far the control connection is.
///
/// ```text
///   Preamble ──header──▶ Open                              (a proxy's connections begin here)
///   Open ──last reply written, half-closed──▶ Lingering ──client's end, deadline──▶ closed
///   │ ▲└──client's end──▶ HalfOpen ──nothing left to answer──▶ closed
///   │ └────────────────────────────────────────┐
///   └──AUTH, CCC──▶ Switching ──234 written──▶ Handshaking     (implicit TLS begins here)
/// ```
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// A proxy has connected, and has not said for whom: nothing is said, and the session, which is
    /// not the client's yet, hears nothing.
    ProxyHeader(Box<ProxyHeader>),
    /// Commands come and replies go.
    Open,
    /// The reply that begins or ends TLS is on its way; nothing is read until it is written.
    Switching(Switch),
    /// TLS begins or ends; nothing is said, and nothing is heard.
    Handshaking(Switch),
    /// The client will send no more; what it sent is still answered.
    HalfOpen,
    /// The last reply is written. What the client still sends is read and thrown away: closing
    /// over it would reset the connection, and that can destroy the reply (RFC 1122 §4.2.2.13).
    Lingering,
}

/// Which way a connection changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    /// From clear text to TLS.
    Secure,
    /// And back (CCC).
    Clear,
}

/// Where a client has come through a proxy.
pub(super) struct Proxied {
    pub(super) proxy: IpAddr,
    /// What the client has connected to.
    pub(super) destination: SocketAddr,
}

pub(super) struct Connection {
    key: Key,
    pub(super) peer: SocketAddr,
    /// Of a connection that a proxy has made.
    pub(super) proxied: Option<Box<Proxied>>,
    pub(super) stream: Channel,
    pub(super) ready: Latch,
    pub(super) phase: Phase,
    pub(super) input: LineBuffer,
    pub(super) outbox: Outbox,
    pub(super) session: Session,
    pub(super) deadlines: Deadlines,
    pub(super) data: Option<Box<DataChannel>>,
    /// What the TLS sessions of its data connections are known by.
    pub(super) tag: Option<SessionTag>,
    /// The files of the account; before a login, nobody is let at them.
    pub(super) storage: Arc<dyn Storage>,
    /// The job that is awaited has this ticket; completions with another one are late.
    pub(super) ticket: u32,
    /// Files are counted, and something waits for it.
    pub(super) count_wait: Option<Box<CountWait>>,
    pub(super) queued: Queued,
    /// When the timers will ask for this connection.
    pub(super) armed: Option<Instant>,
}

impl Connection {
    /// A connection that was just accepted, in its first phase; nothing has been said.
    pub(super) fn new(
        key: Key,
        stream: Channel,
        peer: SocketAddr,
        phase: Phase,
        context: &LoopContext,
    ) -> Self {
        Self {
            key,
            peer,
            proxied: None,
            stream,
            ready: Latch::FRESH,
            phase,
            input: LineBuffer::new(),
            outbox: Outbox::new(),
            session: Session::silent(peer),
            deadlines: Deadlines::new(),
            data: None,
            tag: None,
            storage: Arc::clone(&context.storage),
            ticket: 0,
            count_wait: None,
            queued: Queued::default(),
            armed: None,
        }
    }

    /// The client is known and let in: the greeting.
    pub(super) fn greet(&mut self, context: &mut LoopContext) {
        let mut cx = context.context(&mut self.outbox, &mut self.deadlines);
        self.session = Session::open(self.peer, &mut cx);
    }

    /// Whether it is known who the client is.
    pub(super) const fn is_known(&self) -> bool {
        !matches!(self.phase, Phase::ProxyHeader(_))
    }

    pub(super) const fn key(&self) -> Key {
        self.key
    }

    /// Does something with the connection, and everything that follows from it.
    pub(super) fn visit(
        &mut self,
        context: &mut LoopContext,
        work: impl FnOnce(&mut Self, &mut LoopContext) -> Visit,
    ) -> Visit {
        self.outbox.attach(&mut context.output);
        let visited = work(self, context).and_then(|()| {
            self.apply_actions(context);
            self.write_replies(context)
        });
        self.outbox.detach(&mut context.output);
        if visited.is_err() {
            // What this session still wanted is not for the next one to get.
            context.drop_actions(&self.storage);
            return visited;
        }
        self.settle(context)
    }

    /// Lets the session speak; its orders wait for [`apply_actions`](Self::apply_actions).
    pub(super) fn converse(
        &mut self,
        context: &mut LoopContext,
        speak: impl FnOnce(&mut Session, &mut Context<'_>),
    ) {
        let mut cx = context.context(&mut self.outbox, &mut self.deadlines);
        speak(&mut self.session, &mut cx);
    }

    /// Whether there is anything to do, and for which turn. The one predicate that decides who
    /// runs.
    pub(super) fn wants(&self, turn: Turn) -> bool {
        match turn {
            Turn::Handshake if matches!(self.phase, Phase::Handshaking(_)) => {
                self.ready.handshakes(&self.stream)
            }
            Turn::Handshake => {
                let data = self.data.as_ref();
                data.is_some_and(|data| data.is_spoken_to()) && self.session.protects_data()
            }
            Turn::Control if matches!(self.phase, Phase::Handshaking(_)) => false,
            Turn::Control if matches!(self.phase, Phase::Lingering | Phase::ProxyHeader(_)) => {
                self.ready.readable
            }
            Turn::Control => {
                (self.ready.writable && self.has_output())
                    || (self.ready.readable && self.wants_input())
                    || self.has_command()
                    || self.has_urgent()
            }
            Turn::Data => self.data.as_ref().is_some_and(|data| {
                data.is_runnable()
                    || data.ready.readable && data.is_to_be_silent(self.session.protects_data())
            }),
        }
    }

    /// Whether there is something to be written.
    fn has_output(&self) -> bool {
        !self.outbox.is_empty() || self.stream.has_unsent()
    }

    /// Whether more commands may be read.
    pub(super) fn wants_input(&self) -> bool {
        self.phase == Phase::Open
            && !self.session.is_closing()
            && !self.outbox.is_full()
            && self.input.len() < INPUT_BYTES
    }

    /// Whether a command can be executed now.
    pub(super) fn has_command(&self) -> bool {
        self.session.accepts_command() && !self.outbox.is_full() && self.input.has_line()
    }

    /// Whether a command waits that is heard during a transfer (RFC 959 §4.1.3): ABOR, wherever
    /// it stands, and a STAT that is next.
    pub(super) fn has_urgent(&self) -> bool {
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

    /// Whether the client has said that it leaves when its commands are done.
    pub(super) fn has_quit(&self) -> bool {
        self.input.waiting().any(|line| line.is_bare(b"QUIT"))
    }

    /// What is due is done.
    pub(super) fn expire(&mut self, context: &mut LoopContext) -> Visit {
        while let Some(deadline) = self.deadlines.take_due(context.now) {
            context.activity.count_expired(deadline);
            match deadline {
                Deadline::ReplyStall => return Err(CloseReason::RepliesUnread),
                Deadline::Linger => return Err(CloseReason::Finished),
                Deadline::Handshake if !self.is_known() => return Err(CloseReason::NoProxyHeader),
                Deadline::Handshake => {
                    let time = context.settings.timings.handshake.as_secs_f64();
                    let (peer, (missing, hint)) = (self.peer, self.missing());
                    log::warn!(
                        target: target::SECURITY,
                        "{peer}: {missing} within {time} seconds (timings.handshake){hint}"
                    );
                    return Err(CloseReason::NotSecured);
                }
                Deadline::Resume => self.resume(context),
                Deadline::Arrival => self.give_up_listening(context),
                Deadline::DataProxyHeader => self.give_up_pending(),
                // It has done its part, and the loop comes late or waits a moment: it has its turn first.
                Deadline::DataStall if self.wants(Turn::Data) || self.confirms_an_end() => {
                    self.deadlines.set(deadline, context.now + A_MOMENT);
                }
                other => self.converse(context, |session, cx| session.expired(other, cx)),
            }
        }
        Ok(())
    }

    /// What has not come about in time, of a change of the connection.
    /// And what may be the cause: a client that waits for a greeting in the clear.
    const fn missing(&self) -> (&'static str, &'static str) {
        const HINT: &str = "; the client has to be set to implicit FTPS here";
        match self.phase {
            Phase::Handshaking(Switch::Clear) => ("No end of TLS", ""),
            _ if self.session.is_switching() => ("No TLS handshake", ""),
            _ => ("No TLS handshake", HINT),
        }
    }

    /// Writes what there is room for; what is left has a deadline.
    fn write_replies(&mut self, context: &LoopContext) -> Visit {
        if matches!(self.phase, Phase::Handshaking(_) | Phase::ProxyHeader(_)) {
            return Ok(());
        }
        let mut progress = false;
        while self.ready.writable && self.has_output() {
            // What TLS has not sent yet goes first, and each part of it is progress, too.
            let written = if self.stream.has_unsent() {
                self.stream.flush_some().map(|()| None)
            } else {
                self.stream.write(self.outbox.unsent()).map(Some)
            };
            match written {
                Ok(None) => progress = true,
                Ok(Some(0)) => return Err(CloseReason::Cut(io::ErrorKind::WriteZero)),
                Ok(Some(count)) => {
                    self.outbox.wrote(count);
                    progress = true;
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.ready.writable = false,
                    io::ErrorKind::Interrupted => {}
                    kind => return Err(CloseReason::Cut(kind)),
                },
            }
        }
        if self.has_output() {
            self.await_room(progress, context);
        } else {
            self.deadlines.clear(Deadline::ReplyStall);
        }
        Ok(())
    }

    /// The client has to read before there is room, and has its time for it from its last progress.
    fn await_room(&mut self, progress: bool, context: &LoopContext) {
        if progress || !self.deadlines.is_set(Deadline::ReplyStall) {
            let stall = context.now + context.settings.timings.reply_stall;
            self.deadlines.set(Deadline::ReplyStall, stall);
        }
    }

    /// Closes, or begins to, when everything is said.
    fn settle(&mut self, context: &mut LoopContext) -> Visit {
        match self.phase {
            // The last reply cannot be said, and it would not be heard.
            Phase::ProxyHeader(_) if self.session.is_closing() => Err(CloseReason::Stopped),
            Phase::Handshaking(_) if self.session.is_closing() => {
                self.leave_the_last_word_to_tls();
                self.begin_to_linger(context)
            }
            _ if !self.outbox.is_empty() => Ok(()),
            Phase::Switching(switch) if !self.session.is_closing() => {
                self.begin_handshake(switch, context)
            }
            Phase::Open | Phase::Switching(_) if self.session.is_closing() => {
                self.begin_to_linger(context)
            }
            Phase::HalfOpen if self.session.is_closing() => {
                self.leave(CloseReason::Finished, context)
            }
            Phase::HalfOpen if self.session.accepts_command() && !self.input.has_line() => {
                self.leave(CloseReason::ClientLeft, context)
            }
            _ => Ok(()),
        }
    }

    fn begin_to_linger(&mut self, context: &LoopContext) -> Visit {
        match self.stream.shutdown() {
            Ok(()) => {
                self.phase = Phase::Lingering;
                self.deadlines.clear_all();
                let linger = context.now + context.settings.timings.linger;
                self.deadlines.set(Deadline::Linger, linger);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.ready.writable = false;
                self.await_room(false, context);
                Ok(())
            }
            Err(_) => Err(CloseReason::Finished),
        }
    }

    /// The client has ended its side already; that we end ours is all that is left to say.
    fn leave(&mut self, reason: CloseReason, context: &LoopContext) -> Visit {
        match self.stream.shutdown() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.ready.writable = false;
                self.await_room(false, context);
                Ok(())
            }
            _ => Err(reason),
        }
    }
}
