//! `mioftpd bench`: a load generator for any FTP server, and a reactor itself.
//!
//! ```text
//!   options ──▶ rounds ──▶ run (the loop) ──▶ report, compare, plot
//!                │
//!                ├─ connection: one control connection, as a state machine
//!                │    └─ work: its commands ──▶ files: its jobs ──▶ transfer: a data connection
//!                ├─ pacing: when commands are due, whatever the server does
//!                └─ measure: times and errors
//! ```
//!
//! It stands on the parts of the server: the sockets of [`net`](crate::net), and latch, run queue and timers
//! of [`event_loop`](crate::event_loop). It must not know the server's reactor, sessions or storage.

// Rates and ratios need no more digits than a float has.
#![allow(clippy::cast_precision_loss)]

mod bounds;
pub(crate) mod client;
mod compare;
mod compose;
mod connection;
mod content;
mod file_plan;
mod files;
mod floor;
mod hdr_log;
mod help;
mod jobs;
mod link;
mod measure;
mod options;
mod pacing;
mod plan;
mod plot;
mod process;
mod random;
mod ratio;
mod report;
mod results;
mod rounds;
mod run;
mod shared;
mod stages;
mod sweep;
mod target;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
pub(crate) mod tls;
mod transfer;
mod trouble;
pub(crate) mod url;
pub(crate) mod values;
mod work;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// What `mioftpd bench` is asked for.
#[derive(Debug)]
pub enum Bench {
    /// Its options.
    Help,
    /// A measurement.
    Measure(Box<Measurement>),
    /// The ratios of two earlier ones, in files.
    Compare([PathBuf; 2]),
}

/// A measurement that was asked for.
#[derive(Debug)]
pub struct Measurement(rounds::Measured);

impl Bench {
    /// What these arguments ask for; `None` if the first of them is not `bench`.
    ///
    /// # Errors
    /// In words: the option, the value and the remedy.
    pub fn parse(arguments: &[OsString]) -> Result<Option<Self>, String> {
        options::parse(arguments)
    }

    /// Prints the help, or measures and prints the results. The code is a failure if there was any error.
    ///
    /// # Errors
    /// In words, if nothing could be measured or the results could not be written.
    pub fn run(&self) -> Result<ExitCode, String> {
        match self {
            Self::Help => print(help::HELP).map(|()| ExitCode::SUCCESS),
            Self::Compare([first, second]) => {
                print(&compare::files(first, second)?).map(|()| ExitCode::SUCCESS)
            }
            Self::Measure(measurement) => measurement.0.run(),
        }
    }
}

fn print(text: &str) -> Result<(), String> {
    let printed = io::stdout().lock().write_all(text.as_bytes());
    printed.map_err(|error| format!("cannot print: {error}"))
}
