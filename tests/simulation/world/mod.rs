//! The world that the server lives in: time, what is going to happen, sockets and listeners.
//!
//! It owns the clock and the agenda; nothing happens between two entries of it. Faults of the
//! network are decided here, by the weather. It knows neither FTP nor who plays in it: when
//! it is a client's turn, or a job's, it only says so.

mod admission;
mod connection;
mod facts;
mod last_faults;
mod listeners;
mod session_slots;
mod sockets;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use mioftpd::net::{Event, Readiness, Token};

pub(crate) use admission::{LoginOutcome, Rules};
pub(crate) use connection::{Connection, LinkState, Side};
pub(crate) use facts::{Closing, ConnectionFacts, Reset};
pub(crate) use last_faults::{FaultKind, LastFaults};
pub(crate) use listeners::{ClientPort, FIRST_PORT, ListenerId};

use crate::fault_plan::FaultPlan;
use crate::rng::{Odds, Rng};
use crate::tally::Tally;
use admission::AdmissionModel;
use listeners::Listener;
use session_slots::SessionSlots;

pub(crate) type ConnectionId = u64;

/// Something that is going to happen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SimEvent {
    /// The next segment towards one side of a connection lands.
    SegmentArrives(ConnectionId, Side),
    /// A connection arrives where it is going to.
    ConnectionArrives(ConnectionId),
    /// A client has something to do, or to look at.
    ClientTurn(usize),
    /// A worker takes a job.
    JobStarts(u64),
    /// A worker hands its result over.
    JobReturns(u64),
    /// The process is asked to stop.
    Stop,
    /// And to read its files again.
    Reload,
}

/// A socket that has something to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PollSource {
    Connection(ConnectionId),
    Listener(ListenerId),
}

pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) rng: Rng,
    pub(crate) fault_plan: FaultPlan,
    event_queue: BTreeMap<(Duration, u64), SimEvent>,
    /// Clients that have an entry in the agenda for their being notified.
    notified: BTreeSet<usize>,
    next_id: u64,
    connections: BTreeMap<ConnectionId, Connection>,
    /// What was delivered over those that are gone.
    past: BTreeMap<ConnectionId, ConnectionFacts>,
    listeners: BTreeMap<ListenerId, Listener>,
    client_ports: BTreeMap<SocketAddr, ClientPort>,
    /// Pairs of connections whose ends are watched.
    watched: BTreeMap<u64, [ConnectionId; 2]>,
    /// What the next poll reports; like epoll's ready list.
    ready: Vec<PollSource>,
    /// When faults have struck last.
    last_faults: LastFaults,
    pub(crate) admission: AdmissionModel,
    session_slots: SessionSlots,
    /// Grows with each byte that is read or written, each accept and occurrence, and whatever else gets
    /// something done.
    pub(crate) progress: u64,
    /// What the server's calls come to.
    pub(crate) tally: Tally,
    /// When the process was asked to stop.
    pub(crate) stops: Vec<Duration>,
    /// When a storage call has panicked.
    pub(crate) panics: Vec<Duration>,
    /// What must not have happened.
    pub(crate) violations: Vec<String>,
    /// What happened, if somebody wants to know.
    pub(crate) trace: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(rng: Rng, fault_plan: FaultPlan, tracing: bool) -> Self {
        Self {
            now: Duration::ZERO,
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
        }
    }

    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>12.6} {}", self.now.as_secs_f64(), what()));
        }
    }

    pub(crate) fn violate(&mut self, what: String) {
        self.note(|| format!("VIOLATION: {what}"));
        self.violations.push(what);
    }

    /// Whether a fault happens now.
    pub(crate) fn inject_fault(&mut self, odds: fn(&FaultPlan) -> Odds) -> bool {
        let odds = odds(&self.fault_plan);
        self.rng.chance(odds)
    }

    pub(crate) fn schedule(&mut self, after: Duration, what: SimEvent) {
        let id = self.new_id();
        self.event_queue.insert((self.now + after, id), what);
    }

    /// Has a client look around soon; many reasons are one look.
    pub(crate) fn notify_client(&mut self, client: usize) {
        if self.notified.insert(client) {
            let after = self.rng.time(Duration::from_micros(200));
            self.schedule(after, SimEvent::ClientTurn(client));
        }
    }

    /// Takes what happens no later than now.
    pub(crate) fn next_due(&mut self) -> Option<SimEvent> {
        let entry = self.event_queue.first_entry()?;
        if entry.key().0 > self.now {
            return None;
        }
        let event_due = entry.remove();
        // A job that comes and goes is not progress: what it does is.
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

    /// When something happens next.
    pub(crate) fn next_time(&self) -> Option<Duration> {
        let (at, _) = self.event_queue.first_key_value()?.0;
        Some(*at)
    }

    /// What epoll would report: each socket that changed, with its present state, in no order.
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

    /// Whether nothing will happen any more, and the server has no connection for which it
    /// should.
    pub(crate) fn is_over(&self) -> bool {
        let mut held = self
            .connections
            .values()
            .filter(|connection| connection.is_held());
        self.event_queue.is_empty() && self.ready.is_empty() && held.next().is_none()
    }

    /// Whether something waits to be reported.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Sockets that the server has, its listeners included.
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

    /// Whether the server has a connection of a client.
    pub(crate) fn is_held(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(Connection::is_held)
    }

    pub(crate) fn connection_ref(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(&id)
    }

    pub(crate) fn connection(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(&id)
    }

    /// Something has changed at one end: an edge.
    fn notify(&mut self, id: ConnectionId, side: Side) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        match side {
            Side::Client => self.notify_client(connection.owner),
            Side::Server if connection.token.is_some() && !connection.server.closed => {
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

    fn state_of(&mut self, watched: PollSource) -> Option<(Token, Readiness)> {
        let (token, readiness) = match watched {
            PollSource::Connection(id) => {
                let connection = self.connections.get_mut(&id)?;
                (connection.token?, connection.readiness(Side::Server))
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
            .filter(|connection| !connection.server.closed);
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
