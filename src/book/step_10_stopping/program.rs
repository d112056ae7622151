//! Step 10: stopping.
//!
//! The server owns its loop and everything in it; a connection ends in three phases. A close must not
//! destroy a reply, and the end of the server is the end of its connections first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::{self, ErrorKind::WouldBlock, Read, Write};
use std::mem;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

/// The commands of RFC 959 §4.1 that are recognized and not served.
const NOT_SERVED: &str = "USER PASS ACCT CWD CDUP SMNT REIN PORT PASV TYPE STRU MODE RETR STOR STOU \
    APPE ALLO REST RNFR RNTO ABOR DELE RMD MKD PWD LIST NLST SITE SYST STAT HELP";

/// What a line asks for.
enum Request {
    Noop,
    Quit,
    NotServed,
    Unrecognized,
}

impl From<&[u8]> for Request {
    fn from(line: &[u8]) -> Self {
        let verb = line.split(|&byte| byte == b' ').next().unwrap_or_default();
        let is = |name: &str| verb.eq_ignore_ascii_case(name.as_bytes());
        match line.is_ascii() {
            true if is("NOOP") => Self::Noop,
            true if is("QUIT") => Self::Quit,
            true if NOT_SERVED.split_ascii_whitespace().any(is) => Self::NotServed,
            _ => Self::Unrecognized,
        }
    }
}

/// A code and a text, sent as one line.
struct Reply(u16, &'static str);

const READY: Reply = Reply(220, "Service ready for new user.");
const STOPPED: Reply = Reply(421, "Service not available, closing control connection.");
const TIMED_OUT: Reply = Reply(421, "No command in time, closing control connection.");

/// The default reply to each request.
impl From<&Request> for Reply {
    fn from(request: &Request) -> Self {
        match request {
            Request::Noop => Self(200, "Command okay."),
            Request::Quit => Self(221, "Service closing control connection."),
            Request::NotServed => Self(502, "Command not implemented."),
            Request::Unrecognized => Self(500, "Syntax error, command unrecognized."),
        }
    }
}

impl Reply {
    fn to_bytes(&self) -> Vec<u8> {
        format!("{} {}\r\n", self.0, self.1).into_bytes()
    }
}

/// The longest line, without its end.
const LINE_MAX: usize = 4096;

/// The received bytes that are not answered yet.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// So many of the bytes have no line end: each byte is searched once.
    searched: usize,
    /// The line is too long and was answered; its rest is dropped.
    discarding: bool,
}

impl Lines {
    /// Consumes the next whole line.
    fn next(&mut self) -> Option<Request> {
        let mut unsearched = self.bytes.iter().skip(self.searched);
        let Some(at) = unsearched.position(|&byte| byte == b'\n') else {
            self.searched = self.bytes.len();
            // The last byte may be the CR of the line end.
            if !self.discarding && self.searched <= LINE_MAX + 1 {
                return None;
            }
            (self.bytes, self.searched) = (Vec::new(), 0);
            let is_new = !mem::replace(&mut self.discarding, true);
            return is_new.then_some(Request::Unrecognized);
        };
        let end = mem::take(&mut self.searched) + at;
        let line: Vec<u8> = self.bytes.drain(..=end).collect();
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line {
            _ if mem::take(&mut self.discarding) => self.next(),
            _ if line.len() > LINE_MAX => Some(Request::Unrecognized),
            _ => Some(line.into()),
        }
    }
}

/// With so many unsent bytes a connection is not read: its client has to take replies first.
const OUTBOX_MAX: usize = 4096;
/// The most steps of a turn, each of them one request or one system call.
const BUDGET: usize = 32;
/// A client that sends no command for so long is closed.
const IDLE: Duration = Duration::from_secs(300);
/// The time of a client to read its last reply and to close.
const LINGER: Duration = Duration::from_secs(5);

/// How a turn ended: out of budget, with nothing to do before the next event, with the connection.
enum Turn {
    Again,
    Wait,
    Over,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The last reply is in the outbox.
    Closing,
    /// All is sent and our side is closed; the client is read to its end.
    Lingering,
}

