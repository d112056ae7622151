//! Accounts of the system: PAM (pam(3)) verifies their passwords, in a process of its own.
//!
//! PAM modules are third-party code that reads files of root, starts programs and waits for the network:
//! the sandbox allows the server none of it. So a [helper process](crate::privsep), which keeps its
//! privileges, starts a *checker* process for each request (privilege separation). An attacker who controls
//! the server can ask whether a password is right, as any client can, and gains nothing else. A checker
//! that hangs or crashes is a failed login.

mod checker;
mod request;

use std::ffi::OsStr;
use std::io;
use std::process::ExitCode;

use crate::cause::cause;
use crate::limits::{PAM_PROCESSES, PAM_TIMEOUT};
use crate::privsep::{self, Helper, Role};
use request::PamAnswer;
pub(super) use request::PamRequest;

/// The PAM helper process and its checkers.
const ROLE: Role = Role {
    name: "mioftpd: PAM helper",
    worker: "mioftpd: PAM checker",
    at_once: PAM_PROCESSES,
};

/// Runs the helper or a checker, if this process was started as one of them.
pub(crate) fn run_if_requested(name: &OsStr) -> Option<ExitCode> {
    if name == OsStr::new(ROLE.name) {
        return Some(privsep::run_helper(&ROLE));
    }
    (name == OsStr::new(ROLE.worker)).then(checker::run)
}

/// Starts the PAM helper process, with the privileges of this process.
pub(super) fn start() -> io::Result<Helper> {
    Helper::start(&ROLE, &[])
}

/// Has PAM verify a password. Blocks for as long as PAM does: usually some seconds where the password is
/// wrong, at most [`PAM_TIMEOUT`].
///
/// # Errors
/// When PAM refuses the login, or cannot be asked: a message for the log.
pub(super) fn authenticate(privsep: &Helper, request: &PamRequest) -> Result<(), String> {
    let (service, name) = (&request.service, request.name.escape_ascii());
    let answer = privsep.ask(&request.encode(), PAM_TIMEOUT);
    let invalid = io::ErrorKind::InvalidData;
    match answer.and_then(|answer| Ok(PamAnswer::decode(&answer).ok_or(invalid)?)) {
        Ok(PamAnswer::Accepted) => Ok(()),
        Ok(PamAnswer::Refused(reason)) => {
            let reason = reason.escape_debug();
            Err(format!("PAM ({service}) refuses {name}: {reason}"))
        }
        Err(error) => {
            let why = cause(&error);
            Err(format!("Cannot ask PAM ({service}) about {name}: {why}"))
        }
    }
}
