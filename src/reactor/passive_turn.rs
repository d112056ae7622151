//! The step of an iteration in which data connections arrive at the passive listeners.
//!
//! They are accepted and given to their sessions, a bounded number at each listener; then sessions that wait
//! for a port ask again. It owns nothing.

use log::Level;

use super::Reactor;
use super::connection::Connection;
use super::context::LoopContext;
use super::passive_listener::Arrival;
use super::unidentified::Callers;
use crate::cause::of_accepting;
use crate::event_loop::Key;
use crate::limits::ARRIVALS_PER_PASS;

impl Reactor {
    pub(super) fn accept_data_connections(&mut self) {
        let now = self.context.now;
        for _ in 0..self.context.io.passive_pool.ready() {
            if let Some(listener) = self.context.io.passive_pool.next_ready(now) {
                self.context.accept_at(listener);
                self.context.io.passive_pool.keep_ready(listener);
            }
        }
        self.context.activity.ports_reviewed += self.context.io.passive_pool.expire(now);
    }

    /// Tells sessions what the pool has for them. Their turns may leave more of that, for others: so this is
    /// repeated behind the pass.
    pub(super) fn share_ports(&mut self) {
        while let Some((owner, stream)) = self.context.io.passive_pool.next_arrived() {
            self.tell(owner, |connection, context| {
                connection.client_arrived(stream, context);
            });
        }
        while let Some(waiting) = self.context.io.passive_pool.queue.next() {
            self.tell(waiting, Connection::listen_again);
        }
        while let Some(owner) = self.context.io.passive_pool.queue.next_wanted() {
            self.tell(owner, |connection, context| connection.hurry(context));
        }
    }
}

impl LoopContext {
    /// Accepts what has arrived at a passive listener. The pool keeps it for its sessions.
    pub(super) fn accept_at(&mut self, listener: Key) {
        let policy = &self.policy;
        let callers = Callers {
            is_proxy: &|address| policy.is_proxy(address),
            acceptor: policy.acceptor.as_ref(),
            until: self.now + policy.settings.timings.handshake,
        };
        for _ in 0..ARRIVALS_PER_PASS {
            let pool = &mut self.io.passive_pool;
            let (address, why) = match pool.accept(listener, self.now, &callers) {
                Arrival::Nothing => return,
                Arrival::Client(..) | Arrival::Other => continue,
                Arrival::Unrelated(address) => (address, "no session waits for it there"),
                Arrival::NotResuming(address) => {
                    (address, "it resumes no TLS session that waits there")
                }
                Arrival::Failed(error) => {
                    log::warn!("Cannot accept data connections: {}", of_accepting(&error));
                    self.io.passive_pool.close_idle(self.now);
                    return;
                }
            };
            let text = format_args!("Closed a connection from {address} to a passive port: {why}");
            let log = &mut self.limiters.unrelated;
            log.log(Level::Warn, text, "closed", self.now);
        }
    }
}