struct Connection {
    stream: TcpStream,
    /// Latches: set by an event, cleared by "would block".
    readable: bool,
    writable: bool,
    lines: Lines,
    outbox: Vec<u8>,
    phase: Phase,
    /// In the run queue, once.
    queued: bool,
    deadline: Instant,
    /// The time of its live entry in the heap.
    armed: Instant,
}

impl Connection {
    fn turn(&mut self, now: Instant) -> io::Result<Turn> {
        for _ in 0..BUDGET {
            let is_open = self.phase == Phase::Open;
            let has_room = is_open && self.outbox.len() < OUTBOX_MAX;
            if has_room && let Some(request) = self.lines.next() {
                self.deadline = now + IDLE;
                match request {
                    Request::Quit => self.close(Some(&(&request).into()), now),
                    _ => self.outbox.extend(Reply::from(&request).to_bytes()),
                }
            } else if self.writable && !self.outbox.is_empty() {
                self.write()?;
            } else if self.phase == Phase::Closing && self.outbox.is_empty() {
                self.stream.shutdown(Shutdown::Write)?;
                self.phase = Phase::Lingering;
            } else if self.readable && (has_room || self.phase == Phase::Lingering) {
                match self.read()? {
                    true => {}
                    false if is_open => self.close(None, now),
                    false => return Ok(Turn::Over),
                }
            } else {
                return Ok(Turn::Wait);
            }
        }
        Ok(Turn::Again)
    }

    /// Begins the end, with a last reply; a connection that ends already gets none.
    fn close(&mut self, reply: Option<&Reply>, now: Instant) {
        if self.phase == Phase::Open {
            self.outbox
                .extend(reply.into_iter().flat_map(Reply::to_bytes));
            (self.phase, self.deadline) = (Phase::Closing, now + LINGER);
        }
    }

    fn write(&mut self) -> io::Result<()> {
        match self.stream.write(&self.outbox) {
            Ok(count) => drop(self.outbox.drain(..count)),
            Err(error) if error.kind() == WouldBlock => self.writable = false,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads once; no line is answered while it lingers. `false`: the client has closed its side.
    fn read(&mut self) -> io::Result<bool> {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => return Ok(false),
            Ok(count) if self.phase == Phase::Open => {
                self.lines.bytes.extend(bytes.iter().take(count));
            }
            Ok(_) => {}
            Err(error) if error.kind() == WouldBlock => self.readable = false,
            Err(error) => return Err(error),
        }
        Ok(true)
    }
}

/// Names a connection: its slot in the lower half of the bits, a generation in the upper.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(usize);

impl Key {
    const HALF: u32 = usize::BITS / 2;

    const fn slot(self) -> usize {
        self.0 & (usize::MAX >> Self::HALF)
    }
}

/// The connections, each with its key.
#[derive(Default)]
struct Slots {
    slab: Slab<(Key, Connection)>,
    generation: usize,
}

impl Slots {
    /// Stores a connection under a new key.
    fn insert(&mut self, connection: Connection) -> Key {
        self.generation = self.generation.wrapping_add(1);
        let key = Key((self.generation << Key::HALF) | self.slab.vacant_key());
        self.slab.insert((key, connection));
        key
    }

    /// The connection, unless it is gone.
    fn get_mut(&mut self, key: Key) -> Option<&mut Connection> {
        let (found, connection) = self.slab.get_mut(key.slot())?;
        (*found == key).then_some(connection)
    }

    fn remove(&mut self, key: Key) {
        if self.get_mut(key).is_some() {
            self.slab.remove(key.slot());
        }
    }
}

/// No keys: no slot has so many bits set.
const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);

pub struct Server {
    poll: Poll,
    /// `None`: the server is stopping, and accepts no client.
    listener: Option<TcpListener>,
    connections: Slots,
    queue: VecDeque<Key>,
    timers: BinaryHeap<Reverse<(Instant, Key)>>,
}

