//! The helper process that runs the event command: how the server starts it, and what it does first.
//!
//! It connects `observe` (what the role does) with `sandbox` (which user it runs as); neither knows the
//! other. In a build without the Cargo feature `records`, `no_event_helper.rs` replaces it.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use crate::cause::cause;
use crate::config::Config;
use crate::observe::{RecordsError, event_worker};
use crate::privsep::{self, Helper};
use crate::sandbox::{self, SandboxPlan};

/// Starts the helper process, if an event command is configured.
pub(crate) fn start(config: &Config) -> Result<Option<Helper>, RecordsError> {
    let events = &config.events;
    if events.command.is_empty() || !config.helpers {
        return Ok(None);
    }
    // The user, or empty: `run_helper` parses it.
    let run_as = config.run_as.as_ref();
    let run_as = run_as.map_or_else(OsString::new, |user| user.to_string().into());
    let failed = |error| {
        RecordsError::Events(format!(
            "cannot start the helper process for events.command: {}",
            cause(&error)
        ))
    };
    let started = event_worker::start(run_as, &events.command, events.time);
    started.map(Some).map_err(failed)
}

/// Runs the helper or its worker, if this process was started as one of them.
pub(crate) fn run_if_requested(
    name: &OsStr,
    mut arguments: impl Iterator<Item = OsString>,
) -> Option<ExitCode> {
    if name == OsStr::new(event_worker::ROLE.name) {
        return Some(run_helper(&arguments.next()?));
    }
    (name == OsStr::new(event_worker::ROLE.worker)).then(|| event_worker::run(arguments))
}

/// Event commands are not confined, but run as the same user as the server.
fn run_helper(run_as: &OsStr) -> ExitCode {
    let plan = SandboxPlan {
        run_as: run_as.to_str().and_then(|name| name.parse().ok()),
        ..SandboxPlan::default()
    };
    match sandbox::enforce(&plan) {
        Ok(_) => privsep::run_helper(&event_worker::ROLE),
        Err(error) => {
            privsep::write_to_stderr(event_worker::ROLE.name, &error);
            ExitCode::FAILURE
        }
    }
}
