//! The virtual world: clock, event queue, sockets and listeners.
//!
//! It owns the clock and the event queue; nothing happens between two events. It decides network faults, by
//! the fault plan. It knows neither FTP nor clients: it only reports whose turn it is.

mod admission;
mod connection;
mod facts;
mod last_faults;
mod listeners;
mod readiness;
mod session_slots;
mod sockets;
mod wall_clock;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use mioftpd::internals::clock::Instant;
use mioftpd::internals::net::{Event, Readiness, Registration, Token};

pub(crate) use admission::{LoginOutcome, Rules};
pub(crate) use connection::{Connection, LinkState, Side};
pub(crate) use facts::{Closing, ConnectionFacts, Reset};
pub(crate) use last_faults::{FaultKind, LastFaults};
pub(crate) use listeners::{ClientPort, FIRST_PORT, ListenerId};
use wall_clock::WallClock;

use crate::fault_plan::FaultPlan;
use crate::rng::{Odds, Rng};
use crate::tally::Tally;
use admission::AdmissionModel;
use listeners::Listener;
use session_slots::SessionSlots;

pub(crate) type ConnectionId = u64;

/// A scheduled event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SimEvent {
    /// The next segment arrives at one side of a connection.
    SegmentArrives(ConnectionId, Side),
    /// A connection attempt arrives at its target.
    ConnectionArrives(ConnectionId),
    /// A client has a turn.
    ClientTurn(usize),
    /// A worker starts a job.
    JobStarts(u64),
    /// A worker returns a result.
    JobReturns(u64),
    /// SIGTERM.
    Stop,
    /// SIGHUP.
    Reload,
}

/// A socket with readiness to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PollSource {
    Connection(ConnectionId),
    Listener(ListenerId),
}

