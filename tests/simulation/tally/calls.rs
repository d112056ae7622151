//! The server's network calls, and detection of endless loops of them.
//!
//! Time does not pass between polls, so a call that would block keeps blocking. The number of useful
//! attempts in one iteration is bounded by the server's sockets; a longer series is an endless loop.

use std::io;
use std::net::SocketAddr;

use mioftpd::internals::net::{Registration, Token};

use super::control::ControlConnection;
use super::data::{BUDGET, DataConnection};
use super::{JobCalls, Tally};
use crate::world::{ConnectionId, World};

/// The implicit-TLS port.
const IMPLICIT_TLS: u16 = 990;

/// Limit on consecutive fruitless calls. A turn makes at most three; a run has some twenty connections with
/// two sockets each.
const FRUITLESS_CALLS: u32 = 500;

/// Limit on jobs per iteration. A turn submits at most two; the largest iteration has about a hundred turns.
const SUBMITS: u32 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    Write,
}

impl Tally {
    /// Counts an observable effect.
    pub(crate) fn effect(&mut self) {
        if self.job.is_none() {
            self.now.effects += 1;
        }
    }

    /// A worker starts a job; without workers, an interrupted job resumes afterwards.
    pub(crate) fn begin_job(&mut self, is_slice: bool) {
        self.job = Some(JobCalls {
            is_slice,
            ..JobCalls::default()
        });
    }

    /// The loop has ended.
    pub(crate) const fn end_loop(&mut self) {
        self.has_ended = true;
    }

    /// Whether the current call is made by a worker.
    pub(crate) const fn is_on_worker(&self) -> bool {
        self.job.is_some() || self.has_ended
    }

    fn count_fruitless(&mut self) -> u32 {
        let fruitless = match &mut self.job {
            Some(job) => &mut job.fruitless,
            None => &mut self.now.fruitless,
        };
        *fruitless += 1;
        *fruitless
    }

    fn count_success(&mut self) {
        match &mut self.job {
            Some(job) => job.fruitless = 0,
            None => self.now.fruitless = 0,
        }
    }
}

impl World {
    /// The loop has submitted a job: the violation, if any.
    pub(crate) fn submitted(&mut self) -> Option<String> {
        let now = &mut self.tally.now;
        now.effects += 1;
        now.submits += 1;
        (now.submits > SUBMITS)
            .then(|| self.spinning(format!("{SUBMITS} jobs are submitted without a poll")))
    }

    pub(crate) fn accepted(
        &mut self,
        at: SocketAddr,
        token: Token,
        outcome: Result<ConnectionId, io::ErrorKind>,
    ) -> Option<String> {
        self.tally.effect();
        match outcome {
            Ok(connection) => {
                self.tally.count_success();
                self.tally.totals.sockets += 1;
                if self.tally.listen_addresses.contains(&at) {
                    let is_encrypted = at.port() == IMPLICIT_TLS;
                    let owner = self.owner_of(connection).unwrap_or_default();
                    let control = ControlConnection::new(owner, self.now, is_encrypted);
                    self.tally.controls.insert(connection, control);
                } else {
                    self.tally
                        .data
                        .insert(connection, DataConnection::new(token));
                }
                None
            }
            Err(kind) if self.tally.count_fruitless() > FRUITLESS_CALLS => {
                Some(self.spinning(format!("accept at {at} is repeated without a poll: {kind}")))
            }
            Err(_) => None,
        }
    }

    pub(crate) fn dialled(&mut self, token: Token, connection: Option<ConnectionId>) {
        self.tally.effect();
        if let Some(connection) = connection {
            self.tally.totals.sockets += 1;
            self.tally
                .data
                .insert(connection, DataConnection::new(token));
        }
    }

    /// The server half-closes.
    pub(crate) fn half_closes(&mut self, id: ConnectionId) {
        self.tally.effect();
        if let Some(control) = self.tally.controls.get_mut(&id) {
            control.shut.get_or_insert(self.now);
        }
    }

