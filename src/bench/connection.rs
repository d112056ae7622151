//! One control connection of a load generator: connected, logged in, at work, and gone.
//!
//! It owns its stream, its conversation and the times at which its unanswered commands began. One clock
//! reading serves a whole turn: the time of the replies that were read is that of the commands which follow
//! them. The loop gives it turns; it must not know other connections.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use super::bounds::Bounds;
use super::client::{ClientSession, Refusal, ReplyReader, ServerReply, Step};
use super::measure::Measure;
use super::pacing::Schedule;
use super::trouble::{End, Trouble};
use crate::clock::Instant;
use crate::event_loop::{Interest, Latch, Queued};
use crate::net::{Network, Stream};

/// Reads of a turn.
const READS: usize = 4;

/// How long a server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

const NOOP: &[u8] = b"NOOP\r\n";

/// What all connections work with.
pub(super) struct Shared {
    pub(super) network: Box<dyn Network>,
    pub(super) bounds: Bounds,
    pub(super) measure: Measure,
    /// How long a server may take for anything.
    pub(super) time_out: Duration,
    /// What is read, in every turn anew.
    pub(super) buffer: Vec<u8>,
}

/// ```text
///   Connecting ──▶ Entering ──logged in──▶ Working ──no more work──▶ Leaving ──221, end──▶ gone
///                                             └─(login workload: at once)─▲
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Entering,
    Working,
    Leaving,
}

/// What a connection does once it is logged in.
#[derive(Debug)]
pub(super) enum Work {
    /// Nothing.
    Idle,
    /// A command for each reply, so many ahead.
    Closed { depth: usize },
    /// Commands at their times, at most so many at once.
    Open { schedule: Schedule, depth: usize },
    /// It leaves; its time is that of the login.
    Login,
}

/// A client's connection.
pub(super) struct Client {
    stream: Box<dyn Stream>,
    session: ClientSession,
    reader: ReplyReader,
    out: Vec<u8>,
    phase: Phase,
    work: Work,
    /// When the connection was begun.
    began: Instant,
    /// When the commands began that are not answered, or should have begun.
    unanswered: VecDeque<Instant>,
    /// By when the server has to do something; none if nothing is due.
    deadline: Option<Instant>,
    pub(super) ready: Latch,
    pub(super) queued: Queued,
    pub(super) armed: Option<Instant>,
}

impl Client {
    pub(super) fn new(
        stream: Box<dyn Stream>,
        session: ClientSession,
        work: Work,
        now: Instant,
        time_out: Duration,
    ) -> Self {
        Self {
            stream,
            session,
            reader: ReplyReader::default(),
            out: Vec::new(),
            phase: Phase::Connecting,
            work,
            began: now,
            unanswered: VecDeque::new(),
            deadline: Some(now + time_out),
            ready: Latch::FRESH,
            queued: Queued::default(),
            armed: None,
        }
    }

    /// Whether it is not logged in yet.
    pub(super) const fn is_entering(&self) -> bool {
        matches!(self.phase, Phase::Connecting | Phase::Entering)
    }

    /// Has it follow a schedule from now on.
    pub(super) fn set_schedule(&mut self, schedule: Schedule, depth: usize) {
        self.work = Work::Open { schedule, depth };
    }

