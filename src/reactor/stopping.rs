//! Graceful shutdown: what the reactor does at each stage of [`Drain`](super::drain).

use super::Reactor;
use super::close_reason::CloseReason;
use super::drain::{Drain, Step};
use crate::session::{Context, Session};

impl Reactor {
    /// Begins a graceful shutdown: no connection is accepted, idle sessions get 421, transfers may end
    /// within the grace period. A second call waits for no client, and only shortly for the workers to
    /// clean up; a third waits for nothing.
    pub fn stop(&mut self) {
        if self.drain.is_running() {
            self.begin_to_stop();
        } else {
            log::warn!("Stopping at once");
            let step = self.drain.hurry(self.context.now);
            self.take(step);
        }
        self.drain_further();
    }

    fn begin_to_stop(&mut self) {
        log::info!("Stopping");
        self.listen_sockets.clear();
        let until = self.context.now + self.context.policy.settings.timings.grace;
        self.drain = Drain::Draining(until);
        self.tell_all(Session::stop);
    }

    /// A turn for each connection, in which its session is told this.
    fn tell_all(&mut self, act: fn(&mut Session, &mut Context<'_>)) {
        for key in self.connections.keys() {
            self.tell(key, |connection, context| connection.converse(context, act));
        }
    }

    pub(super) fn drain_further(&mut self) {
        while !self.drain.is_running() {
            let has_jobs = self.context.io.runner.outstanding() > 0;
            let is_empty = self.connections.is_empty() && !has_jobs;
            match self.drain.step(self.context.now, is_empty) {
                Step::Nothing => return,
                step => self.take(step),
            }
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Nothing => {}
            Step::Cut => self.tell_all(Session::stop_now),
            Step::Leave => {
                for key in self.connections.keys() {
                    self.close(key, CloseReason::Stopped);
                }
            }
        }
    }
}
