//! Rows of listings: the time of a directory with ten thousand entries, from EPSV to the 226.
//!
//! Each entry is a file in the caches, whose status LIST and MLSD have to get.

use std::io;

use crate::Bench;
use crate::contest::{Times, contest};
use crate::field::Contender;
use crate::setup::{Setup, Stage};
use crate::table::{Goal, Line, Unit};
use crate::transfers::Session;

const ENTRIES: usize = 10_000;

/// LIST.
pub(super) fn list(bench: &Bench) -> io::Result<Vec<Line>> {
    measure(bench, "LIST", "LIST of 10,000 entries")
}

/// MLSD, RFC 3659 §7.
pub(super) fn mlsd(bench: &Bench) -> io::Result<Vec<Line>> {
    measure(bench, "MLSD", "MLSD of 10,000 entries")
}

fn measure(bench: &Bench, command: &str, name: &str) -> io::Result<Vec<Line>> {
    let stage = Stage::with_entries(ENTRIES)?;
    let setup = Setup::plain(&stage);
    let field = bench.start(&setup, &setup.floor())?;
    let field = field.with_peers(bench, &setup);
    let count = bench.amount(2);
    let enter = |contender: &Contender| {
        let mut session = Session::open(contender)?;
        session.enter("many")?;
        session.list(command, ENTRIES)?;
        Ok(session)
    };
    let results = contest(field, bench.rounds(4), enter, |_, session| {
        let mut times = Times::new(count);
        for _ in 0..count {
            times.time(|| session.list(command, ENTRIES))?;
        }
        let [p50, _] = times.p50_and_p99();
        Ok([p50])
    })?;
    Ok(results.lines([(name, Unit::Milliseconds, Goal::Both(1.15, 0.5))]))
}
