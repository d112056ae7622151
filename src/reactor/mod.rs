//! The reactor: the FTP server on the parts of [`event_loop`](crate::event_loop).
//!
//! ```text
//!   poll ──▶ latch ──▶ deliver ──▶ fire ──▶ arrivals ──▶ pass ──▶ review ──▶ accept ──▶ (poll)
//! ```
//!
//! Only calls that cannot wait are made here. Events set latches; what a connection wants is computed from
//! its state; a connection that is ready for what it wants is in the run queue, and gets one bounded turn
//! in each pass, control before data. Events, deadlines and completions find their connection by a key with
//! a generation. The reactor alone knows all other layers.

mod accept;
mod actions;
mod active;
mod activity;
mod admission;
mod backlog;
mod busy_poll;
mod change;
mod claimant;
mod close_reason;
mod closing;
mod connection;
mod context;
mod control;
mod count_retry;
mod count_wait;
mod data;
mod data_turn;
mod delivery;
mod download_end;
mod drain;
mod early_handshake;
mod handshake_queue;
mod handshake_step;
mod kept;
mod listen_socket;
mod login;
mod login_queue;
mod parts;
mod passive;
mod passive_index;
mod passive_lease;
mod passive_listener;
mod passive_pool;
mod passive_turn;
mod port_queue;
mod proxied;
mod proxy_header;
mod refusal_log;
mod review;
mod securing;
mod session_list;
#[cfg_attr(not(feature = "status"), path = "no_slow_log.rs")]
mod slow_log;
mod socket_role;
#[cfg_attr(not(feature = "status"), path = "no_statistics.rs")]
mod statistics;
#[cfg(feature = "status")]
mod status_answers;
#[cfg_attr(not(feature = "status"), path = "no_status_service.rs")]
mod status_service;
mod stopping;
mod summary;
mod trace;
mod turn;
mod turn_times;
mod unidentified;
mod upload_decision;
mod upload_end;
mod waking;
pub mod walks;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

pub use activity::Activity;
use admission::Admission;
pub use admission::Protocol;
use busy_poll::BusyPoll;
pub use change::Change;
use close_reason::CloseReason;
use connection::Connection;
use context::LoopContext;
use drain::Drain;
use listen_socket::ListenSocket;
pub use parts::{Parts, StorageByAccount};
use socket_role::SocketRole;
#[cfg(feature = "status")]
pub use status_service::StatusPolicy;
use status_service::StatusService;
use turn::{Request, Turn, TurnQueue, TurnResult};

use crate::auth::ClientPrefix;
use crate::clock::Instant;
use crate::event_loop::{Key, MAX_SLOTS, Semaphore, Slots, Timers};
use crate::limits;
use crate::metrics::{Phase, Socket, TurnKind};
use crate::net::Event;
use crate::observe::{Records, Subscription};
use crate::workers::Completion;

/// The event loop and everything that it drives.
pub struct Reactor {
    context: LoopContext,
    connections: Slots<Connection>,
    queue: TurnQueue,
    timers: Timers,
    admission: Admission,
    listen_sockets: Vec<ListenSocket>,
    status: StatusService,
    drain: Drain,
    busy_poll: BusyPoll,
    reload_requested: bool,
    report_requested: bool,
    /// The slot at which the review after a reload goes on.
    review: Option<usize>,
    events: Vec<Event>,
    completions: Vec<Completion>,
    sources: statistics::Sources,
}

impl Reactor {
    /// A reactor without listen sockets.
    pub fn new(parts: Parts) -> Self {
        let room = parts.connections.at_most(MAX_SLOTS - 1);
        let rules = parts.addresses.clone();
        let busy_poll = parts.busy_poll;
        let permits = Semaphore::new(limits::permits(room.connections));
        Self {
            admission: Admission::new(rules, room, parts.connections_per_address),
            status: StatusService::new(parts.network.unix_time()),
            context: LoopContext::new(parts, permits),
            connections: Slots::default(),
            queue: TurnQueue::default(),
            timers: Timers::default(),
            listen_sockets: Vec::new(),
            drain: Drain::Running,
            busy_poll: BusyPoll::new(busy_poll),
            reload_requested: false,
            report_requested: false,
            review: None,
            events: Vec::new(),
            completions: Vec::new(),
            sources: statistics::Sources::default(),
        }
    }

