//! The command line of the benchmark: the arguments after `cargo bench --bench latency --`.
//!
//! Owns the options and their help text. Must not know the rows, or how they are measured.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use lexopt::prelude::*;

use crate::floor;
#[cfg(feature = "tls")]
use crate::tls_floor::{Direction, Task};

/// The mode in which the process was started.
pub(crate) enum Request {
    /// `cargo bench`.
    Measure(Options),
    /// The benchmark started itself as a floor process.
    RunFloor(floor::Kind),
    /// `--help`.
    Help,
    /// `cargo test --all-targets`: no `--bench` among the arguments.
    Test,
}

/// The options of a measurement.
pub(crate) struct Options {
    /// A short run that exercises all code; its numbers are meaningless.
    pub(crate) quick: bool,
    /// The server to measure.
    pub(crate) server: Server,
    filters: Vec<String>,
}

/// The program in the server's column.
pub(crate) enum Server {
    /// A program with mioftpd's command line.
    Program(PathBuf),
    /// A second floor: the deviation of the ratios from 1 is the noise of the machine.
    SecondFloor,
}

impl Options {
    /// Whether a row is selected: without filters all are.
    pub(crate) fn selects(&self, row: &str) -> bool {
        let matches = |filter: &String| row.contains(filter.as_str());
        self.filters.is_empty() || self.filters.iter().any(matches)
    }
}

/// Parses the process's arguments.
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
            Long("floor") => return floor_kind(&mut parser).map(Request::RunFloor),
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

/// The arguments that start this program as a floor of `kind`.
pub(crate) fn floor_arguments(kind: &floor::Kind) -> Vec<OsString> {
    let mut arguments = vec!["--floor".into()];
    match kind {
        floor::Kind::Commands(address) => arguments.push(address.to_string().into()),
        floor::Kind::Files(address, file) => {
            arguments.push(address.to_string().into());
            arguments.push(file.into());
        }
        #[cfg(feature = "tls")]
        floor::Kind::Tls(task) => {
            let direction = match task.direction {
                Direction::Send => "send",
                Direction::Receive => "receive",
            };
            arguments.extend([task.address.to_string().into(), direction.into()]);
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
        (Some(direction), Some(file), Some(certificate), Some(key)) => {
            let direction = if direction.as_os_str() == "send" {
                Direction::Send
            } else {
                Direction::Receive
            };
            floor::Kind::Tls(Task {
                address,
                direction,
                file,
                identity: [certificate, key],
            })
        }
        (Some(file), ..) => floor::Kind::Files(address, file),
    })
}

/// The text of `--help`; `rows` is the list of rows.
pub(crate) fn help(rows: &str) -> String {
    format!(
        "Usage: cargo bench --bench latency -- [OPTIONS] [ROW]...

Measure the rows with a name that contains one of the given words; without words, measure all.

Options:
      --quick        Run briefly, only to check that everything works
      --server PATH  Measure this program, which must have mioftpd's command line
      --noise        Measure the floor against itself, to see the noise of the machine
  -h, --help         Print this help

Rows:
{rows}"
    )
}
