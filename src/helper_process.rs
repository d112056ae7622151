//! Dispatch by `argv[0]`: the process is the server, a helper process, or a worker of a helper.
//!
//! Helpers keep the privileges of the server's start (see `privsep`). This file only decides which
//! one to run; what a role does is in `auth::pam` and `observe::event_worker`.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use crate::observe::event_worker;
use crate::privsep;
use crate::sandbox::{self, SandboxPlan};

/// Runs the helper or worker that this process was started as, and returns its exit code; `None` if
/// it is the server. A program that sets [`Config::helpers`](crate::Config::helpers) has to call this
/// first in its `main`.
pub fn run_helper_if_requested() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    let is = |role: &str| name == OsStr::new(role);
    #[cfg(feature = "pam")]
    {
        use crate::auth::pam;
        if is(pam::ROLE.name) {
            return Some(privsep::run_helper(&pam::ROLE));
        }
        if is(pam::ROLE.worker) {
            return Some(pam::run_checker());
        }
    }
    if is(event_worker::ROLE.name) {
        return Some(start_event_workers(&arguments.next()?));
    }
    is(event_worker::ROLE.worker).then(|| event_worker::run(arguments))
}

/// Event commands are not confined, but run as the same user as the server.
fn start_event_workers(run_as: &OsStr) -> ExitCode {
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

/// The arguments of the event helper, which [`start_event_workers`] parses: the user, or empty.
pub(crate) fn event_arguments(run_as: Option<&sandbox::RunAs>) -> OsString {
    run_as.map_or_else(OsString::new, |user| user.to_string().into())
}
