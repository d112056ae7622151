//! TLS on the control connection, and what data connections have of it (RFC 4217).
//!
//! Certificates are examined elsewhere, and what a build without TLS can see is seen by it too.

use std::time::Duration;

use super::{Known, Stop, Visit};
use crate::bench::url::Protection;
use crate::probe::client::Client;
use crate::probe::data::Body;
use crate::probe::faults;
use crate::probe::finding::Report;
use crate::probe::hello::{ANSWER_BYTES, Version, accepted, client_hello};
use crate::probe::target::{Denied, Target};
use crate::probe::tls::{Handshake, Tls, check_certificate};

/// What a reply may take that should not come.
const GLANCE: Duration = Duration::from_millis(200);

/// The checks of control connections, each with a connection of its own.
pub(in crate::probe) fn check(
    target: &Target<'_>,
    known: &mut Known,
    report: &mut Report,
) -> Result<(), Stop> {
    let is_implicit = target.options.url.protection == Protection::Implicit;
    if !is_implicit && !offers_tls(target, known, report)? {
        return Ok(());
    }
    if known.has_clear_login {
        let fault = faults::CLEAR_LOGIN.only_noted(target.is_loopback());
        report.add(
            fault,
            "USER is accepted before AUTH TLS, for a name with a password",
        );
    }
    let Some(tls) = &target.tls else {
        return Ok(());
    };
    handshake(target, tls, known, report)?;
    if known.has_tls {
        versions(target, tls, report)?;
    }
    if known.has_tls && !is_implicit {
        injection(target, tls, report)?;
        old_versions(target, report)?;
    }
    Ok(())
}

fn offers_tls(target: &Target<'_>, known: &Known, report: &mut Report) -> Result<bool, Stop> {
    let mut client = greeted(target)?;
    let reply = client.command("AUTH TLS")?;
    if matches!(reply.code, 234 | 334) {
        return Ok(true);
    }
    let what = format!("AUTH TLS was answered '{}'", reply.shown);
    if known.claims("AUTH") {
        report.add(faults::FEAT_UNTRUE, format!("FEAT claims AUTH, and {what}"));
    }
    report.add(faults::TLS_MISSING.only_noted(target.is_loopback()), what);
    Ok(false)
}

/// A connection in the clear; implicit TLS is not for these checks.
fn greeted(target: &Target<'_>) -> Result<Client, Stop> {
    target.greeted().map(|(client, _)| client).map_err(stop)
}

fn stop(denied: Denied) -> Stop {
    match denied {
        Denied::Broken(broken) => Stop::Broken(broken),
        // The first connection was accepted: it will be said at the login, if it is still so.
        _ => Stop::Restart,
    }
}

/// A connection with TLS of this kind.
fn secured(target: &Target<'_>, tls: &Tls, handshake: Handshake) -> Result<Client, Denied> {
    if target.options.url.protection == Protection::Implicit {
        return Ok(target.connected()?.secure(tls, handshake)?);
    }
    let (mut client, _) = target.greeted()?;
    client.command("AUTH TLS")?;
    Ok(client.secure(tls, handshake)?)
}

fn handshake(
    target: &Target<'_>,
    tls: &Tls,
    known: &mut Known,
    report: &mut Report,
) -> Result<(), Stop> {
    let mut client = match secured(target, tls, Handshake::Unrelated) {
        Ok(client) => client,
        Err(denied) => {
            report.add(faults::TLS_FAILS, denied.to_string());
            return Ok(());
        }
    };
    known.has_tls = true;
    if let Some(why) = tls.distrust() {
        let fault = faults::CERTIFICATE_TRUST.only_noted(target.options.is_insecure);
        report.add(fault, format!("the certificate is not trusted: {why}"));
    }
    let certificates = client.certificates();
    check_certificate(&target.options.url.host, &certificates, known.now, report);
    if target.options.url.protection == Protection::Implicit {
        client.final_reply()?;
    }
    client.command("QUIT")?;
    Ok(())
}

