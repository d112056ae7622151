//! The loop of a load generator: it opens connections, gives them turns, and ends.
//!
//! The parts are those of the server: edge-triggered sockets with a latch, one queue of runnable connections,
//! one heap of deadlines. It owns the connections and the stages of a run.

use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::bounds::Bounds;
use super::client::LoginPlan;
use super::connection::{Client, Shared};
use super::hdr_log::HdrLog;
use super::measure::Measure;
use super::plan::Plan;
use super::process::Usage;
use super::trouble::{End, Trouble};
use crate::clock::Instant;
use crate::event_loop::{Key, RunQueue, Slots, Timers};
use crate::net::{Event, Network as _, SystemNetwork};

/// Bytes of one read.
const READ_BYTES: usize = 64 * 1024;

/// Waits shorter than this are spent polling: epoll counts milliseconds.
const SHORT: Duration = Duration::from_millis(1);

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// ```text
///   Filling ──all connections are there──▶ Running ──over──▶ Ending ──all are gone, time──▶ done
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Filling,
    Running,
    /// Until then.
    Ending(Instant),
}

/// A run that goes on.
pub(super) struct Run<'a> {
    pub(super) plan: &'a Plan,
    pub(super) address: SocketAddr,
    pub(super) login: Arc<LoginPlan>,
    pub(super) shared: Shared,
    pub(super) clients: Slots<Client>,
    pub(super) queue: RunQueue<1>,
    pub(super) timers: Timers,
    pub(super) events: Vec<Event>,
    pub(super) stage: Stage,
    pub(super) began: Instant,
    /// Connections that were begun, and how many of these are not logged in.
    pub(super) begun: usize,
    pub(super) entering: usize,
    pub(super) opened: usize,
    /// The end of the warm-up, and of the measurement.
    pub(super) from: Instant,
    pub(super) over: Option<Instant>,
    pub(super) usage: Option<Usage>,
    pub(super) log: Option<HdrLog<io::BufWriter<std::fs::File>>>,
    /// When the second ends that is being counted.
    pub(super) tick: Instant,
    pub(super) shows_progress: bool,
}

impl<'a> Run<'a> {
    /// # Errors
    /// In words, if nothing can be measured here.
    pub(super) fn new(plan: &'a Plan, address: SocketAddr) -> Result<Self, String> {
        let of_network = |error| format!("cannot poll: {error}");
        let mut network = SystemNetwork::new().map_err(of_network)?;
        network.enable_signals().map_err(of_network)?;
        make_room(plan.connections)?;
        let log = plan.hdr.as_deref().map(|path| {
            let created = HdrLog::create(path);
            created.map_err(|error| format!("--hdr {}: {error}", path.display()))
        });
        // Found out before the work is done.
        plan.pid.map(Usage::of).transpose()?;
        let now = network.now();
        Ok(Self {
            plan,
            address,
            login: Arc::new(plan.login.clone()),
            shared: Shared {
                network: Box::new(network),
                bounds: Bounds::Closed,
                measure: Measure::new()?,
                time_out: plan.time_out,
                buffer: vec![0; READ_BYTES],
            },
            clients: Slots::default(),
            queue: RunQueue::default(),
            timers: Timers::default(),
            events: Vec::new(),
            stage: Stage::Filling,
            began: now,
            begun: 0,
            entering: 0,
            opened: 0,
            from: now,
            over: None,
            usage: None,
            log: log.transpose()?,
            tick: now + SECOND,
            shows_progress: io::stderr().is_terminal(),
        })
    }

    /// One iteration. Returns whether the run is over.
    pub(super) fn turn(&mut self) -> io::Result<bool> {
        let timeout = self.sleep_time();
        self.shared.network.poll(timeout, &mut self.events)?;
        self.latch_events();
        let now = self.shared.network.now();
        self.fire_deadlines(now);
        for _ in 0..self.queue.len(0) {
            if let Some(key) = self.queue.pop(0) {
                self.run_turn(key);
            }
        }
        self.open_some(now);
        self.advance(now);
        if now >= self.tick {
            self.end_second(now)?;
        }
        Ok(match self.stage {
            Stage::Ending(until) => self.clients.is_empty() || now >= until,
            _ => false,
        })
    }

