//! When the loop wakes up by itself, and the deadlines that are due then.
//!
//! Each connection has one live entry in the [`Timers`](crate::event_loop::Timers): if its deadline has
//! moved, the entry surfaces and is armed again. Besides, only a listen socket that backs off and the
//! stages of a graceful shutdown have deadlines.

use std::time::Duration;

use super::Reactor;
use super::connection::Connection;
use crate::metrics::TurnKind;

impl Reactor {
    /// How long the poll may sleep: until the next deadline, and not at all if a connection is runnable, or
    /// just was and the configuration wants busy polling.
    pub(super) fn sleep_time(&self, timeout: Option<Duration>) -> Option<Duration> {
        let is_busy = !self.queue.is_empty() || self.review.is_some();
        if is_busy || self.polls_busily() || self.context.io.runner.has_finished() {
            return Some(Duration::ZERO);
        }
        let now = self.context.now;
        let listen_sockets = self
            .listen_sockets
            .iter()
            .filter_map(|socket| socket.backlog.wakes_at(now));
        let deadlines = self.timers.next().into_iter();
        let wake = deadlines
            .chain(listen_sockets)
            .chain(self.context.io.passive_pool.wakes_at(now))
            .chain(self.drain.wakes_at())
            .chain(self.status.wakes_at(now))
            .min();
        let until_wake = wake.map(|at| at - now);
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
            if !is_early {
                self.context
                    .times
                    .fired(self.context.now.nanoseconds_since(at));
            }
            self.run_turn(key, TurnKind::Deadline, Connection::expire);
        }
        let connections = &mut self.connections;
        self.timers.sweep(connections.len(), |key, at| {
            connections
                .get_mut(key)
                .is_some_and(|one| one.armed == Some(at))
        });
        self.context.activity.timers = self.timers.entries();
    }
}
