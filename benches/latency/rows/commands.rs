//! Rows of one connection's commands: round trips and pipelining, logged in.

use std::io;

use crate::Bench;
use crate::contest::{contest, rate};
use crate::control::{Control, NOOP, time_noops};
use crate::field::{Contender, Field};
use crate::floor::Program;
use crate::setup::{Setup, Stage};
use crate::table::{Goal, Line, Unit};

/// The number of commands that the pipelining client sends before it reads replies.
const DEPTH: usize = 64;

/// The round trip of a NOOP.
pub(super) fn noop(bench: &Bench) -> io::Result<Vec<Line>> {
    let stage = Stage::new(0)?;
    let setup = Setup::plain(&stage);
    let floor = Program::Commands { busy_poll: false };
    let field = bench.start(&setup, &floor)?.with_runtime(bench)?;
    let names = ["NOOP, p50", "NOOP, p99"];
    round_trips(bench, field.with_peers(bench, &setup), names)
}

/// The same where the loop polls before it sleeps.
pub(super) fn busy_poll(bench: &Bench) -> io::Result<Vec<Line>> {
    let stage = Stage::new(0)?;
    let setup = Setup {
        busy_poll: true,
        ..Setup::plain(&stage)
    };
    let floor = Program::Commands { busy_poll: true };
    let names = ["NOOP with busy polling, p50", "NOOP with busy polling, p99"];
    round_trips(bench, bench.start(&setup, &floor)?.without_peers(), names)
}

fn round_trips(bench: &Bench, field: Field, names: [&str; 2]) -> io::Result<Vec<Line>> {
    let count = bench.amount(500);
    let results = contest(field, bench.rounds(20), log_in, |_, control| {
        Ok(time_noops(control, count)?.p50_and_p99())
    })?;
    let [p50, p99] = names;
    Ok(results.lines([
        (p50, Unit::Microseconds, Goal::Floor(1.03)),
        (p99, Unit::Microseconds, Goal::Floor(1.10)),
    ]))
}

/// The rate of pipelined NOOPs, 64 in one write.
pub(super) fn pipeline(bench: &Bench) -> io::Result<Vec<Line>> {
    let stage = Stage::new(0)?;
    let setup = Setup::plain(&stage);
    let floor = Program::Commands { busy_poll: false };
    let field = bench.start(&setup, &floor)?.with_runtime(bench)?;
    let commands = NOOP.repeat(DEPTH);
    let count = bench.amount(50);
    let enter = |contender: &Contender| {
        let mut control = log_in(contender)?;
        control.send(NOOP)?;
        let expected = control.reply()?.repeat(DEPTH);
        Ok((control, expected.clone(), expected))
    };
    let field = field.with_peers(bench, &setup);
    let results = contest(field, bench.rounds(10), enter, |_, client| {
        let (control, expected, scratch) = client;
        let exchange = || {
            for _ in 0..count {
                control.send(&commands)?;
                control.take_exactly(expected, scratch)?;
            }
            Ok(())
        };
        Ok([rate(count * DEPTH, exchange)?])
    })?;
    let measure = "NOOPs, 64 pipelined";
    Ok(results.lines([(measure, Unit::ThousandRate, Goal::Floor(0.95))]))
}

fn log_in(contender: &Contender) -> io::Result<Control> {
    let mut control = Control::connect(contender.subject.address)?;
    control.log_in(contender.who.user())?;
    Ok(control)
}
