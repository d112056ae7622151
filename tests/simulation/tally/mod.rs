//! What the server's calls come to: counted as they are made, and held to what the work needs.
//!
//! [`calls`] counts in the middle of an iteration, and finds a loop that never polls; [`iteration`] looks
//! at each iteration when it is over: why it came, what it did, and whether that was worth it. [`data`]
//! knows what went over each data connection, and [`records`] is held to it; [`control`] what was said, and
//! when, and [`times`] holds the time-outs to that. Nothing here decides anything that happens.

mod calls;
mod control;
mod data;
mod iteration;
mod records;
mod times;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use mioftpd::limits::REVIEWS_PER_PASS;
use mioftpd::net::{Event, Token};
use mioftpd::reactor::Activity;

pub(crate) use calls::Call;
use control::ControlConnection;
use data::DataConnection;
use records::ClientRecords;
use times::Times;

use crate::client::RunConfig;
use crate::world::ConnectionId;

/// Why a poll has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WakeReason {
    Event,
    Job,
    /// By the weather.
    Spurious,
    /// Its time was over.
    Time,
    /// Nothing will ever happen again.
    Over,
}

#[derive(Default)]
pub(crate) struct Tally {
    /// Where clients come in; whoever comes to another listener brings data.
    listen_addresses: Vec<SocketAddr>,
    /// The server has TLS, so that not all that goes over a wire is plain.
    has_tls: bool,
    now: Iteration,
    last: Iteration,
    job: Option<JobCalls>,
    /// The loop is gone, and its workers are not.
    has_ended: bool,
    times: Times,
    /// Control connections that the server has, and data connections.
    controls: BTreeMap<ConnectionId, ControlConnection>,
    data: BTreeMap<ConnectionId, DataConnection>,
    clients: BTreeMap<usize, ClientRecords>,
    iterations: u64,
    /// Sums of the run.
    totals: Totals,
    /// As of the end of the last iteration.
    activity: Activity,
    connections: usize,
    /// Iterations that may be for a look at connections after a reload, eight in each.
    reviews: usize,
    /// Stages of a stop that have come by themselves.
    stages: u32,
}

/// What the loop itself has done since its last poll.
#[derive(Clone, Copy, Debug, Default)]
struct Iteration {
    wake_reason: Option<WakeReason>,
    /// It did not want to sleep.
    was_busy: bool,
    events: usize,
    /// Calls in a row that came to nothing.
    fruitless: u32,
    submits: u32,
    /// Whatever it did that somebody else could notice, and calls that came to nothing.
    effects: u32,
    /// A control connection was closed in it, which may be queued for a turn.
    has_closed: bool,
    /// It has sent bytes of a transfer.
    moved_data: bool,
}

/// What a worker has done with a job.
#[derive(Clone, Copy, Debug, Default)]
struct JobCalls {
    is_slice: bool,
    /// The last wire that gave or took nothing.
    blocked: Option<ConnectionId>,
    moved: Option<ConnectionId>,
    fruitless: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    events: u64,
    /// Sockets that the server has had.
    sockets: u64,
    /// Reads and writes on the loop that would have blocked.
    blocked: u64,
}

impl Tally {
    pub(crate) fn set_up(&mut self, config: &RunConfig) {
        self.listen_addresses.clone_from(&config.listen_addresses);
        self.has_tls = config.tls.is_some();
        self.times = Times::of(config);
    }

    pub(crate) fn begin_poll(&mut self, timeout: Option<Duration>) {
        self.iterations += 1;
        self.last = self.now;
        self.now = Iteration {
            was_busy: timeout == Some(Duration::ZERO),
            ..Iteration::default()
        };
    }

    pub(crate) fn end_poll(&mut self, wake_reason: WakeReason, events: &[Event]) {
        self.now.wake_reason = Some(wake_reason);
        self.now.events = events.len();
        self.totals.events += events.len() as u64;
        for event in events {
            if let Event::Ready(token, _) = event {
                self.report(*token);
            }
        }
    }

    /// The rules have changed: all sessions are looked at, of as many as there were at once.
    pub(crate) fn reloaded(&mut self, most: usize) {
        self.reviews = most / REVIEWS_PER_PASS + 1;
    }

    pub(crate) fn client(&mut self, number: usize) -> &mut ClientRecords {
        self.clients.entry(number).or_default()
    }

    /// An event of a data connection allows its transfer one more try.
    fn report(&mut self, token: Token) {
        if let Some(connection) = self
            .data
            .values_mut()
            .find(|connection| connection.token == token)
        {
            connection.tries += 1;
        }
    }
}
