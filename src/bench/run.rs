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
use super::client::{Login, LoginPlan};
use super::connection::Client;
use super::file_plan::FilePlan;
use super::hdr_log::HdrLog;
use super::plan::{Plan, Workload};
use super::process::Usage;
use super::shared::Shared;
use super::tls::ClientTls;
use super::trouble::End;
use crate::clock::Instant;
use crate::event_loop::{Key, RunQueue, Slots, Timers};
use crate::net::{Event, Network as _, SystemNetwork};

/// Waits shorter than this are spent polling: epoll counts milliseconds.
const SHORT: Duration = Duration::from_millis(1);

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// ```text
///   Filling ──all connections are there──▶ Running ──over──▶ Ending ──all are gone, time──▶ done
///                                                              └─files are left─▶ Sweeping ──▲
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Filling,
    Running,
    /// Until then.
    Ending(Instant),
    /// One connection deletes what the others have left, until then.
    Sweeping(Instant),
}

/// The connections of a lane.
pub(super) struct LaneState {
    /// Those that were begun, and those that are there.
    pub(super) begun: usize,
    pub(super) live: usize,
    pub(super) login: Arc<LoginPlan>,
    /// What each of its connections resumes, if they resume each other's sessions.
    pub(super) tls: Option<ClientTls>,
}

/// A run that goes on.
pub(super) struct Run<'a> {
    pub(super) plan: &'a Plan,
    pub(super) address: SocketAddr,
    pub(super) files: Arc<FilePlan>,
    pub(super) lanes: Vec<LaneState>,
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
    /// Files that lost connections have left on the server.
    pub(super) leftovers: Vec<Vec<u8>>,
    pub(super) log: Option<HdrLog<io::BufWriter<std::fs::File>>>,
    pub(super) log_error: Option<io::Error>,
    /// When the second ends that is being counted.
    pub(super) tick: Instant,
    pub(super) shows_progress: bool,
    /// Whether a signal has ended it.
    pub(super) is_stopped: bool,
    pub(super) seconds: Vec<Vec<(u32, u64)>>,
}

impl<'a> Run<'a> {
    /// # Errors
    /// In words, if nothing can be measured here.
    pub(super) fn new(plan: &'a Plan, address: SocketAddr) -> Result<Self, String> {
        let of_network = |error| format!("cannot poll: {error}");
        let mut network = SystemNetwork::new().map_err(of_network)?;
        network.enable_signals().map_err(of_network)?;
        make_room(plan)?;
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
            files: Arc::new(plan.files.clone()),
            lanes: lanes(plan),
            shared: Shared::new(
                Box::new(network),
                plan.rows().len(),
                plan.first_row(1),
                plan.time_out,
                plan.seed,
            )?,
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
            leftovers: Vec::new(),
            log: log.transpose()?,
            log_error: None,
            tick: now + SECOND,
            shows_progress: io::stderr().is_terminal(),
            is_stopped: false,
            seconds: Vec::new(),
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
            self.end_second(now);
        }
        Ok(match self.stage {
            Stage::Ending(until) if self.clients.is_empty() || now >= until => !self.sweep(now),
            Stage::Sweeping(until) => self.clients.is_empty() || now >= until,
            _ => false,
        })
    }

    fn sleep_time(&self) -> Option<Duration> {
        if !self.queue.is_empty() {
            return Some(Duration::ZERO);
        }
        let until = match self.stage {
            Stage::Filling | Stage::Running => self.shared.bounds.end(),
            Stage::Ending(until) | Stage::Sweeping(until) => Some(until),
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
                        client.set_ready(token.role(), readiness);
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
        self.is_stopped = true;
        self.stage = match self.stage {
            Stage::Filling | Stage::Running => self.ending(now),
            Stage::Ending(_) => Stage::Ending(now),
            Stage::Sweeping(_) => Stage::Sweeping(now),
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
        let is_last = self.clients.len() == 1;
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.queued.taken(0);
        let was_entering = client.is_entering();
        self.shared.is_last = is_last;
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
        if let Some(lane) = self.lanes.get_mut(client.lane) {
            lane.live -= 1;
        }
        let lost = client.unanswered(&self.shared.bounds);
        match &end {
            End::Failed(_) => self.leftovers.extend(client.leftovers()),
            End::Finished if matches!(self.stage, Stage::Sweeping(_)) => self.leftovers.clear(),
            End::Finished => {}
        }
        drop(client);
        if let End::Failed(trouble) = end {
            self.shared.failed(&trouble);
            for _ in 1..lost {
                self.shared.errors.count("no reply".to_owned(), String::new);
            }
        }
        // It may have waited for the others.
        if let (Stage::Ending(_), [last]) = (self.stage, self.clients.keys().as_slice()) {
            self.wake(*last);
        }
    }
}

fn lanes(plan: &Plan) -> Vec<LaneState> {
    let login = Arc::new(plan.login.clone());
    let no_login = Arc::new(LoginPlan {
        login: Login::No,
        protects_data: false,
        ..plan.login.clone()
    });
    let state = |workload: &Workload| {
        let (login, tls) = match (workload, &plan.tls) {
            (Workload::Handshake { resumes: true }, Some(tls)) => {
                (&no_login, Some(ClientTls::new(tls)))
            }
            (Workload::Handshake { .. }, Some(tls)) => {
                (&no_login, Some(ClientTls::without_sessions(tls)))
            }
            _ => (&login, None),
        };
        LaneState {
            begun: 0,
            live: 0,
            login: Arc::clone(login),
            tls,
        }
    };
    let lanes = plan.lanes.iter();
    lanes.map(|lane| state(&lane.workload)).collect()
}

/// Raises the limit of descriptors if it is too low.
fn make_room(plan: &Plan) -> Result<(), String> {
    let connections = plan.connections();
    let moves_files = |workload: &Workload| matches!(workload, Workload::Files(..));
    let has_files = plan.lanes.iter().any(|lane| moves_files(&lane.workload));
    let each = if has_files { 3 } else { 1 };
    // Standard streams, the poller and its signals, files.
    let wanted = connections as u64 * each + 32;
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
