//! The row of TLS handshakes: NOOP latency during fifty handshakes per second.
//!
//! Each handshake costs the event loop a signature. Commands are sent at fixed times: a client that
//! waits for each reply would send none during the stalls (coordinated omission). The floor is the
//! same server without handshakes.

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
use crate::pinning::lower_priority;
use crate::table::{Line, Value};
use crate::tls::{Client, Identity, KeyKind};

/// Connecting threads, each with a handshake every [`CONNECT_INTERVAL`]: fifty per second in total.
const CONNECTING: u32 = 5;
const CONNECT_INTERVAL: Duration = Duration::from_millis(100);

const COMMAND_INTERVAL: Duration = Duration::from_millis(1);

const P256: [&str; 3] = ["NOOP, P-256, p50", "NOOP, P-256, p99", "P-256 handshakes"];
const RSA: [&str; 3] = [
    "NOOP, RSA-2048, p50",
    "NOOP, RSA-2048, p99",
    "RSA-2048 handshakes",
];

/// NOOPs without TLS during full handshakes.
pub(super) fn busy(bench: &Bench) -> io::Result<Vec<Line>> {
    let mut lines = with_key(bench, KeyKind::P256, P256)?;
    match with_key(bench, KeyKind::Rsa2048, RSA) {
        Ok(more) => lines.extend(more),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            eprintln!("tls-busy: RSA not measured: {error}");
        }
        Err(error) => return Err(error),
    }
    Ok(lines)
}

fn with_key(bench: &Bench, kind: KeyKind, names: [&'static str; 3]) -> io::Result<Vec<Line>> {
    let directory = TempDir::new()?;
    let identity = Identity::new(kind)?;
    let server = bench.start_tls(directory.path(), &identity)?;
    let client = identity.client(Resumption::disabled())?;
    let mut control = Control::connect(server.address)?;
    // The server throttles clients before login.
    control.log_in()?;
    let mut times = Times::both()?;
    let mut rates = Rates::default();
    let effort = bench.effort(4, 2500);
    alternate(effort, |side| {
        let start = Instant::now();
        let mut measure = || time_paced(&mut control, times.of(side), effort.per_round);
        match side {
            Side::Server => {
                let handshakes = during_handshakes(server.address, &client, measure)?;
                rates.record(handshakes, start);
                Ok(())
            }
            Side::Floor => measure(),
        }
    })?;
    let [p50, p99, rate] = names;
    Ok(vec![
        Line::quantile(p50, &times, 0.5, ""),
        Line::quantile(p99, &times, 0.99, "< 3000 us"),
        Line::alone(rate, Value::Count(rates.median()), "about 50/s"),
    ])
}

/// Records `count` round trips that begin at fixed times.
fn time_paced(control: &mut Control, times: &mut Times, count: usize) -> io::Result<()> {
    let start = Instant::now();
    for number in (0..).take(count) {
        sleep_until(start + COMMAND_INTERVAL * number);
        times.time(|| control.ask(NOOP, b"200"))?;
    }
    Ok(())
}

/// Calls `measure` while clients connect, and returns the number of handshakes.
fn during_handshakes(
    address: SocketAddr,
    client: &Client,
    measure: impl FnOnce() -> io::Result<()>,
) -> io::Result<usize> {
    let stop = AtomicBool::new(false);
    let begin = Instant::now();
    let connect = |first: Instant| {
        lower_priority();
        let mut handshakes = 0_u32;
        while !stop.load(Ordering::Relaxed) {
            sleep_until(first + CONNECT_INTERVAL * handshakes);
            Control::connect(address)?.secure(client)?;
            handshakes += 1;
        }
        Ok(handshakes)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTING)
            .map(|number| begin + CONNECT_INTERVAL * number / CONNECTING)
            .map(|first| scope.spawn(move || connect(first)))
            .collect();
        let measured = measure();
        stop.store(true, Ordering::Relaxed);
        let mut handshakes = 0;
        for thread in threads {
            let result: io::Result<u32> = thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a client panicked")));
            handshakes += usize::try_from(result?).unwrap_or_default();
        }
        measured.map(|()| handshakes)
    })
}

fn sleep_until(due: Instant) {
    thread::sleep(due.saturating_duration_since(Instant::now()));
}
