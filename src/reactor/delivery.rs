//! Completions of jobs: each finds its connection by key, and is a turn of it.
//!
//! A connection that is gone finds nothing; what the job owned is closed. A job that has ended makes room in
//! the queues of logins and handshakes.

use super::{Reactor, actions};
use crate::event_loop::Key;
use crate::metrics::TurnKind;

impl Reactor {
    /// Returns the number of completions.
    pub(super) fn deliver_completions(&mut self) -> usize {
        self.context.io.runner.collect(&mut self.completions);
        if self.completions.is_empty() {
            return 0;
        }
        // A file may have been written since the poll returned: no record is older than its file.
        self.context.unix_time = self.context.io.network.unix_time();
        let mut completions = std::mem::take(&mut self.completions);
        let count = completions.len();
        let mut has_login = false;
        for completion in completions.drain(..) {
            self.context.activity.completions += 1;
            self.context.counts.done(completion.times);
            has_login |= self.context.limiters.login_queue.leave(&completion);
            if let Some(prefix) = self.context.limiters.handshakes.leave(&completion) {
                self.start_handshakes(prefix);
            }
            let key = Key::from_bits(completion.id.owner);
            if let Some(limit) = self.context.policy.settings.slow {
                let peer = self.connections.get_mut(key).map(|one| one.peer());
                let (times, now) = (completion.times, self.context.now);
                self.context.slow.done(limit, (key, peer), times, now);
            }
            if self.connections.get_mut(key).is_none() {
                actions::discard_late(completion.outcome, &mut self.context);
                continue;
            }
            self.run_turn(key, TurnKind::Completion, |connection, context| {
                connection.complete(completion, context)
            });
        }
        self.completions = completions;
        if has_login {
            self.go_on_with_logins();
        }
        count
    }
}
