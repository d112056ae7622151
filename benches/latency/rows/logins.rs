//! The row of short sessions: connect, 220, log in, QUIT, 221, end of the connection.
//!
//! The floor has no login: its rate is that of the connection alone.

use std::io;

use crate::Bench;
use crate::contest::{contest, rate};
use crate::control::Control;
use crate::field::Who;
use crate::floor::Program;
use crate::setup::{Setup, Stage};
use crate::table::{Goal, Line, Unit};

/// The rate of sessions, one after the other.
pub(super) fn login(bench: &Bench) -> io::Result<Vec<Line>> {
    let stage = Stage::new(0)?;
    let setup = Setup::plain(&stage);
    let floor = Program::Commands { busy_poll: false };
    let field = bench.start(&setup, &floor)?.with_peers(bench, &setup);
    let count = bench.amount(10);
    let mut number = 0;
    let enter = |_: &_| Ok(());
    let results = contest(field, bench.rounds(10), enter, |contender, ()| {
        let count = contender.share(count);
        let sessions = || {
            for _ in 0..count {
                number += 1;
                let mut control = Control::connect_in_crowd(contender.subject.address, number)?;
                if contender.who != Who::Floor {
                    control.log_in(contender.who.user())?;
                }
                control.quit()?;
            }
            Ok(())
        };
        Ok([rate(count, sessions)?])
    })?;
    let measure = "connect, log in, QUIT";
    Ok(results.lines([(measure, Unit::Rate, Goal::Floor(0.75))]))
}
