//! One control connection of a load generator: connected, logged in, at work, and gone.
//!
//! It owns its link and its conversation; the commands between login and QUIT are its tasks'. One clock
//! reading serves a whole turn: the time of the replies that were read is that of the commands which follow
//! them. The loop gives it turns; it must not know other connections.

use std::time::Duration;

use super::bounds::Bounds;
use super::client::{ClientSession, ReplyReader, ServerReply, Step};
use super::link::Link;
use super::pacing::Schedule;
use super::shared::Shared;
use super::tls::ClientTls;
use super::trouble::{End, Trouble};
use super::work::{Next, Sessions, Tasks, Work};
use crate::cause::cause;
use crate::clock::Instant;
use crate::event_loop::{Queued, Readiness};

/// Reads of a turn.
const READS: usize = 4;

/// How long a server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// ```text
///   Connecting ──▶ Entering ──logged in──▶ Working ──no more work──▶ Leaving ──221, end──▶ gone
///          └─▶ Securing ─▲│                   └─(workloads of logins: at once)─▲
///                   ▲─────┘ AUTH TLS
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    /// A TLS handshake goes on that began then.
    Securing(Instant),
    Entering,
    Working,
    Leaving,
}

/// A client's connection.
pub(super) struct Client {
    link: Link,
    tls: Option<ClientTls>,
    session: ClientSession,
    reader: ReplyReader,
    out: Vec<u8>,
    phase: Phase,
    tasks: Tasks,
    /// Of its workload.
    pub(super) lane: usize,
    /// When the connection was begun.
    began: Instant,
    /// By when the server has to do something; none if nothing is due.
    deadline: Option<Instant>,
    pub(super) queued: Queued,
    pub(super) armed: Option<Instant>,
}

/// What a new connection is for.
pub(super) struct Purpose {
    pub(super) lane: usize,
    pub(super) row: usize,
    pub(super) work: Work,
    /// Unless it is in the clear.
    pub(super) tls: Option<ClientTls>,
}

impl Client {
    pub(super) fn new(
        link: Link,
        session: ClientSession,
        purpose: Purpose,
        now: Instant,
        time_out: Duration,
    ) -> Self {
        Self {
            link,
            tls: purpose.tls,
            lane: purpose.lane,
            session,
            reader: ReplyReader::default(),
            out: Vec::new(),
            phase: Phase::Connecting,
            tasks: Tasks::new(purpose.work, purpose.row),
            began: now,
            deadline: Some(now + time_out),
            queued: Queued::default(),
            armed: None,
        }
    }

    /// Whether it is not logged in yet.
    pub(super) const fn is_entering(&self) -> bool {
        match &self.phase {
            Phase::Connecting | Phase::Securing(_) | Phase::Entering => true,
            // The files that others fetch have to be there.
            Phase::Working => self.tasks.is_preparing(),
            Phase::Leaving => false,
        }
    }

    /// An event of one of its sockets.
    pub(super) fn set_ready(&mut self, role: usize, readiness: Readiness) {
        if role == 0 {
            self.link.ready.set(readiness);
        } else {
            self.tasks.set_ready(role, readiness);
        }
    }

    /// Has it follow a schedule from now on.
    pub(super) fn set_schedule(&mut self, schedule: Schedule, depth: usize) {
        self.tasks.work = Work::Open { schedule, depth };
    }

