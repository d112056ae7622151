//! The status service on the event loop: one more kind of connection, with its own slots, timers and queue.
//!
//! It owns the status connections and their listeners. They have their turns behind those of FTP, a few in
//! each iteration, so that no scrape delays a command by more than one turn. It shares the tokens of the
//! server's own sockets: the numbers of listen sockets are small, its own begin at [`FIRST_LISTENER`].

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::Reactor;
use super::backlog::Backlog;
use super::context::LoopContext;
use super::socket_role::SocketRole;
use super::status_answers::{Afterwards, Answer, Snapshot};
use crate::cause::of_accepting;
use crate::clock::Instant;
use crate::event_loop::{Key, MAX_SLOTS, Readiness, RunQueue, Slots, Timers, Token};
use crate::limits::status::{
    LOCAL_RESERVE, REFUSED_CONNECTIONS, STATUS_ACCEPTS_PER_PASS, STATUS_CONNECTIONS,
    STATUS_TURNS_PER_PASS, UPDATE_INTERVAL, UPDATE_READERS,
};
use crate::net::{Listener, LocalAccess, Registration};
use crate::status::{About, StatusConnection, StatusTurn};

mod trace_request;

use trace_request::TraceRequest;

/// The number of the first listener of the service.
const FIRST_LISTENER: usize = MAX_SLOTS / 2;

/// The index of the first connection's token.
const FIRST_CONNECTION: usize = FIRST_LISTENER + LISTENERS;

/// The most listeners.
const LISTENERS: usize = 16;

/// Status connections, and when they next have something to do.
pub(super) struct StatusService {
    listeners: Vec<StatusListener>,
    connections: Slots<StatusConnection>,
    queue: RunQueue<1>,
    timers: Timers,
    policy: StatusPolicy,
    pub(super) about: About,
    pub(super) snapshot: Option<Snapshot>,
    /// Only while a client is sent updates.
    next_update: Option<Instant>,
    trace: TraceRequest,
}

/// What the configuration says of the service.
#[derive(Clone, Debug)]
pub struct StatusPolicy {
    /// The most connections at once.
    pub connections: usize,
    /// Further names of this host.
    pub hosts: Vec<String>,
}

impl Default for StatusPolicy {
    fn default() -> Self {
        Self {
            connections: STATUS_CONNECTIONS,
            hosts: Vec::new(),
        }
    }
}

struct StatusListener {
    listener: Box<dyn Listener>,
    is_local: bool,
    backlog: Backlog,
}

impl StatusService {
    pub(super) fn new(unix_time: i64) -> Self {
        Self {
            listeners: Vec::new(),
            connections: Slots::default(),
            queue: RunQueue::default(),
            timers: Timers::default(),
            policy: StatusPolicy::default(),
            about: About::this_program(unix_time),
            snapshot: None,
            next_update: None,
            trace: TraceRequest::None,
        }
    }

    /// Whether it serves anybody. Most servers have none, and ask in every iteration.
    #[inline]
    const fn is_open(&self) -> bool {
        !self.listeners.is_empty()
    }

    /// When the loop must wake up for it without an event.
    #[inline]
    pub(super) fn wakes_at(&self, now: Instant) -> Option<Instant> {
        if self.is_open() {
            return self.next_work(now);
        }
        None
    }

    fn next_work(&self, now: Instant) -> Option<Instant> {
        if !self.queue.is_empty() {
            return Some(now);
        }
        let listeners = self.listeners.iter();
        let accepts = listeners.filter_map(|one| one.backlog.wakes_at(now));
        accepts
            .chain(self.timers.next())
            .chain(self.next_update)
            .chain(self.trace.wakes_at())
            .min()
    }

    /// An event of a socket with this number, which no listen socket of FTP has.
    pub(super) fn set_ready(&mut self, number: usize, readiness: Readiness) {
        let index = Key::from_bits(number).index();
        if index >= FIRST_CONNECTION {
            let key = Key::from_bits(number - FIRST_CONNECTION);
            if let Some(connection) = self.connections.get_mut(key) {
                connection.ready.set(readiness);
                self.schedule(key);
            }
        } else if let Some(listener) = index
            .checked_sub(FIRST_LISTENER)
            .and_then(|index| self.listeners.get_mut(index))
        {
            listener.backlog.set_ready();
        }
    }

