//! Uploads: what is stored, replaced, appended, renamed, resumed, and cut off.
//!
//! In the directory of [`writing`](super::writing) only.

use super::writing::store;
use super::{Stop, Visit, with_path};
use crate::probe::data::Body;
use crate::probe::faults;
use crate::probe::finding::Fault;

/// Bytes of all values, none of which is like its neighbours.
fn pattern(count: usize) -> Vec<u8> {
    let bytes = (0_u32..).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes());
    bytes.map(|[first, ..]| first).take(count).collect()
}

/// Whether a file is as it should be.
fn compare(
    visit: &mut Visit<'_, '_>,
    (path, expected): (&[u8], &[u8]),
    (fault, done): (Fault, &str),
) -> Result<(), Stop> {
    let transfer = visit
        .session
        .transfer(with_path("RETR", path), Body::Receive)?;
    let what = if !transfer.is_complete() {
        format!("after {done} RETR failed: {}", transfer.outcome())
    } else if transfer.bytes != expected {
        let (is, should) = (transfer.bytes.len(), expected.len());
        format!(
            "after {done} the file is not what was sent: it has {is} bytes and should have {should}"
        )
    } else {
        return Ok(());
    };
    visit.report.add(fault, what);
    Ok(())
}

/// STOR anew, STOR over a longer file, APPE, RNFR with RNTO, DELE.
pub(super) fn changes(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let Some(path) = visit.known.new_file("changes.bin") else {
        return Ok(());
    };
    let long = pattern(3000);
    if !store(visit, &path, &long)? {
        return Ok(());
    }
    compare(visit, (&path, &long), (faults::UPLOAD_WRONG, "STOR"))?;
    let mut short = pattern(1000);
    if store(visit, &path, &short)? {
        let done = "STOR over a longer file";
        compare(visit, (&path, &short), (faults::UPLOAD_WRONG, done))?;
    }
    let more = b"\r\n\xff\n\0 and more\n";
    let transfer = visit
        .session
        .transfer(with_path("APPE", &path), Body::Send(more))?;
    if transfer.is_complete() {
        short.extend_from_slice(more);
        compare(visit, (&path, &short), (faults::APPEND_WRONG, "APPE"))?;
    } else {
        let what = format!("APPE failed: {}", transfer.outcome());
        visit.report.add(faults::CHANGE_FAILS, what);
    }
    rename_and_delete(visit, &path)
}

fn rename_and_delete(visit: &mut Visit<'_, '_>, path: &[u8]) -> Result<(), Stop> {
    let Some(renamed) = visit.known.new_file("renamed.bin") else {
        return Ok(());
    };
    let mut last = path;
    let reply = visit.command(with_path("RNFR", path))?;
    if reply.code == 350 {
        let reply = visit.command(with_path("RNTO", &renamed))?;
        if reply.is_positive() {
            last = &renamed;
        } else {
            visit.answered(faults::CHANGE_FAILS, "RNTO", &reply);
        }
    } else {
        visit.answered(faults::CHANGE_FAILS, "RNFR", &reply);
    }
    let reply = visit.command(with_path("DELE", last))?;
    if !reply.is_positive() {
        visit.answered(faults::CHANGE_FAILS, "DELE", &reply);
    } else if visit.command(with_path("SIZE", last))?.code == 213 {
        let what = "DELE was answered as done, and the file is still there";
        visit.report.add(faults::CHANGE_FAILS, what);
    }
    Ok(())
}

/// REST, then STOR of the rest.
pub(super) fn restarts(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let Some(path) = visit.known.new_file("resumed.bin") else {
        return Ok(());
    };
    let whole = pattern(2000);
    let (begin, rest) = whole.split_at(700);
    if !store(visit, &path, begin)? {
        return Ok(());
    }
    let Ok(link) = visit.session.open()? else {
        // What is wrong with data connections is another check.
        return Ok(());
    };
    let reply = visit.command(format!("REST {}", begin.len()))?;
    if reply.code != 350 {
        visit.answered(faults::RESUME_REFUSED, "REST before STOR", &reply);
        return Ok(());
    }
    let command = with_path("STOR", &path);
    let transfer = visit
        .session
        .transfer_over(link, command, Body::Send(rest))?;
    if !transfer.is_complete() {
        let what = format!("STOR after REST failed: {}", transfer.outcome());
        visit.report.add(faults::RESUME_REFUSED, what);
        return Ok(());
    }
    compare(
        visit,
        (&path, &whole),
        (faults::RESUME_WRONG, "REST and STOR"),
    )
}

/// An upload whose data connection is reset must not be called complete.
pub(super) fn cuts(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let Some(path) = visit.known.new_file("cut.bin") else {
        return Ok(());
    };
    let bytes = pattern(20_000);
    let transfer = visit
        .session
        .transfer(with_path("STOR", &path), Body::SendAndCut(&bytes))?;
    if transfer.is_complete() {
        let what = format!("a cut upload was called complete: {}", transfer.outcome());
        visit.report.add(faults::CUT_UPLOAD, what);
    }
    Ok(())
}