    /// When it must have a turn without an event.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let is_working = self.phase == Phase::Working;
        let due = is_working.then(|| self.tasks.due()).flatten();
        due.into_iter().chain(self.deadline).min()
    }

    /// Whether an event has something for it.
    pub(super) fn wants_turn(&self) -> bool {
        let ready = self.link.ready;
        match &self.phase {
            Phase::Connecting => ready.writable,
            Phase::Securing(_) => self.link.wants_handshake(),
            Phase::Entering | Phase::Working | Phase::Leaving => {
                ready.readable
                    || ready.writable && (!self.out.is_empty() || self.link.has_unsent())
                    || self.tasks.wants_turn()
            }
        }
    }

    /// One turn: reads, answers, and writes once.
    pub(super) fn turn(&mut self, shared: &mut Shared) -> Result<(), End> {
        if self.is_beginning() && !self.begin(shared)? {
            return self.check_deadline(shared.network.now());
        }
        let mut buffer = std::mem::take(&mut shared.control);
        let read = self.read(&mut buffer, shared);
        shared.control = buffer;
        let now = match read? {
            Some(now) => now,
            None => shared.network.now(),
        };
        self.check_deadline(now)?;
        self.ask(now, shared)?;
        self.write(now, shared)
    }

    const fn is_beginning(&self) -> bool {
        matches!(self.phase, Phase::Connecting | Phase::Securing(_))
    }

    /// Returns whether commands can be exchanged.
    fn begin(&mut self, shared: &mut Shared) -> Result<bool, End> {
        if self.phase == Phase::Connecting {
            let connected = self.link.connect();
            if !connected.map_err(|error| End::Failed(Trouble::Connect(error)))? {
                return Ok(false);
            }
            self.phase = Phase::Entering;
            if self.session.connected() == Step::Secure {
                self.secure(shared.network.now())?;
            }
        }
        let Phase::Securing(began) = self.phase else {
            return Ok(true);
        };
        let secured = self.link.handshake();
        if !secured.map_err(|error| End::Failed(Trouble::Tls(cause(&error).to_string())))? {
            return Ok(false);
        }
        self.secured(began, shared)?;
        Ok(true)
    }

    fn secure(&mut self, now: Instant) -> Result<(), End> {
        let begun = self.tls.as_ref().map(ClientTls::begin).transpose();
        match begun.map_err(|why| End::Failed(Trouble::Tls(why)))? {
            Some(tls) => self.link.secure(tls),
            None => debug_assert!(false, "there is no TLS"),
        }
        self.phase = Phase::Securing(now);
        Ok(())
    }

    /// A handshake is finished.
    fn secured(&mut self, began: Instant, shared: &mut Shared) -> Result<(), End> {
        if let Some(why) = self.tls.as_ref().and_then(ClientTls::distrust) {
            return Err(End::Failed(Trouble::Tls(why)));
        }
        self.phase = Phase::Entering;
        let now = shared.network.now();
        self.deadline = Some(now + shared.time_out);
        if let Work::Handshake(sessions) = self.tasks.work
            && shared.bounds.measures(self.began)
        {
            match (sessions, self.link.is_resumed()) {
                (Sessions::First, _) => {}
                (Sessions::Resumed, false) => {
                    let why = "the server has not resumed the session";
                    shared.failed(&Trouble::Tls(why.to_owned()));
                }
                (Sessions::New | Sessions::Resumed, _) => {
                    shared.answered(self.tasks.row, began, now);
                }
            }
        }
        if self.session.secured(&mut self.out) == Step::Ready {
            self.enter(now, shared);
        }
        Ok(())
    }

    /// Takes the replies that have come. Returns when they did.
    fn read(&mut self, buffer: &mut [u8], shared: &mut Shared) -> Result<Option<Instant>, End> {
        let mut read_at = None;
        for _ in 0..READS {
            match self.link.read(buffer) {
                Ok(None) => break,
                Ok(Some(0)) => {
                    return Err(match self.phase {
                        Phase::Leaving => End::Finished,
                        _ => End::Failed(Trouble::Closed),
                    });
                }
                Ok(Some(count)) => {
                    let now = shared.network.now();
                    read_at = Some(now);
                    shared.received(self.tasks.row, count as u64, now);
                    self.take(buffer.get(..count).unwrap_or_default(), now, shared)?;
                    // What follows AUTH TLS is for the handshake.
                    if self.is_beginning() {
                        break;
                    }
                }
                Err(_) if self.phase == Phase::Leaving => return Err(End::Finished),
                Err(error) => return Err(End::Failed(Trouble::Lost(error))),
            }
        }
        Ok(read_at)
    }

    fn take(&mut self, mut input: &[u8], now: Instant, shared: &mut Shared) -> Result<(), End> {
        let mut reader = std::mem::take(&mut self.reader);
        let taken = loop {
            match reader.next(&mut input) {
                Ok(None) => break Ok(()),
                Ok(Some(reply)) => {
                    if let Err(end) = self.reply(&reply, now, shared) {
                        break Err(end);
                    }
                }
                Err(bad) => break Err(End::Failed(Trouble::Garbage(bad))),
            }
        };
        self.reader = reader;
        taken
    }

    fn reply(
        &mut self,
        reply: &ServerReply<'_>,
        now: Instant,
        shared: &mut Shared,
    ) -> Result<(), End> {
        if self.phase == Phase::Working {
            let next = self.tasks.reply(reply, now, shared, &mut self.out);
            self.await_next(next.map_err(End::Failed)?, now, shared);
            return Ok(());
        }
        // An announcement is nothing done.
        if reply.class() != 1 {
            self.deadline = Some(now + shared.time_out);
        }
        let step = self.session.reply(reply, &mut self.out);
        match step.map_err(|refusal| End::Failed(Trouble::Refused(refusal)))? {
            Step::Ready => self.enter(now, shared),
            Step::Closed => return Err(End::Finished),
            Step::Secure => self.secure(now)?,
            Step::Wait => {}
        }
        Ok(())
    }

    /// It is logged in.
    fn enter(&mut self, now: Instant, shared: &mut Shared) {
        self.phase = Phase::Working;
        self.deadline = None;
        if matches!(self.tasks.work, Work::Login) {
            shared.answered(self.tasks.row, self.began, now);
        }
        if matches!(self.tasks.work, Work::Login | Work::Handshake(_)) {
            self.leave(now);
        }
    }

    /// Goes on with its tasks.
    fn ask(&mut self, now: Instant, shared: &mut Shared) -> Result<(), End> {
        if self.phase == Phase::Working {
            let next = self.tasks.go_on(now, shared, &mut self.out);
            self.await_next(next.map_err(End::Failed)?, now, shared);
        }
        Ok(())
    }

    /// What the server has to do, and by when.
    fn await_next(&mut self, next: Next, now: Instant, shared: &Shared) {
        match next {
            Next::Leave => self.leave(now),
            Next::Idle => self.deadline = None,
            Next::Same => {}
            Next::More => self.deadline = Some(now + shared.time_out),
        }
    }

    fn leave(&mut self, now: Instant) {
        self.phase = Phase::Leaving;
        self.session.quit(&mut self.out);
        self.deadline = Some(now + GOODBYE);
    }

    fn write(&mut self, now: Instant, shared: &mut Shared) -> Result<(), End> {
        let written = match self.link.flush() {
            Ok(true) if !self.out.is_empty() => self.link.write(&self.out),
            flushed => flushed.map(|_| 0),
        };
        match written {
            Ok(count) => {
                shared.sent(self.tasks.row, count as u64, now);
                if count == self.out.len() {
                    self.out.clear();
                } else {
                    self.out.drain(..count);
                }
                Ok(())
            }
            Err(_) if self.phase == Phase::Leaving => Err(End::Finished),
            Err(error) => Err(End::Failed(Trouble::Lost(error))),
        }
    }

    fn check_deadline(&self, now: Instant) -> Result<(), End> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        Err(match self.phase {
            Phase::Connecting => End::Failed(Trouble::TimedOut("accept the connection")),
            Phase::Securing(_) => End::Failed(Trouble::TimedOut("finish the TLS handshake")),
            Phase::Entering => End::Failed(Trouble::TimedOut("let the client in")),
            Phase::Working => End::Failed(Trouble::TimedOut(self.tasks.awaited())),
            Phase::Leaving => End::Finished,
        })
    }

    /// How many measured commands and jobs are not done.
    pub(super) fn unanswered(&self, bounds: &Bounds) -> usize {
        self.tasks.unanswered(bounds)
    }

    /// The files that it leaves behind if it is lost now.
    pub(super) fn leftovers(&self) -> Vec<Vec<u8>> {
        self.tasks.leftovers()
    }
}
