//! `mioftpd doctor`: examines a configuration on the host that is to serve it, and says what will hurt.
//!
//! It begins with what `--check` finds and adds what only the host can tell: who has the ports, descriptors,
//! memory, disks, kernel, clock, network. Each file examines one of these. Blocking; it changes nothing and
//! needs no privilege: what it may not read it reports as not seen.

mod clock;
mod disks;
mod kernel;
mod memory;
mod mounts;
mod network;
mod ports;
mod proc_net;
mod report;
mod resources;
mod server;

use crate::config::Config;
use crate::server::{Finding, check_settings};
pub use report::{Level, Line, Report};

/// Examines everything; `now` is in seconds since 1970.
pub fn examine(config: &Config, now: i64) -> Report {
    let mut report = Report::default();
    settings(&mut report, config, now);
    ports::examine(&mut report, config);
    network::examine(&mut report, config);
    disks::examine(&mut report, config);
    resources::examine(&mut report, config);
    memory::examine(&mut report, config);
    kernel::examine(&mut report, config);
    clock::examine(&mut report, now);
    report
}

/// What `--check` finds.
fn settings(report: &mut Report, config: &Config, now: i64) {
    let findings = check_settings(config, now);
    if findings.is_empty() {
        report.ok(
            "settings",
            "the configuration, its files, rights and certificates are in order",
        );
    }
    for finding in findings {
        match finding {
            Finding::Failure(text) => report.add(Level::Error, "settings", text, ""),
            Finding::Note(text) => report.add(Level::Warning, "settings", text, ""),
        }
    }
}

/// The first number of a file of `/proc` or `/sys`; `None` if it cannot be read, or has none.
fn number_in(path: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    text.split_whitespace().next()?.parse().ok()
}
