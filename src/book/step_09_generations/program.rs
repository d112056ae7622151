//! Step 9: stale events.
//!
//! The slots own the connections and give each a key that no other connection ever has. What was meant
//! for one connection must not reach the next user of its slot.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::{self, ErrorKind::WouldBlock, Read, Write};
use std::mem;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
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

/// How a turn ended.
enum Turn {
    /// The budget is used up, and there is more to do.
    Again,
    /// There is nothing to do before the next event.
    Wait,
    /// The connection is over.
    Over,
}

struct Connection {
    stream: TcpStream,
    /// Latches: set by an event, cleared by "would block".
    readable: bool,
    writable: bool,
    lines: Lines,
    outbox: Vec<u8>,
    closing: bool,
    /// In the run queue, once.
    queued: bool,
    deadline: Instant,
}

impl Connection {
    fn new(stream: TcpStream, deadline: Instant) -> Self {
        Self {
            stream,
            readable: false,
            writable: true,
            lines: Lines::default(),
            outbox: READY.to_bytes(),
            closing: false,
            queued: false,
            deadline,
        }
    }

    fn turn(&mut self, until: Instant) -> io::Result<Turn> {
        for _ in 0..BUDGET {
            let has_room = self.outbox.len() < OUTBOX_MAX && !self.closing;
            if has_room && let Some(request) = self.lines.next() {
                self.answer(&request);
                self.deadline = until;
            } else if self.writable && !self.outbox.is_empty() {
                self.write()?;
            } else if self.readable && has_room {
                self.read()?;
            } else if self.closing && self.outbox.is_empty() {
                return Ok(Turn::Over);
            } else {
                return Ok(Turn::Wait);
            }
        }
        Ok(Turn::Again)
    }

    fn answer(&mut self, request: &Request) {
        self.outbox.extend(Reply::from(request).to_bytes());
        self.closing = matches!(request, Request::Quit);
    }

    /// Moves replies to the kernel, until it has no room.
    fn write(&mut self) -> io::Result<()> {
        match self.stream.write(&self.outbox) {
            Ok(count) => drop(self.outbox.drain(..count)),
            Err(error) if error.kind() == WouldBlock => self.writable = false,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<()> {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => self.closing = true,
            Ok(count) => self.lines.bytes.extend(bytes.iter().take(count)),
            Err(error) if error.kind() == WouldBlock => self.readable = false,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The deadlines and whose they are, the earliest on top: one entry for each connection.
type Timers = BinaryHeap<Reverse<(Instant, Key)>>;

fn until_next(timers: &Timers) -> Option<Duration> {
    let Reverse((at, _)) = timers.peek()?;
    Some(at.saturating_duration_since(Instant::now()))
}

/// Takes an entry that is due.
fn pop_due(timers: &mut Timers, now: Instant) -> Option<Key> {
    timers.peek().filter(|Reverse((at, _))| *at <= now)?;
    timers.pop().map(|Reverse((_, key))| key)
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

/// No key: no slot has all bits set.
const LISTENER: Token = Token(usize::MAX);

/// A signal ends it without an event.
fn wait(poll: &mut Poll, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
    match poll.poll(events, timeout) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        done => done,
    }
}

/// Serves all clients in one thread. One that sends no command for `idle` is closed.
pub fn serve(listener: std::net::TcpListener, idle: Duration) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(64));
    (poll.registry()).register(&mut listener, LISTENER, Interest::READABLE)?;
    let both = Interest::READABLE | Interest::WRITABLE;
    let mut connections = Slots::default();
    let mut queue: VecDeque<Key> = VecDeque::new();
    let mut timers = Timers::new();
    loop {
        // With work in the queue the loop looks for events and does not wait for them.
        let at_once = (!queue.is_empty()).then_some(Duration::ZERO);
        let timeout = at_once.or_else(|| until_next(&timers));
        wait(&mut poll, &mut events, timeout)?;
        // The clock is read once for all that follows.
        let now = Instant::now();
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    let key = connections.insert(Connection::new(stream, now + idle));
                    let Some(connection) = connections.get_mut(key) else {
                        continue;
                    };
                    (poll.registry()).register(&mut connection.stream, Token(key.0), both)?;
                    timers.push(Reverse((now + idle, key)));
                }
                continue;
            }
            let key = Key(event.token().0);
            // A stale event finds nothing.
            if let Some(connection) = connections.get_mut(key) {
                connection.readable |= event.is_readable();
                connection.writable |= event.is_writable();
                if !mem::replace(&mut connection.queued, true) {
                    queue.push_back(key);
                }
            }
        }
        while let Some(key) = pop_due(&mut timers, now) {
            let Some(connection) = connections.get_mut(key) else {
                continue;
            };
            // The deadline has moved since.
            if connection.deadline > now {
                timers.push(Reverse((connection.deadline, key)));
                continue;
            }
            // What cannot be sent at once is not sent: the client had its time.
            let _ = connection.stream.write(&TIMED_OUT.to_bytes());
            connections.remove(key);
        }
        // One pass: a turn for each that is queued now.
        for _ in 0..queue.len() {
            let Some(key) = queue.pop_front() else { break };
            let Some(connection) = connections.get_mut(key) else {
                continue;
            };
            connection.queued = false;
            match connection.turn(now + idle) {
                Ok(Turn::Again) => {
                    connection.queued = true;
                    queue.push_back(key);
                }
                Ok(Turn::Wait) => {}
                Ok(Turn::Over) | Err(_) => connections.remove(key),
            }
        }
    }
}