    /// The wall clock of this iteration, in seconds since 1970-01-01 UTC.
    pub const fn unix_time(&self) -> i64 {
        self.context.unix_time
    }

    /// The monotonic clock of this iteration.
    pub const fn now(&self) -> Instant {
        self.context.now
    }

    /// Where records of transfers are left.
    pub const fn records(&self) -> &Records {
        &self.context.io.records
    }

    /// A subscription to the records of transfers from now on; at most `room` records wait in it.
    pub fn subscribe(&mut self, room: usize) -> Subscription {
        self.context.io.records.subscribe(room)
    }

    /// Counters of what the loop has done.
    pub const fn activity(&self) -> &Activity {
        &self.context.activity
    }

    /// Whether a graceful shutdown has begun.
    pub const fn is_stopping(&self) -> bool {
        !self.drain.is_running()
    }

    /// Whether a reload was requested by SIGHUP since the last call.
    pub const fn take_reload(&mut self) -> bool {
        std::mem::replace(&mut self.reload_requested, false)
    }

    /// The number of open connections, lingering ones included.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// One iteration: waits at most `timeout` for events (`None`: without limit), then does what there is
    /// to do. Returns whether the server is still running.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        let timeout = self.sleep_time(timeout);
        self.context.counts.polling(timeout);
        self.context.io.network.poll(timeout, &mut self.events)?;
        self.context.tick(self.events.len());
        let events = self.latch_events();
        self.context.end_phase(Phase::Events);
        let completions = self.deliver_completions();
        self.record_work(events, completions);
        self.context.end_phase(Phase::Completions);
        self.fire_deadlines();
        self.context.end_phase(Phase::Deadlines);
        self.accept_data_connections();
        self.share_ports();
        self.context.end_phase(Phase::Accept);
        self.run_pass();
        self.share_ports();
        self.review_some();
        self.accept();
        self.context.end_phase(Phase::Accept);
        self.run_status();
        self.drain_further();
        self.context.end_phase(Phase::Status);
        self.context.note_iteration();
        Ok(self.is_running())
    }

    /// Whether the server has not stopped yet.
    pub fn is_running(&self) -> bool {
        self.drain != Drain::Stopped
    }

    /// Returns the number of events.
    fn latch_events(&mut self) -> usize {
        let mut events = std::mem::take(&mut self.events);
        let count = events.len();
        for event in events.drain(..) {
            match event {
                Event::StopSignal => self.stop(),
                Event::ReloadSignal => self.reload_requested = true,
                Event::ReportSignal => {
                    self.log_summary();
                    self.report_requested = true;
                }
                Event::Ready(token, readiness) => match SocketRole::from_token(token) {
                    SocketRole::Listener(number) => match self.listen_sockets.get_mut(number) {
                        Some(socket) => {
                            self.context.counts.arrivals();
                            socket.backlog.set_ready();
                        }
                        None => self.status.set_ready(number, readiness),
                    },
                    SocketRole::Control(key) => {
                        self.trace_ready(Socket::Control, key, readiness);
                        if let Some(connection) = self.connections.get_mut(key) {
                            connection.ready.set(readiness);
                            self.schedule(key);
                        }
                    }
                    SocketRole::Passive(key) => {
                        self.trace_ready(Socket::Passive, key, readiness);
                        self.context.io.passive_pool.set_ready(key);
                    }
                    SocketRole::Data(key) => {
                        self.trace_ready(Socket::Data, key, readiness);
                        let connection = self.connections.get_mut(key);
                        if let Some(data) = connection.and_then(|one| one.data.as_mut()) {
                            data.ready.set(readiness);
                            self.schedule(key);
                        }
                    }
                },
            }
        }
        self.events = events;
        count
    }

    /// One turn for each connection that is runnable; one that is runnable afterwards waits for the next
    /// pass.
    fn run_pass(&mut self) {
        for _ in 0..self.queue.len(Turn::Control as usize) {
            self.run_next(Turn::Control, Connection::control_turn);
        }
        self.context.end_phase(Phase::Control);
        for _ in 0..self.queue.len(Turn::Data as usize) {
            self.run_next(Turn::Data, |connection, context| {
                connection.data_turn(context);
                Ok(None)
            });
        }
        self.context.end_phase(Phase::Data);
    }

    fn run_next(
        &mut self,
        turn: Turn,
        work: impl FnOnce(&mut Connection, &mut LoopContext) -> TurnResult,
    ) {
        let Some(key) = self.queue.pop(turn as usize) else {
            return;
        };
        self.review_early(key);
        if let Some(connection) = self.connections.get_mut(key) {
            self.context.activity.count_turn(turn);
            connection.queued.taken(turn as usize);
            self.run_turn(key, turn.kind(), work);
        }
    }

    /// Runs a turn of a connection, and queues the connection again or closes it. A panic closes that
    /// connection and no other.
    fn run_turn(
        &mut self,
        key: Key,
        kind: TurnKind,
        work: impl FnOnce(&mut Connection, &mut LoopContext) -> TurnResult,
    ) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let context = &mut self.context;
        context.counts.turn(kind, key.to_bits());
        let result = catch_unwind(AssertUnwindSafe(|| connection.run_turn(context, work)));
        self.end_turn(key, result);
    }

    /// Acts on the result of a turn, which is an error after a panic.
    fn end_turn(&mut self, key: Key, result: thread::Result<TurnResult>) {
        match result {
            Ok(Ok(request)) => {
                self.schedule(key);
                match request {
                    None => {}
                    Some(Request::ListSessions) => self.list_sessions(key),
                    Some(Request::AdmitProxied(origin, protocol)) => {
                        self.admit_proxied(key, origin, protocol);
                    }
                }
            }
            Ok(Err(reason)) => self.close(key, reason),
            Err(_) => {
                if let Some(connection) = self.connections.get_mut(key) {
                    log::error!("{}: {}", connection.peer(), CloseReason::Panicked);
                }
                self.context.scratch.recover();
                self.close(key, CloseReason::Panicked);
            }
        }
    }

    /// A turn whose work asks for nothing and does not fail.
    fn tell(&mut self, key: Key, work: impl FnOnce(&mut Connection, &mut LoopContext)) {
        self.run_turn(key, TurnKind::Notice, |connection, context| {
            work(connection, context);
            Ok(None)
        });
    }

    /// Queues a connection for what it wants, and arms its next deadline.
    fn schedule(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        for turn in Turn::ALL {
            if connection.wants(turn) {
                self.queue.push(key, turn as usize, &mut connection.queued);
            }
        }
        if connection
            .data
            .as_ref()
            .is_some_and(|data| data.is_unused())
        {
            connection.data = None;
        }
        connection.clear_unused_deadlines();
        let deadline = connection.deadlines.next();
        self.timers.arm(key, deadline, &mut connection.armed);
    }

    /// The one way out: every connection is closed here.
    fn close(&mut self, key: Key, reason: CloseReason) {
        let Some(mut connection) = self.connections.remove(key) else {
            return;
        };
        let context = &mut self.context;
        // After a panic the connection's state is not reliable, so this may panic again.
        let _ = catch_unwind(AssertUnwindSafe(|| connection.depart(reason, context)));
        connection.data = None;
        connection.return_port(context);
        // Only TLS has steps.
        if connection.tag.is_some() {
            let prefix = ClientPrefix::of(connection.peer().ip());
            context.limiters.handshakes.withdraw(key, prefix);
        }
        context.counts.closed(reason.label(), key.to_bits());
        context.slow.forget(key);
        context.limiters.login_queue.withdraw(key);
        log::debug!("{}: Closed: {reason}", connection.peer());
        if connection.is_known() {
            self.admission.leave(Some(connection.peer().ip()));
            log::info!("{} disconnected", connection.peer());
        } else {
            self.lose_proxy(connection.peer(), reason);
        }
    }
}