impl Server {
    /// The server, and what stops it from another thread.
    pub fn new(listener: std::net::TcpListener) -> io::Result<(Self, Waker)> {
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        let poll = Poll::new()?;
        (poll.registry()).register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Waker::new(poll.registry(), STOP)?;
        let server = Self {
            poll,
            listener: Some(listener),
            connections: Slots::default(),
            queue: VecDeque::new(),
            timers: BinaryHeap::new(),
        };
        Ok((server, waker))
    }

    /// Serves until it is stopped and the last connection has ended.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(64);
        while self.listener.is_some() || !self.connections.slab.is_empty() {
            let next = self.timers.peek().map(|Reverse((at, _))| *at);
            let sleep = next.map(|at| at.saturating_duration_since(Instant::now()));
            let at_once = (!self.queue.is_empty()).then_some(Duration::ZERO);
            let timeout = at_once.or(sleep);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                done => done?,
            }
            let now = Instant::now();
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(now)?,
                    STOP => self.stop(now),
                    token => {
                        // A stale event finds nothing.
                        if let Some(connection) = self.connections.get_mut(Key(token.0)) {
                            connection.readable |= event.is_readable();
                            connection.writable |= event.is_writable();
                            self.enqueue(Key(token.0));
                        }
                    }
                }
            }
            self.fire_timers(now);
            // One pass: a turn for each that is queued now.
            for _ in 0..self.queue.len() {
                if let Some(key) = self.queue.pop_front() {
                    self.give_turn(key, now);
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self, now: Instant) -> io::Result<()> {
        while let Some(Ok((stream, _))) = self.listener.as_ref().map(TcpListener::accept) {
            let key = self.connections.insert(Connection {
                stream,
                readable: false,
                writable: true,
                lines: Lines::default(),
                outbox: READY.to_bytes(),
                phase: Phase::Open,
                queued: false,
                deadline: now + IDLE,
                armed: now + IDLE,
            });
            self.timers.push(Reverse((now + IDLE, key)));
            if let Some(connection) = self.connections.get_mut(key) {
                let both = Interest::READABLE | Interest::WRITABLE;
                let registry = self.poll.registry();
                registry.register(&mut connection.stream, Token(key.0), both)?;
            }
        }
        Ok(())
    }

    fn enqueue(&mut self, key: Key) {
        let connection = self.connections.get_mut(key);
        if connection.is_some_and(|one| !mem::replace(&mut one.queued, true)) {
            self.queue.push_back(key);
        }
    }

    fn give_turn(&mut self, key: Key, now: Instant) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        connection.queued = false;
        let turn = connection.turn(now);
        // A deadline that moved later is found when its entry is due; one that moved earlier is not.
        if connection.deadline < connection.armed {
            connection.armed = connection.deadline;
            self.timers.push(Reverse((connection.armed, key)));
        }
        match turn {
            Ok(Turn::Again) => self.enqueue(key),
            Ok(Turn::Wait) => {}
            Ok(Turn::Over) | Err(_) => self.connections.remove(key),
        }
    }

    fn fire_timers(&mut self, now: Instant) {
        while let Some(Reverse((at, key))) = self.timers.pop() {
            if at > now {
                self.timers.push(Reverse((at, key)));
                break;
            }
            let live = self.connections.get_mut(key).filter(|one| one.armed == at);
            let Some(connection) = live else { continue };
            // Or else it has moved since.
            if connection.deadline <= now {
                if connection.phase != Phase::Open {
                    self.connections.remove(key);
                    continue;
                }
                connection.close(Some(&TIMED_OUT), now);
            }
            connection.armed = connection.deadline;
            self.timers.push(Reverse((connection.armed, key)));
            self.enqueue(key);
        }
    }

    /// Accepts no client any more, and sends each that is there a last reply.
    fn stop(&mut self, now: Instant) {
        self.listener = None;
        for (_, (key, connection)) in &mut self.connections.slab {
            connection.close(Some(&STOPPED), now);
            if !mem::replace(&mut connection.queued, true) {
                self.queue.push_back(*key);
            }
        }
    }
}
