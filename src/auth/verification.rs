//! A password that takes long to verify: it is hashed and compared, or PAM is asked about it.
//!
//! It owns all that is needed for it, so it can be done wherever one may wait, in one or in two
//! steps: a hash takes a processor and its memory, PAM only time, so they wait in different lanes.

use std::fmt;
use std::sync::Arc;

use super::pam::{self, Question};
use super::{Account, Password, hash};
use crate::privsep::Helper;

/// A password that takes long to verify.
pub struct Verification {
    /// Whose account it is if the password is right; `None`: only the time counts.
    pub(super) account: Option<Arc<Account>>,
    pub(super) way: Way,
    /// What a wrong one takes besides, for others than this one take it too.
    pub(super) after: Option<Box<Self>>,
}

/// How it is verified.
pub(super) enum Way {
    Hash { hash: Arc<str>, password: Password },
    Pam { privsep: Helper, question: Question },
}

/// What has been found out.
#[derive(Debug)]
pub enum Verified {
    /// Who it is.
    Is(Arc<Account>),
    /// It is nobody.
    Nobody,
    /// There is more to be done.
    NotYet(Verification),
}

impl Verification {
    /// Whether it waits for others, and needs no processor meanwhile.
    pub const fn waits(&self) -> bool {
        matches!(self.way, Way::Pam { .. })
    }

    /// The first step, and what comes of it. Takes long, and much memory or much patience.
    pub fn run(self) -> Verified {
        let is_right = match &self.way {
            Way::Hash { hash, password } => hash::verify(password, hash),
            Way::Pam { privsep, question } => {
                let answer = pam::ask(privsep, question);
                if let (Err(why), Some(_)) = (&answer, &self.account) {
                    log::warn!("{why}");
                }
                answer.is_ok()
            }
        };
        match (self.account, self.after) {
            (Some(account), _) if is_right => Verified::Is(account),
            (_, Some(after)) => Verified::NotYet(*after),
            (_, None) => Verified::Nobody,
        }
    }
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verification").finish_non_exhaustive()
    }
}
