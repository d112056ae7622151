//! Polling without sleep for a while after work, for those who measure latency.
//!
//! Waking up a thread that sleeps in `epoll_wait` takes longer than the rest of a command. A loop that keeps
//! asking spares that, at the price of a processor that is busy for as long.

use std::time::Duration;

use super::Reactor;
use crate::clock::Instant;

pub(super) struct BusyPoll {
    /// How long after the last work; zero: not at all.
    time: Duration,
    /// The end of that; `None` before the first work.
    until: Option<Instant>,
}

impl BusyPoll {
    pub(super) const fn new(time: Duration) -> Self {
        Self { time, until: None }
    }

    /// There was something to do in the iteration at `now`.
    fn worked(&mut self, now: Instant) {
        self.until = Some(now + self.time);
    }

    /// Whether a poll behind the iteration at `now` must not sleep.
    fn is_awake(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

impl Reactor {
    /// Notes whether this iteration had an event or a completion. Deadlines do not count: they are no sign
    /// that a client is about to send its next command.
    pub(super) fn record_work(&mut self, events: usize, completions: usize) {
        if events + completions > 0 {
            self.context.counts.found_work(events);
            self.busy_poll.worked(self.context.now);
        }
    }

    pub(super) fn polls_busily(&self) -> bool {
        self.busy_poll.is_awake(self.context.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_micros(50);

    #[test]
    fn loop_stays_awake_for_a_time_after_its_last_work() {
        let mut busy_poll = BusyPoll::new(TIME);
        let mut now = Instant::now();
        assert!(!busy_poll.is_awake(now));
        for _ in 0..3 {
            busy_poll.worked(now);
            now += TIME / 2;
            assert!(busy_poll.is_awake(now));
        }
        assert!(!busy_poll.is_awake(now + TIME / 2));
    }

    #[test]
    fn loop_sleeps_at_once_without_busy_polling() {
        let mut busy_poll = BusyPoll::new(Duration::ZERO);
        let now = Instant::now();
        busy_poll.worked(now);
        assert!(!busy_poll.is_awake(now));
    }
}
