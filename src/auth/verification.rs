//! A password verification that blocks: a hash to compute, or a request to PAM.
//!
//! It owns all that it needs, so it can run on a worker thread. It has one or two steps: a hash takes CPU
//! time and memory, PAM only elapsed time, so they wait in different queues and run on different pools.

use std::fmt;
use std::sync::Arc;

use super::Account;
use super::hash::HashRequest;
use super::pam::{self, PamRequest};
use crate::privsep::Helper;

/// A password verification that blocks.
pub struct Verification {
    /// The account of the client if the password is right; `None` for a decoy, whose result is ignored and
    /// which only takes the time of a real one.
    pub(super) account: Option<Arc<Account>>,
    pub(super) method: VerificationMethod,
    /// A decoy that runs after a wrong password, as logins of other accounts fail only after this step too.
    pub(super) decoy: Option<Box<Self>>,
}

pub(super) enum VerificationMethod {
    Hash(HashRequest),
    Pam {
        privsep: Helper,
        request: PamRequest,
    },
}

/// The result of one step.
#[derive(Debug)]
pub enum Verified {
    /// The password of this account is right.
    Accepted(Arc<Account>),
    /// The name or the password is wrong.
    Rejected,
    /// Whether the password is right is not known: there is no memory for its hash.
    Unavailable,
    /// Another step is to run.
    NextStep(Verification),
}

impl Verification {
    /// Whether the next step only waits (for PAM) and takes no CPU time.
    pub const fn waits(&self) -> bool {
        matches!(self.method, VerificationMethod::Pam { .. })
    }

    /// Runs the next step. Blocks: a hash for its CPU time, PAM for up to
    /// [`PAM_TIMEOUT`](crate::limits::PAM_TIMEOUT).
    pub fn run(self) -> Verified {
        let is_right = match &self.method {
            VerificationMethod::Hash(request) => request
                .verify()
                .inspect_err(|why| log::error!("A login fails: {why}"))
                .ok(),
            VerificationMethod::Pam { privsep, request } => {
                let answer = pam::authenticate(privsep, request);
                if let (Err(why), Some(_)) = (&answer, &self.account) {
                    log::warn!("{why}");
                }
                Some(answer.is_ok())
            }
        };
        match (is_right, self.account, self.decoy) {
            (Some(true), Some(account), _) => Verified::Accepted(account),
            // A decoy is a wrong name or password whether it is computed or not, and counts as one.
            (None, Some(_), _) => Verified::Unavailable,
            (_, _, Some(decoy)) => Verified::NextStep(*decoy),
            (_, _, None) => Verified::Rejected,
        }
    }
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verification").finish_non_exhaustive()
    }
}
