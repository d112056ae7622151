//! Accounting of the server's calls, checked against the work that is due.
//!
//! [`calls`] counts during an iteration and detects loops without a poll; [`iteration`] checks each
//! iteration for its cause and its effect; [`data`] counts bytes per data connection, which [`records`] must
//! match; [`control`] follows the control connections, and [`times`] checks time-outs against them. Observes
//! only; decides nothing.

mod calls;
mod control;
mod data;
mod iteration;
mod records;
mod times;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use mioftpd::Activity;
use mioftpd::internals::limits::REVIEWS_PER_PASS;
use mioftpd::internals::net::{Event, Token};

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
    /// Injected.
    Spurious,
    /// The time-out expired.
    Time,
    /// No event is left.
    Over,
}

#[derive(Default)]
pub(crate) struct Tally {
    /// Addresses of the control listeners; all others are passive.
    listen_addresses: Vec<SocketAddr>,
    /// The server has TLS, so that not all traffic is readable.
    has_tls: bool,
    now: Iteration,
    last: Iteration,
    job: Option<JobCalls>,
    /// The loop has ended; its workers have not.
    has_ended: bool,
    pub(crate) times: Times,
    /// The server's control and data connections.
    controls: BTreeMap<ConnectionId, ControlConnection>,
    data: BTreeMap<ConnectionId, DataConnection>,
    clients: BTreeMap<usize, ClientRecords>,
    iterations: u64,
    /// Totals of the run.
    totals: Totals,
    /// State at the end of the last iteration.
    activity: Activity,
    connections: usize,
    /// Remaining iterations that may review sessions after a reload, eight sessions each.
    reviews: usize,
    /// Stages of a stop that were reached by time-out.
    stages: u32,
}

/// Work of the loop since its last poll.
#[derive(Clone, Copy, Debug, Default)]
struct Iteration {
    wake_reason: Option<WakeReason>,
    /// It polled with a zero time-out.
    was_busy: bool,
    events: usize,
    /// Consecutive fruitless calls.
    fruitless: u32,
    submits: u32,
    /// Observable effects, and fruitless calls.
    effects: u32,
    /// Commands that were executed.
    commands: u64,
    /// A control connection was closed; it may still be in the run queue.
    has_closed: bool,
    /// It has sent transfer data.
    moved_data: bool,
}

/// Work of a worker on one job.
#[derive(Clone, Copy, Debug, Default)]
struct JobCalls {
    is_slice: bool,
    /// The last connection that would have blocked.
    blocked: Option<ConnectionId>,
    moved: Option<ConnectionId>,
    fruitless: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    events: u64,
    /// Sockets created so far.
    sockets: u64,
    /// Reads and writes of the loop that returned `WouldBlock`.
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

    /// A reload: up to `most` sessions are reviewed.
    pub(crate) fn reloaded(&mut self, most: usize) {
        self.reviews = most / REVIEWS_PER_PASS + 1;
    }

    pub(crate) fn client(&mut self, number: usize) -> &mut ClientRecords {
        self.clients.entry(number).or_default()
    }

    /// Its events are reported by this token from now on.
    pub(crate) fn renamed(&mut self, id: ConnectionId, token: Token) {
        let connection = self.data.entry(id);
        connection.and_modify(|connection| connection.token = token);
    }

    /// An event on a data connection justifies one more attempt.
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
