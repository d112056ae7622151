//! What the program does with a configuration besides serving it: it reads it again at SIGHUP, and
//! checks it.
//!
//! What is in force goes to the standard output, what is found of it to the standard error.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use mioftpd::sandbox::Plan;
use mioftpd::{ConfigSource, Finding};

use crate::cli::{CliArgs, Failure, Resolved};

/// A file to begin with.
pub(crate) const EXAMPLE: &str = {
    #[cfg(feature = "config")]
    {
        mioftpd::config::file::EXAMPLE
    }
    #[cfg(not(feature = "config"))]
    ""
};

/// Reads again what was read at the start. What the sandbox of the start does not allow is said here,
/// because it is the program's and not the server's.
pub(crate) fn source(args: CliArgs, plan: Plan) -> ConfigSource {
    Arc::new(move || match args.start() {
        Ok(mut start) => {
            start.config.log_level = Some(start.log);
            log_notes(&start);
            for lack in plan.lacking_for(&start.config.plan()) {
                log::warn!("Until the next start {lack}: the sandbox was made without it");
            }
            Ok(*start.config)
        }
        Err(Failure::Wrong(why) | Failure::Unreadable(why)) => Err(why),
    })
}

/// Says which keys have no effect.
pub(crate) fn log_notes(start: &Resolved) {
    for note in start.config.notes() {
        log::warn!("{note}");
    }
}

/// Says what would be in force, and what would go wrong: exit code 1 where there would be no server.
pub(crate) fn check(start: &Resolved) -> ExitCode {
    crate::raise_descriptor_limit();
    let findings = mioftpd::check(&start.config, unix_time());
    let shown = io::stdout().write_all(show(start).as_bytes());
    for finding in &findings {
        crate::complain(finding);
    }
    let fails = |finding: &Finding| matches!(finding, Finding::Failure(_));
    if shown.is_err() || findings.iter().any(fails) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

#[cfg(feature = "config")]
fn show(start: &Resolved) -> String {
    mioftpd::config::file::show(&start.config, start.log)
}

/// Never called: there is no option for it.
#[cfg(not(feature = "config"))]
const fn show(_: &Resolved) -> String {
    String::new()
}

fn unix_time() -> i64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
