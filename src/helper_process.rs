//! What a process of this program is: the server; or one that a server has started beside itself, to
//! do with the rights of its start what the server can do no more.
//!
//! It is told by its name (`argv[0]`), and tells whoever does that kind of work.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use crate::observe::event_worker;
use crate::privsep;
use crate::sandbox::{self, Plan};

/// Does what this process was started for, where that is not to serve. To be called first by a
/// program that lets its server start [helpers](crate::Config::helpers); `None`: it is that program.
pub fn run_helper_if_requested() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    let is = |role: &str| name == OsStr::new(role);
    #[cfg(feature = "pam")]
    {
        use crate::auth::pam;
        if is(pam::ROLE.name) {
            return Some(privsep::watch(&pam::ROLE));
        }
        if is(pam::ROLE.worker) {
            return Some(pam::check_once());
        }
    }
    if is(event_worker::ROLE.name) {
        return Some(start_event_workers(&arguments.next()?));
    }
    is(event_worker::ROLE.worker).then(|| event_worker::run(arguments))
}

/// Programs that hear of uploads are not confined, but are no more root than the server is.
fn start_event_workers(run_as: &OsStr) -> ExitCode {
    let plan = Plan {
        run_as: run_as.to_str().and_then(|name| name.parse().ok()),
        ..Plan::default()
    };
    match sandbox::enforce(&plan) {
        Ok(_) => privsep::watch(&event_worker::ROLE),
        Err(error) => {
            privsep::complain(event_worker::ROLE.name, &error);
            ExitCode::FAILURE
        }
    }
}

/// What [`start_event_workers`] is told.
pub(crate) fn event_arguments(run_as: Option<&sandbox::RunAs>) -> OsString {
    run_as.map_or_else(OsString::new, |user| user.to_string().into())
}
