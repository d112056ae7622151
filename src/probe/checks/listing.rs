//! Listings as the parsers of clients read them: MLSD, and LIST in the form of `ls -l`.

use std::collections::BTreeSet;

use super::{Sample, Stop, Visit, joined, lossy, with_path};
use crate::probe::client::Reply;
use crate::probe::data::{Body, DOWNLOAD_BYTES};
use crate::probe::faults;
use crate::protocol::date::parse_time_val;
use crate::protocol::visible::QuotedName;

/// Lines of a listing that are looked at.
const LINES: usize = 1000;

/// A file of a listing, as far as a line says.
struct Listed<'a> {
    name: &'a [u8],
    is_file: bool,
    /// The directory, or the one above.
    is_itself: bool,
    size: Option<u64>,
}

/// Finds out which directory to list: the one for uploads, or that of the URL, which may name a file.
pub(super) fn choose(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    if let Some(scratch) = &visit.known.scratch {
        visit.known.directory.clone_from(scratch);
        return Ok(());
    }
    let path = visit.target.options.url.path.clone();
    if path.is_empty() || visit.command(with_path("SIZE", &path))?.code != 213 {
        visit.known.directory = path;
        return Ok(());
    }
    if let Some(bytes) = visit.session.download(with_path("RETR", &path))? {
        let path = path.clone();
        visit.known.sample = Some(Sample { path, bytes });
    }
    let slash = path.iter().rposition(|&byte| byte == b'/');
    let directory = slash.and_then(|at| path.get(..=at));
    visit.known.directory = directory.unwrap_or_default().to_vec();
    Ok(())
}

fn list(visit: &mut Visit<'_, '_>, verb: &'static str) -> Result<Option<Vec<u8>>, Stop> {
    let directory = &visit.known.directory;
    let command = if directory.is_empty() {
        verb.as_bytes().to_vec()
    } else {
        with_path(verb, directory)
    };
    let transfer = visit.session.transfer(command, Body::Receive)?;
    if transfer.is_complete() {
        return Ok(Some(transfer.bytes));
    }
    if transfer.is_long {
        let what = format!("longer than {DOWNLOAD_BYTES} bytes, and not examined");
        visit.report.fact(verb, what);
    } else if !transfer.last.as_ref().is_some_and(Reply::is_unknown) {
        visit.report.add(
            faults::LIST_FAILS,
            format!("{verb} failed: {}", transfer.outcome()),
        );
    }
    Ok(None)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split(|&byte| byte == b'\n').take(LINES);
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty())
}

fn has_wrong_ends(text: &[u8]) -> bool {
    let mut pieces = text.split_inclusive(|&byte| byte == b'\n');
    pieces.any(|line| !line.ends_with(b"\r\n"))
}

/// MLSD.
pub(super) fn facts(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    if !visit.known.claims("MLST") && !visit.known.features.is_empty() {
        return Ok(());
    }
    let Some(text) = list(visit, "MLSD")? else {
        return Ok(());
    };
    if has_wrong_ends(&text) {
        visit.report.add(
            faults::LIST_LINE_ENDS,
            "a line of MLSD does not end with CR LF",
        );
    }
    let wrong = lines(&text).find(|line| !are_facts(line));
    if let Some(line) = wrong {
        visit.report.add(
            faults::MLSD_FACTS,
            format!("MLSD has the line {}", QuotedName(line)),
        );
    }
    names_in_utf8(&text, visit);
    let found: Vec<_> = lines(&text)
        .filter(|line| are_facts(line))
        .filter_map(listed_by_facts)
        .collect();
    if found.len() < LINES {
        let names = found.iter().filter(|one| !one.is_itself);
        visit.known.names = Some(names.map(|one| one.name.to_vec()).collect());
    }
    choose_sample(&found, visit)
}

/// Whether a line has facts, a blank and a name, and the facts that matter are readable.
fn are_facts(line: &[u8]) -> bool {
    let Some((facts, name)) = split_once(line, b' ') else {
        return false;
    };
    let is_readable = |fact: &[u8]| match split_once(fact, b'=') {
        None => false,
        Some((key, value)) => match key.to_ascii_lowercase().as_slice() {
            b"modify" | b"create" => parse_time_val(value).is_some(),
            b"size" => lossy(value).parse::<u64>().is_ok(),
            _ => true,
        },
    };
    let has_end = facts.is_empty() || facts.ends_with(b";");
    let mut each = facts
        .split(|&byte| byte == b';')
        .filter(|fact| !fact.is_empty());
    has_end && !name.is_empty() && each.all(is_readable)
}

fn listed_by_facts(line: &[u8]) -> Option<Listed<'_>> {
    let (facts, name) = split_once(line, b' ')?;
    let facts = lossy(facts).to_ascii_lowercase();
    let value = |key: &str| {
        facts
            .split(';')
            .find_map(|fact| fact.strip_prefix(key).map(str::to_owned))
    };
    Some(Listed {
        name,
        is_file: value("type=")? == "file",
        is_itself: matches!(value("type=")?.as_str(), "cdir" | "pdir"),
        size: value("size=").and_then(|size| size.parse().ok()),
    })
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let index = text.iter().position(|&byte| byte == at)?;
    Some((text.get(..index)?, text.get(index + 1..)?))
}

