//! Runs the checks that need a login, each with a session.
//!
//! After a check that breaks its session the next one gets a new session. It must not know what is checked.

use super::checks::{self, Check, Known, Visit};
use super::data::Session;
use super::finding::Report;
use super::target::{Denied, Target};
use super::{faults, note_end};
use crate::bench::url::Protection;
use crate::clock::Instant;
use crate::protocol::visible::Quoted;

/// All checks. With a password the login is by TLS, if the server has it.
pub(super) fn run(target: &Target<'_>, known: &mut Known, report: &mut Report) {
    let mut protection = target.options.url.protection;
    let can_secure = known.has_tls && target.tls.is_some();
    let mut sessions = Sessions {
        target,
        current: None,
        until: Instant::now() + target.options.max_time,
    };
    if protection == Protection::Clear && can_secure {
        let is_refused = || matches!(target.log_in(protection), Err(Denied::Refused(..)));
        if target.has_secret() || is_refused() {
            protection = Protection::Explicit;
        }
    }
    let is_in = sessions.run(protection, checks::EACH, known, report);
    if known.scratch.is_some() {
        sessions.until = Instant::now() + target.options.max_time;
        sessions.run(protection, checks::LAST, known, report);
    }
    if let Some(directory) = &known.scratch {
        let what = format!("{} is left on the server", Quoted(directory));
        report.add(faults::CLEAN_UP, what);
    }
    if protection == Protection::Clear && can_secure {
        sessions.current = None;
        protection = Protection::Explicit;
    }
    if is_in && protection != Protection::Clear {
        sessions.run(protection, checks::SECURED, known, report);
    }
}

struct Sessions<'a> {
    target: &'a Target<'a>,
    current: Option<Session<'a>>,
    /// No check begins later.
    until: Instant,
}

impl Sessions<'_> {
    /// Whether each check had a session, and time.
    fn run(
        &mut self,
        protection: Protection,
        all: &[Check],
        known: &mut Known,
        report: &mut Report,
    ) -> bool {
        for (done, check) in all.iter().enumerate() {
            if Instant::now() >= self.until {
                let left = all.len() - done;
                let what = format!("{left} of {} checks were left out", all.len());
                report.add(faults::OUT_OF_TIME, what);
                return false;
            }
            let session = match self.current.take() {
                Some(session) => session,
                None => match self.target.log_in(protection) {
                    Ok(session) => session,
                    Err(denied) => {
                        report.add(faults::LOGIN, denied.to_string());
                        return false;
                    }
                },
            };
            let mut visit = Visit {
                session,
                target: self.target,
                known,
                report,
            };
            let done = check(&mut visit);
            let Visit { session, .. } = visit;
            if done.is_ok() {
                self.current = Some(session);
            }
            note_end(done, report);
        }
        true
    }
}