    fn next_listener_token(&self) -> io::Result<Token> {
        let index = self.listeners.len();
        if index >= LISTENERS {
            return Err(io::Error::other("too many status sockets"));
        }
        Ok(SocketRole::Listener(FIRST_LISTENER + index).to_token())
    }

    fn add(&mut self, listener: Box<dyn Listener>, is_local: bool) {
        self.listeners.push(StatusListener {
            listener,
            is_local,
            backlog: Backlog::default(),
        });
    }

    /// Queues a connection for its turn, and arms its deadline.
    fn schedule(&mut self, key: Key) {
        if let Some(connection) = self.connections.get_mut(key) {
            if connection.wants_turn() {
                self.queue.push(key, 0, &mut connection.queued);
            }
            let deadline = connection.deadline();
            self.timers.arm(key, deadline, &mut connection.armed);
        }
    }

    /// What follows a turn without a call.
    fn end_turn(&mut self, key: Key, turn: &StatusTurn) {
        match turn {
            StatusTurn::Closed => drop(self.connections.remove(key)),
            StatusTurn::Done | StatusTurn::Call(_) => self.schedule(key),
        }
    }

    fn accept(&mut self, now: Instant, unix_time: i64) {
        for index in 0..self.listeners.len() {
            for _ in 0..STATUS_ACCEPTS_PER_PASS {
                if !self.accept_one(index, now, unix_time) {
                    break;
                }
            }
        }
    }

    /// Returns whether the backlog may have another connection.
    fn accept_one(&mut self, index: usize, now: Instant, unix_time: i64) -> bool {
        let key = self.connections.vacant_key();
        let Some(one) = self.listeners.get_mut(index) else {
            return false;
        };
        if !one.backlog.is_ready(now) {
            return false;
        }
        let token = SocketRole::Listener(key.to_bits() + FIRST_CONNECTION).to_token();
        let accepted = one.listener.accept(token).and_then(|(mut stream, _)| {
            stream.register(Registration::Both)?;
            Ok(stream)
        });
        match accepted {
            Ok(stream) => {
                one.backlog.accepted();
                let connection = StatusConnection::new(stream, one.is_local, now);
                self.admit(connection, now, unix_time);
                true
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    one.backlog.would_block();
                    false
                }
                io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => true,
                _ => {
                    if one.backlog.back_off(now) {
                        let why = of_accepting(&error);
                        log::warn!("Cannot accept connections for the status: {why}");
                    }
                    false
                }
            },
        }
    }

    /// Some connections are left to the Unix socket, so that an operator is heard however many others there
    /// are.
    fn admit(&mut self, mut connection: StatusConnection, now: Instant, unix_time: i64) {
        let reserve = if connection.is_local() {
            LOCAL_RESERVE
        } else {
            0
        };
        let most = self.policy.connections + reserve;
        if self.connections.len() >= most {
            let refused = self.connections.iter().filter(|one| one.is_refused());
            let refused = refused.count();
            if self.connections.len() - refused >= most {
                let turn = connection.refuse(now, unix_time);
                // Closed at once, a client that is still sending its request may lose the response.
                if turn == StatusTurn::Closed || refused >= REFUSED_CONNECTIONS {
                    return;
                }
            }
        }
        let key = self.connections.insert(connection);
        self.schedule(key);
    }

    /// Whether there may be another client that is sent updates. It is counted already.
    pub(super) fn has_room_for_reader(&self) -> bool {
        let connections = self.connections.iter();
        connections.filter(|one| one.is_streaming()).count() <= UPDATE_READERS
    }
}

impl Reactor {
    /// Serves the status at one more address over TCP, and returns it with the port that the kernel chose if
    /// it was 0.
    pub fn serve_status(&mut self, address: SocketAddr) -> io::Result<SocketAddr> {
        let token = self.status.next_listener_token()?;
        let listener = self.context.io.network.listen(address, token)?;
        let address = listener.local_address();
        self.status.add(listener, false);
        Ok(address)
    }

    /// As [`serve_status`](Self::serve_status), at a Unix socket, which is removed with the reactor.
    pub fn serve_status_locally(&mut self, path: &Path, access: LocalAccess) -> io::Result<()> {
        let token = self.status.next_listener_token()?;
        let listener = self.context.io.network.listen_local(path, access, token)?;
        self.status.add(listener, true);
        Ok(())
    }

