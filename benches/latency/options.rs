//! The command line of the benchmark: the arguments after `cargo bench --bench latency --`.
//!
//! Owns the options and their help text, and the arguments with which the benchmark starts itself as a
//! floor or as a peer. Must not know the rows, or how they are measured.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use crate::floor::{self, Task};

/// The mode in which the process was started.
pub(crate) enum Request {
    /// `cargo bench`.
    Measure(Options),
    /// The benchmark started itself as a floor process.
    RunFloor(Task),
    /// The benchmark started itself to become another server: a program and its arguments.
    RunPeer(Vec<OsString>),
    /// `--help`.
    Help,
    /// `cargo test --all-targets`: no `--bench` among the arguments.
    Test,
}

/// The options of a measurement.
pub(crate) struct Options {
    /// A short run that exercises all code; its numbers are meaningless.
    pub(crate) quick: bool,
    /// All rows and lines, also those that are not in the README.
    pub(crate) all: bool,
    /// The rounds of a row, which a row may multiply.
    pub(crate) rounds: usize,
    /// The server to measure.
    pub(crate) server: Server,
    peers: Option<String>,
    filters: Vec<String>,
}

/// The program in the server's column.
pub(crate) enum Server {
    /// A program with mioftpd's command line.
    Program(PathBuf),
    /// A second floor: the deviation of the ratios from 1 is the noise of the machine.
    SecondFloor,
}

/// Rounds by default: the whole run takes some five minutes.
const ROUNDS: usize = 9;

impl Options {
    /// Whether a row is selected: without filters those of the README are, or all.
    pub(crate) fn selects(&self, row: &str, in_readme: bool) -> bool {
        let matches = |filter: &String| row.contains(filter.as_str());
        match self.filters.as_slice() {
            [] => in_readme || self.all,
            filters => filters.iter().any(matches),
        }
    }

    /// Whether the peer of this name is selected: without `--peers` all are.
    pub(crate) fn admits(&self, peer: &str) -> bool {
        let names = |list: &String| list.split(',').any(|name| name == peer);
        self.peers.as_ref().is_none_or(names)
    }
}

/// Parses the process's arguments.
pub(crate) fn parse() -> Result<Request, lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    let mut by_cargo_bench = false;
    let mut options = Options {
        quick: false,
        all: false,
        rounds: ROUNDS,
        server: Server::Program(PathBuf::from(env!("CARGO_BIN_EXE_mioftpd"))),
        peers: None,
        filters: Vec::new(),
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("bench") => by_cargo_bench = true,
            Long("quick") => options.quick = true,
            Long("all") => options.all = true,
            Long("rounds") => options.rounds = parser.value()?.parse::<usize>()?.max(1),
            Long("noise") => options.server = Server::SecondFloor,
            Long("server") => options.server = Server::Program(parser.value()?.into()),
            Long("peers") => options.peers = Some(parser.value()?.string()?),
            Long("run-floor") => return floor_task(&mut parser).map(Request::RunFloor),
            Long("run-peer") => return Ok(Request::RunPeer(parser.raw_args()?.collect())),
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

fn floor_task(parser: &mut lexopt::Parser) -> Result<Task, lexopt::Error> {
    let address = parser.value()?.parse()?;
    let program = parser.value()?.string()?;
    let paths = parser.raw_args()?.map(PathBuf::from).collect();
    floor::Program::from_arguments(&program, paths)
        .map(|program| Task { address, program })
        .ok_or_else(|| "no such floor".into())
}

/// The arguments that start this program as a floor.
pub(crate) fn floor_arguments(task: &Task) -> Vec<OsString> {
    let mut arguments = vec!["--run-floor".into(), task.address.to_string().into()];
    arguments.extend(task.program.arguments());
    arguments
}

/// The text of `--help`; `rows` is the list of rows.
pub(crate) fn help(rows: &str) -> String {
    format!(
        "Usage: cargo bench --bench latency -- [OPTIONS] [ROW]...

Measure the rows with a name that contains one of the given words; without words, those that are
in the README. Files are in TMPDIR, or in /tmp.

Options:
      --all          Measure all rows, and also the CPU time of each transfer
      --quick        Run briefly, only to check that everything works
      --rounds N     Measure N rounds of each row [default: {ROUNDS}]; peers take part in every third
      --peers LIST   Measure only these of vsftpd, pure-ftpd, proftpd and pyftpdlib, such as
                     vsftpd,proftpd, or none [default: those that are on PATH or in /usr/sbin]
      --server PATH  Measure this program, which must have mioftpd's command line
      --noise        Measure the floor against itself, to see the noise of the machine
  -h, --help         Print this help

Rows:
{rows}"
    )
}
