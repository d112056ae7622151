//! The row of TLS handshakes: how long a command waits while fifty clients a second arrive.
//!
//! Each costs the loop a signature. The commands are sent at set times, not one after the other:
//! a client that waits for its reply would send nothing during just those moments that count. The
//! floor is the same server while nobody arrives: what the machine adds by itself.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use tempfile::TempDir;

use crate::Bench;
use crate::alternate::{Rates, Side, Times, alternate};
use crate::control::{Control, NOOP};
use crate::table::{Line, Value};
use crate::tls::{Client, Identity, KeyKind};

use super::busy::step_back;

/// Threads that arrive, each once in [`ARRIVAL`]: together fifty times a second.
const ARRIVING: u32 = 5;
const ARRIVAL: Duration = Duration::from_millis(100);

/// From one command to the next.
const PAUSE: Duration = Duration::from_millis(1);

const P256: [&str; 3] = ["NOOP, P-256, p50", "NOOP, P-256, p99", "P-256 handshakes"];
const RSA: [&str; 3] = [
    "NOOP, RSA-2048, p50",
    "NOOP, RSA-2048, p99",
    "RSA-2048 handshakes",
];

/// NOOPs in the clear beside handshakes in full.
pub(super) fn busy(bench: &Bench) -> io::Result<Vec<Line>> {
    let mut lines = beside(bench, KeyKind::P256, P256)?;
    match beside(bench, KeyKind::Rsa2048, RSA) {
        Ok(more) => lines.extend(more),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            eprintln!("tls-busy: without RSA: {error}");
        }
        Err(error) => return Err(error),
    }
    Ok(lines)
}

fn beside(bench: &Bench, kind: KeyKind, names: [&'static str; 3]) -> io::Result<Vec<Line>> {
    let directory = TempDir::new()?;
    let identity = Identity::new(kind)?;
    let server = bench.start_secured(directory.path(), &identity)?;
    let client = identity.client(Resumption::disabled())?;
    let mut control = Control::connect(server.address)?;
    // Who is not logged in is slowed down.
    control.log_in()?;
    let mut times = Times::both()?;
    let mut rates = Rates::default();
    let effort = bench.effort(4, 2500);
    alternate(effort, |side| {
        let start = Instant::now();
        let mut measure = || time_paced(&mut control, times.of(side), effort.per_round);
        match side {
            Side::Server => {
                let made = beside_handshakes(server.address, &client, measure)?;
                rates.note(made, start);
                Ok(())
            }
            Side::Floor => measure(),
        }
    })?;
    let [p50, p99, arrived] = names;
    Ok(vec![
        Line::quantile(p50, &times, 0.5, ""),
        Line::quantile(p99, &times, 0.99, "< 3000 us"),
        Line::alone(arrived, Value::Count(rates.median()), "about 50/s"),
    ])
}

/// Notes `count` round trips that begin at set times.
fn time_paced(control: &mut Control, times: &mut Times, count: usize) -> io::Result<()> {
    let start = Instant::now();
    for number in (0..).take(count) {
        await_time(start + PAUSE * number);
        times.time(|| control.ask(NOOP, b"200"))?;
    }
    Ok(())
}

/// Calls `measure` while clients arrive; how many did.
fn beside_handshakes(
    address: SocketAddr,
    client: &Client,
    measure: impl FnOnce() -> io::Result<()>,
) -> io::Result<usize> {
    let stop = AtomicBool::new(false);
    let begin = Instant::now();
    let arrive = |first: Instant| {
        step_back();
        let mut made = 0_u32;
        while !stop.load(Ordering::Relaxed) {
            await_time(first + ARRIVAL * made);
            Control::connect(address)?.secure(client)?;
            made += 1;
        }
        Ok(made)
    };
    thread::scope(|scope| {
        let arrivals: Vec<_> = (0..ARRIVING)
            .map(|number| begin + ARRIVAL * number / ARRIVING)
            .map(|first| scope.spawn(move || arrive(first)))
            .collect();
        let measured = measure();
        stop.store(true, Ordering::Relaxed);
        let mut made = 0;
        for arrival in arrivals {
            let result: io::Result<u32> = arrival
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a client panicked")));
            made += usize::try_from(result?).unwrap_or_default();
        }
        measured.map(|()| made)
    })
}

fn await_time(due: Instant) {
    thread::sleep(due.saturating_duration_since(Instant::now()));
}
