//! The world that the server lives in: time, what is going to happen, sockets and listeners.
//!
//! It owns the clock and the agenda; nothing happens between two entries of it. Faults of the
//! network are decided here, by the weather. It knows neither FTP nor who plays in it: when
//! it is a client's turn, or a job's, it only says so.

mod delivered;
mod gate;
mod listeners;
mod seats;
mod sockets;
mod struck;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use mioftpd::net::{Event, Readiness, Token};

pub(crate) use delivered::{Closing, Delivered, Reset};
pub(crate) use gate::{Outcome, Rules};
pub(crate) use listeners::{ClientPort, FIRST_PORT, PostId};
pub(crate) use struck::{Blow, Struck};
pub(crate) use wire::{Line, Side, Wire};

use crate::rng::{Odds, Rng};
use crate::weather::Weather;
use gate::Gate;
use listeners::Post;
use seats::Seats;

pub(crate) type WireId = u64;

/// Something that is going to happen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Occurrence {
    /// The next segment towards one side of a connection lands.
    Land(WireId, Side),
    /// A connection arrives where it is going to.
    Knock(WireId),
    /// A client has something to do, or to look at.
    Client(usize),
    /// A worker takes a job.
    JobRuns(u64),
    /// A worker hands its result over.
    JobReturns(u64),
    /// The process is asked to stop.
    Stop,
    /// And to read its files again.
    Reload,
}

/// A socket that has something to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    Wire(WireId),
    Post(PostId),
}

pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) rng: Rng,
    pub(crate) weather: Weather,
    agenda: BTreeMap<(Duration, u64), Occurrence>,
    /// Clients that have an entry in the agenda for their being notified.
    notified: BTreeSet<usize>,
    next_id: u64,
    wires: BTreeMap<WireId, Wire>,
    /// What was delivered over those that are gone.
    past: BTreeMap<WireId, Delivered>,
    posts: BTreeMap<PostId, Post>,
    client_ports: BTreeMap<SocketAddr, ClientPort>,
    /// Pairs of connections whose ends are watched.
    watched: BTreeMap<u64, [WireId; 2]>,
    /// What the next poll reports; like epoll's ready list.
    ready: Vec<Watched>,
    /// When faults have struck last.
    struck: Struck,
    pub(crate) gate: Gate,
    seats: Seats,
    /// Grows with each read, write, accept, job and occurrence.
    pub(crate) progress: u64,
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
    pub(crate) fn new(rng: Rng, weather: Weather, tracing: bool) -> Self {
        Self {
            now: Duration::ZERO,
            rng,
            weather,
            agenda: BTreeMap::new(),
            notified: BTreeSet::new(),
            next_id: 1,
            wires: BTreeMap::new(),
            past: BTreeMap::new(),
            posts: BTreeMap::new(),
            client_ports: BTreeMap::new(),
            watched: BTreeMap::new(),
            ready: Vec::new(),
            struck: Struck::default(),
            gate: Gate::default(),
            seats: Seats::default(),
            progress: 0,
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
    pub(crate) fn fault(&mut self, odds: fn(&Weather) -> Odds) -> bool {
        let odds = odds(&self.weather);
        self.rng.chance(odds)
    }

    pub(crate) fn plan(&mut self, after: Duration, what: Occurrence) {
        let id = self.new_id();
        self.agenda.insert((self.now + after, id), what);
    }

    /// Has a client look around soon; many reasons are one look.
    pub(crate) fn notify_client(&mut self, client: usize) {
        if self.notified.insert(client) {
            let after = self.rng.time(Duration::from_micros(200));
            self.plan(after, Occurrence::Client(client));
        }
    }

    /// Takes what happens no later than now.
    pub(crate) fn next_due(&mut self) -> Option<Occurrence> {
        let entry = self.agenda.first_entry()?;
        if entry.key().0 > self.now {
            return None;
        }
        let occurrence = entry.remove();
        self.progress += 1;
        match occurrence {
            Occurrence::Client(client) => drop(self.notified.remove(&client)),
            Occurrence::Stop => self.stops.push(self.now),
            _ => {}
        }
        Some(occurrence)
    }

    /// When something happens next.
    pub(crate) fn next_time(&self) -> Option<Duration> {
        let (at, _) = self.agenda.first_key_value()?.0;
        Some(*at)
    }

    /// What epoll would report: each socket that changed, with its present state, in no order.
    pub(crate) fn take_events(&mut self, events: &mut Vec<Event>) {
        let mut ready = std::mem::take(&mut self.ready);
        self.rng.shuffle(&mut ready);
        for watched in ready {
            if self.fault(|weather| weather.late_event) {
                self.ready.push(watched);
            } else if let Some((token, readiness)) = self.state_of(watched) {
                self.note(|| format!("event {watched:?} {}", shown(readiness)));
                events.push(Event::Ready(token, readiness));
            }
        }
        if !events.is_empty() && self.fault(|weather| weather.spurious) {
            self.invent_event(events);
        }
    }

    /// Whether nothing will happen any more, and the server has no connection for which it
    /// should.
    pub(crate) fn is_over(&self) -> bool {
        let mut held = self.wires.values().filter(|wire| wire.is_held());
        self.agenda.is_empty() && self.ready.is_empty() && held.next().is_none()
    }

    /// Whether something waits to be reported.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Sockets that the server has, its listeners included.
    pub(crate) fn server_sockets(&self) -> Vec<String> {
        let wires = self.wires.values().filter(|wire| wire.is_held());
        let wires = wires.map(|wire| format!("{} of {}", wire.server.address, wire.client.address));
        let posts = self.posts.values().map(|post| post.address.to_string());
        wires.chain(posts).collect()
    }

    /// Whether the server has a connection of a client.
    pub(crate) fn is_held(&self, id: WireId) -> bool {
        self.wires.get(&id).is_some_and(Wire::is_held)
    }

    pub(crate) fn wire(&mut self, id: WireId) -> Option<&mut Wire> {
        self.wires.get_mut(&id)
    }

    /// Something has changed at one end: an edge.
    fn notify(&mut self, id: WireId, side: Side) {
        let Some(wire) = self.wires.get(&id) else {
            return;
        };
        match side {
            Side::Client => self.notify_client(wire.owner),
            Side::Server if wire.token.is_some() && !wire.server.closed => {
                self.make_ready(Watched::Wire(id));
            }
            Side::Server => {}
        }
    }

    fn make_ready(&mut self, watched: Watched) {
        if !self.ready.contains(&watched) {
            self.ready.push(watched);
        }
    }

    fn state_of(&mut self, watched: Watched) -> Option<(Token, Readiness)> {
        let (token, readiness) = match watched {
            Watched::Wire(id) => {
                let wire = self.wires.get_mut(&id)?;
                (wire.token?, wire.readiness(Side::Server))
            }
            Watched::Post(id) => {
                let post = self.posts.get(&id)?;
                let readable = !post.backlog.is_empty();
                let readiness = Readiness {
                    readable,
                    ..Readiness::default()
                };
                (post.token, readiness)
            }
        };
        (readiness != Readiness::default()).then_some((token, readiness))
    }

    fn invent_event(&mut self, events: &mut Vec<Event>) {
        let held = self.wires.values().filter(|wire| !wire.server.closed);
        let tokens: Vec<Token> = held.filter_map(|wire| wire.token).collect();
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
