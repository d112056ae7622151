//! Rows of secured transfers and of how they begin.
//!
//! A large file's rate each way beside a bare rustls loop, with the processor's time that it took
//! (on a busy machine that is the steadier number), a small file's whole cycle, and AUTH TLS.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use tempfile::TempDir;

use crate::Bench;
use crate::alternate::{Both, Rates, Side, Times, alternate};
use crate::control::Control;
use crate::download::{Downloader, Sample, Way, connect};
use crate::floor;
use crate::subject::Subject;
use crate::table::{Line, Value};
use crate::tls::{Client, Identity, KeyKind};
use crate::tls_floor::{Direction, Task};
use crate::upload::Uploader;

/// Sessions that a client keeps: more than a run has servers.
const SESSIONS: usize = 16;

/// A large file from the page cache, by RETR with PROT P.
pub(super) fn retr(bench: &Bench) -> io::Result<Vec<Line>> {
    let sample = Sample::new(bench.large_file())?;
    let arena = Arena::new(bench, Direction::Send, [&sample.directory; 2])?;
    let mut downloaders = arena.ways()?.map(|way| Downloader::new(way, &sample));
    arena.measure(bench, sample.length, |side| downloaders.of(side).fetch())
}

/// A large file by STOR with PROT P, over one of the same size.
pub(super) fn stor(bench: &Bench) -> io::Result<Vec<Line>> {
    let length = bench.large_file();
    let directories = [TempDir::new()?, TempDir::new()?];
    let arena = Arena::new(bench, Direction::Receive, directories.each_ref())?;
    let mut uploaders = arena.ways()?.map(|way| Uploader::new(way, length));
    arena.measure(bench, length, |side| uploaders.of(side).store())
}

/// A server, a bare loop with the same certificate, and a client of both.
struct Arena {
    subjects: Both<Subject>,
    /// One each: what it keeps of sessions goes by the name of the host, which is the same.
    clients: Both<Client>,
    _identity: Identity,
}

impl Arena {
    fn new(bench: &Bench, direction: Direction, directories: [&TempDir; 2]) -> io::Result<Self> {
        let identity = Identity::new(KeyKind::P256)?;
        let [served, bare] = directories;
        let floor = bench.start_floor(|address| {
            floor::Kind::Secured(Task {
                address,
                direction,
                file: bare.path().join("file"),
                identity: [identity.certificate(), identity.key()],
            })
        })?;
        Ok(Self {
            subjects: Both {
                server: bench.start_secured(served.path(), &identity)?,
                floor,
            },
            clients: Both {
                server: identity.client(Resumption::in_memory_sessions(SESSIONS))?,
                floor: identity.client(Resumption::in_memory_sessions(SESSIONS))?,
            },
            _identity: identity,
        })
    }

    fn ways(&self) -> io::Result<Both<Way>> {
        let (client, address) = (self.clients.floor.clone(), self.subjects.floor.address);
        let connect = move || client.secure(connect(address)?);
        Ok(Both {
            server: protected(self.subjects.server.address, &self.clients.server)?,
            floor: Way::Bare(Box::new(connect)),
        })
    }

    fn measure(
        &self,
        bench: &Bench,
        length: usize,
        mut once: impl FnMut(Side) -> io::Result<()>,
    ) -> io::Result<Vec<Line>> {
        // The first of each makes the session that the others resume, and the file to replace.
        once(Side::Server)?;
        once(Side::Floor)?;
        let before = self.subjects.try_map(Subject::processor_time)?;
        let mut rates = Both::<Rates>::default();
        let mut rounds = 0_u32;
        alternate(bench.effort(15, 1), |side| {
            let start = Instant::now();
            once(side)?;
            rates.of(side).note(length, start);
            rounds += 1;
            Ok(())
        })?;
        let after = self.subjects.try_map(Subject::processor_time)?;
        let each = |now: Duration, then| Value::Time(now.saturating_sub(then) / (rounds / 2));
        let times = Both {
            server: each(after.server, before.server),
            floor: each(after.floor, before.floor),
        };
        let size = length >> 20;
        let rate = format!("{size} MiB by TLS");
        Ok(vec![
            Line::rates(rate, &mut rates, Value::Throughput, "ratio >= 0.9"),
            Line::compared("processor's time for it", &times, ""),
        ])
    }
}

/// A logged-in session whose data connections are secured.
fn protected(address: SocketAddr, client: &Client) -> io::Result<Way> {
    let mut control = Control::connect(address)?.secure(client)?;
    control.log_in()?;
    control.protect_data(client)?;
    Ok(Way::Ftp(Box::new(control)))
}

/// What a small file costs from EPSV to 226, its data connection secured by resumption.
pub(super) fn small(bench: &Bench) -> io::Result<Vec<Line>> {
    let sample = Sample::new(1024)?;
    let identity = Identity::new(KeyKind::P256)?;
    let server = bench.start_secured(sample.directory.path(), &identity)?;
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

/// Connect, 220, AUTH TLS, 234, the handshake, and a NOOP as its proof.
pub(super) fn connecting(bench: &Bench) -> io::Result<Vec<Line>> {
    let directory = TempDir::new()?;
    let identity = Identity::new(KeyKind::P256)?;
    let server = bench.start_secured(directory.path(), &identity)?;
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
        quantile("AUTH TLS in full, p50", &full, 0.5),
        quantile("AUTH TLS in full, p99", &full, 0.99),
        quantile("AUTH TLS resumed, p50", &resumed, 0.5),
        quantile("AUTH TLS resumed, p99", &resumed, 0.99),
    ])
}

fn quantile(measure: &'static str, times: &Times, fraction: f64) -> Line {
    Line::alone(measure, Value::Time(times.quantile(fraction)), "")
}
