//! `mioftpd probe`: what is wrong with an FTP server, as its clients see it.
//!
//! ```text
//!   options ──▶ target ──▶ checks, each with a session ──▶ report ──▶ output
//!                            │
//!                            ├─ client: commands and replies     ─┐
//!                            ├─ data: transfers                   ├─▶ wire, tls: bytes, with time-outs
//!                            └─ faults: what can be wrong, a table
//! ```
//!
//! A blocking client makes one connection at a time. A check is a function: it is given a session and what
//! is known so far, and adds findings. It must not know anything of this server but the keys of its
//! configuration.

mod checks;
mod client;
mod data;
mod faults;
mod finding;
mod hello;
mod insight;
mod options;
mod output;
mod session_checks;
mod target;
mod timed_socket;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;
mod wire;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use checks::{Known, Stop};
use finding::Report;
pub(crate) use finding::Severity;
pub(crate) use insight::{Insight, look_at};
use options::Options;
use target::Target;

use crate::clock::{Instant, wall_clock};

/// What `mioftpd probe` is asked for.
#[derive(Debug)]
pub enum Probe {
    /// Its options.
    Help,
    /// A probe of a server.
    Run(Box<Run>),
}

/// A probe that was asked for.
#[derive(Debug)]
pub struct Run(Options);

impl Probe {
    /// What these arguments ask for; `None` if the first of them is not `probe`.
    ///
    /// # Errors
    /// In words: the option, the value and the remedy.
    pub fn parse(arguments: &[OsString]) -> Result<Option<Self>, String> {
        options::parse(arguments)
    }

    /// Prints the help, or probes and prints the findings. The code says how bad they are.
    ///
    /// # Errors
    /// In words, if there is no FTP server or the findings could not be printed.
    pub fn run(&self) -> Result<ExitCode, String> {
        match self {
            Self::Help => print(options::HELP).map(|()| ExitCode::SUCCESS),
            Self::Run(run) => run.0.run(),
        }
    }
}

fn print(text: &str) -> Result<(), String> {
    let printed = io::stdout().lock().write_all(text.as_bytes());
    printed.map_err(|error| format!("cannot print: {error}"))
}

impl Options {
    fn run(&self) -> Result<ExitCode, String> {
        let target = Target::new(self)?;
        let server = format!("{} ({})", self.url.host, target.address);
        let report = probe(&target).map_err(|error| format!("{server}: {error}"))?;
        print(&if self.is_json {
            output::json(&report, &server)
        } else {
            output::text(&report, &server)
        })?;
        Ok(match report.worst() {
            None | Some(Severity::Note) => ExitCode::SUCCESS,
            Some(Severity::Warning) => ExitCode::from(3),
            Some(Severity::Error) => ExitCode::from(4),
        })
    }
}

/// Runs all checks; the error is that there is no FTP server.
fn probe(target: &Target<'_>) -> Result<Report, String> {
    let mut report = Report::default();
    let mut known = Known {
        now: wall_clock().0,
        ..Known::default()
    };
    let begun = Instant::now();
    let (mut client, greeting) = target.greeted().map_err(|denied| denied.to_string())?;
    checks::greeting::check(&greeting, Instant::now() - begun, &mut report);
    let before = checks::greeting::before_login(&mut client, target, &mut known, &mut report);
    note_end(before, &mut report);
    drop(client);
    note_end(
        checks::security::check(target, &mut known, &mut report),
        &mut report,
    );
    session_checks::run(target, &mut known, &mut report);
    if !known.is_ours {
        report.without_keys();
    }
    Ok(report)
}

/// A conversation that ended too early is a finding.
fn note_end(done: Result<(), Stop>, report: &mut Report) {
    if let Err(Stop::Broken(broken)) = done {
        report.add(faults::NO_ANSWER, broken.to_string());
    }
}
