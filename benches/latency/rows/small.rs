//! Rows of small files: the rate of transfers of 1 KiB, each from EPSV to the 226, in one session.
//!
//! The floor has one listener for all data connections, and opens the file by its name.

use std::fs;
use std::io;

use crate::Bench;
use crate::contest::{contest, rate};
use crate::field::Contender;
use crate::identity::{Identity, KeyKind};
use crate::setup::{Setup, Stage};
use crate::table::{Goal, Line, Unit};
use crate::transfers::Session;

const LENGTH: usize = 1024;

/// RETR.
pub(super) fn retr(bench: &Bench) -> io::Result<Vec<Line>> {
    let stage = Stage::new(LENGTH)?;
    downloads(bench, Setup::plain(&stage), "EPSV and RETR of 1 KiB")
}

/// RETR where the server has one port for passive data connections.
pub(super) fn one_port(bench: &Bench) -> io::Result<Vec<Line>> {
    let stage = Stage::new(LENGTH)?;
    let setup = Setup {
        one_port: true,
        ..Setup::plain(&stage)
    };
    downloads(bench, setup, "EPSV and RETR of 1 KiB, one port")
}

/// RETR over TLS; the data connections resume the session of the control connection.
pub(super) fn over_tls(bench: &Bench) -> io::Result<Vec<Line>> {
    let stage = Stage::new(LENGTH)?;
    let identity = Identity::new(KeyKind::P256)?;
    let setup = Setup::over_tls(&stage, &identity);
    downloads(bench, setup, "TLS: EPSV and RETR of 1 KiB")
}

fn downloads(bench: &Bench, setup: Setup<'_>, name: &str) -> io::Result<Vec<Line>> {
    let field = bench.start(&setup, &setup.floor())?;
    let field = field.with_peers(bench, &setup);
    let count = bench.amount(20);
    let enter = |contender: &Contender| match setup.identity {
        Some(identity) => Session::open_protected(contender, identity),
        None => Session::open(contender),
    };
    let results = contest(field, bench.rounds(12), enter, |_, session| {
        let all = || {
            for _ in 0..count {
                session.retrieve(LENGTH)?;
            }
            Ok(())
        };
        Ok([rate(count, all)?])
    })?;
    let goal = match setup.identity {
        Some(_) => Goal::None,
        None => Goal::Peer(2.5),
    };
    Ok(results.lines([(name, Unit::Rate, goal)]))
}

/// STOR under a new name each time.
pub(super) fn stor(bench: &Bench) -> io::Result<Vec<Line>> {
    let stage = Stage::new(0)?;
    let setup = Setup::plain(&stage);
    let field = bench.start(&setup, &setup.floor())?;
    let field = field.with_peers(bench, &setup);
    let count = bench.amount(20);
    let results = contest(field, bench.rounds(12), Session::open, |_, session| {
        let all = || {
            for number in 0..count {
                session.store(&format!("in/{number}"), LENGTH)?;
            }
            Ok(())
        };
        let rate = rate(count, all)?;
        for number in 0..count {
            fs::remove_file(stage.uploads().join(number.to_string()))?;
        }
        Ok([rate])
    })?;
    let name = "EPSV and STOR of 1 KiB";
    Ok(results.lines([(name, Unit::Rate, Goal::Peer(2.0))]))
}
