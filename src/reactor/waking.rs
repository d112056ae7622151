//! When the loop wakes by itself, and what it does about the time then.
//!
//! Each connection has one timer that counts, lazily kept ([`timers`](super::timers)): one whose deadline
//! has moved surfaces once and is set anew. Beside them, only a door that rests and the end of a stage of
//! the stop have a time.

use std::time::Duration;

use super::Reactor;
use super::connection::Connection;

impl Reactor {
    /// How long to sleep: until the next real deadline, and not at all where something is
    /// runnable.
    pub(super) fn patience(&self, timeout: Option<Duration>) -> Option<Duration> {
        let is_busy = !self.queue.is_empty() || self.review.is_some();
        if is_busy || self.context.runner.has_finished() {
            return Some(Duration::ZERO);
        }
        let now = self.context.now;
        let listen_sockets = self
            .listen_sockets
            .iter()
            .filter_map(|socket| socket.wakes_at(now));
        let deadlines = self.timers.next().into_iter();
        let wake = deadlines
            .chain(listen_sockets)
            .chain(self.drain.wakes_at())
            .min();
        let until_wake = wake.map(|at| at.saturating_duration_since(now));
        until_wake.into_iter().chain(timeout).min()
    }

    pub(super) fn fire_deadlines(&mut self) {
        while let Some((key, at)) = self.timers.pop_due(self.context.now) {
            let connection = self.connections.get_mut(key);
            let Some(connection) = connection.filter(|one| one.armed == Some(at)) else {
                self.context.activity.early += 1;
                continue;
            };
            connection.armed = None;
            let is_early = connection
                .deadlines
                .next()
                .is_none_or(|next| next > self.context.now);
            self.context.activity.early += u64::from(is_early);
            self.visit(key, Connection::expire);
        }
        let connections = &mut self.connections;
        self.timers.sweep(connections.len(), |key, at| {
            connections
                .get_mut(key)
                .is_some_and(|one| one.armed == Some(at))
        });
        self.context.activity.timers = self.timers.len();
    }
}
