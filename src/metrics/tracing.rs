//! What only a trace records: it begins and ends here, and these calls count nothing.
//!
//! The other calls of [`Counts`] record what they count. It must not know what becomes of a record.

use std::net::SocketAddr;
use std::time::Duration;

use super::counts::Counts;
use super::trace::{Event, Ready, Socket, Trace, TraceSettings, TurnKind};

impl Counts {
    /// Begins a trace; `peers` are the connections that are open, by their numbers. One that is on is
    /// dropped.
    pub fn start_trace(
        &mut self,
        settings: TraceSettings,
        peers: impl Iterator<Item = (usize, SocketAddr)>,
    ) {
        self.tracer.start(settings, peers.collect());
    }

    /// Ends the trace, if one is on; `peers` are the connections that are open then.
    pub fn take_trace(
        &mut self,
        peers: impl Iterator<Item = (usize, SocketAddr)>,
    ) -> Option<Trace> {
        self.tracer.take(peers)
    }

    /// Whether a trace is on.
    pub const fn is_tracing(&self) -> bool {
        self.tracer.is_on()
    }

    /// A poll begins.
    pub fn polling(&mut self, timeout: Option<Duration>) {
        self.tracer.record(|| Event::Poll(timeout));
    }

    /// A poll has returned with so many events.
    pub fn woke(&mut self, events: usize) {
        self.tracer.record(|| Event::Woke(events));
    }

    /// A socket of a connection is ready.
    pub fn ready(&mut self, socket: Socket, connection: usize, readable: bool, writable: bool) {
        self.tracer.record(|| {
            let ready = Ready { readable, writable };
            Event::Ready(socket, connection, ready)
        });
    }

    /// A listen socket is ready.
    pub fn arrivals(&mut self) {
        self.tracer.record(|| Event::Arrivals);
    }

    /// A turn of a connection begins.
    pub fn turn(&mut self, kind: TurnKind, connection: usize) {
        self.tracer.record(|| Event::Turn(kind, connection));
    }

    /// It has ended.
    pub fn turn_ended(&mut self) {
        self.tracer.record(|| Event::TurnEnd);
    }

    /// The connection whose turn it is has this peer.
    pub fn peer(&mut self, peer: SocketAddr) {
        self.tracer.record(|| Event::Peer(peer.ip(), peer.port()));
    }

    /// An action of a session is applied.
    pub fn action(&mut self, name: &'static str) {
        self.tracer.record(|| Event::Action(name));
    }

    /// A deadline has expired.
    pub fn expired(&mut self, deadline: &'static str) {
        self.tracer.record(|| Event::Expired(deadline));
    }
}
