//! How long the event loop takes for what it does, and how long it sleeps.
//!
//! It owns the histograms and the time at which the clock was last read. The loop reads the clock when a poll
//! returns and when a turn ends, and tells it here; nothing else does. It must not know connections.

mod family;
mod histogram;

pub use family::{Distribution, Family, Kind, Sample, Value};
use histogram::Histogram;

use crate::clock::Instant;

/// Times of one event loop. Those that add up are in nanoseconds.
#[derive(Debug)]
pub(crate) struct LoopTimes {
    /// When the last poll returned.
    woke: Instant,
    /// When the clock was last read.
    read: Instant,
    /// In all polls.
    asleep: u64,
    /// In all iterations behind their polls.
    awake: u64,
    iterations: Histogram,
    turns: Histogram,
    lags: Histogram,
    services: Histogram,
}

/// When the command that a connection serves was received; none if it serves none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Serving(Option<Instant>);

impl LoopTimes {
    /// Of a loop that begins now.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            woke: now,
            read: now,
            asleep: 0,
            awake: 0,
            iterations: Histogram::default(),
            turns: Histogram::default(),
            lags: Histogram::default(),
            services: Histogram::default(),
        }
    }

    /// A poll has returned. What the iteration before did behind its last turn counts as sleep.
    pub(crate) fn woke(&mut self, now: Instant) {
        let awake = self.read.nanoseconds_since(self.woke);
        self.iterations.record(awake);
        self.awake += awake;
        self.asleep += now.nanoseconds_since(self.read);
        (self.woke, self.read) = (now, now);
    }

    /// A deadline has come so many nanoseconds late.
    pub(crate) fn fired(&mut self, late: u64) {
        self.lags.record(late);
    }

    /// A turn has ended. It began when the one before ended, or the poll.
    pub(crate) fn turned(&mut self, clock: impl FnOnce() -> Instant) {
        let now = clock();
        self.lags.record(self.read.nanoseconds_since(self.woke));
        self.turns.record(now.nanoseconds_since(self.read));
        self.read = now;
    }

    /// Some commands of a connection were executed in the turn that has ended; `is_served` if the replies to
    /// all of them are written. The time of a command begins when its line is complete, and ends when its
    /// reply is handed to the kernel: that of a transfer with the 150.
    pub(crate) fn served(&mut self, serving: &mut Serving, executed: u64, is_served: bool) {
        let before = serving.0.take();
        let started = executed + u64::from(before.is_some());
        if started == 0 {
            return;
        }
        let since = before.unwrap_or(self.woke);
        if !is_served {
            serving.0 = Some(if started > 1 { self.woke } else { since });
        }
        let finished = started - u64::from(!is_served);
        if finished > 0 {
            let took = self.read.nanoseconds_since(since);
            self.services.record_many(took, finished);
        }
    }

    /// All of it, to be shown.
    pub(crate) fn families(&self) -> Vec<Family> {
        let one = |kind, value| {
            let sample = Sample {
                labels: Vec::new(),
                value,
            };
            (kind, vec![sample])
        };
        let histogram = |times: &Histogram| {
            one(
                Kind::Histogram,
                Value::Durations(Box::new(times.distribution())),
            )
        };
        let time = |nanoseconds| one(Kind::Counter, Value::Time(nanoseconds));
        [
            (
                "command_seconds",
                "From the line of a command to its reply",
                histogram(&self.services),
            ),
            (
                "turn_seconds",
                "Turns of connections",
                histogram(&self.turns),
            ),
            (
                "lag_seconds",
                "How late a turn or a deadline came",
                histogram(&self.lags),
            ),
            (
                "iteration_seconds",
                "Iterations of the event loop, without their sleep",
                histogram(&self.iterations),
            ),
            (
                "asleep_seconds",
                "Time in which the event loop waited for events",
                time(self.asleep),
            ),
        ]
        .into_iter()
        .map(|(name, help, (kind, samples))| Family {
            name,
            help,
            kind,
            samples,
        })
        .collect()
    }

    /// Lines about it for the log.
    pub(crate) fn lines(&self) -> Vec<String> {
        let histograms = [
            ("Commands, from the line to the reply", &self.services),
            ("Turns of connections", &self.turns),
            ("Lateness of turns and deadlines", &self.lags),
            ("Iterations of the event loop", &self.iterations),
        ];
        let described = histograms
            .into_iter()
            .filter_map(|(what, times)| Some(format!("{what}: {}", described(times)?)));
        let in_all = (u128::from(self.asleep) + u128::from(self.awake)).max(1);
        let share = u128::from(self.asleep) * 1000 / in_all;
        let sleep = format!("Asleep for {}.{} % of the time", share / 10, share % 10);
        described.chain([sleep]).collect()
    }
}

