//! Downloads: content, size, restarts, dates, text, and a transfer that is aborted.
//!
//! All with the sample, whose content is known.

use std::time::Duration;

use super::{Sample, Stop, Visit, lossy, with_path};
use crate::probe::client::Reply;
use crate::probe::data::{Body, Transfer};
use crate::probe::faults;
use crate::probe::wire::Wire;
use crate::protocol::date::{parse_time_val, rfc3339};

/// The most that the clocks may differ, in seconds.
const SKEW: i64 = 5 * 60;

/// What a second reply may take that need not come.
const PATIENCE: Duration = Duration::from_millis(300);

/// RETR and SIZE, and RETR of a file that is not there.
pub(super) fn sizes(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let Some(Sample { path, bytes }) = visit.known.sample.clone() else {
        return Ok(());
    };
    let transfer = visit
        .session
        .transfer(with_path("RETR", &path), Body::Receive)?;
    if !transfer.is_complete() || transfer.bytes != bytes {
        let (is, should) = (transfer.bytes.len(), bytes.len());
        let outcome = transfer.outcome();
        let what = format!("RETR gave other {is} bytes than the {should} of before: {outcome}");
        visit.report.add(faults::RETR_DIFFERS, what);
    } else if transfer.preliminary.is_none() {
        let what = "RETR has no reply 150 before the data";
        visit.report.add(faults::REPLY_CODE, what);
    }
    let reply = visit.command(with_path("SIZE", &path))?;
    let told = after_code(&reply).and_then(|text| text.parse().ok());
    if !reply.is_unknown() && told != Some(bytes.len()) {
        let what = format!(
            "SIZE was answered '{}', and RETR sends {} bytes",
            reply.shown,
            bytes.len()
        );
        visit.report.add(faults::SIZE_WRONG, what);
    }
    let command = [path.as_slice(), b"-mioftpd-probe-absent"].concat();
    let transfer = visit
        .session
        .transfer(with_path("RETR", &command), Body::Receive)?;
    if transfer.last.as_ref().is_some_and(|last| last.code != 550) || transfer.preliminary.is_some()
    {
        let what = format!("RETR of a missing file was answered {}", transfer.outcome());
        visit.report.add(faults::MISSING_FILE, what);
    }
    Ok(())
}

/// The text of a reply 213.
fn after_code(reply: &Reply) -> Option<String> {
    let text = reply.lines.get(4..).filter(|_| reply.code == 213)?;
    Some(lossy(text).trim().to_owned())
}

/// REST, then RETR of the rest; then RETR of all.
pub(super) fn restarts(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let Some(Sample { path, bytes }) = visit.known.sample.clone() else {
        return Ok(());
    };
    let offset = bytes.len() / 2;
    // The rest of a file of one byte is all of it.
    if offset == 0 {
        return Ok(());
    }
    let Ok(link) = visit.session.open()? else {
        // What is wrong with data connections is another check.
        return Ok(());
    };
    let reply = visit.command(format!("REST {offset}"))?;
    if reply.code != 350 {
        if !reply.is_unknown() {
            visit.answered(faults::REST_REFUSED, &format!("REST {offset}"), &reply);
        }
        return Ok(());
    }
    let retrieve = with_path("RETR", &path);
    let transfer = visit
        .session
        .transfer_over(link, &retrieve, Body::Receive)?;
    let rest = bytes.get(offset..).unwrap_or_default();
    if !transfer.is_complete() || transfer.bytes != rest {
        let (size, is) = (bytes.len(), transfer.bytes.len());
        let what = format!(
            "after REST {offset} RETR of {size} bytes gave other {is} bytes than the rest: {}",
            transfer.outcome()
        );
        visit.report.add(faults::REST_WRONG, what);
    }
    let transfer = visit.session.transfer(&retrieve, Body::Receive)?;
    if transfer.is_complete() && transfer.bytes.as_slice() == rest {
        let what = format!("REST {offset} counts for the RETR after the next one, too");
        visit.report.add(faults::REST_WRONG, what);
    }
    Ok(())
}

