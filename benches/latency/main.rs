//! The latency benchmark: measures mioftpd beside *the floor*, a minimal program for the same task, and
//! beside *peers*, the other FTP servers that are installed.
//!
//! An absolute time says more about the machine than about the server. So all contenders of a row are
//! measured in interleaved rounds of one run, noise affects them alike, and the result is a ratio of
//! medians.
//!
//! Reading order: this file, [`rows`], [`contest`], [`control`], [`floor`]; the other files start
//! processes, pin them to CPUs and print. `cargo bench --bench latency -- --help` lists the options.

mod connection;
mod contest;
mod control;
mod field;
mod floor;
mod identity;
mod options;
mod peers;
mod pinning;
mod rows;
mod setup;
mod subject;
mod table;
mod transfers;

use std::io;
use std::process::ExitCode;
use std::thread::available_parallelism;

use options::{Options, Request};
use peers::Installed;
use pinning::Pinning;
use rows::Row;

/// The context of every row.
pub(crate) struct Bench {
    options: Options,
    cores: usize,
    pinning: Pinning,
    peers: Vec<Installed>,
}

fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Request::Measure(options)) => match options.mistake(&rows::names(), &peers::names()) {
            None => measure(options),
            Some(mistake) => {
                eprintln!("latency: {mistake}");
                ExitCode::from(2)
            }
        },
        Ok(Request::RunFloor(arguments)) => report("the floor", &floor::run(&arguments)),
        Ok(Request::RunPeer(command)) => report("the peer", &subject::become_peer(&command)),
        Ok(Request::Help) => {
            print!("{}", options::help(&rows::help()));
            ExitCode::SUCCESS
        }
        // `cargo test --all-targets` runs benches too, without `--bench`: measuring while other
        // tests run would only waste time.
        Ok(Request::Test) => {
            println!("latency measures nothing in a test run; use `cargo bench --bench latency`");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("latency: {message}\n\n{}", options::help(&rows::help()));
            ExitCode::from(2)
        }
    }
}

fn report(what: &str, result: &io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("latency: {what}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: Options) -> ExitCode {
    let selected: Vec<&Row> = rows::ALL
        .iter()
        .filter(|row| options.selects(row.name, row.in_readme))
        .filter(|row| cfg!(feature = "tls") || !row.needs_tls())
        .collect();
    if selected.is_empty() {
        eprintln!("latency: these rows need the Cargo feature tls");
        return ExitCode::from(2);
    }

    let bench = Bench {
        peers: peers::installed(|name| options.admits(name)),
        options,
        // Counted before pinning, which reduces it to one.
        cores: available_parallelism().map_or(1, usize::from),
        pinning: Pinning::choose(),
    };
    table::print_head(&bench);
    let mut code = ExitCode::SUCCESS;
    for row in selected {
        match (row.run)(&bench) {
            Ok(lines) => table::print_lines(&lines),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                eprintln!("latency: {}: not measured: {error}", row.name);
            }
            // Continue with the other rows.
            Err(error) => {
                eprintln!("latency: {}: failed: {error}", row.name);
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
