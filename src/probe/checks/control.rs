//! The control connection: replies, syntax, lines that are long, odd or in a hurry.

use std::time::Duration;

use super::{Stop, Visit};
use crate::probe::faults;

/// Longer than the 512 bytes that many buffers have.
const LONG: usize = 1000;

/// What a reply may take that should not come.
const GLANCE: Duration = Duration::from_millis(200);

/// Codes of replies to simple commands.
pub(super) fn replies(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    const EXPECTED: [(&str, &[u16]); 5] = [
        ("NOOP", &[200]),
        ("TYPE I", &[200]),
        ("MODE S", &[200]),
        ("STRU F", &[200]),
        ("PWD", &[257]),
    ];
    for (command, codes) in EXPECTED {
        let reply = visit.command(command)?;
        if !codes.contains(&reply.code) {
            visit.report.add(
                faults::REPLY_CODE,
                format!("{command} was answered '{}'", reply.shown),
            );
        }
        if command == "PWD" && !reply.shown.contains('"') {
            visit.answered(faults::PWD_QUOTES, "PWD", &reply);
        }
    }
    let reply = visit.command("SYST")?;
    if reply.code != 215 || !reply.shown.contains("UNIX") {
        visit.answered(faults::SYST, "SYST", &reply);
    }
    let reply = visit.command("ABOR")?;
    if !reply.is_positive() {
        visit.answered(faults::ABOR_IDLE, "ABOR without a transfer", &reply);
    }
    let Some(reply) = visit.session.client.reply_within(GLANCE)? else {
        return Ok(());
    };
    let what = format!("after all replies there was one more: '{}'", reply.shown);
    visit.report.add(faults::EXTRA_REPLY, what);
    Err(Stop::Restart)
}

/// Lines that are wrong, long, small or with Telnet codes.
pub(super) fn lines(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let reply = visit.command("XPRB")?;
    if !matches!(reply.code, 500..=502) {
        visit.answered(faults::UNKNOWN_COMMAND, "an unknown command", &reply);
    }
    let reply = visit.command("TYPE")?;
    if !reply.is_negative() {
        visit.answered(faults::MISSING_ARGUMENT, "TYPE without an argument", &reply);
        visit.command("TYPE I")?;
    }
    let reply = visit.command("noop")?;
    if !reply.is_positive() {
        visit.answered(faults::LOWER_CASE, "noop", &reply);
    }
    // IAC NOP, which Telnet lets anywhere.
    let reply = match visit.session.command(b"\xff\xf1NOOP") {
        Err(broken) if broken.is_timeout => {
            let what = format!("to NOOP after a Telnet code the server {}", broken.why);
            visit.report.add(faults::TELNET_CODES, what);
            return Err(Stop::Restart);
        }
        reply => reply?,
    };
    if !reply.is_positive() {
        visit.answered(faults::TELNET_CODES, "NOOP after a Telnet code", &reply);
    }
    Ok(())
}

/// The end of a long line must not become a command: a web page could send it.
pub(super) fn long_line(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let line = [b"XPRB ".as_slice(), &[b'x'; LONG]].concat();
    let client = &mut visit.session.client;
    client.send(&[line.as_slice(), b"\r\n"].concat(), "a line of 1000 bytes")?;
    match client.reply() {
        // To close the connection is right.
        Err(broken) if !broken.is_timeout => return Err(Stop::Restart),
        reply => reply?,
    };
    let reply = visit.command("NOOP")?;
    if !reply.is_positive() {
        visit.report.add(
            faults::LONG_LINE,
            format!(
                "after a line of {LONG} bytes NOOP was answered '{}'",
                reply.shown
            ),
        );
        // The reply to NOOP may come later.
        return Err(Stop::Restart);
    }
    Ok(())
}

/// Commands that are sent before the replies have come.
pub(super) fn pipelining(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let client = &mut visit.session.client;
    client.send(b"NOOP\r\nPWD\r\nNOOP\r\n", "three commands at once")?;
    let mut codes = Vec::new();
    for _ in 0..3 {
        match client.reply() {
            Ok(reply) => codes.push(reply.code),
            Err(broken) if broken.is_timeout => break,
            Err(broken) => return Err(broken.into()),
        }
    }
    let is_whole = codes.len() == 3;
    if !matches!(codes.as_slice(), [200 | 250, 257, 200 | 250]) {
        visit.report.add(
            faults::PIPELINING,
            format!("three commands at once were answered {codes:?}"),
        );
    }
    is_whole.then_some(()).ok_or(Stop::Restart)
}
