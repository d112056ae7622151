//! A trace for a client of the status service: the loop records it, and a thread writes it for the client.
//!
//! One at a time. The loop goes on meanwhile; what is recorded is dropped if the client leaves. The thread is
//! the server's to start, by [`Reactor::next_trace`]. It must not know what a trace has.

use std::mem;

use super::StatusService;
use crate::clock::Instant;
use crate::event_loop::Key;
use crate::limits::status::RESPONSE_STALL;
use crate::reactor::Reactor;
use crate::reactor::status_answers::{Afterwards, Answer};
use crate::status::response::{Response, StatusCode};
use crate::status::{StatusConnection, TraceCall, TraceJob};

/// What becomes of the request.
///
/// ```text
///   None ──call──▶ Recording ──time over──▶ Recorded ──thread──▶ Writing ──all taken──▶ None
///                      └────────────────client gone────┴────────────┴───────────────▶ None
/// ```
pub(super) enum TraceRequest {
    None,
    /// The loop records until then, for this client.
    Recording(Key, Instant),
    /// A thread is to be started.
    Recorded(Key, TraceJob),
    /// It runs.
    Writing(Key),
}

impl TraceRequest {
    pub(super) const fn wakes_at(&self) -> Option<Instant> {
        match self {
            Self::Recording(_, until) => Some(*until),
            _ => None,
        }
    }

    const fn client(&self) -> Option<Key> {
        match self {
            Self::None => None,
            Self::Recording(client, _) | Self::Recorded(client, _) | Self::Writing(client) => {
                Some(*client)
            }
        }
    }
}

impl StatusService {
    fn is_deferred(&self, client: Key) -> bool {
        let connection = self.connections.get(client);
        connection.is_some_and(StatusConnection::is_deferred)
    }
}

impl Reactor {
    /// Work for a thread, if there is some: it may take a second. Without the thread the client is refused.
    pub fn next_trace(&mut self) -> Option<TraceJob> {
        match mem::replace(&mut self.status.trace, TraceRequest::None) {
            TraceRequest::Recorded(client, job) => {
                self.status.trace = TraceRequest::Writing(client);
                Some(job)
            }
            other => {
                self.status.trace = other;
                None
            }
        }
    }

    pub(in crate::reactor) fn record_for(&mut self, client: Key, call: TraceCall) -> Answer {
        let refusal = match self.status.trace {
            TraceRequest::None if self.is_tracing() => {
                "409 Conflict: --trace is recording; SIGUSR1 has its file written"
            }
            TraceRequest::None => {
                let until = self.context.now + call.time;
                self.start_trace(self.trace_settings(call.names));
                self.status.trace = TraceRequest::Recording(client, until);
                return Answer::Deferred(until + RESPONSE_STALL);
            }
            _ => "409 Conflict: another client has a trace recorded",
        };
        let refusal = Response::plain(StatusCode::Conflict, refusal);
        Answer::Ready(refusal, Afterwards::Nothing)
    }

    /// Goes on with the request. Pieces of the response may have come without an event of a socket.
    pub(super) fn advance_trace(&mut self) {
        let Some(client) = self.status.trace.client() else {
            return;
        };
        let is_deferred = self.status.is_deferred(client);
        match self.status.trace {
            TraceRequest::Recording(_, until) if is_deferred && until > self.context.now => {}
            TraceRequest::Recording(..) => {
                let waker = self.context.io.network.waker();
                let trace = self.take_trace().filter(|_| is_deferred);
                self.status.trace = match trace.map(|trace| TraceJob::new(trace, waker)) {
                    Some((job, pieces)) => {
                        if let Some(connection) = self.status.connections.get_mut(client) {
                            connection.begin_arrival(pieces, self.context.now);
                        }
                        TraceRequest::Recorded(client, job)
                    }
                    None => TraceRequest::None,
                };
            }
            _ if is_deferred => {
                if let Some(connection) = self.status.connections.get_mut(client) {
                    connection.wake();
                }
                self.status.schedule(client);
            }
            _ => self.status.trace = TraceRequest::None,
        }
    }
}
