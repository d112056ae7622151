//! Polling without sleep for a while after work, for those who measure latency.
//!
//! Waking up a thread that sleeps in `epoll_wait` takes longer than the rest of a command. A loop that keeps
//! asking spares that, at the price of a processor that is busy for as long.

use std::time::{Duration, Instant};

use super::Reactor;

pub(super) struct BusyPoll {
    /// How long after the last work; zero: not at all.
    time: Duration,
    until: Option<Instant>,
}

impl BusyPoll {
    pub(super) const fn new(time: Duration) -> Self {
        Self { time, until: None }
    }

    /// There was something to do, or not, in the iteration at `now`.
    fn record(&mut self, has_worked: bool, now: Instant) {
        if has_worked {
            self.until = now.checked_add(self.time);
        } else if self.until.is_some_and(|until| until <= now) {
            self.until = None;
        }
    }

    /// Whether the next poll must not sleep.
    const fn is_awake(&self) -> bool {
        self.until.is_some() && !self.time.is_zero()
    }
}

impl Reactor {
    /// Notes whether this iteration had an event or a completion. Deadlines do not count: they are no sign
    /// that a client is about to send its next command.
    pub(super) fn record_work(&mut self, events: usize, completions: usize) {
        let has_worked = events + completions > 0;
        self.busy_poll.record(has_worked, self.context.now);
    }

    pub(super) const fn polls_busily(&self) -> bool {
        self.busy_poll.is_awake()
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
        assert!(!busy_poll.is_awake());
        for _ in 0..3 {
            busy_poll.record(true, now);
            now += TIME / 2;
            busy_poll.record(false, now);
            assert!(busy_poll.is_awake());
        }
        busy_poll.record(false, now + TIME / 2);
        assert!(!busy_poll.is_awake());
    }

    #[test]
    fn loop_sleeps_at_once_without_busy_polling() {
        let mut busy_poll = BusyPoll::new(Duration::ZERO);
        busy_poll.record(true, Instant::now());
        assert!(!busy_poll.is_awake());
    }
}
