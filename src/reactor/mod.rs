//! The loop: readiness, run queue, deadlines, completions, and who is let in.
//!
//! ```text
//!   poll ──▶ latch ──▶ deliver ──▶ fire ──▶ pass ──▶ review ──▶ accept ──▶ (poll)
//! ```
//!
//! Only calls that cannot wait are made here. The kernel's events set latches; what a connection
//! wants is computed from its state; who is ready for what it wants is in the run queue, and
//! gets one bounded turn a pass, control before data. Everything that comes back later finds
//! its connection by a key with a generation. The reactor alone knows all the other layers.

mod accept;
mod actions;
mod active;
mod activity;
mod admission;
mod change;
mod close_reason;
mod connection;
mod connections;
mod context;
mod control;
mod count_wait;
mod data;
mod data_turn;
mod drain;
mod kept;
mod key;
mod latch;
mod login_outcome;
mod login_queue;
mod parts;
mod passive;
mod proxied;
mod review;
mod run_queue;
mod securing;
mod sent;
mod timers;
mod upload_end;
mod waking;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

pub use activity::Activity;
pub use admission::Protocol;
use admission::{Admission, ListenSocket};
pub use change::Change;
use close_reason::CloseReason;
use connection::{Connection, Visit};
use connections::Connections;
use context::LoopContext;
use drain::{Drain, Step};
use key::{Key, SocketRole};
pub use parts::{Parts, StorageByAccount};
use run_queue::{RunQueue, Turn};
use timers::Timers;

use crate::limits::{self, HANDSHAKES_PER_PASS, SESSIONS_SHOWN};
use crate::net::Event;
use crate::observe::{Records, Subscription};
use crate::session::{Session, SessionEvent};
use crate::transfer::Semaphore;
use crate::workers::Completion;

/// The loop and everything that it drives.
pub struct Reactor {
    context: LoopContext,
    connections: Connections,
    queue: RunQueue,
    timers: Timers,
    admission: Admission,
    listen_sockets: Vec<ListenSocket>,
    drain: Drain,
    reload_asked: bool,
    /// Where the look at all connections, after a reload, goes on.
    review: Option<usize>,
    events: Vec<Event>,
    completions: Vec<Completion>,
}

impl Reactor {
    /// A reactor without listeners.
    pub fn new(parts: Parts) -> Self {
        let room = parts.connections.at_most(key::INDICES - 1);
        let rules = parts.addresses.clone();
        Self {
            admission: Admission::new(rules, room, parts.connections_per_address),
            context: LoopContext::new(parts, Semaphore::new(limits::permits(room.connections))),
            connections: Connections::new(),
            queue: RunQueue::default(),
            timers: Timers::default(),
            listen_sockets: Vec::new(),
            drain: Drain::Running,
            reload_asked: false,
            review: None,
            events: Vec::new(),
            completions: Vec::new(),
        }
    }

    /// The wall clock, as of this iteration.
    pub const fn unix_time(&self) -> i64 {
        self.context.unix_time
    }

    /// The monotonic clock, as of this iteration.
    pub const fn now(&self) -> Instant {
        self.context.now
    }

    /// Where records of transfers are left.
    pub const fn records(&self) -> &Records {
        &self.context.records
    }

    /// From here on records of transfers are left here too; so many may wait.
    pub fn subscribe(&mut self, room: usize) -> Subscription {
        self.context.records.subscribe(room)
    }

    /// What it has done so far.
    pub const fn activity(&self) -> &Activity {
        &self.context.activity
    }

    /// Whether it has begun to stop.
    pub const fn is_stopping(&self) -> bool {
        !self.drain.is_running()
    }

    /// Whether the process was asked, since the last call, to read its files again.
    pub const fn take_reload(&mut self) -> bool {
        std::mem::replace(&mut self.reload_asked, false)
    }

