//! What a reload takes from clients that are connected, where it is about TLS: it is required by then,
//! or another authority decides on their certificates.

use std::fs;

use crate::reloading::{READ, change};
use crate::secure::{Identity, Secure};
use crate::support::Server;
use crate::tls::{client, clients, copy};
use crate::world::World;

const ANN: &str =
    "[[account]]\nname = \"ann\"\npassword-file = \"secret\"\npermissions = \"all\"\n";
const CERTIFICATE: &str = "its client certificate is missing or is not accepted";

/// A server with certificates that it makes itself, and this about TLS.
fn tls(more: &str) -> String {
    format!("[tls]\nself-signed = true\n{more}\n{ANN}")
}

fn world() -> World {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    world
}

fn hears(control: &mut Secure, why: &str) {
    let said = format!("421 Session ended: {why}, closing control connection.\r\n");
    assert_eq!(control.try_line(), Some(said));
    assert_eq!(control.try_line(), None);
}

fn log_in(control: &mut Secure) {
    control.command("USER ann", 331);
    control.command("PASS a secret", 230);
}

/// Logged in by a certificate.
fn vouched(server: &Server, identity: &Identity) -> Secure {
    let mut control = Secure::auth(server, Some(copy(identity)));
    control.command("USER ann", 232);
    control
}

#[test]
fn who_is_in_the_clear_ends_once_tls_is_required() {
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
    let said = clear.expect(421);
    let why = "Session ended: it is in the clear, and TLS is required, closing control connection.";
    assert_eq!(said.text(), why);
    clear.expect_end();
    server.wait_for_log("Session of \"ann\" ended: it is in the clear");
    // The password has been sent; it opens nothing.
    named.command("PASS a secret", 530);
    secured.command("NOOP", 200);
    // It has logged in over TLS, and may leave it.
    cleared.command("NOOP", 200);
    change(
        &world,
        &server,
        &tls("require = \"login\"\nallow-clear = false"),
        READ,
    );
    assert_eq!(cleared.expect(421).text(), why);
    secured.command("NOOP", 200);
}

#[test]
fn certificates_of_another_authority_end_with_the_old_one() {
    let world = world();
    let text = tls("client-authority = \"clients.pem\"\nclient-login = true");
    let [old, other] = clients(&world, ["ann", "bob"]);
    let server = world.start(&text);
    let mut by_certificate = vouched(&server, &old);
    let mut by_password = Secure::auth(&server, Some(copy(&other)));
    log_in(&mut by_password);
    let mut not_in = Secure::auth(&server, Some(copy(&old)));
    not_in.command("NOOP", 200);
    let mut without = Secure::auth(&server, None);
    log_in(&mut without);
    // The same authority changes nothing.
    change(&world, &server, &text, READ);
    by_certificate.command("NOOP", 200);
    // The handshake of this one ends when there is another.
    let mut late = Secure::auth(&server, Some(copy(&old)));
    let new = client(&world, "ann");
    change(&world, &server, &text, READ);
    for control in [&mut by_certificate, &mut by_password, &mut not_in] {
        hears(control, CERTIFICATE);
    }
    hears(&mut late, CERTIFICATE);
    server.wait_for_log(&format!("Session of \"ann\" ended: {CERTIFICATE}"));
    without.command("NOOP", 200);
    vouched(&server, &new).command("NOOP", 200);
    assert!(!Secure::auth(&server, Some(copy(&old))).is_welcome());
}

#[test]
fn certificates_that_are_required_or_no_longer_enough() {
    let world = world();
    let asked = "client-authority = \"clients.pem\"\n";
    let [identity, other] = clients(&world, ["ann", "bob"]);
    let text = tls(&format!(
        "require = \"control\"\n{asked}client-login = true"
    ));
    let server = world.start(&text);
    let mut by_certificate = vouched(&server, &identity);
    let mut by_password = Secure::auth(&server, Some(copy(&other)));
    log_in(&mut by_password);
    let mut without = Secure::auth(&server, None);
    log_in(&mut without);
    let required = tls(&format!(
        "require = \"control\"\n{asked}client-required = true"
    ));
    change(&world, &server, &required, READ);
    hears(&mut by_certificate, CERTIFICATE);
    hears(&mut without, CERTIFICATE);
    by_password.command("NOOP", 200);
}

/// Sessions stay, and none begins by what does not count any more.
#[test]
fn certificates_of_the_old_authority_vouch_for_nobody_even_where_sessions_are_kept() {
    let world = world();
    let keep =
        "client-authority = \"clients.pem\"\nclient-login = true\n[reload]\nsessions = \"keep\"";
    let old = client(&world, "ann");
    let server = world.start(&tls(keep));
    let mut inside = vouched(&server, &old);
    let mut not_in = Secure::auth(&server, Some(copy(&old)));
    not_in.command("NOOP", 200);
    client(&world, "ann");
    change(&world, &server, &tls(keep), READ);
    inside.command("NOOP", 200);
    not_in.command("USER ann", 331);
    inside.command("USER ann", 331);
}
