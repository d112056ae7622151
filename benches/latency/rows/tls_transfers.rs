//! Rows of transfers over TLS, and of AUTH TLS.
//!
//! The throughput of a large file in both directions, with a plain rustls loop as the floor; its CPU
//! time, which is more stable on a busy machine; the latency of a small file; the latency of AUTH TLS.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use tempfile::TempDir;

use crate::Bench;
use crate::alternate::{Both, Rates, Side, Times, alternate};
use crate::control::Control;
use crate::download::{Downloader, Peer, Sample, connect};
use crate::floor;
use crate::subject::Subject;
use crate::table::{Line, Value};
use crate::tls::{Client, Identity, KeyKind};
use crate::tls_floor::{Direction, Task};
use crate::upload::Uploader;

/// The capacity of a client's TLS session cache; a run needs one session.
const SESSIONS: usize = 16;

/// RETR of a large cached file with PROT P.
pub(super) fn retr(bench: &Bench) -> io::Result<Vec<Line>> {
    let sample = Sample::new(bench.large_file())?;
    let setup = TlsSetup::new(bench, Direction::Send, [&sample.directory; 2])?;
    let mut downloaders = setup.peers()?.map(|peer| Downloader::new(peer, &sample));
    setup.measure(bench, sample.length, |side| downloaders.of(side).fetch())
}

/// STOR of a large file with PROT P, which replaces one of the same size.
pub(super) fn stor(bench: &Bench) -> io::Result<Vec<Line>> {
    let length = bench.large_file();
    let directories = [TempDir::new()?, TempDir::new()?];
    let setup = TlsSetup::new(bench, Direction::Receive, directories.each_ref())?;
    let mut uploaders = setup.peers()?.map(|peer| Uploader::new(peer, length));
    setup.measure(bench, length, |side| uploaders.of(side).store())
}

/// A server and a floor with the same certificate, and a client of each.
struct TlsSetup {
    subjects: Both<Subject>,
    /// Two clients, as the session cache is keyed by the host name, which is the same.
    clients: Both<Client>,
    _identity: Identity,
}

impl TlsSetup {
    fn new(bench: &Bench, direction: Direction, directories: [&TempDir; 2]) -> io::Result<Self> {
        let identity = Identity::new(KeyKind::P256)?;
        let [of_server, of_floor] = directories;
        let floor = bench.start_floor(|address| {
            floor::Kind::Tls(Task {
                address,
                direction,
                file: of_floor.path().join("file"),
                identity: [identity.certificate(), identity.key()],
            })
        })?;
        Ok(Self {
            subjects: Both {
                server: bench.start_tls(of_server.path(), &identity)?,
                floor,
            },
            clients: Both {
                server: identity.client(Resumption::in_memory_sessions(SESSIONS))?,
                floor: identity.client(Resumption::in_memory_sessions(SESSIONS))?,
            },
            _identity: identity,
        })
    }

    fn peers(&self) -> io::Result<Both<Peer>> {
        let (client, address) = (self.clients.floor.clone(), self.subjects.floor.address);
        let connect = move || client.secure(connect(address)?);
        Ok(Both {
            server: protected(self.subjects.server.address, &self.clients.server)?,
            floor: Peer::Floor(Box::new(connect)),
        })
    }

    fn measure(
        &self,
        bench: &Bench,
        length: usize,
        mut transfer: impl FnMut(Side) -> io::Result<()>,
    ) -> io::Result<Vec<Line>> {
        // The first transfers create the TLS session to resume, and the file to replace.
        transfer(Side::Server)?;
        transfer(Side::Floor)?;
        let before = self.subjects.try_map(Subject::cpu_time)?;
        let mut rates = Both::<Rates>::default();
        let mut rounds = 0_u32;
        alternate(bench.effort(15, 1), |side| {
            let start = Instant::now();
            transfer(side)?;
            rates.of(side).record(length, start);
            rounds += 1;
            Ok(())
        })?;
        let after = self.subjects.try_map(Subject::cpu_time)?;
        let per_transfer =
            |after: Duration, before| Value::Time(after.saturating_sub(before) / (rounds / 2));
        let times = Both {
            server: per_transfer(after.server, before.server),
            floor: per_transfer(after.floor, before.floor),
        };
        let size = length >> 20;
        let rate = format!("{size} MiB over TLS");
        Ok(vec![
            Line::rates(rate, &mut rates, Value::Throughput, "ratio >= 0.9"),
            Line::compared("CPU time per transfer", &times, ""),
        ])
    }
}

/// A logged-in session with protected data connections.
fn protected(address: SocketAddr, client: &Client) -> io::Result<Peer> {
    let mut control = Control::connect(address)?.secure(client)?;
    control.log_in()?;
    control.protect_data(client)?;
    Ok(Peer::Server(Box::new(control)))
}

/// The latency of a small file from EPSV to 226, with TLS session resumption on the data connection.
pub(super) fn small(bench: &Bench) -> io::Result<Vec<Line>> {
    let sample = Sample::new(1024)?;
    let identity = Identity::new(KeyKind::P256)?;
    let server = bench.start_tls(sample.directory.path(), &identity)?;
    let client = identity.client(Resumption::in_memory_sessions(SESSIONS))?;
    let mut downloader = Downloader::new(protected(server.address, &client)?, &sample);
    let mut times = Times::new()?;
    let effort = bench.effort(20, 100);
    for _ in effort.rounds() {
        for _ in 0..effort.per_round {
            times.time(|| downloader.fetch())?;
        }
    }
    Ok(vec![
        quantile("1 KiB, EPSV to 226, p50", &times, 0.5),
        quantile("1 KiB, EPSV to 226, p99", &times, 0.99),
    ])
}

/// The latency of connect, 220, AUTH TLS, 234, the handshake, and a NOOP over TLS.
pub(super) fn connecting(bench: &Bench) -> io::Result<Vec<Line>> {
    let directory = TempDir::new()?;
    let identity = Identity::new(KeyKind::P256)?;
    let server = bench.start_tls(directory.path(), &identity)?;
    let full = identity.client(Resumption::disabled())?;
    let resuming = identity.client(Resumption::in_memory_sessions(SESSIONS))?;
    let mut times = [Times::new()?, Times::new()?];
    let effort = bench.effort(40, 25);
    for _ in effort.rounds() {
        for (client, times) in [&full, &resuming].into_iter().zip(&mut times) {
            for _ in 0..effort.per_round {
                times.time(|| Control::connect(server.address)?.secure(client))?;
            }
        }
    }
    let [full, resumed] = times;
    Ok(vec![
        quantile("AUTH TLS full, p50", &full, 0.5),
        quantile("AUTH TLS full, p99", &full, 0.99),
        quantile("AUTH TLS resumed, p50", &resumed, 0.5),
        quantile("AUTH TLS resumed, p99", &resumed, 0.99),
    ])
}

fn quantile(measure: &'static str, times: &Times, fraction: f64) -> Line {
    Line::alone(measure, Value::Time(times.quantile(fraction)), "")
}
