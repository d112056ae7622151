//! The rows of the table: one function for each.
//!
//! A row starts the processes that it needs, measures, and returns lines of the table. When it
//! returns, its processes have ended. Rows do not import each other.

mod busy;
mod commands;
mod crowd;
#[cfg(feature = "tls")]
mod handshakes;
mod memory;
#[cfg(feature = "tls")]
mod tls_transfers;
mod transfers;

use std::io;
use std::time::Duration;

use crate::Bench;
use crate::alternate::Effort;
use crate::table::Line;

/// A measurement.
pub(crate) struct Row {
    /// The name on the command line and in the table.
    pub(crate) name: &'static str,
    /// The description in `--help`.
    about: &'static str,
    /// Runs the measurement.
    pub(crate) run: fn(&Bench) -> io::Result<Vec<Line>>,
}

/// All rows, in the order of the table.
pub(crate) const ALL: &[Row] = &[
    Row {
        name: "noop",
        about: "round trip of NOOPs, one after the other",
        run: commands::noop,
    },
    Row {
        name: "pipeline",
        about: "64 NOOPs in one write, then 64 replies",
        run: commands::pipeline,
    },
    Row {
        name: "crowd",
        about: "100 connections: send a NOOP on each, then receive all replies",
        run: crowd::crowd,
    },
    Row {
        name: "connect",
        about: "connect, 220, QUIT, 221, end of the connection",
        run: commands::connect,
    },
    Row {
        name: "retr",
        about: "RETR of a large cached file; floor: a plain sendfile loop",
        run: transfers::large,
    },
    Row {
        name: "busy",
        about: "NOOP round trip while four large transfers run",
        run: busy::busy,
    },
    Row {
        name: "small",
        about: "EPSV and RETR of a cached file of 1 KiB, from command to 226",
        run: transfers::small,
    },
    Row {
        name: "memory",
        about: "proportional set size with 1,000 logged-in idle sessions",
        run: memory::memory,
    },
    #[cfg(feature = "tls")]
    Row {
        name: "tls-retr",
        about: "RETR of a large cached file over TLS; floor: a plain rustls loop",
        run: tls_transfers::retr,
    },
    #[cfg(feature = "tls")]
    Row {
        name: "tls-stor",
        about: "STOR of a large file over TLS; floor: a plain rustls loop",
        run: tls_transfers::stor,
    },
    #[cfg(feature = "tls")]
    Row {
        name: "tls-busy",
        about: "NOOP without TLS during 50 TLS handshakes per second",
        run: handshakes::busy,
    },
    #[cfg(feature = "tls")]
    Row {
        name: "tls-connect",
        about: "connect, AUTH TLS, handshake, NOOP; full and resumed",
        run: tls_transfers::connecting,
    },
    #[cfg(feature = "tls")]
    Row {
        name: "tls-small",
        about: "EPSV and RETR of a cached file of 1 KiB over TLS, resumed",
        run: tls_transfers::small,
    },
    #[cfg(feature = "tls")]
    Row {
        name: "tls-memory",
        about: "proportional set size with 1,000 idle sessions over TLS",
        run: memory::over_tls,
    },
];

/// The list of rows in `--help`.
pub(crate) fn help() -> String {
    let line = |row: &Row| format!("  {:<12} {}\n", row.name, row.about);
    ALL.iter().map(line).collect()
}

/// The names of all rows, for a message.
pub(crate) fn names() -> String {
    let names: Vec<&str> = ALL.iter().map(|row| row.name).collect();
    names.join(", ")
}

impl Bench {
    /// This effort, or a fraction of it in a quick run.
    fn effort(&self, rounds: usize, per_round: usize) -> Effort {
        if self.options.quick {
            Effort {
                rounds: 3,
                per_round: (per_round / 10).max(1),
                budget: Duration::from_secs(3),
            }
        } else {
            Effort {
                rounds,
                per_round,
                budget: Duration::from_secs(30),
            }
        }
    }

    /// The size of the large file in bytes.
    fn large_file(&self) -> usize {
        let mebibytes = if self.options.quick { 16 } else { 256 };
        mebibytes << 20
    }
}
