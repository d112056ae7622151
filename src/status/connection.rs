//! One status connection: a request is read, its response written, and then the next.
//!
//! It owns its stream, what it has read and not parsed, and what is unsent. Both are bounded: while a
//! response is unsent nothing is read, so a client that pipelines waits (backpressure). The caller gives it
//! turns and answers its calls; it must not know what they are about, nor read a clock.

use std::io;

use super::piecewise::{Arrival, Pieces};
use super::request::{HttpRequest, Method, parse};
use super::response::{Framing, Response, StatusCode};
use super::route::{Call, Place, route};
use crate::clock::Instant;
use crate::event_loop::{Interest, Latch, Queued};
use crate::limits::status::{
    BODY_BYTES, HEAD_BYTES, KEEP_ALIVE_TIME, REQUEST_TIME, RESPONSE_STALL, STATUS_LINGER,
};
use crate::net::Stream;

/// Bytes of one read.
const READ_BYTES: usize = 4096;

/// The state of a connection.
///
/// ```text
///   Reading ──request──▶ Responding ──┬─ sent, kept ─────▶ Reading
///      │                     ▲        ├─ sent, closed ───▶ Lingering ──end, deadline──▶ closed
///      └──error, deadline────┘        └─ sent, a stream ─▶ Streaming ──end, stall─────▶ closed
///
///   Responding ──made elsewhere──▶ Deferred ──begun──▶ Arriving ──the last piece──▶ Responding
/// ```
#[derive(Debug)]
enum State {
    /// A request is incomplete, or none has begun.
    Reading,
    /// A response is due or unsent; nothing is read.
    Responding(Next),
    /// Updates are sent; input is discarded.
    Streaming,
    /// The response, which is the last one, is not there yet; input is discarded.
    Deferred,
    /// It comes in pieces, each of which is sent before the next is taken; input is discarded.
    Arriving(Arrival),
    /// The last response is sent. Input is discarded: closing with unread input would reset the connection,
    /// and that can destroy the response.
    Lingering,
}

/// What follows a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Keep,
    Close,
    Stream,
}

/// What a turn has come to.
#[derive(Debug, PartialEq, Eq)]
pub enum StatusTurn {
    /// It waits, or wants another turn.
    Done,
    /// A request is to be answered by [`StatusConnection::respond`].
    Call(Call),
    /// It is over.
    Closed,
}

/// A client of the status service.
pub struct StatusConnection {
    stream: Box<dyn Stream>,
    is_local: bool,
    is_refused: bool,
    state: State,
    /// Of the response that is due.
    framing: Framing,
    input: Vec<u8>,
    /// Whether the input may have a request that has not been looked for.
    is_unparsed: bool,
    output: Vec<u8>,
    /// The bytes of the output that are sent.
    sent: usize,
    deadline: Option<Instant>,
    /// What is known of the socket.
    pub ready: Latch,
    /// Where the run queue has it.
    pub queued: Queued,
    /// The time of its live entry in the timers.
    pub armed: Option<Instant>,
}

impl StatusConnection {
    /// A connection that was just accepted.
    pub fn new(stream: Box<dyn Stream>, is_local: bool, now: Instant) -> Self {
        Self {
            stream,
            is_local,
            is_refused: false,
            state: State::Reading,
            framing: Framing::Whole,
            input: Vec::new(),
            is_unparsed: false,
            output: Vec::new(),
            sent: 0,
            deadline: Some(now + REQUEST_TIME),
            ready: Latch::FRESH,
            queued: Queued::default(),
            armed: None,
        }
    }

    /// When [`expire`](Self::expire) is due.
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether it is over the Unix socket.
    pub const fn is_local(&self) -> bool {
        self.is_local
    }

    /// Whether [`refuse`](Self::refuse) was called.
    pub const fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Whether it is sent updates.
    pub const fn is_streaming(&self) -> bool {
        matches!(
            self.state,
            State::Streaming | State::Responding(Next::Stream)
        )
    }

    /// Whether its response is made elsewhere, and it is still there to take it.
    pub const fn is_deferred(&self) -> bool {
        matches!(self.state, State::Deferred | State::Arriving(_))
    }