/// `p50 21 µs, p99 40 µs, p99.9 1.2 ms, longest 3 ms (1234)`; `None` if there is nothing.
fn described(times: &Histogram) -> Option<String> {
    let percentile = |per_mille| times.percentile(per_mille);
    let (half, most, nearly_all) = (percentile(500)?, percentile(990)?, percentile(999)?);
    Some(format!(
        "p50 {half:.1?}, p99 {most:.1?}, p99.9 {nearly_all:.1?}, longest {:.1?} ({})",
        times.longest(),
        times.count()
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MICROSECOND: Duration = Duration::from_micros(1);

    fn longest(times: &Histogram) -> (u64, Duration) {
        (times.count(), times.longest())
    }

    /// Two iterations: one turn of 3 µs after 10 µs of sleep, and one of 5 µs after 20.
    #[test]
    fn sleep_turns_and_iterations_add_up() {
        let mut now = Instant::now();
        let mut times = LoopTimes::new(now);
        for (sleep, turn) in [(10, 3), (20, 5)] {
            now += sleep * MICROSECOND;
            times.woke(now);
            for work in [turn, 1] {
                now += work * MICROSECOND;
                times.turned(|| now);
            }
        }
        times.woke(now);
        assert_eq!((times.asleep, times.awake), (30_000, 10_000));
        assert_eq!(longest(&times.turns), (4, 5 * MICROSECOND));
        // The second turn of an iteration waits for the first.
        assert_eq!(longest(&times.lags), (4, 5 * MICROSECOND));
        assert_eq!(longest(&times.iterations), (3, 6 * MICROSECOND));
        times.fired(7_000);
        assert_eq!(longest(&times.lags), (5, 7 * MICROSECOND));
        assert!(
            times
                .lines()
                .contains(&"Asleep for 75.0 % of the time".to_owned())
        );
    }

    #[test]
    fn service_lasts_from_the_line_to_the_reply() {
        let start = Instant::now();
        let mut times = LoopTimes::new(start);
        let (mut serving, mut now) = (Serving::default(), start);
        let mut turn = |times: &mut LoopTimes, serving: &mut _, executed, is_served| {
            times.woke(now);
            now += 10 * MICROSECOND;
            times.turned(|| now);
            times.served(serving, executed, is_served);
        };
        // Three in one turn; one in three turns, of which the second executes nothing.
        turn(&mut times, &mut serving, 3, true);
        assert_eq!(longest(&times.services), (3, 10 * MICROSECOND));
        turn(&mut times, &mut serving, 1, false);
        turn(&mut times, &mut serving, 0, false);
        assert_eq!(times.services.count(), 3);
        turn(&mut times, &mut serving, 0, true);
        assert_eq!(longest(&times.services), (4, 30 * MICROSECOND));
        // Two, of which the second waits for another turn.
        turn(&mut times, &mut serving, 2, false);
        turn(&mut times, &mut serving, 0, true);
        assert_eq!(longest(&times.services), (6, 30 * MICROSECOND));
        turn(&mut times, &mut serving, 0, true);
        assert_eq!(times.services.count(), 6);
    }

    /// A host program, or a simulation, may have a clock that stands.
    #[test]
    fn service_at_the_beginning_takes_no_time() {
        let now = Instant::now();
        let (mut times, mut serving) = (LoopTimes::new(now), Serving::default());
        for (executed, is_served) in [(1, false), (0, true)] {
            times.woke(now);
            times.turned(|| now);
            times.served(&mut serving, executed, is_served);
        }
        assert_eq!(longest(&times.services), (1, Duration::ZERO));
    }
}