    /// Connections that are open, those that linger included.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// One iteration: waits for at most `timeout` (`None`: until something happens), then does
    /// what there is to do. Whether the server is still running.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        let timeout = self.patience(timeout);
        self.context.network.poll(timeout, &mut self.events)?;
        self.context.tick();
        self.latch_events();
        self.deliver_completions();
        self.fire_deadlines();
        self.run_pass();
        self.review_some();
        self.accept();
        self.drain_further();
        Ok(self.is_running())
    }

    /// Whether there is, or may be, anything left to do.
    pub fn is_running(&self) -> bool {
        self.drain != Drain::Stopped
    }

    /// Begins to stop: nobody new is let in, who is idle hears 421, transfers may end within the
    /// grace period. Said again, it waits for no client, and only a moment for what the workers
    /// clear up; said once more, for nothing.
    pub fn stop(&mut self) {
        if self.drain.is_running() {
            self.begin_to_stop();
        } else {
            log::warn!("Stopping at once");
            let step = self.drain.hurry(self.context.now);
            self.take(step);
        }
        self.drain_further();
    }

    fn begin_to_stop(&mut self) {
        log::info!("Stopping");
        self.listen_sockets.clear();
        let until = self.context.now + self.context.settings.timings.grace;
        self.drain = Drain::Draining(until);
        for key in self.connections.keys() {
            self.visit(key, |connection, context| {
                connection.converse(context, Session::stop);
                Ok(())
            });
        }
    }

    fn latch_events(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            match event {
                Event::StopSignal => self.stop(),
                Event::ReloadSignal => self.reload_asked = true,
                Event::Ready(token, readiness) => match SocketRole::from_token(token) {
                    SocketRole::Listener(number) => {
                        if let Some(socket) = self.listen_sockets.get_mut(number) {
                            socket.set_ready();
                        }
                    }
                    SocketRole::Control(key) => {
                        if let Some(connection) = self.connections.get_mut(key) {
                            connection.ready.set(readiness);
                            self.schedule(key);
                        }
                    }
                    SocketRole::Passive(key) | SocketRole::Data(key) => {
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
    }

    fn deliver_completions(&mut self) {
        let mut completions = std::mem::take(&mut self.completions);
        self.context.runner.collect(&mut completions);
        for completion in completions.drain(..) {
            self.context.activity.completions += 1;
            self.context.login_queue.leave(&completion);
            let key = Key::from_owner(completion.id.owner);
            if self.connections.get_mut(key).is_none() {
                actions::put_away(completion.outcome, &mut self.context);
                continue;
            }
            self.visit(key, |connection, context| {
                connection.complete(completion, context);
                Ok(())
            });
        }
        self.completions = completions;
    }

    /// Everybody who is runnable has one turn; who still is then is queued for the next pass.
    fn run_pass(&mut self) {
        for _ in 0..self.queue.len(Turn::Control) {
            self.give_turn(Turn::Control, Connection::control_turn);
        }
        for _ in 0..self.queue.len(Turn::Handshake).min(HANDSHAKES_PER_PASS) {
            self.give_turn(Turn::Handshake, Connection::handshake_turn);
        }
        for _ in 0..self.queue.len(Turn::Data) {
            self.give_turn(Turn::Data, |connection, context| {
                connection.data_turn(context);
                Ok(())
            });
        }
    }

    fn give_turn(&mut self, turn: Turn, work: fn(&mut Connection, &mut LoopContext) -> Visit) {
        let Some(key) = self.queue.pop(turn) else {
            return;
        };
        self.review_early(key);
        if let Some(connection) = self.connections.get_mut(key) {
            self.context.activity.count_turn(turn);
            connection.queued.taken(turn);
            self.visit(key, work);
        }
    }

    /// Visits a connection and does what follows: it is queued again, or closed. A panic ends
    /// that connection, and no other.
    fn visit(&mut self, key: Key, work: impl FnOnce(&mut Connection, &mut LoopContext) -> Visit) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let context = &mut self.context;
        let visited = catch_unwind(AssertUnwindSafe(|| connection.visit(context, work)));
        match visited {
            Ok(Ok(())) => {
                self.schedule(key);
                self.tell_who(key);
                self.admit_proxied(key);
            }
            Ok(Err(reason)) => self.close(key, reason),
            Err(_) => {
                log::error!("{}: {}", connection.peer, CloseReason::Panicked);
                self.context.recover();
                self.close(key, CloseReason::Panicked);
            }
        }
    }

    /// Answers a session that asked who else is there: of its account, for where others come from is no
    /// business of theirs.
    fn tell_who(&mut self, key: Key) {
        if !std::mem::take(&mut self.context.asks_who) {
            return;
        }
        let asker = self.connections.get_mut(key);
        let Some(name) = asker.and_then(|one| one.session.account_name().map(<[u8]>::to_vec))
        else {
            return;
        };
        let is_own = |one: &&Connection| one.session.account_name() == Some(&name);
        let shown = self.connections.iter().filter(is_own).take(SESSIONS_SHOWN);
        let lines = shown.map(|one| one.session.summary()).collect();
        self.visit(key, |connection, context| {
            connection.converse(context, |session, cx| {
                session.handle(SessionEvent::Present(lines), cx);
            });
            Ok(())
        });
    }

    /// Queues a connection for what it wants, and sees to its next deadline.
    fn schedule(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        for turn in Turn::ALL {
            if connection.wants(turn) {
                self.queue.push(key, turn, &mut connection.queued);
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

    /// The one way out of the reactor.
    fn close(&mut self, key: Key, reason: CloseReason) {
        let Some(mut connection) = self.connections.remove(key) else {
            return;
        };
        let context = &mut self.context;
        // After a panic its state is not to be relied on, so neither is this.
        let _ = catch_unwind(AssertUnwindSafe(|| connection.depart(context)));
        log::debug!("{}: Closed: {reason}", connection.peer);
        if connection.is_known() {
            self.admission.leave(Some(connection.peer.ip()));
            log::info!("{} disconnected", connection.peer);
        } else {
            self.lose_proxy(connection.peer, reason);
        }
    }

    fn drain_further(&mut self) {
        loop {
            let is_empty = self.connections.len() == 0 && self.context.runner.outstanding() == 0;
            match self.drain.step(self.context.now, is_empty) {
                Step::Nothing => return,
                step => self.take(step),
            }
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Nothing => {}
            Step::Cut => {
                for key in self.connections.keys() {
                    self.visit(key, |connection, context| {
                        connection.converse(context, Session::stop_now);
                        Ok(())
                    });
                }
            }
            Step::Leave => {
                for key in self.connections.keys() {
                    self.close(key, CloseReason::Stopped);
                }
            }
        }
    }
}
