//! What a process of this program is: the server; or one that a server has started beside itself, to
//! do with the rights of its start what the server can do no more.
//!
//! It is told by its name (`argv[0]`), and tells whoever does that kind of work.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use crate::monitor;
use crate::observe::event_worker;
use crate::sandbox::{self, Plan};

/// Does what this process was started for, where that is not to serve. To be called first by a
/// program that lets its server start [monitors](crate::Config::monitors); `None`: it is that program.
pub fn serve_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    let is = |role: &str| name == OsStr::new(role);
    #[cfg(feature = "pam")]
    {
        use crate::auth::pam;
        if is(pam::ROLE.monitor) {
            return Some(monitor::watch(&pam::ROLE));
        }
        if is(pam::ROLE.worker) {
            return Some(pam::check_once());
        }
    }
    if is(event_worker::ROLE.monitor) {
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
        Ok(_) => monitor::watch(&event_worker::ROLE),
        Err(error) => {
            monitor::complain(event_worker::ROLE.monitor, &error);
            ExitCode::FAILURE
        }
    }
}

/// What [`start_event_workers`] is told.
pub(crate) fn event_arguments(run_as: Option<&sandbox::RunAs>) -> OsString {
    run_as.map_or_else(OsString::new, |user| user.to_string().into())
}
