//! Any run of the loop, in a ring of any size, gives a file that a viewer need not repair.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::clock::Instant;
use crate::metrics::{Counts, JobKind, JobTimes};
use crate::protocol::command::Command;

const MICROSECOND: Duration = Duration::from_micros(1);

/// Does something by the numbers, as the loop could.
fn act(counts: &mut Counts, jobs: &mut Vec<JobTimes>, (what, which): (u8, usize), now: Instant) {
    let key = which % 3;
    match what {
        0 => counts.polling(Some(MICROSECOND)),
        1 => counts.woke(which),
        2 => counts.ready(Socket::Data, key, true, which % 2 == 0),
        3 | 4 => counts.turn(TurnKind::Control, key),
        5 => counts.turn_ended(),
        6 => counts.command(
            Some(Command::Retr),
            b"a \"name\"\n that is longer than one record",
        ),
        7 => counts.reply(if which % 2 == 0 { 150 } else { 226 }),
        8 => counts.closed("finished", key),
        9 | 10 => {
            let kinds = [JobKind::Open, JobKind::Slice, JobKind::Verify];
            jobs.push(counts.submitted(kinds[key], now));
        }
        11 | 12 if !jobs.is_empty() => {
            let mut times = jobs.swap_remove(which % jobs.len());
            let begun = now - MICROSECOND * u32::try_from(which % 4).unwrap();
            times.ran(begun, now);
            counts.done(times);
            if which % 2 == 0 {
                counts.turn(TurnKind::Completion, key);
            }
        }
        13 => counts.peer(([127, 0, 0, 1], 21).into()),
        14 => counts.expired("idle"),
        15 => counts.refused("full"),
        _ => counts.arrivals(),
    }
}

/// The number of jobs in the file, which fails if it is not strictly in the format.
fn jobs_in(file: &[u8]) -> usize {
    let json: Value = serde_json::from_slice(file).unwrap();
    let (mut open, mut last) = (BTreeMap::<_, Vec<f64>>::new(), BTreeMap::new());
    let (mut arrows, mut jobs) = (BTreeMap::<_, [usize; 2]>::new(), 0);
    for event in json["traceEvents"].as_array().unwrap() {
        let track = (
            event["pid"].as_u64().unwrap(),
            event["tid"].as_u64().unwrap(),
        );
        let at = event["ts"].as_f64().unwrap();
        let slices = open.entry(track).or_default();
        match event["ph"].as_str().unwrap() {
            "M" => continue,
            "B" => slices.push(at),
            // At the time of its beginning a viewer takes the end for that of another one.
            "E" => assert!(slices.pop().expect("one is open") < at, "{event} is empty"),
            "X" => jobs += 1,
            "i" => {}
            phase => {
                let id = event["id"].as_u64().unwrap();
                arrows.entry(id).or_default()[usize::from(phase == "f")] += 1;
            }
        }
        assert!(
            last.insert(track, at).is_none_or(|before| before <= at),
            "{event} is early"
        );
    }
    assert!(open.values().all(Vec::is_empty));
    assert!(arrows.values().all(|ends| *ends == [1, 1]), "{arrows:?}");
    jobs
}

proptest! {
    #[test]
    fn any_trace_is_balanced_and_in_order(
        steps in prop::collection::vec((0..17_u8, 0..64_usize), 0..200),
        records in 1..100_usize,
    ) {
        let start = Instant::now() + Duration::from_secs(1);
        let (mut counts, mut jobs, mut now) = (Counts::default(), Vec::new(), start);
        let clock = Mutex::new(start);
        let settings = TraceSettings {
            records,
            names: true,
            clock: Box::new(move || {
                let mut now = clock.lock().unwrap_or_else(PoisonError::into_inner);
                *now += MICROSECOND;
                *now
            }),
        };
        counts.start_trace(settings, std::iter::empty());
        for step in steps {
            now += MICROSECOND;
            act(&mut counts, &mut jobs, step, now);
        }
        let trace = counts.take_trace(std::iter::empty()).unwrap();
        let mut file = Vec::new();
        trace.write(&mut file).unwrap();
        let parts = trace.0.parts().concat();
        let done = parts.iter().filter(|record| matches!(record.event, Event::Done(..)));
        prop_assert_eq!(jobs_in(&file), done.count());
    }
}
