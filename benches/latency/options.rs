//! The bench's command line: what comes after `cargo bench --bench latency --`.
//!
//! Owns the options and their help text. Must not know how anything is measured.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use lexopt::prelude::*;

use crate::floor;
use crate::rows;
#[cfg(feature = "tls")]
use crate::tls_floor::{Direction, Task};

/// What the process was started for.
pub(crate) enum Request {
    /// `cargo bench`.
    Measure(Options),
    /// The bench started itself again, as the floor.
    BeFloor(floor::Kind),
    /// `--help`.
    Help,
    /// `cargo test --all-targets`: no `--bench` among the arguments.
    Test,
}

/// How to measure.
pub(crate) struct Options {
    /// A short run: everything is exercised, no number is worth keeping.
    pub(crate) quick: bool,
    /// The server to measure.
    pub(crate) server: Server,
    filters: Vec<String>,
}

/// What stands in the server's column.
pub(crate) enum Server {
    /// A program with mioftpd's command line.
    Program(PathBuf),
    /// A second floor: how far the ratios are from 1 is then the machine's noise.
    SecondFloor,
}

impl Options {
    /// Whether a row is to be run: all are, unless names are given.
    pub(crate) fn chooses(&self, row: &str) -> bool {
        let wanted = |filter: &String| row.contains(filter.as_str());
        self.filters.is_empty() || self.filters.iter().any(wanted)
    }
}

/// Reads the process's arguments.
pub(crate) fn parse() -> Result<Request, lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    let mut by_cargo_bench = false;
    let mut options = Options {
        quick: false,
        server: Server::Program(PathBuf::from(env!("CARGO_BIN_EXE_mioftpd"))),
        filters: Vec::new(),
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("bench") => by_cargo_bench = true,
            Long("quick") => options.quick = true,
            Long("noise") => options.server = Server::SecondFloor,
            Long("server") => options.server = Server::Program(parser.value()?.into()),
            Long("floor") => return floor_kind(&mut parser).map(Request::BeFloor),
            Long("help") | Short('h') => return Ok(Request::Help),
            Value(filter) => options.filters.push(filter.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(if by_cargo_bench {
        Request::Measure(options)
    } else {
        Request::Test
    })
}

/// The arguments that make this program the floor of `kind` at `address`.
pub(crate) fn floor_arguments(kind: &floor::Kind) -> Vec<OsString> {
    let mut arguments = vec!["--floor".into()];
    match kind {
        floor::Kind::Commands(address) => arguments.push(address.to_string().into()),
        floor::Kind::Files(address, file) => {
            arguments.push(address.to_string().into());
            arguments.push(file.into());
        }
        #[cfg(feature = "tls")]
        floor::Kind::Secured(task) => {
            let way = match task.direction {
                Direction::Send => "send",
                Direction::Receive => "receive",
            };
            arguments.extend([task.address.to_string().into(), way.into()]);
            arguments.extend([&task.file, &task.identity[0], &task.identity[1]].map(Into::into));
        }
    }
    arguments
}

fn floor_kind(parser: &mut lexopt::Parser) -> Result<floor::Kind, lexopt::Error> {
    let address: SocketAddr = parser.value()?.parse()?;
    let mut rest = parser.raw_args()?.map(PathBuf::from);
    Ok(match (rest.next(), rest.next(), rest.next(), rest.next()) {
        (None, ..) => floor::Kind::Commands(address),
        #[cfg(feature = "tls")]
        (Some(way), Some(file), Some(certificate), Some(key)) => {
            let direction = if way.as_os_str() == "send" {
                Direction::Send
            } else {
                Direction::Receive
            };
            floor::Kind::Secured(Task {
                address,
                direction,
                file,
                identity: [certificate, key],
            })
        }
        (Some(file), ..) => floor::Kind::Files(address, file),
    })
}

/// The text of `--help`.
pub(crate) fn help() -> String {
    let mut text = String::from(
        "Usage: cargo bench --bench latency -- [OPTIONS] [ROW]...

Measures the rows whose names contain one of the given words; without words, all.

Options:
      --quick        a short run that only shows that everything works
      --server PATH  measure that program, which has mioftpd's command line
      --noise        measure the floor against itself: what differs is the machine
  -h, --help         show this

Rows:
",
    );
    for row in rows::ALL {
        text.push_str(&row.to_string());
    }
    text
}