    /// When it must have a turn without an event.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let due = match &self.work {
            Work::Open { schedule, depth }
                if self.phase == Phase::Working && self.unanswered.len() < *depth =>
            {
                Some(schedule.due())
            }
            _ => None,
        };
        due.into_iter().chain(self.deadline).min()
    }

    /// Whether an event has something for it.
    pub(super) const fn wants_turn(&self) -> bool {
        self.ready.readable || self.ready.writable && (!self.out.is_empty() || self.is_connecting())
    }

    const fn is_connecting(&self) -> bool {
        matches!(self.phase, Phase::Connecting)
    }

    /// One turn: reads, answers, and writes once.
    pub(super) fn turn(&mut self, shared: &mut Shared) -> Result<(), End> {
        if self.is_connecting() && !self.connect()? {
            return self.check_deadline(shared.network.now());
        }
        let mut buffer = std::mem::take(&mut shared.buffer);
        let read = self.read(&mut buffer, shared);
        shared.buffer = buffer;
        let now = match read? {
            Some(now) => now,
            None => shared.network.now(),
        };
        self.check_deadline(now)?;
        self.ask(now, shared);
        self.write(shared)
    }

    /// Returns whether the connection is established.
    fn connect(&mut self) -> Result<bool, End> {
        if !self.ready.writable {
            return Ok(false);
        }
        match self.stream.connected() {
            Ok(()) => {
                self.phase = Phase::Entering;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.ready.clear(Interest::Writable);
                Ok(false)
            }
            Err(error) => Err(End::Failed(Trouble::Connect(error))),
        }
    }

    /// Takes the replies that have come. Returns when they did.
    fn read(&mut self, buffer: &mut [u8], shared: &mut Shared) -> Result<Option<Instant>, End> {
        let mut read_at = None;
        for _ in 0..READS {
            if !self.ready.readable {
                break;
            }
            match self.stream.read(buffer) {
                Ok(0) => {
                    return Err(match self.phase {
                        Phase::Leaving => End::Finished,
                        _ => End::Failed(Trouble::Closed),
                    });
                }
                Ok(count) => {
                    let now = shared.network.now();
                    read_at = Some(now);
                    shared.measure.received += count as u64;
                    if count < buffer.len() && !self.ready.drain {
                        self.ready.clear(Interest::Readable);
                    }
                    self.take(buffer.get(..count).unwrap_or_default(), now, shared)?;
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.ready.clear(Interest::Readable),
                    io::ErrorKind::Interrupted => {}
                    _ if self.phase == Phase::Leaving => return Err(End::Finished),
                    _ => return Err(End::Failed(Trouble::Lost(error))),
                },
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
            return self.answer(reply, now, shared);
        }
        self.deadline = Some(now + shared.time_out);
        let step = self.session.reply(reply, &mut self.out);
        match step.map_err(|refusal| End::Failed(Trouble::Refused(refusal)))? {
            Step::Ready => self.enter(now, shared),
            Step::Closed => return Err(End::Finished),
            Step::Wait => {}
        }
        Ok(())
    }

    /// It is logged in.
    fn enter(&mut self, now: Instant, shared: &mut Shared) {
        self.phase = Phase::Working;
        self.deadline = None;
        if matches!(self.work, Work::Login) {
            if shared.bounds.measures(self.began) {
                let took = now.nanoseconds_since(self.began);
                shared.measure.answered(took);
            }
            self.leave(now);
        }
    }

    fn leave(&mut self, now: Instant) {
        self.phase = Phase::Leaving;
        self.session.quit(&mut self.out);
        self.deadline = Some(now + GOODBYE);
    }

    /// The reply to the oldest command.
    fn answer(
        &mut self,
        reply: &ServerReply<'_>,
        now: Instant,
        shared: &mut Shared,
    ) -> Result<(), End> {
        let Some(began) = self.unanswered.pop_front() else {
            return Err(End::Failed(Trouble::Unasked(reply.shown())));
        };
        self.deadline = (!self.unanswered.is_empty()).then_some(now + shared.time_out);
        if reply.class() != 2 {
            let refused = Trouble::Refused(Refusal {
                command: "NOOP",
                code: reply.code,
                reply: reply.shown(),
            });
            shared.measure.failed(refused.kind(), || refused.sentence());
        } else if shared.bounds.measures(began) {
            let took = now.nanoseconds_since(began);
            shared.measure.answered(took);
        }
        Ok(())
    }

    /// Appends the commands that are due.
    fn ask(&mut self, now: Instant, shared: &mut Shared) {
        if self.phase != Phase::Working {
            return;
        }
        let before = self.unanswered.len();
        match &mut self.work {
            Work::Idle | Work::Login => {}
            Work::Closed { depth } => {
                while self.unanswered.len() < *depth && shared.bounds.admits(now) {
                    self.unanswered.push_back(now);
                    self.out.extend_from_slice(NOOP);
                }
            }
            Work::Open { schedule, depth } => {
                while self.unanswered.len() < *depth && schedule.due() <= now {
                    let due = schedule.due();
                    if !shared.bounds.admits(due) {
                        break;
                    }
                    self.unanswered.push_back(due);
                    self.out.extend_from_slice(NOOP);
                    schedule.advance();
                }
            }
        }
        if before == 0 && !self.unanswered.is_empty() {
            self.deadline = Some(now + shared.time_out);
        }
        if self.unanswered.is_empty() && self.has_no_work_left(shared, now) {
            self.leave(now);
        }
    }

    /// A schedule may have commands that should have been sent before the end.
    fn has_no_work_left(&self, shared: &Shared, now: Instant) -> bool {
        let is_late = match (&self.work, shared.bounds.end()) {
            (Work::Open { schedule, .. }, Some(end)) => schedule.due() < end,
            _ => false,
        };
        shared.bounds.are_over(now) && !is_late
    }

    fn write(&mut self, shared: &mut Shared) -> Result<(), End> {
        if self.out.is_empty() || !self.ready.writable {
            return Ok(());
        }
        match self.stream.write(&self.out) {
            Ok(count) => {
                shared.measure.sent += count as u64;
                if count == self.out.len() {
                    self.out.clear();
                } else {
                    self.out.drain(..count);
                }
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.ready.clear(Interest::Writable);
                    Ok(())
                }
                io::ErrorKind::Interrupted => Ok(()),
                _ if self.phase == Phase::Leaving => Err(End::Finished),
                _ => Err(End::Failed(Trouble::Lost(error))),
            },
        }
    }

    fn check_deadline(&self, now: Instant) -> Result<(), End> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        Err(match self.phase {
            Phase::Connecting => End::Failed(Trouble::TimedOut("accept the connection")),
            Phase::Entering => End::Failed(Trouble::TimedOut("let the client in")),
            Phase::Working => End::Failed(Trouble::TimedOut("answer a NOOP")),
            Phase::Leaving => End::Finished,
        })
    }

    /// How many measured commands have no reply.
    pub(super) fn unanswered(&self, bounds: &Bounds) -> usize {
        let measured = |began: &&Instant| bounds.measures(**began);
        self.unanswered.iter().filter(measured).count()
    }
}