    /// Whether it is runnable.
    pub const fn wants_turn(&self) -> bool {
        let has_output = self.sent < self.output.len();
        match &self.state {
            State::Reading => self.is_unparsed || self.ready.readable,
            State::Responding(_) => has_output && self.ready.writable,
            State::Streaming => self.ready.readable || has_output && self.ready.writable,
            State::Arriving(arrival) => {
                self.ready.readable || (has_output || arrival.is_woken) && self.ready.writable
            }
            State::Deferred | State::Lingering => self.ready.readable,
        }
    }

    /// One bounded turn: at most one read and one write. `names` are those of this host.
    pub fn turn(&mut self, now: Instant, unix_time: i64, names: &[String]) -> StatusTurn {
        let done = match self.state {
            State::Reading => return self.read_request(now, unix_time, names),
            State::Responding(_) => self.flush(now),
            State::Streaming => self.discard().and_then(|()| self.flush(now)),
            State::Arriving(_) => self
                .discard()
                .and_then(|()| self.take_piece(unix_time))
                .and_then(|()| self.flush(now)),
            State::Deferred | State::Lingering => self.discard(),
        };
        done.map_or(StatusTurn::Closed, |()| StatusTurn::Done)
    }

    fn read_request(&mut self, now: Instant, unix_time: i64, names: &[String]) -> StatusTurn {
        if !self.is_unparsed {
            match self.fill(now) {
                // The end, also in the middle of a request: there is none to answer.
                Ok(0) => return StatusTurn::Closed,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return StatusTurn::Done,
                Err(_) => return StatusTurn::Closed,
            }
        }
        self.is_unparsed = false;
        let place = if self.is_local {
            Place::Local
        } else {
            Place::Network(names)
        };
        let (length, framing, keeps_alive, call) = match parse(&self.input) {
            Ok(None) => return StatusTurn::Done,
            Ok(Some(request)) => {
                let call = route(&request, place);
                (
                    request.length,
                    framing_of(&request),
                    request.keeps_alive,
                    call,
                )
            }
            Err(status) => {
                self.expect_response(Framing::Whole, Next::Close);
                return self.respond(Response::of(status), now, unix_time);
            }
        };
        self.input.drain(..length);
        let is_stream = call == Ok(Call::Updates);
        let (framing, next) = match (framing, keeps_alive) {
            (Framing::HeadOnly, _) if is_stream => (Framing::HeadOfStream, Next::Close),
            _ if is_stream => (Framing::Stream, Next::Stream),
            (framing, true) => (framing, Next::Keep),
            (framing, false) => (framing, Next::Close),
        };
        self.expect_response(framing, next);
        match call {
            Ok(call) => StatusTurn::Call(call),
            Err(response) => self.respond(response, now, unix_time),
        }
    }

    /// There is no room for it: answers it before its request, whose bytes are discarded.
    pub fn refuse(&mut self, now: Instant, unix_time: i64) -> StatusTurn {
        self.is_refused = true;
        self.expect_response(Framing::Whole, Next::Close);
        let text =
            "503 Service Unavailable: all connections are in use (status.connections); try again";
        let response = Response::plain(StatusCode::Unavailable, text);
        self.respond(response, now, unix_time)
    }

    fn expect_response(&mut self, framing: Framing, next: Next) {
        self.framing = framing;
        self.state = State::Responding(next);
    }

