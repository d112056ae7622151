//! Tracing: the reactor's part is to begin and to end it, and to name the connections that are open.
//!
//! What is recorded is recorded where it happens, by the calls that count.

use std::net::SocketAddr;

use super::Reactor;
use super::connection::Connection;
use crate::event_loop::{Key, Readiness, Slots};
use crate::metrics::{Socket, Trace, TraceSettings};

impl Reactor {
    /// Records what the loop does from now on. A trace that is on is dropped.
    pub fn start_trace(&mut self, settings: TraceSettings) {
        let peers = peers(&self.connections);
        self.context.counts.start_trace(settings, peers);
    }

    /// Whether a trace is on.
    pub const fn is_tracing(&self) -> bool {
        self.context.counts.is_tracing()
    }

    /// Whether a report was requested by SIGUSR1 since the last call.
    pub const fn take_report(&mut self) -> bool {
        std::mem::replace(&mut self.report_requested, false)
    }

    /// Ends the trace that is on; `None` if none is. Another thread may write it.
    pub fn take_trace(&mut self) -> Option<Trace> {
        self.context.counts.take_trace(peers(&self.connections))
    }

    pub(super) fn trace_ready(&mut self, socket: Socket, key: Key, ready: Readiness) {
        let connection = key.to_bits();
        self.context
            .counts
            .ready(socket, connection, ready.readable, ready.writable);
    }
}

/// The open connections, by their numbers.
fn peers(connections: &Slots<Connection>) -> impl Iterator<Item = (usize, SocketAddr)> {
    let connections = connections.iter();
    connections.map(|one| (one.key().to_bits(), one.peer()))
}
