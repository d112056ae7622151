//! Dispatch by `argv[0]`: the process is the server, a helper process, or a worker of a helper.
//!
//! Helpers keep the privileges of the server's start (see `privsep`). This file only decides which
//! one to run; what a role does is in `auth::pam` and `event_helper`.

use std::process::ExitCode;

use crate::auth::pam;
use crate::event_helper;

/// Runs the helper or worker that this process was started as, and returns its exit code; `None` if
/// it is the server. A program that sets [`Config::helpers`](crate::Config::helpers) has to call this
/// first in its `main`.
pub fn run_helper_if_requested() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    pam::run_if_requested(&name).or_else(|| event_helper::run_if_requested(&name, arguments))
}