    /// The server has read or written `asked` bytes, with this outcome.
    pub(crate) fn called(
        &mut self,
        id: ConnectionId,
        call: Call,
        asked: usize,
        outcome: Result<&[u8], &io::Error>,
    ) -> Option<String> {
        let is_data = self.tally.data.contains_key(&id);
        if is_data && self.tally.is_on_worker() {
            self.check_unregistered(id);
        }
        self.follow_control(id, call, asked, outcome);
        self.tally.effect();
        match outcome {
            Ok(bytes) if !bytes.is_empty() => {
                self.tally.count_success();
                if let Some(job) = &mut self.tally.job {
                    job.moved = is_data.then_some(id);
                }
            }
            Ok(_) => drop(self.tally.count_fruitless()),
            Err(error) => {
                let fruitless = self.tally.count_fruitless();
                let would_block = error.kind() == io::ErrorKind::WouldBlock;
                match &mut self.tally.job {
                    Some(job) if would_block => job.blocked = is_data.then_some(id),
                    None if would_block => self.tally.totals.blocked += 1,
                    _ => {}
                }
                if fruitless > FRUITLESS_CALLS {
                    return Some(self.spin_at(id, call, &error.to_string()));
                }
            }
        }
        if matches!(outcome, Ok([])) && self.tally.now.fruitless > FRUITLESS_CALLS {
            return Some(self.spin_at(id, call, "no effect"));
        }
        let now = self.now;
        let is_loop = self.tally.job.is_none();
        let iteration = is_loop.then_some(self.tally.iterations);
        if let (Some(data), Ok(bytes)) = (self.tally.data.get_mut(&id), outcome) {
            let moved = data.moved(call, bytes.len() as u64, iteration, now);
            if moved > BUDGET {
                self.violate(format!("connection {id}: {moved} bytes moved in one turn"));
            }
        }
        // The loop reads only PROXY headers and kept connections.
        if is_loop && is_data {
            self.tally.now.moved_data |= call == Call::Write;
        } else if is_loop && call == Call::Read && self.tally.now.moved_data {
            self.read_behind_data(id);
        }
        None
    }

    pub(crate) fn closes(&mut self, id: ConnectionId) {
        self.tally.effect();
        let owner = self.owner_of(id);
        match (self.tally.data.remove(&id), owner) {
            (Some(data), Some(owner)) => self.tally.client(owner).closed = Some(data),
            (Some(_), None) => {}
            (None, _) => self.tally.now.has_closed = true,
        }
        self.tally.controls.remove(&id);
    }

    /// A worker has finished a job.
    pub(crate) fn end_job(&mut self) {
        let Some(job) = self.tally.job.take() else {
            return;
        };
        if let Some(connection) = job.moved {
            self.tally
                .data
                .entry(connection)
                .and_modify(|data| data.tries += 1);
        } else if let Some(id) = job.blocked.filter(|_| job.is_slice) {
            self.fruitless_slice(id);
        }
    }

    /// What a worker works on wakes nobody.
    fn check_unregistered(&mut self, id: ConnectionId) {
        let connection = self.connection_ref(id);
        if connection.is_some_and(|connection| connection.registration != Registration::None) {
            self.violate(format!(
                "connection {id} is registered while a worker has it"
            ));
        }
    }

    /// Follows the traffic of a control connection.
    fn follow_control(
        &mut self,
        id: ConnectionId,
        call: Call,
        asked: usize,
        outcome: Result<&[u8], &io::Error>,
    ) {
        let now = self.now;
        let Some(control) = self.tally.controls.get_mut(&id) else {
            return;
        };
        let replies = match (call, outcome) {
            (Call::Read, Ok(bytes)) => {
                control.has_read(bytes, now);
                return;
            }
            (Call::Read, Err(_)) => return,
            (Call::Write, Ok(bytes)) => control.has_written(bytes, bytes.len() == asked, now),
            (Call::Write, Err(_)) => {
                control.is_blocked(now);
                return;
            }
        };
        for one in replies {
            self.check_earliest(id, one);
        }
    }

    pub(super) fn owner_of(&self, id: ConnectionId) -> Option<usize> {
        self.connection_ref(id).map(|connection| connection.owner)
    }

    fn spin_at(&mut self, id: ConnectionId, call: Call, why: &str) -> String {
        let peer = self
            .connection(id)
            .map(|connection| connection.client.address);
        self.spinning(format!(
            "{call:?} of connection {id} of {peer:?} is repeated without a poll: {why}"
        ))
    }

    fn spinning(&mut self, what: String) -> String {
        self.violate(format!("a loop within one turn: {what}"));
        what
    }
}
