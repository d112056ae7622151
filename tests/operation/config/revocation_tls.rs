//! Sessions that a reload ends because of TLS: TLS is required now, or another authority signs client
//! certificates.

use std::fs;

use crate::config::reloading::{READ, change};
use crate::config::secure::{Identity, Secure};
use crate::config::tls::{client, clients, copy};
use crate::config::world::World;
use crate::support::Server;

const ANN: &str =
    "[[account]]\nname = \"ann\"\npassword-file = \"secret\"\npermissions = \"all\"\n";
const CERTIFICATE: &str = "its client certificate is missing or is not accepted";

/// A configuration with a self-signed certificate and more keys of TLS.
fn tls(more: &str) -> String {
    format!("[tls]\nself-signed = true\n{more}\n{ANN}")
}

fn world() -> World {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    world
}

fn expect_end_of_session(control: &mut Secure, reason: &str) {
    let reply = format!("421 Session ended: {reason}, closing control connection.\r\n");
    assert_eq!(control.try_line(), Some(reply));
    assert_eq!(control.try_line(), None);
}

fn log_in(control: &mut Secure) {
    control.command("USER ann", 331);
    control.command("PASS a secret", 230);
}

/// A session that logged in with a client certificate.
fn logged_in_by_certificate(server: &Server, identity: &Identity) -> Secure {
    let mut control = Secure::auth(server, Some(copy(identity)));
    control.command("USER ann", 232);
    control
}

#[test]
fn reload_requiring_tls_ends_clear_text_sessions() {
    let world = world();
    let server = world.start(&tls("allow-clear = true"));
    let mut clear = server.connect();
    clear.log_in("ann", "a secret");
    let mut named = server.connect();
    named.command("USER ann", 331);
    let (mut secured, mut cleared) = (Secure::auth(&server, None), Secure::auth(&server, None));
    log_in(&mut secured);
    log_in(&mut cleared);
    cleared.command("CCC", 200);
    let mut cleared = cleared.into_clear();
    change(
        &world,
        &server,
        &tls("require = \"login\"\nallow-clear = true"),
        READ,
    );
    let reply = clear.expect(421);
    let reason =
        "Session ended: it is in the clear, and TLS is required, closing control connection.";
    assert_eq!(reply.text(), reason);
    clear.expect_end();
    server.wait_for_log("Session of \"ann\" ended: it is in the clear");
    // The session has not logged in yet: its login fails.
    named.command("PASS a secret", 530);
    secured.command("NOOP", 200);
    // The session logged in over TLS before CCC.
    cleared.command("NOOP", 200);
    change(
        &world,
        &server,
        &tls("require = \"login\"\nallow-clear = false"),
        READ,
    );
    assert_eq!(cleared.expect(421).text(), reason);
    secured.command("NOOP", 200);
}

#[test]
fn changed_authority_ends_sessions_with_old_certificates() {
    let world = world();
    let text = tls("client-authority = \"clients.pem\"\nclient-login = true");
    let [old, other] = clients(&world, ["ann", "bob"]);
    let server = world.start(&text);
    let mut by_certificate = logged_in_by_certificate(&server, &old);
    let mut by_password = Secure::auth(&server, Some(copy(&other)));
    log_in(&mut by_password);
    let mut not_in = Secure::auth(&server, Some(copy(&old)));
    not_in.command("NOOP", 200);
    let mut without = Secure::auth(&server, None);
    log_in(&mut without);
    // A reload of the same authority changes nothing.
    change(&world, &server, &text, READ);
    by_certificate.command("NOOP", 200);
    // A client that completes its handshake after the reload.
    let mut late = Secure::auth(&server, Some(copy(&old)));
    let new = client(&world, "ann");
    change(&world, &server, &text, READ);
    for control in [&mut by_certificate, &mut by_password, &mut not_in] {
        expect_end_of_session(control, CERTIFICATE);
    }
    expect_end_of_session(&mut late, CERTIFICATE);
    server.wait_for_log(&format!("Session of \"ann\" ended: {CERTIFICATE}"));
    without.command("NOOP", 200);
    logged_in_by_certificate(&server, &new).command("NOOP", 200);
    assert!(!Secure::auth(&server, Some(copy(&old))).is_accepted());
}

#[test]
fn reload_requiring_certificates_ends_sessions_without() {
    let world = world();
    let asked = "client-authority = \"clients.pem\"\n";
    let [identity, other] = clients(&world, ["ann", "bob"]);
    let text = tls(&format!(
        "require = \"control\"\n{asked}client-login = true"
    ));
    let server = world.start(&text);
    let mut by_certificate = logged_in_by_certificate(&server, &identity);
    let mut by_password = Secure::auth(&server, Some(copy(&other)));
    log_in(&mut by_password);
    let mut without = Secure::auth(&server, None);
    log_in(&mut without);
    let required = tls(&format!(
        "require = \"control\"\n{asked}client-required = true"
    ));
    change(&world, &server, &required, READ);
    expect_end_of_session(&mut by_certificate, CERTIFICATE);
    expect_end_of_session(&mut without, CERTIFICATE);
    by_password.command("NOOP", 200);
}

/// The sessions continue, but cannot log in again with the old certificate.
#[test]
fn old_certificate_allows_no_login_in_kept_session() {
    let world = world();
    let keep =
        "client-authority = \"clients.pem\"\nclient-login = true\n[reload]\nsessions = \"keep\"";
    let old = client(&world, "ann");
    let server = world.start(&tls(keep));
    let mut session = logged_in_by_certificate(&server, &old);
    let mut not_in = Secure::auth(&server, Some(copy(&old)));
    not_in.command("NOOP", 200);
    client(&world, "ann");
    change(&world, &server, &tls(keep), READ);
    session.command("NOOP", 200);
    not_in.command("USER ann", 331);
    session.command("USER ann", 331);
}
