//! `mioftpd doctor`: examines the configuration that the other arguments make, and its host.
//!
//! It takes its own arguments and prints the report; what is examined is the library's.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use mioftpd::internals::doctor;

use super::{Invocation, Resolved};

/// The command before there is a configuration.
pub(super) struct Request {
    json: bool,
}

/// The command with what it examines.
pub(crate) struct Doctor {
    resolved: Resolved,
    json: bool,
}

impl Doctor {
    /// Takes the name of the command and `--json` out of the arguments; `None` without the name. The other
    /// arguments are those of a start.
    pub(super) fn take(arguments: &mut Vec<OsString>) -> Option<Request> {
        if arguments.first()? != "doctor" {
            return None;
        }
        let given = arguments.len();
        arguments.remove(0);
        arguments.retain(|argument| argument != "--json");
        let json = arguments.len() + 1 < given;
        Some(Request { json })
    }

    /// Prints the report; exit code 1 if something on it will hurt.
    pub(crate) fn run(&self, now: i64) -> ExitCode {
        let report = doctor::examine(&self.resolved.config, now);
        let text = if self.json {
            report.json()
        } else {
            report.to_string()
        };
        let printed = io::stdout().write_all(text.as_bytes());
        if printed.is_err() || report.hurts() {
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }
}

impl Request {
    pub(super) fn of(self, resolved: Resolved) -> Invocation {
        let json = self.json;
        Invocation::Examine(Doctor { resolved, json })
    }
}
