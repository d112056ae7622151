//! The times of a turn: taken when it has ended, and logged if it was slow.
//!
//! Nearly every turn passes here, so this is inlined and the log is not. It reads the clock once, and not at
//! all in a program that counts nothing.

use super::connection::Connection;
use super::context::LoopContext;
use super::slow_log::EndedTurn;

impl Connection {
    /// Takes the times of a turn that has ended, in which so many commands were executed.
    #[inline]
    pub(super) fn take_times(&mut self, executed: u64, context: &mut LoopContext) {
        let is_served = !self.session.is_working() && !self.has_output();
        context.counts.turn_ended();
        if context.policy.settings.slow.is_some() {
            return self.take_slow_times(executed, is_served, context);
        }
        let (clock, serving) = (|| context.io.network.now(), &mut self.serving);
        context.times.turned(clock, serving, executed, is_served);
    }

    #[cold]
    fn take_slow_times(&mut self, executed: u64, is_served: bool, context: &mut LoopContext) {
        let turn = EndedTurn {
            key: self.key(),
            peer: self.peer(),
            began: context.times.turning_since(),
            executed,
            is_served,
        };
        let (clock, serving) = (|| context.io.network.now(), &mut self.serving);
        context.times.turned(clock, serving, executed, is_served);
        if let Some(limit) = context.policy.settings.slow {
            let (times, counts) = (&context.times, &context.counts);
            context.slow.turned(limit, &turn, times, counts);
        }
    }
}