    fn sleep_time(&self) -> Option<Duration> {
        if !self.queue.is_empty() {
            return Some(Duration::ZERO);
        }
        let until = match self.stage {
            Stage::Filling | Stage::Running => self.shared.bounds.end(),
            Stage::Ending(until) => Some(until),
        };
        let wake = self
            .timers
            .next()
            .into_iter()
            .chain(until)
            .chain([self.tick]);
        let next = wake.chain(self.next_opening()).min()?;
        let wait = next - self.shared.network.now();
        Some(wait.saturating_sub(SHORT))
    }

    fn latch_events(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            match event {
                Event::StopSignal => self.stop(),
                Event::Ready(token, readiness) => {
                    if let Some(client) = self.clients.get_mut(token.key()) {
                        client.ready.set(readiness);
                        self.schedule(token.key());
                    }
                }
                Event::ReloadSignal | Event::ReportSignal => {}
            }
        }
        self.events = events;
    }

    /// A signal ends the run, and a second one does not wait.
    fn stop(&mut self) {
        let now = self.shared.network.now();
        self.stage = match self.stage {
            Stage::Filling | Stage::Running => self.ending(now),
            Stage::Ending(_) => Stage::Ending(now),
        };
    }

    pub(super) fn ending(&mut self, now: Instant) -> Stage {
        self.shared.bounds = Bounds::Over { from: self.from };
        self.over.get_or_insert(now);
        for key in self.clients.keys() {
            self.wake(key);
        }
        Stage::Ending(now + self.plan.time_out)
    }

    fn fire_deadlines(&mut self, now: Instant) {
        while let Some((key, at)) = self.timers.pop_due(now) {
            if let Some(client) = self.clients.get_mut(key)
                && client.armed == Some(at)
            {
                client.armed = None;
                if client.wakes_at().is_some_and(|at| at <= now) {
                    self.wake(key);
                } else {
                    self.schedule(key);
                }
            }
        }
        let clients = &mut self.clients;
        self.timers.sweep(clients.len(), |key, at| {
            clients
                .get_mut(key)
                .is_some_and(|one| one.armed == Some(at))
        });
    }

    /// Gives a connection a turn in the next pass.
    pub(super) fn wake(&mut self, key: Key) {
        if let Some(client) = self.clients.get_mut(key) {
            self.queue.push(key, 0, &mut client.queued);
        }
    }

    /// Queues a connection if it is runnable, and arms its deadline.
    pub(super) fn schedule(&mut self, key: Key) {
        if let Some(client) = self.clients.get_mut(key) {
            if client.wants_turn() {
                self.queue.push(key, 0, &mut client.queued);
            }
            let at = client.wakes_at();
            self.timers.arm(key, at, &mut client.armed);
        }
    }

    fn run_turn(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.queued.taken(0);
        let was_entering = client.is_entering();
        let turned = client.turn(&mut self.shared);
        let is_in = was_entering && !client.is_entering();
        self.opened += usize::from(is_in);
        self.entering -= usize::from(is_in);
        match turned {
            Ok(()) => self.schedule(key),
            Err(end) => self.end(key, end),
        }
    }

    fn end(&mut self, key: Key, end: End) {
        let Some(client) = self.clients.remove(key) else {
            return;
        };
        self.entering -= usize::from(client.is_entering());
        let lost = client.unanswered(&self.shared.bounds);
        drop(client);
        if let End::Failed(trouble) = end {
            self.failed(&trouble);
            for _ in 1..lost {
                let sentence = String::new;
                self.shared.measure.failed("no reply".to_owned(), sentence);
            }
        }
    }

    pub(super) fn failed(&mut self, trouble: &Trouble) {
        let measure = &mut self.shared.measure;
        measure.failed(trouble.kind(), || trouble.sentence());
    }
}

/// Raises the limit of descriptors if it is too low.
fn make_room(connections: usize) -> Result<(), String> {
    // Standard streams, the poller and its signals, files.
    let wanted = connections as u64 + 32;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).map_err(|error| {
        let most = limit.maximum.unwrap_or(0);
        format!(
            "--connections {connections}: {wanted} descriptors are needed, and the limit is {most} \
             ({error}); raise it (ulimit -n) or use fewer"
        )
    })
}
