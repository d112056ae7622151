//! The row of idle sessions: the memory of a thousand of them.
//!
//! Measured as proportional set size (PSS): private pages in full, shared pages divided by the number
//! of processes that share them. It does not include the kernel's memory for sockets.

use std::fs;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::client::Resumption;

use crate::Bench;
use crate::control::Control;
use crate::identity::{Identity, KeyKind};
use crate::setup::{Setup, Stage};
use crate::subject::Subject;
use crate::table::{Line, Unit};

const SESSIONS: u32 = 1000;

/// File descriptors for everything else in the benchmark.
const OTHER_DESCRIPTORS: u64 = 64;

/// A thousand logged-in idle sessions.
pub(super) fn memory(bench: &Bench) -> io::Result<Vec<Line>> {
    let stage = Stage::new(0)?;
    // In the sandbox only root can read the memory statistics.
    let server = bench.start_server(&Setup::plain(&stage), &["--no-sandbox"])?;
    let cost = Cost::of(&server, Ok)?;
    let unit = Unit::Kibibytes;
    Ok(vec![
        Line::alone("memory (PSS), without sessions", unit, cost.before),
        Line::alone("memory of each of 1,000 idle sessions", unit, cost.each),
    ])
}

/// The same over TLS.
pub(super) fn over_tls(bench: &Bench) -> io::Result<Vec<Line>> {
    let stage = Stage::new(0)?;
    let identity = Identity::new(KeyKind::P256)?;
    let setup = Setup::over_tls(&stage, &identity);
    let server = bench.start_server(&setup, &["--no-sandbox"])?;
    let client = identity.client(Resumption::disabled())?;
    let cost = Cost::of(&server, |session| session.secure(&client))?;
    let unit = Unit::Kibibytes;
    Ok(vec![
        Line::alone("TLS: memory (PSS), without sessions", unit, cost.before),
        Line::alone("TLS: memory of each idle session", unit, cost.each),
    ])
}

/// Proportional set sizes, in bytes.
struct Cost {
    before: f64,
    each: f64,
}

impl Cost {
    /// Measures sessions that log in after `prepare`.
    fn of(server: &Subject, prepare: impl Fn(Control) -> io::Result<Control>) -> io::Result<Self> {
        let log_in = |number| {
            let mut session = prepare(Control::connect_in_crowd(server.address, number)?)?;
            session.log_in("anonymous")?;
            Ok(session)
        };
        // After the server's start: it must raise its own limit, not inherit this one.
        allow_descriptors(u64::from(SESSIONS) + OTHER_DESCRIPTORS)?;
        // One session first, for the pages that only the first one touches.
        log_in(0)?.quit()?;
        let before = proportional_set_size(server)?;
        let sessions = (0..SESSIONS).map(log_in).collect::<io::Result<Vec<_>>>()?;
        let after = proportional_set_size(server)?;
        drop(sessions);
        Ok(Self {
            before,
            each: (after - before).max(0.0) / f64::from(SESSIONS),
        })
    }
}

/// Raises the soft limit of file descriptors to `wanted`, or to the hard limit.
fn allow_descriptors(wanted: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let raised = limit.maximum.map_or(wanted, |maximum| wanted.min(maximum));
    Ok(setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(raised),
            maximum: limit.maximum,
        },
    )?)
}

/// The PSS in bytes, from the `Pss:` line of `smaps_rollup`.
fn proportional_set_size(subject: &Subject) -> io::Result<f64> {
    let path = format!("/proc/{}/smaps_rollup", subject.process_id());
    let kibibytes: u32 = fs::read_to_string(&path)?
        .lines()
        .find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| io::Error::other(format!("no Pss in {path}")))?;
    Ok(f64::from(kibibytes) * 1024.0)
}
