//! The latency bench: mioftpd beside *the floor*, the least program that could answer.
//!
//! A time alone says more about the machine than about the server, so every row also
//! measures a floor: as few system calls as the task can be done with, and nothing else
//! ([`floor`]). Server and floor take turns within one run, so that a noisy machine
//! disturbs both alike, and what counts is their ratio.
//!
//! Reading order: this file, [`rows`], [`alternate`], [`control`], [`floor`]; the rest
//! starts processes, pins them and prints.
//!
//! `cargo bench --bench latency -- --help` lists rows and options.

mod alternate;
mod connection;
mod control;
mod download;
mod floor;
mod options;
mod pinning;
mod rows;
mod subject;
mod table;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_floor;
#[cfg(feature = "tls")]
mod upload;

use std::io;
use std::process::ExitCode;
use std::thread::available_parallelism;

use options::{Options, Request};
use pinning::Pinning;
use rows::Row;

/// What every row is given.
pub(crate) struct Bench {
    options: Options,
    cores: usize,
    pinning: Pinning,
}

fn main() -> ExitCode {
    match options::parse() {
        Ok(Request::Measure(options)) => measure(options),
        Ok(Request::BeFloor(kind)) => report("the floor", floor::run(&kind)),
        Ok(Request::Help) => {
            print!("{}", options::help());
            ExitCode::SUCCESS
        }
        // `cargo test --all-targets` runs benches too, without `--bench`: a run that
        // measures beside other tests would only waste time.
        Ok(Request::Test) => {
            println!("latency measures nothing in a test run; use `cargo bench --bench latency`");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("latency: {message}\n\n{}", options::help());
            ExitCode::from(2)
        }
    }
}

fn report(what: &str, result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("latency: {what}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: Options) -> ExitCode {
    let chosen: Vec<&Row> = rows::ALL
        .iter()
        .filter(|row| options.chooses(row.name))
        .collect();
    if chosen.is_empty() {
        println!(
            "latency: no row has such a name; the rows are {}",
            rows::names()
        );
        return ExitCode::SUCCESS;
    }

    let bench = Bench {
        options,
        // Counted before pinning, after which there is only one.
        cores: available_parallelism().map_or(1, usize::from),
        pinning: Pinning::choose(),
    };
    table::print_head(&bench);
    let mut code = ExitCode::SUCCESS;
    for row in chosen {
        match (row.run)(&bench) {
            Ok(lines) => table::print_row(row.name, &lines),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                table::print_instead(row.name, "not measured", &error);
            }
            // One row that cannot be measured must not hide the others.
            Err(error) => {
                table::print_instead(row.name, "failed", &error);
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
