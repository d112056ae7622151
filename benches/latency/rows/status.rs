//! The rows of the status service: what the server says of its own time, and what scrapes cost its clients.
//!
//! The server's histogram and the client's clock are of the same NOOPs: their difference is the way there and
//! back. Owns the client of HTTP, which knows as much of it as these responses need.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::Bench;
use crate::contest::contest;
use crate::control::{Control, IO_TIMEOUT, time_noops};
use crate::field::{Contender, Field, Who};
use crate::pinning::lower_priority;
use crate::setup::{Setup, Stage};
use crate::subject::{Subject, free_address};
use crate::table::{Goal, Line, Unit};

const NOOPS: usize = 100_000;

/// The time between two scrapes: a thousand a second.
const SCRAPE_INTERVAL: Duration = Duration::from_millis(1);

/// Percentiles of NOOPs by the client's clock and by the server's histogram.
pub(super) fn own_times(bench: &Bench) -> io::Result<Vec<Line>> {
    let stage = Stage::new(0)?;
    let server = Served::start(bench, &stage)?;
    let mut control = log_in(&server.subject)?;
    let client = time_noops(&mut control, bench.amount(NOOPS))?.p50_and_p99();
    let own = Http::connect(server.status)?.command_times()?;
    let mut lines = Vec::new();
    for (percentile, client, own) in [("p50", client[0], own[0]), ("p99", client[1], own[1])] {
        for (whose, time) in [
            ("the client's", client),
            ("the server's", own),
            ("the wire's", client - own),
        ] {
            let measure = format!("NOOP, {percentile}, {whose}");
            lines.push(Line::alone(&measure, Unit::Microseconds, time));
        }
    }
    Ok(lines)
}

/// NOOPs beside a thousand scrapes per second; the floor is the same server without them. The scraping
/// thread shares the client's CPU, at the lowest priority.
pub(super) fn scrapes(bench: &Bench) -> io::Result<Vec<Line>> {
    let stage = Stage::new(0)?;
    let (watched, quiet) = (Served::start(bench, &stage)?, Served::start(bench, &stage)?);
    let status = watched.status;
    let contenders = [(Who::Server, watched), (Who::Floor, quiet)];
    let field = Field {
        contenders: contenders
            .map(|(who, Served { subject, .. })| Contender { who, subject })
            .into(),
        absent: Vec::new(),
    };
    let count = bench.amount(2000);
    let enter = |contender: &Contender| {
        let http = Http::connect(status)?;
        Ok((log_in(&contender.subject)?, http))
    };
    let (mut scrapes, mut lasted) = (0, Duration::ZERO);
    let round = |contender: &Contender, client: &mut (Control, Http)| {
        let (control, http) = client;
        if contender.who == Who::Floor {
            return Ok(time_noops(control, count)?.p50_and_p99());
        }
        let begin = Instant::now();
        let (times, number) = beside_scrapes(http, || time_noops(control, count))?;
        (scrapes, lasted) = (scrapes + number, lasted + begin.elapsed());
        Ok(times.p50_and_p99())
    };
    let results = contest(field.without_peers(), bench.rounds(5), enter, round)?;
    let rate = f64::from(scrapes) / lasted.as_secs_f64();
    let mut lines = vec![Line::alone("scrapes", Unit::Rate, rate)];
    lines.extend(results.lines([
        (
            "NOOP beside 1,000 scrapes/s, p50",
            Unit::Microseconds,
            Goal::None,
        ),
        (
            "NOOP beside 1,000 scrapes/s, p99",
            Unit::Microseconds,
            Goal::Floor(1.1),
        ),
    ]));
    Ok(lines)
}

/// A server with the status service.
struct Served {
    subject: Subject,
    status: SocketAddr,
    _directory: TempDir,
}

impl Served {
    fn start(bench: &Bench, stage: &Stage) -> io::Result<Self> {
        if !cfg!(all(feature = "config", feature = "status")) {
            let message = "the server needs the Cargo features config and status";
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        let (status, directory) = (free_address()?, TempDir::new()?);
        let file = directory.path().join("status.toml");
        fs::write(&file, format!("[status]\nlisten = \"{status}\"\n"))?;
        let file = file.display().to_string();
        let options = ["--anonymous", "--config", &file];
        let subject = bench.start_server(&Setup::plain(stage), &options)?;
        Ok(Self {
            subject,
            status,
            _directory: directory,
        })
    }
}

fn log_in(subject: &Subject) -> io::Result<Control> {
    let mut control = Control::connect(subject.address)?;
    control.log_in("anonymous")?;
    Ok(control)
}

/// Calls `measure` while another thread scrapes at fixed times, also those at which it was late; returns the
/// number of scrapes too.
fn beside_scrapes<T>(
    http: &mut Http,
    measure: impl FnOnce() -> io::Result<T>,
) -> io::Result<(T, u32)> {
    let stop = AtomicBool::new(false);
    let scrape = || -> io::Result<u32> {
        lower_priority();
        let begin = Instant::now();
        let mut scrapes = 0;
        while !stop.load(Ordering::Relaxed) {
            http.get("/metrics")?;
            scrapes += 1;
            let due = begin + SCRAPE_INTERVAL * scrapes;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        Ok(scrapes)
    };
    thread::scope(|scope| {
        let thread = scope.spawn(scrape);
        let measured = measure();
        stop.store(true, Ordering::Relaxed);
        let scrapes = thread.join();
        let scrapes = scrapes.unwrap_or_else(|_| Err(io::Error::other("the scraper panicked")))?;
        Ok((measured?, scrapes))
    })
}

/// A connection to the status service, which it keeps open.
struct Http {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Http {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(IO_TIMEOUT))?;
        Ok(Self {
            stream: BufReader::with_capacity(64 * 1024, stream),
            line: String::new(),
            body: Vec::new(),
        })
    }

    /// The body of the response, which has a length.
    fn get(&mut self, path: &str) -> io::Result<&[u8]> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes())?;
        if !self.line()?.starts_with("HTTP/1.1 200") {
            return Err(io::Error::other(self.line.clone()));
        }
        let mut length = None;
        while self.line()? != "\r\n" {
            if let Some(value) = self.line.strip_prefix("Content-Length: ") {
                length = value.trim_end().parse().ok();
            }
        }
        let length = length.ok_or_else(|| io::Error::other("a response without a length"))?;
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(&self.body)
    }

    fn line(&mut self) -> io::Result<&str> {
        self.line.clear();
        if self.stream.read_line(&mut self.line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(&self.line)
    }

    /// The p50 and p99 of the service time of commands, in seconds.
    fn command_times(&mut self) -> io::Result<[f64; 2]> {
        let stats: Value = serde_json::from_slice(self.get("/stats")?)?;
        let times = stats.pointer("/metrics/command_seconds/samples/0");
        let time = |name| times?.get(name)?.as_f64();
        let times = time("p50").zip(time("p99"));
        let (p50, p99) = times.ok_or_else(|| io::Error::other("no command_seconds in /stats"))?;
        Ok([p50, p99])
    }
}
