//! The command line of the benchmark: the arguments after `cargo bench --bench latency --`.
//!
//! Owns the options, what is wrong with them, and their help text. Must not know the rows, the peers, or how
//! they are measured: a test of the package includes this file.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use lexopt::prelude::*;

/// The mode in which the process was started.
pub(crate) enum Request {
    /// `cargo bench`.
    Measure(Options),
    /// The benchmark started itself as a floor process, with the arguments of its task.
    RunFloor(Vec<OsString>),
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
    peers: Option<Vec<String>>,
    filters: Vec<String>,
}

/// The program in the server's column.
pub(crate) enum Server {
    /// A program with mioftpd's command line.
    Program(PathBuf),
    /// A second floor: the deviation of the ratios from 1 is the noise of the machine.
    SecondFloor,
}

/// The word of `--peers` for none.
const NO_PEER: &str = "none";

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
        let names = |list: &Vec<String>| list.iter().any(|name| name == peer);
        self.peers.as_ref().is_none_or(names)
    }

    /// A name among the arguments that is of none of these rows and peers, and the names that there are.
    pub(crate) fn mistake(&self, rows: &[&str], peers: &[&str]) -> Option<String> {
        let is_peer = |name: &String| peers.contains(&name.as_str()) || name == NO_PEER;
        if let Some(name) = self.peers.iter().flatten().find(|name| !is_peer(name)) {
            let peers = peers.join(", ");
            return Some(format!(
                "--peers: there is no peer '{name}'; use some of {peers}, or {NO_PEER}"
            ));
        }
        let is_row = |filter: &String| rows.iter().any(|row| row.contains(filter.as_str()));
        let filter = self.filters.iter().find(|filter| !is_row(filter))?;
        let rows = rows.join(", ");
        Some(format!(
            "no row has '{filter}' in its name; the rows are {rows}"
        ))
    }
}

/// Parses the arguments of the process, without its name.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Request, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
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
            Long("rounds") => options.rounds = rounds(&parser.value()?)?,
            Long("noise") => options.server = Server::SecondFloor,
            Long("server") => options.server = Server::Program(parser.value()?.into()),
            Long("peers") => {
                let list = parser.value()?.string()?;
                options.peers = Some(list.split(',').map(str::to_owned).collect());
            }
            Long("run-floor") => return Ok(Request::RunFloor(parser.raw_args()?.collect())),
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

fn rounds(value: &OsStr) -> Result<usize, lexopt::Error> {
    let number = value.to_str().and_then(|number| number.parse().ok());
    number.filter(|rounds| *rounds > 0).ok_or_else(|| {
        let value = value.display();
        format!("--rounds: invalid value '{value}'; use a number from 1").into()
    })
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
