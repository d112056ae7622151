//! A session that is left alone: whether the server ends it, or something in between forgets it.
//!
//! Only if the operator asks for it, since it takes its time.

use std::time::Duration;

use super::{Stop, Visit};
use crate::probe::faults;

/// What RFC 1123 §4.1.3.2 requires.
const LEAST: Duration = Duration::from_secs(5 * 60);

/// Says nothing for a time, then NOOP.
pub(super) fn check(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let Some(idle) = visit.target.options.idle else {
        return Ok(());
    };
    let fault = faults::IDLE_TIME.only_noted(idle >= LEAST);
    match visit.session.client.reply_within(idle) {
        Ok(None) => {}
        Ok(Some(reply)) => {
            let what = format!(
                "within {idle:?} of silence the server said '{}'",
                reply.shown
            );
            visit.report.add(fault, what);
            return Err(Stop::Restart);
        }
        Err(broken) => {
            let what = format!("within {idle:?} of silence the server {}", broken.why);
            visit.report.add(fault, what);
            return Err(Stop::Restart);
        }
    }
    if let Err(broken) = visit.session.command("NOOP") {
        let what = format!(
            "to a NOOP after {idle:?} of silence the server {}",
            broken.why
        );
        visit.report.add(faults::IDLE_LOST, what);
        return Err(Stop::Restart);
    }
    Ok(())
}