fn versions(target: &Target<'_>, tls: &Tls, report: &mut Report) -> Result<(), Stop> {
    let mut found = Vec::new();
    for (handshake, name, fault) in [
        (Handshake::Only12, "1.2", faults::TLS_NO_12),
        (Handshake::Only13, "1.3", faults::TLS_NO_13),
    ] {
        match secured(target, tls, handshake) {
            Ok(_) => found.push(name),
            Err(Denied::Broken(broken)) => {
                report.add(
                    fault,
                    format!("with TLS {name} only, the server {}", broken.why),
                );
            }
            Err(denied) => return Err(stop(denied)),
        }
    }
    report.fact("TLS versions", found.join(", "));
    Ok(())
}

/// A command that was sent in the clear with AUTH must not be executed after the handshake.
fn injection(target: &Target<'_>, tls: &Tls, report: &mut Report) -> Result<(), Stop> {
    let mut client = greeted(target)?;
    client.send(b"AUTH TLS\r\nNOOP\r\n", "AUTH TLS and NOOP at once")?;
    client.reply()?;
    // A server that ends the connection then is right, too.
    let Ok(mut client) = client.secure(tls, Handshake::Unrelated) else {
        return Ok(());
    };
    let first = client.command("QUIT");
    let second = client.reply_within(GLANCE);
    if let (Ok(first), Ok(Some(second))) = (first, second) {
        let what = format!(
            "a NOOP from before the handshake was answered after it: '{}', then '{}'",
            first.shown, second.shown
        );
        report.add(faults::AUTH_INJECTION, what);
    }
    Ok(())
}

fn old_versions(target: &Target<'_>, report: &mut Report) -> Result<(), Stop> {
    for (version, name) in [(Version::V10, "1.0"), (Version::V11, "1.1")] {
        let mut client = greeted(target)?;
        client.command("AUTH TLS")?;
        let shown = format!("a ClientHello of TLS {name}");
        let sent = client.send(&client_hello(version), &shown);
        let answer = sent.and_then(|()| client.raw(ANSWER_BYTES));
        if answer.is_ok_and(|answer| accepted(&answer) == Some(version)) {
            report.add(faults::TLS_OLD, format!("the server accepts TLS {name}"));
        }
    }
    Ok(())
}

/// A listing with PROT P, with the session of the control connection and without.
pub(super) fn data(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let Some((tls, _)) = visit.session.protection else {
        let reply = visit.command("PROT P")?;
        visit.answered(faults::PROT_MISSING, "PROT P", &reply);
        return Ok(());
    };
    let transfer = visit.session.transfer("LIST", Body::Receive)?;
    if transfer.is_refused() {
        // What is wrong with listings is another check.
        return Err(Stop::Restart);
    }
    if !transfer.has_data() {
        let what = format!("a listing with PROT P failed: {}", transfer.outcome());
        visit.report.add(faults::TLS_DATA, what);
        return Err(Stop::Restart);
    }
    if transfer.is_truncated {
        let what = "a data connection ended without close_notify";
        visit.report.add(faults::TLS_TRUNCATION, what);
    }
    if !transfer.is_resumed {
        let what = "a data connection could not resume the session of its control connection";
        visit.report.add(faults::DATA_RESUMPTION, what);
    }
    visit.session.protection = Some((tls, Handshake::Unrelated));
    let transfer = visit.session.transfer("LIST", Body::Receive)?;
    visit.session.protection = Some((tls, Handshake::Shared));
    let is_bound = !transfer.has_data();
    visit.report.fact(
        "session of data connections",
        if is_bound { "required" } else { "not required" },
    );
    if !is_bound {
        let what = "a data connection without the session of the control connection is accepted";
        visit.report.add(faults::DATA_SESSION, what);
        return Ok(());
    }
    // Some servers end the session, too.
    Err(Stop::Restart)
}

/// PROT C.
pub(super) fn clear_data(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    if visit.command("PROT C")?.is_positive() {
        let protection = visit.session.protection.take();
        let transfer = visit.session.transfer("LIST", Body::Receive)?;
        visit.session.protection = protection;
        if transfer.has_data() {
            let what = "after PROT C a listing came in the clear";
            visit.report.add(faults::CLEAR_DATA, what);
        }
    }
    Err(Stop::Restart)
}