    /// Reads what there is room for.
    fn fill(&mut self, now: Instant) -> io::Result<usize> {
        let mut bytes = [0; READ_BYTES];
        let room = (HEAD_BYTES + BODY_BYTES).saturating_sub(self.input.len());
        let room = bytes.get_mut(..room.min(READ_BYTES)).unwrap_or_default();
        let count = self.read(room)?;
        if self.input.is_empty() {
            self.deadline = Some(now + REQUEST_TIME);
        }
        self.input
            .extend_from_slice(room.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(room);
        let is_drained = match &read {
            Ok(count) => *count < room.len() && !self.ready.drain,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        if is_drained {
            self.ready.clear(Interest::Readable);
        }
        read
    }

    /// Reads once, and forgets what it was. An error is the end.
    fn discard(&mut self) -> Result<(), ()> {
        if !self.ready.readable {
            return Ok(());
        }
        match self.read(&mut [0; READ_BYTES]) {
            Ok(0) => Err(()),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(_) => Err(()),
        }
    }

    /// Answers the call. A response that is not a stream ends one that was to begin.
    pub fn respond(&mut self, response: Response, now: Instant, unix_time: i64) -> StatusTurn {
        match self.framing {
            Framing::Stream if response.status != StatusCode::Ok => {
                self.expect_response(Framing::Whole, Next::Close);
            }
            Framing::HeadOfStream if response.status != StatusCode::Ok => {
                self.expect_response(Framing::HeadOnly, Next::Close);
            }
            _ => {}
        }
        let keeps_alive = matches!(self.state, State::Responding(Next::Keep));
        response.write(&mut self.output, unix_time, self.framing, keeps_alive);
        self.deadline = Some(now + RESPONSE_STALL);
        self.flush(now)
            .map_or(StatusTurn::Closed, |()| StatusTurn::Done)
    }

    /// The response to the call is made elsewhere, until then at the latest, and is the last one.
    pub fn defer(&mut self, until: Instant) {
        (self.state, self.deadline) = (State::Deferred, Some(until));
    }

    /// The deferred response comes in these pieces.
    pub fn begin_arrival(&mut self, pieces: Pieces, now: Instant) {
        self.state = State::Arriving(Arrival::new(pieces));
        self.deadline = Some(now + RESPONSE_STALL);
    }

    /// There may be another piece.
    pub const fn wake(&mut self) {
        if let State::Arriving(arrival) = &mut self.state {
            arrival.is_woken = true;
        }
    }

    /// Takes a piece once the one before is sent.
    fn take_piece(&mut self, unix_time: i64) -> Result<(), ()> {
        let State::Arriving(arrival) = &mut self.state else {
            return Ok(());
        };
        if self.sent < self.output.len() {
            return Ok(());
        }
        if arrival.take(&mut self.output, unix_time)? {
            self.state = State::Responding(Next::Close);
        }
        Ok(())
    }

    /// Sends an update to a client that has taken the one before; another one misses it.
    pub fn update(&mut self, bytes: &[u8], now: Instant) -> StatusTurn {
        if !matches!(self.state, State::Streaming) || self.sent < self.output.len() {
            return StatusTurn::Done;
        }
        self.output.extend_from_slice(bytes);
        self.deadline = Some(now + RESPONSE_STALL);
        self.flush(now)
            .map_or(StatusTurn::Closed, |()| StatusTurn::Done)
    }

    /// Writes once.
    fn flush(&mut self, now: Instant) -> Result<(), ()> {
        let unsent = self.output.get(self.sent..).unwrap_or_default();
        if unsent.is_empty() || !self.ready.writable {
            return Ok(());
        }
        match self.stream.write(unsent) {
            Ok(count) => {
                self.sent += count;
                self.deadline = Some(now + RESPONSE_STALL);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.ready.clear(Interest::Writable);
            }
            Err(_) => return Err(()),
        }
        if self.sent == self.output.len() {
            // A connection that waits has no buffer.
            (self.output, self.sent) = (Vec::new(), 0);
            self.all_sent(now);
        }
        Ok(())
    }

    fn all_sent(&mut self, now: Instant) {
        let next = match self.state {
            State::Responding(next) => next,
            // The next piece has its time.
            State::Arriving(_) => return,
            _ => {
                self.deadline = None;
                return;
            }
        };
        (self.state, self.deadline) = match next {
            Next::Keep if self.input.is_empty() => (State::Reading, Some(now + KEEP_ALIVE_TIME)),
            Next::Keep => (State::Reading, Some(now + REQUEST_TIME)),
            Next::Stream => (State::Streaming, None),
            Next::Close => {
                // Fails only on a connection that is gone, which the next read reports.
                let _ = self.stream.shutdown();
                (State::Lingering, Some(now + STATUS_LINGER))
            }
        };
        let is_reading = matches!(self.state, State::Reading);
        self.is_unparsed = is_reading && !self.input.is_empty();
        if !self.is_unparsed {
            self.input = Vec::new();
        }
    }

    /// The deadline has come.
    pub fn expire(&mut self, now: Instant, unix_time: i64) -> StatusTurn {
        self.deadline = None;
        if matches!(self.state, State::Reading) && !self.input.is_empty() {
            self.expect_response(Framing::Whole, Next::Close);
            return self.respond(Response::of(StatusCode::RequestTimeout), now, unix_time);
        }
        StatusTurn::Closed
    }
}

const fn framing_of(request: &HttpRequest<'_>) -> Framing {
    match request.method {
        Method::Head => Framing::HeadOnly,
        _ => Framing::Whole,
    }
}

#[cfg(test)]
mod tests;