/// LIST.
pub(super) fn unix(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let Some(text) = list(visit, "LIST")? else {
        return Ok(());
    };
    if has_wrong_ends(&text) {
        visit.report.add(
            faults::LIST_LINE_ENDS,
            "a line of LIST does not end with CR LF",
        );
    }
    let rows = || lines(&text).filter(|line| !line.starts_with(b"total "));
    if let Some(line) = rows().find(|line| listed_by_ls(line).is_none()) {
        visit.report.add(
            faults::LIST_FORMAT,
            format!("LIST has the line {}", QuotedName(line)),
        );
    }
    names_in_utf8(&text, visit);
    let found: Vec<_> = rows().filter_map(listed_by_ls).collect();
    if found.len() < LINES && found.iter().all(|one| !one.name.is_empty()) {
        compare(&found, visit);
    }
    if visit.known.sample.is_none() {
        choose_sample(&found, visit)?;
    }
    if visit.known.sample.is_none() {
        visit.report.add(
            faults::NO_FILE,
            "there is no small file to read in the directory",
        );
    }
    Ok(())
}

/// A line of `ls -l`, or `dir` of DOS.
fn listed_by_ls(line: &[u8]) -> Option<Listed<'_>> {
    if line.first().is_some_and(u8::is_ascii_digit) {
        let words: Vec<_> = lossy(line)
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect();
        let is_dos = words.len() >= 4
            && words
                .iter()
                .take(2)
                .all(|word| word.contains(['-', ':', '/']));
        return is_dos.then_some(Listed {
            name: b"",
            is_file: false,
            is_itself: false,
            size: None,
        });
    }
    let kind = *line.first()?;
    let mut rest = line;
    let mut columns = Vec::new();
    for _ in 0..8 {
        rest = rest.trim_ascii_start();
        let (column, after) = split_once(rest, b' ')?;
        columns.push(column);
        rest = after;
    }
    let is_mode = columns.first().is_some_and(|mode| mode.len() >= 10);
    let month = columns
        .get(5)
        .map(|month| lossy(month).to_ascii_lowercase())?;
    let is_month = "jan feb mar apr may jun jul aug sep oct nov dec"
        .split(' ')
        .any(|name| name == month);
    let size = columns.get(4).and_then(|size| lossy(size).parse().ok());
    (b"-dlcbps".contains(&kind) && is_mode && is_month && size.is_some() && !rest.is_empty())
        .then_some(Listed {
            name: rest,
            is_file: kind == b'-',
            is_itself: false,
            size,
        })
}

fn names_in_utf8(text: &[u8], visit: &mut Visit<'_, '_>) {
    if !visit.known.claims("UTF8") {
        return;
    }
    let wrong = lines(text).find(|line| std::str::from_utf8(line).is_err());
    if let Some(line) = wrong {
        visit.report.add(
            faults::UTF8_NAMES,
            format!("a name is not UTF-8: {}", QuotedName(line)),
        );
    }
}

/// Reads the smallest file of the listing, for the checks of downloads.
fn choose_sample(found: &[Listed<'_>], visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    if visit.known.sample.is_some() {
        return Ok(());
    }
    let small = 2..=1024 * 1024;
    let files = found.iter().filter(|one| {
        let is_plain = one.is_file && !one.name.is_empty();
        is_plain && one.size.is_some_and(|size| small.contains(&size))
    });
    let smallest: BTreeSet<_> = files.map(|one| (one.size, one.name)).collect();
    for (_, name) in smallest.into_iter().take(3) {
        let path = joined(&visit.known.directory, name);
        if let Some(bytes) = visit.session.download(with_path("RETR", &path))? {
            visit.known.sample = Some(Sample { path, bytes });
            return Ok(());
        }
    }
    Ok(())
}

/// The names that all listings should have: without those that servers hide.
fn usual_names<'a>(names: impl Iterator<Item = &'a [u8]>) -> BTreeSet<&'a [u8]> {
    let is_usual = |name: &&[u8]| !name.is_empty() && !name.starts_with(b".");
    names.filter(is_usual).collect()
}

/// Whether LIST has the names that MLSD has.
fn compare(found: &[Listed<'_>], visit: &mut Visit<'_, '_>) {
    let Some(facts) = visit.known.names.take() else {
        return;
    };
    // `ls -l` shows the target of a link.
    let arrow = |name: &[u8]| name.windows(4).position(|four| four == b" -> ");
    let names = found.iter().map(|one| one.name);
    let names = names.map(|name| arrow(name).and_then(|at| name.get(..at)).unwrap_or(name));
    let facts = usual_names(facts.iter().map(Vec::as_slice));
    let rows = usual_names(names);
    if let Some(name) = facts.symmetric_difference(&rows).next() {
        let only = if facts.contains(name) { "MLSD" } else { "LIST" };
        let what = format!("{} is in {only} only", QuotedName(name));
        visit.report.add(faults::LIST_DIFFERS, what);
    }
}