    /// What the configuration says of the service.
    pub fn set_status_policy(&mut self, policy: StatusPolicy) {
        self.status.policy = policy;
    }

    /// The last step of an iteration: deadlines, turns, connections and updates of the status service.
    #[inline]
    pub(super) fn run_status(&mut self) {
        if self.status.is_open() {
            self.run_open_status();
        }
    }

    #[inline(never)]
    fn run_open_status(&mut self) {
        let now = self.context.now;
        self.advance_trace();
        if self.status.wakes_at(now).is_none_or(|at| at > now) {
            return;
        }
        self.expire_status();
        for _ in 0..self.status.queue.len(0).min(STATUS_TURNS_PER_PASS) {
            if let Some(key) = self.status.queue.pop(0) {
                self.guard_status(|reactor| reactor.run_status_turn(key), Some(key));
            }
        }
        self.status.accept(now, self.context.unix_time);
        if self.status.next_update.is_some_and(|at| at <= now) {
            self.guard_status(Self::send_updates, None);
        }
        let LoopContext { times, io, .. } = &mut self.context;
        times.worked(io.network.now());
    }

    /// A panic closes the connection whose turn it is, and no other.
    fn guard_status(&mut self, work: impl FnOnce(&mut Self), key: Option<Key>) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            log::error!("A turn of the status service panicked; this is a bug");
            if let Some(key) = key {
                self.status.connections.remove(key);
            }
        }
    }

    fn expire_status(&mut self) {
        let (now, unix_time) = (self.context.now, self.context.unix_time);
        while let Some((key, at)) = self.status.timers.pop_due(now) {
            let connection = self.status.connections.get_mut(key);
            let Some(connection) = connection.filter(|one| one.armed == Some(at)) else {
                continue;
            };
            connection.armed = None;
            let is_due = connection
                .deadline()
                .is_some_and(|deadline| deadline <= now);
            let turn = if is_due {
                connection.expire(now, unix_time)
            } else {
                StatusTurn::Done
            };
            self.status.end_turn(key, &turn);
        }
        let connections = &mut self.status.connections;
        self.status.timers.sweep(connections.len(), |key, at| {
            let connection = connections.get_mut(key);
            connection.is_some_and(|one| one.armed == Some(at))
        });
    }

    fn run_status_turn(&mut self, key: Key) {
        let (now, unix_time) = (self.context.now, self.context.unix_time);
        let Some(connection) = self.status.connections.get_mut(key) else {
            return;
        };
        connection.queued.taken(0);
        let mut turn = connection.turn(now, unix_time, &self.status.policy.hosts);
        let mut afterwards = Afterwards::Nothing;
        if let StatusTurn::Call(call) = turn {
            let answer = self.answer(key, call);
            turn = match (self.status.connections.get_mut(key), answer) {
                (Some(connection), Answer::Ready(response, then)) => {
                    afterwards = then;
                    connection.respond(response, now, unix_time)
                }
                (Some(connection), Answer::Deferred(until)) => {
                    connection.defer(until);
                    StatusTurn::Done
                }
                (None, _) => StatusTurn::Closed,
            };
            let is_streaming = |one: &StatusConnection| one.is_streaming();
            if self.status.connections.get(key).is_some_and(is_streaming) {
                self.status.next_update.get_or_insert(now + UPDATE_INTERVAL);
                self.context.phases.measure(true, now);
            }
        }
        self.status.end_turn(key, &turn);
        self.act(afterwards);
    }

    /// Sends an update to each client that has taken the one before. Without clients there is no next one.
    fn send_updates(&mut self) {
        let now = self.context.now;
        let mut readers = self.status.connections.keys();
        readers.retain(|key| {
            let reader = self.status.connections.get(*key);
            reader.is_some_and(StatusConnection::is_streaming)
        });
        self.status.next_update = (!readers.is_empty()).then_some(now + UPDATE_INTERVAL);
        self.context.phases.measure(!readers.is_empty(), now);
        if readers.is_empty() {
            return;
        }
        let update = self.update();
        for key in readers {
            if let Some(reader) = self.status.connections.get_mut(key) {
                let turn = reader.update(&update, now);
                self.status.end_turn(key, &turn);
            }
        }
    }
}
