//! The rows of the table: one function for each.
//!
//! A row starts the contenders, measures, and returns lines of the table. When it returns, its processes
//! have ended. Rows do not import each other.

mod busy;
mod commands;
mod crowd;
mod handshakes;
mod listings;
mod logins;
mod memory;
mod small;
mod stalls;
mod status;
mod transfers;

use std::io;

use crate::Bench;
use crate::table::Line;

/// A measurement.
pub(crate) struct Row {
    /// The name on the command line.
    pub(crate) name: &'static str,
    /// The description in `--help`.
    about: &'static str,
    /// Whether it is in the README, and measured by default.
    pub(crate) in_readme: bool,
    /// Runs the measurement.
    pub(crate) run: fn(&Bench) -> io::Result<Vec<Line>>,
}

impl Row {
    /// Whether the server needs the Cargo feature `tls`.
    pub(crate) fn needs_tls(&self) -> bool {
        self.name.starts_with("tls-")
    }

    const fn new(
        name: &'static str,
        about: &'static str,
        run: fn(&Bench) -> io::Result<Vec<Line>>,
    ) -> Self {
        Self {
            name,
            about,
            in_readme: true,
            run,
        }
    }

    const fn more(
        name: &'static str,
        about: &'static str,
        run: fn(&Bench) -> io::Result<Vec<Line>>,
    ) -> Self {
        Self {
            in_readme: false,
            ..Self::new(name, about, run)
        }
    }
}

/// All rows, in the order of the table.
pub(crate) const ALL: &[Row] = &[
    Row::new(
        "noop",
        "round trip of NOOPs, one after the other",
        commands::noop,
    ),
    Row::more(
        "busy-poll",
        "the same with --busy-poll 50us",
        commands::busy_poll,
    ),
    Row::new(
        "pipeline",
        "64 NOOPs in one write, then 64 replies",
        commands::pipeline,
    ),
    Row::new(
        "crowd",
        "100 connections: send a NOOP on each, then receive all replies",
        crowd::crowd,
    ),
    Row::new(
        "login",
        "connect, 220, log in, QUIT, end; floor: without the login",
        logins::login,
    ),
    Row::new(
        "retr",
        "RETR of a large cached file; floor: a plain sendfile loop",
        transfers::retr,
    ),
    Row::new(
        "four-retr",
        "the same in four sessions at once",
        transfers::four_retr,
    ),
    Row::new("busy", "NOOP round trip while four RETR run", busy::busy),
    Row::new(
        "stor-new",
        "STOR of a large file; floor: a plain loop of recv and write",
        transfers::stor_new,
    ),
    Row::new(
        "stor-over",
        "the same in the place of a file of that size",
        transfers::stor_over,
    ),
    Row::new(
        "four-stor",
        "the same under new names in four sessions at once",
        transfers::four_stor,
    ),
    Row::new(
        "small-retr",
        "EPSV and RETR of a cached file of 1 KiB, to the 226",
        small::retr,
    ),
    Row::new(
        "small-stor",
        "EPSV and STOR of a new file of 1 KiB, to the 226",
        small::stor,
    ),
    Row::new(
        "one-port",
        "the same RETR where the passive range is one port",
        small::one_port,
    ),
    Row::new(
        "list",
        "LIST of 10,000 entries; floor: a loop of getdents and statx",
        listings::list,
    ),
    Row::new("mlsd", "MLSD of the same", listings::mlsd),
    Row::new(
        "tls-retr",
        "RETR of a large cached file over TLS; floor: a plain rustls loop",
        transfers::tls_retr,
    ),
    Row::new(
        "tls-stor",
        "STOR of a large file over TLS; floor: a plain rustls loop",
        transfers::tls_stor,
    ),
    Row::more(
        "tls-small",
        "EPSV and RETR of 1 KiB over TLS, with resumption",
        small::over_tls,
    ),
    Row::new(
        "tls-full",
        "connect, AUTH TLS, full handshake, NOOP; floor: bare rustls",
        handshakes::full,
    ),
    Row::new(
        "tls-resumed",
        "the same with the resumption of a session",
        handshakes::resumed,
    ),
    Row::more(
        "tls-stalls",
        "NOOP without TLS during 50 to 100 handshakes per second; floor: without",
        stalls::stalls,
    ),
    Row::more(
        "memory",
        "proportional set size with 1,000 logged-in idle sessions",
        memory::memory,
    ),
    Row::more("tls-memory", "the same over TLS", memory::over_tls),
    Row::more(
        "status",
        "100,000 NOOPs by the client's clock and by the server's histogram",
        status::own_times,
    ),
    Row::more(
        "scrapes",
        "NOOP during 1,000 GET /metrics per second; floor: without",
        status::scrapes,
    ),
];

/// The list of rows in `--help`.
pub(crate) fn help() -> String {
    let line = |row: &Row| format!("  {:<12} {}\n", row.name, row.about);
    ALL.iter().map(line).collect()
}

/// The names of all rows, for a message.
pub(crate) fn names() -> Vec<&'static str> {
    ALL.iter().map(|row| row.name).collect()
}

impl Bench {
    /// The rounds of a row: this many times those on the command line.
    fn rounds(&self, factor: usize) -> usize {
        if self.options.quick {
            3
        } else {
            self.options.rounds * factor
        }
    }

    /// This amount of work in a round, or a fraction of it in a quick run.
    fn amount(&self, amount: usize) -> usize {
        if self.options.quick {
            (amount / 10).max(1)
        } else {
            amount
        }
    }

    /// The size of the large file in bytes.
    fn large_file(&self) -> usize {
        self.amount(256) << 20
    }
}
