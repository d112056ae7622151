//! The row of TLS handshakes: NOOP latency while other clients connect and secure their connections.
//!
//! Each handshake costs a worker a signature, on the processor of the event loop. Commands are sent at
//! fixed times: a client that waits for each reply would send none during the stalls (coordinated
//! omission). The floor is the same server without handshakes.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustls::client::Resumption;

use crate::Bench;
use crate::contest::{Times, contest};
use crate::control::{Control, NOOP};
use crate::field::{Contender, Field, Who};
use crate::identity::{Client, Identity, KeyKind};
use crate::pinning::lower_priority;
use crate::setup::{Setup, Stage};
use crate::table::{Goal, Line, Unit};

/// The time between two handshakes of a connecting thread: ten per second.
const CONNECT_INTERVAL: Duration = Duration::from_millis(100);

const COMMAND_INTERVAL: Duration = Duration::from_millis(1);

/// NOOPs without TLS during full handshakes, with keys of both types.
pub(super) fn stalls(bench: &Bench) -> io::Result<Vec<Line>> {
    let p256 = "NOOP beside 50 TLS handshakes/s, p99";
    let mut lines = with_key(bench, KeyKind::P256, 5, p256)?;
    let rsa = "NOOP beside 100 such with RSA 4096, p99";
    match with_key(bench, KeyKind::Rsa4096, 10, rsa) {
        Ok(more) => lines.extend(more),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            eprintln!("latency: tls-stalls: RSA not measured: {error}");
        }
        Err(error) => return Err(error),
    }
    Ok(lines)
}

/// Measures beside that many `connecting` threads.
fn with_key(bench: &Bench, kind: KeyKind, connecting: u32, measure: &str) -> io::Result<Vec<Line>> {
    let stage = Stage::new(0)?;
    let identity = Identity::new(kind)?;
    let setup = Setup::over_tls(&stage, &identity);
    let mut field = Field {
        contenders: Vec::new(),
        absent: Vec::new(),
    };
    for who in [Who::Server, Who::Floor] {
        let subject = bench.start_server(&setup, &[])?;
        field.contenders.push(Contender { who, subject });
    }
    let client = identity.client(Resumption::disabled())?;
    let count = bench.amount(500);
    let enter = |contender: &Contender| {
        let mut control = Control::connect(contender.subject.address)?;
        control.log_in(contender.who.user())?;
        Ok(control)
    };
    let rounds = bench.rounds(1);
    let results = contest(
        field.without_peers(),
        rounds,
        enter,
        |contender, control| {
            let mut measure = || time_paced(control, count);
            let times = match contender.who {
                Who::Floor => measure(),
                _ => during_handshakes(contender.subject.address, &client, connecting, measure),
            };
            let [_, p99] = times?.p50_and_p99();
            Ok([p99])
        },
    )?;
    Ok(results.lines([(measure, Unit::Microseconds, Goal::Floor(1.2))]))
}

/// Records `count` round trips that begin at fixed times.
fn time_paced(control: &mut Control, count: usize) -> io::Result<Times> {
    let mut times = Times::new(count);
    let start = Instant::now();
    for number in (0..).take(count) {
        sleep_until(start + COMMAND_INTERVAL * number);
        times.time(|| control.ask(NOOP, b"200"))?;
    }
    Ok(times)
}

/// Calls `measure` while clients connect, from that many threads.
fn during_handshakes<T>(
    address: SocketAddr,
    client: &Client,
    connecting: u32,
    measure: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let stop = AtomicBool::new(false);
    let begin = Instant::now();
    let connect = |first: Instant| -> io::Result<()> {
        lower_priority();
        let mut handshakes = 0_u32;
        while !stop.load(Ordering::Relaxed) {
            sleep_until(first + CONNECT_INTERVAL * handshakes);
            Control::connect(address)?.secure(client)?;
            handshakes += 1;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..connecting)
            .map(|number| begin + CONNECT_INTERVAL * number / connecting)
            .map(|first| scope.spawn(move || connect(first)))
            .collect();
        let measured = measure();
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            let result = thread.join();
            result.unwrap_or_else(|_| Err(io::Error::other("a client panicked")))?;
        }
        measured
    })
}

fn sleep_until(due: Instant) {
    thread::sleep(due.saturating_duration_since(Instant::now()));
}
