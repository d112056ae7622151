//! Rows of TLS handshakes: connect, 220, AUTH TLS, 234, the handshake, and a NOOP over TLS.
//!
//! One after the other, so the rate counts the client's part too, which is the same for all.

use std::io;

use rustls::client::Resumption;

use crate::Bench;
use crate::contest::{contest, rate};
use crate::control::Control;
use crate::field::Contender;
use crate::identity::{Identity, KeyKind};
use crate::setup::{Setup, Stage};
use crate::table::{Goal, Line, Unit};
use crate::transfers::SESSIONS;

/// Full handshakes.
pub(super) fn full(bench: &Bench) -> io::Result<Vec<Line>> {
    measure(bench, "TLS: handshakes, full", Resumption::disabled)
}

/// Handshakes that resume a session.
pub(super) fn resumed(bench: &Bench) -> io::Result<Vec<Line>> {
    let resumption = || Resumption::in_memory_sessions(SESSIONS);
    measure(bench, "TLS: handshakes, resumed", resumption)
}

fn measure(bench: &Bench, name: &str, resumption: fn() -> Resumption) -> io::Result<Vec<Line>> {
    let stage = Stage::new(0)?;
    let identity = Identity::new(KeyKind::P256)?;
    let setup = Setup::over_tls(&stage, &identity);
    let field = bench.start(&setup, &setup.floor())?;
    let field = field.with_peers(bench, &setup);
    let count = bench.amount(5);
    let mut number = 0;
    let enter = |contender: &Contender| {
        let client = identity.client(resumption())?;
        // The first gets the session that the others resume.
        Control::connect(contender.subject.address)?.secure(&client)?;
        Ok(client)
    };
    let results = contest(field, bench.rounds(10), enter, |contender, client| {
        let count = contender.share(count);
        let handshakes = || {
            for _ in 0..count {
                number += 1;
                Control::connect_in_crowd(contender.subject.address, number)?.secure(client)?;
            }
            Ok(())
        };
        Ok([rate(count, handshakes)?])
    })?;
    Ok(results.lines([(name, Unit::Rate, Goal::Floor(0.9))]))
}
