//! Rows of one connection's commands: round trips, pipelining, connecting.
//!
//! The server runs in control-only mode; server and floor share one CPU.

use std::io;
use std::time::Instant;

use crate::Bench;
use crate::alternate::{Both, Rates, Side, Times, alternate};
use crate::control::{Control, NOOP, time_noops};
use crate::subject::Subject;
use crate::table::{Line, Value};

/// The number of commands that the pipelining client sends before it reads replies.
const DEPTH: usize = 64;

/// The round trip of a NOOP.
pub(super) fn noop(bench: &Bench) -> io::Result<Vec<Line>> {
    let subjects = bench.start_commands()?;
    let mut clients = connect_to(&subjects)?;
    let mut times = Times::both()?;
    let effort = bench.effort(150, 1000);
    alternate(effort, |side| {
        let (client, times) = (clients.of(side), times.of(side));
        time_noops(client, times, effort.per_round)
    })?;
    Ok(vec![
        Line::quantile("round trip p50", &times, 0.5, "ratio <= 1.05"),
        Line::quantile("round trip p99", &times, 0.99, ""),
        Line::quantile("round trip p99.9", &times, 0.999, ""),
    ])
}

/// The rate of pipelined NOOPs, 64 in one write.
pub(super) fn pipeline(bench: &Bench) -> io::Result<Vec<Line>> {
    let subjects = bench.start_commands()?;
    let mut clients = connect_to(&subjects)?;
    let commands = NOOP.repeat(DEPTH);
    let mut expected = Both::<Vec<u8>>::default();
    for side in [Side::Server, Side::Floor] {
        let client = clients.of(side);
        client.send(NOOP)?;
        *expected.of(side) = client.reply()?.repeat(DEPTH);
    }

    let mut scratch = Both {
        server: expected.server.clone(),
        floor: expected.floor.clone(),
    };
    let mut rates = Both::<Rates>::default();
    let effort = bench.effort(100, 200);
    alternate(effort, |side| {
        let (client, scratch) = (clients.of(side), scratch.of(side));
        let start = Instant::now();
        for _ in 0..effort.per_round {
            client.send(&commands)?;
            client.take_exactly(expected.of(side), scratch)?;
        }
        rates.of(side).record(effort.per_round * DEPTH, start);
        Ok(())
    })?;
    let measure = format!("{DEPTH} deep, commands");
    let line = Line::rates(measure, &mut rates, Value::Commands, "ratio >= 0.8");
    Ok(vec![line])
}

/// The duration of a connection: connect, 220, QUIT, 221, end of the connection.
pub(super) fn connect(bench: &Bench) -> io::Result<Vec<Line>> {
    let subjects = bench.start_commands()?;
    let mut addresses = subjects.try_map(|subject| Ok(subject.address))?;
    let mut times = Times::both()?;
    let effort = bench.effort(60, 50);
    alternate(effort, |side| {
        let address = *addresses.of(side);
        for _ in 0..effort.per_round {
            times.of(side).time(|| Control::connect(address)?.quit())?;
        }
        Ok(())
    })?;
    Ok(vec![
        Line::quantile("connect to end p50", &times, 0.5, ""),
        Line::quantile("connect to end p99", &times, 0.99, ""),
    ])
}

fn connect_to(subjects: &Both<Subject>) -> io::Result<Both<Control>> {
    subjects.try_map(|subject| Control::connect(subject.address))
}
