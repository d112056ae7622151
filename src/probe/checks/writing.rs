//! The directory for the checks that write: it is made first, and removed at the end.
//!
//! Without `--write` there is none, and nothing is written.

use super::{Sample, Stop, Visit, joined, with_path};
use crate::probe::data::Body;
use crate::probe::faults;
use crate::protocol::visible::Quoted;

/// The lines of the sample.
const LINES: usize = 200;

/// Makes the directory and a file of text in it.
pub(super) fn prepare(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let Some(parent) = &visit.target.options.write else {
        return Ok(());
    };
    // Two probes of a host must not meet.
    let name = format!("mioftpd-probe-{}-{}", visit.known.now, std::process::id());
    let directory = joined(parent, name.as_bytes());
    let reply = visit.command(with_path("MKD", &directory))?;
    if !reply.is_positive() {
        visit.answered(faults::WRITE_REFUSED, "MKD", &reply);
        return Ok(());
    }
    if reply.code != 257 || !reply.shown.contains('"') {
        visit.answered(faults::MKD_REPLY, "MKD", &reply);
    }
    visit.known.scratch = Some(directory);
    let Some(path) = visit.known.new_file("sample.txt") else {
        return Ok(());
    };
    let lines = (0..LINES).map(|line| format!("line {line} of the probe\n"));
    let bytes = lines.collect::<String>().into_bytes();
    if store(visit, &path, &bytes)? {
        visit.known.sample = Some(Sample { path, bytes });
        return Ok(());
    }
    // Later checks need not find out the same.
    clean(visit)
}

/// Stores a file; what fails is a finding.
pub(super) fn store(visit: &mut Visit<'_, '_>, path: &[u8], bytes: &[u8]) -> Result<bool, Stop> {
    let transfer = visit
        .session
        .transfer(with_path("STOR", path), Body::Send(bytes))?;
    if !transfer.is_complete() {
        let what = format!(
            "STOR of {} bytes failed: {}",
            bytes.len(),
            transfer.outcome()
        );
        visit.report.add(faults::UPLOAD_FAILS, what);
    }
    Ok(transfer.is_complete())
}

/// Removes the files and the directory.
pub(super) fn clean(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let Some(directory) = visit.known.scratch.clone() else {
        return Ok(());
    };
    visit.known.sample = None;
    while let Some(path) = visit.known.made.last() {
        // Some were renamed or never stored: whether any is left is seen by RMD.
        visit.command(with_path("DELE", &path.clone()))?;
        visit.known.made.pop();
    }
    let reply = visit.command(with_path("RMD", &directory))?;
    visit.known.scratch = None;
    if !reply.is_positive() {
        let what = format!("RMD {} was answered '{}'", Quoted(&directory), reply.shown);
        visit.report.add(faults::CLEAN_UP, what);
    }
    Ok(())
}