pub(crate) struct World {
    pub(crate) now: Duration,
    /// The server's clock at the beginning.
    begin: Instant,
    wall_clock: WallClock,
    pub(crate) rng: Rng,
    pub(crate) fault_plan: FaultPlan,
    event_queue: BTreeMap<(Duration, u64), SimEvent>,
    /// Clients with a pending turn for a notification.
    notified: BTreeSet<usize>,
    next_id: u64,
    connections: BTreeMap<ConnectionId, Connection>,
    /// Facts of removed connections.
    past: BTreeMap<ConnectionId, ConnectionFacts>,
    listeners: BTreeMap<ListenerId, Listener>,
    client_ports: BTreeMap<SocketAddr, ClientPort>,
    /// Pairs of connections whose ends the server watches.
    watched: BTreeMap<u64, [ConnectionId; 2]>,
    /// Sockets that the next poll reports, like epoll's ready list.
    ready: Vec<PollSource>,
    /// When each kind of fault last affected the server.
    last_faults: LastFaults,
    pub(crate) admission: AdmissionModel,
    session_slots: SessionSlots,
    /// Counts bytes moved, accepts, events and everything else that makes progress.
    pub(crate) progress: u64,
    /// Accounting of the server's calls.
    pub(crate) tally: Tally,
    /// Times of the stop signals.
    pub(crate) stops: Vec<Duration>,
    /// Times at which a storage call panicked.
    pub(crate) panics: Vec<Duration>,
    /// Violations found so far.
    pub(crate) violations: Vec<String>,
    /// The trace, if enabled.
    pub(crate) trace: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(rng: Rng, fault_plan: FaultPlan, tracing: bool) -> Self {
        let wall_clock = WallClock::draw(&mut rng.aside());
        let mut world = Self {
            now: Duration::ZERO,
            begin: Instant::now(),
            wall_clock,
            rng,
            fault_plan,
            event_queue: BTreeMap::new(),
            notified: BTreeSet::new(),
            next_id: 1,
            connections: BTreeMap::new(),
            past: BTreeMap::new(),
            listeners: BTreeMap::new(),
            client_ports: BTreeMap::new(),
            watched: BTreeMap::new(),
            ready: Vec::new(),
            last_faults: LastFaults::default(),
            admission: AdmissionModel::default(),
            session_slots: SessionSlots::default(),
            progress: 0,
            tally: Tally::default(),
            stops: Vec::new(),
            panics: Vec::new(),
            violations: Vec::new(),
            trace: tracing.then(Vec::new),
        };
        world.note(|| format!("{wall_clock:?}"));
        world
    }

    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>12.6} {}", self.now.as_secs_f64(), what()));
        }
    }

    /// The server's clock.
    pub(crate) fn time(&self) -> Instant {
        self.begin + self.now
    }

    /// Seconds since 1970.
    pub(crate) fn unix_time(&self) -> i64 {
        self.wall_clock.at(self.now)
    }

    pub(crate) fn violate(&mut self, what: String) {
        self.note(|| format!("VIOLATION: {what}"));
        self.violations.push(what);
    }

    /// Draws whether a fault of these odds occurs now.
    pub(crate) fn inject_fault(&mut self, odds: fn(&FaultPlan) -> Odds) -> bool {
        let odds = odds(&self.fault_plan);
        self.rng.chance(odds)
    }

    pub(crate) fn schedule(&mut self, after: Duration, what: SimEvent) {
        let id = self.new_id();
        self.event_queue.insert((self.now + after, id), what);
    }

    /// Schedules a turn of a client soon; several notifications give one turn.
    pub(crate) fn notify_client(&mut self, client: usize) {
        if self.notified.insert(client) {
            let after = self.rng.time(Duration::from_micros(200));
            self.schedule(after, SimEvent::ClientTurn(client));
        }
    }

    /// Takes the next event that is due.
    pub(crate) fn next_due(&mut self) -> Option<SimEvent> {
        let entry = self.event_queue.first_entry()?;
        if entry.key().0 > self.now {
            return None;
        }
        let event_due = entry.remove();
        // A job is no progress, only its effects are.
        if !matches!(event_due, SimEvent::JobStarts(_) | SimEvent::JobReturns(_)) {
            self.progress += 1;
        }
        match event_due {
            SimEvent::ClientTurn(client) => drop(self.notified.remove(&client)),
            SimEvent::Stop => self.stops.push(self.now),
            _ => {}
        }
        Some(event_due)
    }

    /// The time of the next event.
    pub(crate) fn next_time(&self) -> Option<Duration> {
        let (at, _) = self.event_queue.first_key_value()?.0;
        Some(*at)
    }

    /// The events of one poll: each changed socket with its current readiness, in random order.
    pub(crate) fn take_events(&mut self, events: &mut Vec<Event>) {
        let mut ready = std::mem::take(&mut self.ready);
        self.rng.shuffle(&mut ready);
        for watched in ready {
            if self.inject_fault(|plan| plan.late_event) {
                self.ready.push(watched);
            } else if let Some((token, readiness)) = self.state_of(watched) {
                self.note(|| format!("event {watched:?} {}", shown(readiness)));
                events.push(Event::Ready(token, readiness));
            }
        }
        if !events.is_empty() && self.inject_fault(|plan| plan.spurious) {
            self.invent_event(events);
        }
    }

    /// Whether no event is left, and the server holds no connection.
    pub(crate) fn is_over(&self) -> bool {
        let mut held = self
            .connections
            .values()
            .filter(|connection| connection.is_held());
        self.event_queue.is_empty() && self.ready.is_empty() && held.next().is_none()
    }

    /// Whether readiness is still to be reported.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Sockets that the server holds, including listeners.
    pub(crate) fn server_sockets(&self) -> Vec<String> {
        let connections = self
            .connections
            .values()
            .filter(|connection| connection.is_held());
        let connections = connections.map(|connection| {
            format!(
                "{} of {}",
                connection.server.address, connection.client.address
            )
        });
        let listeners = self
            .listeners
            .values()
            .map(|listener| listener.address.to_string());
        connections.chain(listeners).collect()
    }

    /// Whether the server holds this connection.
    pub(crate) fn is_held(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(Connection::is_held)
    }

    /// Whether the client waits for this connection to be established.
    pub(crate) fn is_connecting(&self, id: ConnectionId) -> bool {
        let connection = self.connections.get(&id);
        connection.is_some_and(|connection| connection.client.link == LinkState::Connecting)
    }

    pub(crate) fn connection_ref(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(&id)
    }

    pub(crate) fn connection(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(&id)
    }

    /// The server says what a poll is to report of a connection: what is the case now, and each change.
    pub(crate) fn register(&mut self, id: ConnectionId, registration: Registration) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut connection.registration, registration) == registration {
            return;
        }
        self.ready.retain(|one| *one != PollSource::Connection(id));
        if registration != Registration::None {
            self.make_ready(PollSource::Connection(id));
        }
    }

    /// One end has changed: an edge.
    fn notify(&mut self, id: ConnectionId, side: Side) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        match side {
            Side::Client => self.notify_client(connection.owner),
            Side::Server if connection.is_registered() => {
                self.make_ready(PollSource::Connection(id));
            }
            Side::Server => {}
        }
    }

    fn make_ready(&mut self, watched: PollSource) {
        if !self.ready.contains(&watched) {
            self.ready.push(watched);
        }
    }

    fn state_of(&self, watched: PollSource) -> Option<(Token, Readiness)> {
        let (token, readiness) = match watched {
            PollSource::Connection(id) => {
                let connection = self.connections.get(&id)?;
                (connection.token?, connection.readiness())
            }
            PollSource::Listener(id) => {
                let listener = self.listeners.get(&id)?;
                let readable = !listener.backlog.is_empty();
                let readiness = Readiness {
                    readable,
                    ..Readiness::default()
                };
                (listener.token, readiness)
            }
        };
        (readiness != Readiness::default()).then_some((token, readiness))
    }

    fn invent_event(&mut self, events: &mut Vec<Event>) {
        let held = self
            .connections
            .values()
            .filter(|connection| connection.is_registered());
        let tokens: Vec<Token> = held.filter_map(|connection| connection.token).collect();
        if tokens.is_empty() {
            return;
        }
        let readiness = Readiness {
            readable: self.rng.one_in(2),
            writable: self.rng.one_in(2),
            drain: self.rng.one_in(4),
        };
        let at = self.rng.below(events.len() + 1);
        events.insert(at, Event::Ready(self.rng.pick(&tokens), readiness));
    }

    const fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

fn shown(readiness: Readiness) -> String {
    let letter = |is_set, letter| if is_set { letter } else { "-" };
    let [r, w, d] = [
        letter(readiness.readable, "r"),
        letter(readiness.writable, "w"),
        letter(readiness.drain, "d"),
    ];
    format!("{r}{w}{d}")
}
