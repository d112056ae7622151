//! Accounts of the system: whether a password is theirs is asked of PAM (pam(3)), beside the server.
//!
//! PAM runs code of others, which reads what only root may read, starts programs and waits for
//! networks: all of what the sandbox takes from the server. So it is asked through a
//! [`Helper`](crate::privsep), which keeps its rights: for each question there is a *checker*, a
//! process that asks once. Whoever takes over the server can ask whether a password is right, as
//! its clients can, and learns nothing else there. A checker that hangs or dies is a login that
//! fails.

mod checker;
mod question;

use std::io;

use crate::cause::cause;
use crate::limits::{PAM_CHECKERS, PAM_TIME};
use crate::privsep::{Helper, Role};
pub(crate) use checker::run as check_once;
pub(super) use question::Question;
use question::Verdict;

/// The processes that ask PAM.
pub(crate) const ROLE: Role = Role {
    name: "mioftpd: PAM helper",
    worker: "mioftpd: PAM checker",
    at_once: PAM_CHECKERS,
};

/// Starts what asks PAM, with the rights of this process.
pub(super) fn start() -> io::Result<Helper> {
    Helper::start(&ROLE, &[])
}

/// Asks whether it is so. It takes as long as PAM does, some seconds where the answer is no.
///
/// # Errors
/// Why it is not, or why nobody can say: a sentence for the log.
pub(super) fn ask(privsep: &Helper, question: &Question) -> Result<(), String> {
    let (service, name) = (&question.service, question.name.escape_ascii());
    let answer = privsep.ask(&question.print(), PAM_TIME);
    let invalid = io::ErrorKind::InvalidData;
    match answer.and_then(|answer| Ok(Verdict::parse(&answer).ok_or(invalid)?)) {
        Ok(Verdict::Yes) => Ok(()),
        Ok(Verdict::No(reason)) => {
            let reason = reason.escape_debug();
            Err(format!("PAM ({service}) says no to {name}: {reason}"))
        }
        Err(error) => {
            let why = cause(&error);
            Err(format!("Cannot ask PAM ({service}) about {name}: {why}"))
        }
    }
}