/// MDTM, against MLST and, of a file that was just stored, the clock.
pub(super) fn dates(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let Some(Sample { path, .. }) = visit.known.sample.clone() else {
        return Ok(());
    };
    let reply = visit.command(with_path("MDTM", &path))?;
    if reply.is_unknown() {
        return Ok(());
    }
    let told = after_code(&reply).and_then(|text| parse_time_val(text.as_bytes()));
    let Some((modified, _)) = told else {
        visit.answered(faults::MDTM_SYNTAX, "MDTM", &reply);
        return Ok(());
    };
    let now = visit.known.now;
    let is_new = visit.known.scratch.is_some();
    if modified > now + SKEW || (is_new && modified < now - SKEW) {
        let which = if is_new {
            "of a file that was just stored"
        } else {
            "lies ahead"
        };
        let (modified, now) = (rfc3339(modified), rfc3339(now));
        let what = format!("the date {modified} of MDTM {which}: here it is {now}");
        visit.report.add(faults::MDTM_CLOCK, what);
    }
    if !visit.known.claims("MLST") {
        return Ok(());
    }
    let reply = visit.command(with_path("MLST", &path))?;
    let facts = lossy(&reply.lines).to_ascii_lowercase();
    let fact = facts
        .split("modify=")
        .nth(1)
        .and_then(|rest| rest.split(';').next());
    let other = fact.and_then(|text| parse_time_val(text.as_bytes()));
    if let Some((other, _)) = other.filter(|(other, _)| other.abs_diff(modified) > 2) {
        let (modified, other) = (rfc3339(modified), rfc3339(other));
        let what = format!("MDTM says {modified}, and MLST {other}");
        visit.report.add(faults::MDTM_ZONE, what);
    }
    Ok(())
}

/// RETR with TYPE A.
pub(super) fn text(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let Some(Sample { path, bytes }) = visit.known.sample.clone() else {
        return Ok(());
    };
    // Of a file with CR, servers differ with reason.
    if bytes.contains(&b'\r') || bytes.contains(&0) || !bytes.contains(&b'\n') {
        return Ok(());
    }
    let reply = visit.command("TYPE A")?;
    if !reply.is_positive() {
        visit.answered(faults::REPLY_CODE, "TYPE A", &reply);
        return Ok(());
    }
    let transfer = visit
        .session
        .transfer(with_path("RETR", &path), Body::Receive)?;
    visit.command("TYPE I")?;
    let lines: Vec<_> = bytes.split(|&byte| byte == b'\n').collect();
    let expected = lines.join(&b"\r\n"[..]);
    if !transfer.is_complete() || (transfer.bytes != expected && transfer.bytes != bytes) {
        let (is, should) = (transfer.bytes.len(), expected.len());
        let outcome = transfer.outcome();
        let what = format!("with TYPE A {is} bytes came in place of {should}: {outcome}");
        visit.report.add(faults::ASCII_WRONG, what);
    } else if transfer.bytes == bytes {
        let what = "with TYPE A lines end as with TYPE I";
        visit.report.add(faults::ASCII_UNCHANGED, what);
    }
    Ok(())
}

/// ABOR while the data connection is open, and none of the file was read.
pub(super) fn aborts(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let Some(Sample { path, .. }) = visit.known.sample.clone() else {
        return Ok(());
    };
    let Ok(link) = visit.session.open()? else {
        return Ok(());
    };
    let reply = visit.command(with_path("RETR", &path))?;
    if reply.code >= 200 {
        return Ok(());
    }
    let Ok(wire) = visit.session.connected(link, &mut Transfer::default()) else {
        return Err(Stop::Restart);
    };
    let codes = match abort(visit, wire) {
        Ok(codes) => codes,
        Err(Stop::Broken(broken)) => {
            let what = format!("to ABOR in a transfer the server {}", broken.why);
            visit.report.add(faults::ABOR, what);
            return Err(Stop::Restart);
        }
        Err(stop) => return Err(stop),
    };
    let is_usual = matches!(
        codes.as_slice(),
        [226 | 225 | 426 | 425 | 451] | [226 | 425 | 426 | 451, 225 | 226]
    );
    if !is_usual {
        let what = format!("ABOR in a transfer was answered {codes:?}");
        visit.report.add(faults::ABOR, what);
    }
    let what = match visit.session.command("NOOP") {
        Ok(reply) if reply.code == 200 => return Ok(()),
        // The second reply to ABOR was late.
        Ok(reply) if reply.code / 100 == 2 && codes.len() == 1 => {
            visit.session.client.reply()?;
            return Ok(());
        }
        Ok(_) => "after ABOR and its replies one more came".to_owned(),
        Err(broken) => format!(
            "after ABOR in a transfer and its replies the server {}",
            broken.why
        ),
    };
    visit.report.add(faults::ABOR, what);
    Err(Stop::Restart)
}

/// The codes of the one or two replies. The client closes the data connection, too: some servers wait for it.
fn abort(visit: &mut Visit<'_, '_>, data: Wire) -> Result<Vec<u16>, Stop> {
    visit.session.client.send(b"ABOR\r\n", "ABOR")?;
    drop(data);
    let first = visit.session.client.reply()?;
    let second = visit.session.client.reply_within(PATIENCE)?;
    let replies = [Some(first), second];
    Ok(replies
        .into_iter()
        .flatten()
        .map(|reply| reply.code)
        .collect())
}
