//! What a client sees before the login: greeting, features, what is allowed to a stranger, QUIT.

use std::time::Duration;

use super::{Known, Stop, lossy};
use crate::bench::url::Protection;
use crate::probe::client::{Client, Reply};
use crate::probe::target::Target;
use crate::probe::{faults, finding::Report};

/// A client with a time-out of ten seconds, and a user, still bear this.
const PROMPT: Duration = Duration::from_secs(3);

/// Checks the greeting, which took `waited`.
pub(in crate::probe) fn check(greeting: &Reply, waited: Duration, report: &mut Report) {
    if greeting.code != 220 {
        report.add(
            faults::GREETING_CODE,
            format!("the greeting is '{}'", greeting.shown),
        );
    }
    if has_bare_line_feed(&greeting.lines) {
        report.add(
            faults::LINE_ENDS,
            "the greeting ends with a line feed alone",
        );
    }
    if lossy(&greeting.lines).contains("*****") {
        let what = format!("the greeting is masked: '{}'", greeting.shown);
        report.add(faults::ALG_MASKED, what);
    }
    let first = lossy(&greeting.lines);
    report.fact("greeting", first.lines().next().unwrap_or_default());
    if waited > PROMPT {
        report.add(
            faults::GREETING_DELAY,
            format!("the greeting took {:.1} s", waited.as_secs_f32()),
        );
    }
    if names_version(&greeting.lines) {
        report.add(
            faults::GREETING_VERSION,
            format!("the greeting tells a version: '{}'", greeting.shown),
        );
    }
}

fn has_bare_line_feed(lines: &[u8]) -> bool {
    lines
        .split_inclusive(|&byte| byte == b'\n')
        .any(|line| line.ends_with(b"\n") && !line.ends_with(b"\r\n"))
}

/// Whether there is `1.2` in it, other than in an address.
fn names_version(text: &[u8]) -> bool {
    let text = lossy(text);
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
    words.map(|word| word.trim_matches('.')).any(|word| {
        let parts: Vec<_> = word.split('.').collect();
        let is_number = |part: &&str| part.starts_with(|c: char| c.is_ascii_digit());
        (2..=3).contains(&parts.len()) && parts.iter().skip(1).all(is_number)
    })
}

/// The rest of the first connection.
pub(in crate::probe) fn before_login(
    client: &mut Client,
    target: &Target<'_>,
    known: &mut Known,
    report: &mut Report,
) -> Result<(), Stop> {
    let reply = client.command("FEAT")?;
    features(&reply, known, report);
    if known.claims("CSID") {
        let reply = client.command("CSID Name=mioftpd probe; Version=1;")?;
        known.is_ours = lossy(&reply.lines).contains("Name=mioftpd;");
    }
    let reply = client.command("PASV")?;
    if reply.code == 227 {
        report.add(
            faults::DATA_BEFORE_LOGIN,
            "PASV is accepted before the login",
        );
    }
    if target.has_secret() && target.options.url.protection == Protection::Clear {
        let reply = client.secret("USER", &target.options.user)?;
        known.has_clear_login = matches!(reply.code, 230 | 331);
    }
    let reply = client.command("QUIT")?;
    if reply.code != 221 {
        report.add(
            faults::QUIT_REPLY,
            format!("QUIT was answered '{}'", reply.shown),
        );
    }
    Ok(())
}

/// Reads the reply to FEAT.
pub(super) fn features(reply: &Reply, known: &mut Known, report: &mut Report) {
    if reply.is_unknown() {
        report.add(
            faults::FEAT_MISSING,
            format!("FEAT was answered '{}'", reply.shown),
        );
    }
    if reply.code != 211 {
        return;
    }
    if has_bare_line_feed(&reply.lines) {
        report.add(
            faults::LINE_ENDS,
            "the lines of FEAT end with a line feed alone",
        );
    }
    let text = lossy(&reply.lines);
    let lines: Vec<_> = text.lines().collect();
    let (Some((_, rest)), true) = (lines.split_first(), lines.len() > 1) else {
        return;
    };
    let middle = rest.split_last().map_or(rest, |(_, middle)| middle);
    let wrong = middle.iter().find(|line| !line.starts_with(' '));
    if let Some(line) = wrong {
        report.add(
            faults::FEAT_SYNTAX,
            format!("a feature has no blank before it: '{line}'"),
        );
    }
    known.features = middle
        .iter()
        .map(|line| line.trim().to_ascii_uppercase())
        .collect();
}
