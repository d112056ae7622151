//! The rows of the table: what is measured, one function each.
//!
//! A row starts the processes that it needs, measures, and gives back lines; when it
//! returns, its processes are gone.

mod busy;
mod commands;
mod crowd;
#[cfg(feature = "tls")]
mod handshakes;
mod memory;
#[cfg(feature = "tls")]
mod secured;
mod transfers;

use std::fmt;
use std::io;
use std::time::Duration;

use crate::Bench;
use crate::alternate::Effort;
use crate::table::Line;

/// One thing to measure.
pub(crate) struct Row {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// For `--help`.
    pub(crate) about: &'static str,
    /// Measures it.
    pub(crate) run: fn(&Bench) -> io::Result<Vec<Line>>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:<12} {}", self.name, self.about)
    }
}

/// Every row, in the table's order.
pub(crate) const ALL: &[Row] = &[
    Row {
        name: "noop",
        about: "one NOOP after the other: the round trip",
        run: commands::noop,
    },
    Row {
        name: "pipeline",
        about: "64 NOOPs in one write, then their replies",
        run: commands::pipeline,
    },
    Row {
        name: "crowd",
        about: "100 connections: all send a NOOP, then all replies are taken",
        run: crowd::crowd,
    },
    Row {
        name: "connect",
        about: "connect, 220, QUIT, 221, end of the connection",
        run: commands::connect,
    },
    Row {
        name: "retr",
        about: "RETR of a large cached file, beside a bare sendfile loop",
        run: transfers::large,
    },
    Row {
        name: "busy",
        about: "NOOP round trip while four large transfers run",
        run: busy::busy,
    },
    Row {
        name: "small",
        about: "EPSV and RETR of a cached file of 1 KiB: the whole cycle",
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
        about: "RETR of a large cached file by TLS, beside a bare rustls loop",
        run: secured::retr,
    },
    #[cfg(feature = "tls")]
    Row {
        name: "tls-stor",
        about: "STOR of a large file by TLS, beside a bare rustls loop",
        run: secured::stor,
    },
    #[cfg(feature = "tls")]
    Row {
        name: "tls-busy",
        about: "NOOP in the clear while 50 TLS handshakes a second arrive",
        run: handshakes::busy,
    },
    #[cfg(feature = "tls")]
    Row {
        name: "tls-connect",
        about: "connect, AUTH TLS, handshake, NOOP: in full, and resumed",
        run: secured::connecting,
    },
    #[cfg(feature = "tls")]
    Row {
        name: "tls-small",
        about: "EPSV and RETR of a cached file of 1 KiB by TLS, resumed",
        run: secured::small,
    },
    #[cfg(feature = "tls")]
    Row {
        name: "tls-memory",
        about: "proportional set size with 1,000 secured idle sessions",
        run: memory::secured,
    },
];

/// The names, for a message.
pub(crate) fn names() -> String {
    let names: Vec<&str> = ALL.iter().map(|row| row.name).collect();
    names.join(", ")
}

impl Bench {
    /// The effort of a full run, or a fraction of it.
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

    /// How large the large file is.
    fn large_file(&self) -> usize {
        let mebibytes = if self.options.quick { 16 } else { 256 };
        mebibytes << 20
    }
}
