//! Names of files: whether those that were stored are listed as they were sent (RFC 2640, RFC 3659 §2.2).
//!
//! In the directory of [`writing`](super::writing) only.

use super::{Stop, Visit, with_path};
use crate::probe::data::Body;
use crate::probe::faults;
use crate::protocol::visible::Quoted;

/// Letters with several forms in Unicode, and some beyond 16 bits.
const UNICODE: &str = "gr\u{f6}\u{df}e \u{65e5}\u{672c} \u{1f600}.txt";

/// What servers are known to change: blanks, escapes, and what means something to a shell.
const OTHERS: [&str; 4] = [
    " leading.txt",
    "two  blanks.txt",
    "per%20cent.txt",
    "-la [x] {y}.txt",
];

/// Stores an empty file of each name, and looks for it in a listing.
pub(super) fn check(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let mut stored = Vec::new();
    for name in [UNICODE].into_iter().chain(OTHERS) {
        let Some(path) = visit.known.new_file(name) else {
            return Ok(());
        };
        let transfer = visit
            .session
            .transfer(with_path("STOR", &path), Body::Send(b"x"))?;
        if transfer.is_complete() {
            stored.push(name);
        } else if name == UNICODE && visit.known.claims("UTF8") {
            let what = format!("STOR of a name in UTF-8 failed: {}", transfer.outcome());
            visit.report.add(faults::UTF8_CHANGED, what);
        }
    }
    let Some(directory) = visit.known.scratch.clone() else {
        return Ok(());
    };
    let verb = if visit.known.claims("MLST") {
        "MLSD"
    } else {
        "NLST"
    };
    let Some(text) = visit.session.download(with_path(verb, &directory))? else {
        // That listings fail is another check.
        return Ok(());
    };
    for name in stored {
        let mut lines = text.split(|&byte| byte == b'\n');
        let is_listed = |line: &[u8]| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let before = line.strip_suffix(name.as_bytes());
            before.is_some_and(|before| {
                before.is_empty() || before.ends_with(b"; ") || before.ends_with(b"/")
            })
        };
        if lines.any(is_listed) {
            continue;
        }
        let what = format!(
            "{} was stored, and is not in {verb} under this name",
            Quoted(name.as_bytes())
        );
        let is_unicode = name == UNICODE;
        let fault = if is_unicode {
            faults::UTF8_CHANGED
        } else {
            faults::NAME_CHANGED
        };
        visit.report.add(
            fault.only_noted(is_unicode && !visit.known.claims("UTF8")),
            what,
        );
    }
    Ok(())
}
