//! The latency benchmark: measures mioftpd beside *the floor*, a minimal program for the same task.
//!
//! An absolute time says more about the machine than about the server, so most rows also measure a
//! [`floor`] with the minimum of system calls. Server and floor are measured in alternating rounds
//! of one run, so that noise affects both alike; the result is their ratio.
//!
//! Reading order: this file, [`rows`], [`alternate`], [`control`], [`floor`]; the other files start
//! processes, pin them to CPUs and print.
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

/// The context of every row.
pub(crate) struct Bench {
    options: Options,
    cores: usize,
    pinning: Pinning,
}

fn main() -> ExitCode {
    match options::parse() {
        Ok(Request::Measure(options)) => measure(options),
        Ok(Request::RunFloor(kind)) => report("the floor", floor::run(&kind)),
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
    let selected: Vec<&Row> = rows::ALL
        .iter()
        .filter(|row| options.selects(row.name))
        .collect();
    if selected.is_empty() {
        println!("latency: no row matches; the rows are {}", rows::names());
        return ExitCode::SUCCESS;
    }

    let bench = Bench {
        options,
        // Counted before pinning, which reduces it to one.
        cores: available_parallelism().map_or(1, usize::from),
        pinning: Pinning::choose(),
    };
    table::print_head(&bench);
    let mut code = ExitCode::SUCCESS;
    for row in selected {
        match (row.run)(&bench) {
            Ok(lines) => table::print_row(row.name, &lines),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                table::print_status(row.name, "not measured", &error);
            }
            // Continue with the other rows.
            Err(error) => {
                table::print_status(row.name, "failed", &error);
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
