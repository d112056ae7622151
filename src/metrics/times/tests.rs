//! Iterations of a clock that the tests set: what is a turn, a service, a lag and sleep.
//!
//! What is counted once for several histograms is compared with each of them.

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
            times.turned(|| now, &mut Since::default(), 0, true);
        }
    }
    times.woke(now);
    assert_eq!((times.asleep(), times.awake), (30_000, 10_000));
    let shown = times.shown();
    assert_eq!(longest(&shown.turns), (4, 5 * MICROSECOND));
    // The second turn of an iteration waits for the first.
    assert_eq!(longest(&shown.lags), (4, 5 * MICROSECOND));
    assert_eq!(longest(&shown.iterations), (3, 6 * MICROSECOND));
    times.fired(7_000);
    assert_eq!(longest(&times.shown().lags), (5, 7 * MICROSECOND));
}

/// What is done behind the turns is work, and no turn.
#[test]
fn work_behind_the_turns_is_no_sleep() {
    let mut now = Instant::now();
    let mut times = LoopTimes::new(now);
    for turns in [0, 1] {
        times.woke(now);
        for _ in 0..turns {
            now += MICROSECOND;
            times.turned(|| now, &mut Since::default(), 1, true);
        }
        now += 3 * MICROSECOND;
        times.worked(now);
    }
    times.woke(now);
    assert_eq!((times.asleep(), times.awake), (0, 7_000));
    let shown = times.shown();
    assert_eq!(longest(&shown.turns), (1, MICROSECOND));
    assert_eq!(longest(&shown.services), (1, MICROSECOND));
    assert_eq!(longest(&shown.lags), (1, Duration::ZERO));
    assert_eq!(longest(&shown.iterations), (3, 4 * MICROSECOND));
}

#[test]
fn service_lasts_from_the_line_to_the_reply() {
    let start = Instant::now();
    let mut times = LoopTimes::new(start);
    let (mut serving, mut now) = (Since::default(), start);
    let mut turn = |times: &mut LoopTimes, serving: &mut _, executed, is_served| {
        times.woke(now);
        now += 10 * MICROSECOND;
        times.turned(|| now, serving, executed, is_served);
    };
    let services = |times: &LoopTimes| longest(&times.shown().services);
    // Three in one turn; one in three turns, of which the second executes nothing.
    turn(&mut times, &mut serving, 3, true);
    assert_eq!(services(&times), (3, 10 * MICROSECOND));
    turn(&mut times, &mut serving, 1, false);
    turn(&mut times, &mut serving, 0, false);
    assert_eq!(services(&times).0, 3);
    turn(&mut times, &mut serving, 0, true);
    assert_eq!(services(&times), (4, 30 * MICROSECOND));
    // Two, of which the second waits for another turn.
    turn(&mut times, &mut serving, 2, false);
    turn(&mut times, &mut serving, 0, true);
    assert_eq!(services(&times), (6, 30 * MICROSECOND));
    turn(&mut times, &mut serving, 0, true);
    assert_eq!(services(&times).0, 6);
}

/// A host program, or a simulation, may have a clock that stands.
#[test]
fn service_at_the_beginning_takes_no_time() {
    let now = Instant::now();
    let (mut times, mut serving) = (LoopTimes::new(now), Since::default());
    for (executed, is_served) in [(1, false), (0, true)] {
        times.woke(now);
        times.turned(|| now, &mut serving, executed, is_served);
    }
    assert_eq!(longest(&times.shown().services), (1, Duration::ZERO));
}

/// An iteration with one turn and one command is counted once.
#[test]
fn usual_iteration_counts_for_its_turn_and_command() {
    let mut now = Instant::now();
    let (mut times, mut serving) = (LoopTimes::new(now), Since::default());
    let mut turns = |times: &mut LoopTimes, number| {
        times.woke(now);
        for _ in 0..number {
            now += MICROSECOND;
            times.turned(|| now, &mut serving, 1, true);
        }
    };
    for (number, all) in [(1, 1), (1, 2), (3, 5), (0, 5), (1, 6)] {
        turns(&mut times, number);
        // Counts what is pending.
        turns(&mut times, 0);
        let shown = times.shown();
        for one in [&shown.turns, &shown.services, &shown.lags] {
            assert_eq!(one.count(), all);
        }
        assert_eq!(times.awake, all * 1000);
    }
    let shown = times.shown();
    assert_eq!(longest(&shown.iterations), (10, 3 * MICROSECOND));
    assert_eq!(longest(&shown.services), (6, 3 * MICROSECOND));
    assert_eq!(longest(&shown.lags), (6, 2 * MICROSECOND));
}
