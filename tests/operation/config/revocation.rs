//! Sessions that a reload or an expiry ends: each cause, in each state of a session, with 421 and a log
//! line. Other sessions continue.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::reloading::{READ, change};
use crate::config::world::{World, text};
use crate::support::{Control, Server, connect_from, until};

/// An account that sets each restricting key, so that a reload may change any of them.
fn account(name: &str, more: &str) -> String {
    let mut all = format!("[[account]]\nname = \"{name}\"\n");
    for (key, usual) in [
        ("password-file", "\"secret\""),
        ("permissions", "\"all\""),
        ("enabled", "true"),
        ("expires", "9999-12-31"),
        ("addresses", "[]"),
        ("directory", "\"root\""),
    ] {
        if !more.contains(key) {
            all.extend([key, " = ", usual, "\n"]);
        }
    }
    all + more + "\n"
}

fn eve() -> String {
    account("eve", "password-file = \"hers\"")
}

fn ann_and_eve(more: &str) -> String {
    account("ann", more) + &eve()
}

fn world() -> World {
    let world = World::new();
    for name in ["secret", "hers"] {
        fs::write(world.path(name), "a secret").unwrap();
    }
    fs::create_dir(world.path("root/own")).unwrap();
    // Larger than the buffers of a connection.
    fs::write(world.path("root/large"), vec![7; 32 << 20]).unwrap();
    world
}

fn logged_in(server: &Server, name: &str) -> Control {
    let mut control = server.connect();
    control.log_in(name, "a secret");
    control.command("TYPE I", 200);
    control
}

fn expect_end_of_session(control: &mut Control, reason: &str) {
    let reply = control.expect(421);
    assert_eq!(
        reply.lines,
        [format!(
            "421 Session ended: {reason}, closing control connection."
        )]
    );
    control.expect_end();
}

/// Starts a transfer, and waits until the server has moved some bytes.
fn begin_transfer(control: &mut Control, command: &str) -> TcpStream {
    let mut data = control.passive().stream();
    control.command(command, 150);
    if command.starts_with("STOR") {
        data.write_all(b"some bytes").unwrap();
        until("the bytes to be read", || {
            let status = control.command("STAT", 211).lines.concat();
            status.contains("10 bytes").then_some(())
        });
    } else {
        data.read_exact(&mut [0; 1000]).unwrap();
    }
    data
}

#[test]
fn revoked_account_ends_only_its_sessions() {
    let world = world();
    let server = world.start(&ann_and_eve(""));
    let mut eve_inside = logged_in(&server, "eve");
    for (accounts, reason) in [
        (eve(), "the account was removed"),
        (ann_and_eve("enabled = false"), "the account is disabled"),
        (
            ann_and_eve("expires = 2020-01-01"),
            "the account has expired",
        ),
        (
            ann_and_eve("addresses = [\"192.0.2.0/24\"]"),
            "the account may not be used from this address",
        ),
        (
            ann_and_eve("directory = \"root/own\""),
            "the directory of the account has changed",
        ),
    ] {
        let (mut idle, mut loading) = (logged_in(&server, "ann"), logged_in(&server, "ann"));
        let mut data = begin_transfer(&mut loading, "RETR large");
        change(&world, &server, &accounts, READ);
        expect_end_of_session(&mut idle, reason);
        loading.expect(426);
        expect_end_of_session(&mut loading, reason);
        let mut rest = Vec::new();
        // The data connection ends by FIN or by a reset.
        let _ = data.read_to_end(&mut rest);
        assert!(rest.len() < 32 << 20, "{reason}");
        server.wait_for_log(&format!("Session of \"ann\" ended: {reason}"));
        eve_inside.command("NOOP", 200);
        change(&world, &server, &ann_and_eve(""), READ);
    }
    fs::write(world.path("secret"), "another secret").unwrap();
    let mut idle = server.connect();
    idle.log_in("ann", "a secret");
    change(&world, &server, &ann_and_eve(""), READ);
    expect_end_of_session(&mut idle, "the password has changed");
    eve_inside.command("NOOP", 200);
    assert_eq!(server.log().matches("Session of \"eve\" ended").count(), 0);
}

#[test]
fn upload_cut_by_revocation_is_kept() {
    let world = world();
    let server = world.start(&ann_and_eve(""));
    let mut storing = logged_in(&server, "ann");
    let _data = begin_transfer(&mut storing, "STOR new");
    change(&world, &server, &eve(), READ);
    let message = storing.expect(426);
    assert_eq!(
        message.text(),
        "No longer allowed; transfer aborted. 10 bytes are kept."
    );
    expect_end_of_session(&mut storing, "the account was removed");
    assert_eq!(fs::read(world.path("root/new")).unwrap(), b"some bytes");
}

#[test]
fn denied_address_ends_sessions_before_and_after_login() {
    let world = world();
    let server = world.start(&ann_and_eve(""));
    let there = || {
        let mut control =
            Control::over(connect_from([127, 0, 0, 3].into(), server.address()).unwrap());
        control.expect(220);
        control
    };
    let (mut fresh, mut named, mut session) = (there(), there(), there());
    named.command("USER ann", 331);
    session.log_in("ann", "a secret");
    let mut other = logged_in(&server, "ann");
    let denied = "[addresses]\ndeny = [\"127.0.0.3\"]\n".to_owned() + &ann_and_eve("");
    change(&world, &server, &denied, READ);
    for control in [&mut fresh, &mut named, &mut session] {
        expect_end_of_session(control, "its address may not connect");
    }
    server.wait_for_log(": Session ended: its address may not connect");
    server.wait_for_log(": Session of \"ann\" ended: its address may not connect");
    other.command("NOOP", 200);
}

#[test]
fn removed_proxy_ends_its_sessions() {
    let world = world();
    let through = |proxies: &str| format!("[addresses]\nproxies = {proxies}\n{}", eve());
    let server = world.start(&through("[\"127.0.0.5\"]"));
    let there = || connect_from([127, 0, 0, 5].into(), server.address()).unwrap();
    let mut proxied = Control::over(there());
    proxied.send_raw(b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 21\r\n");
    proxied.expect(220);
    proxied.log_in("eve", "a secret");
    let mut silent = there();
    let mut direct = logged_in(&server, "eve");
    change(
        &world,
        &server,
        &through("[\"127.0.0.5\", \"127.0.0.6\"]"),
        READ,
    );
    proxied.command("NOOP", 200);
    change(&world, &server, &through("[]"), READ);
    expect_end_of_session(&mut proxied, "it came through what is not a proxy any more");
    direct.command("NOOP", 200);
    // A PROXY header is not accepted any more.
    silent
        .write_all(b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 21\r\n")
        .unwrap();
    assert_eq!(Control::over(silent).try_line(), None);
    server.wait_for_log("Refused a connection (address = 192.0.2.1:4000): it came through");
}

#[test]
fn reloaded_permissions_apply_to_commands_and_transfers() {
    let world = world();
    let server = world.start(&ann_and_eve(""));
    let (mut idle, mut loading) = (logged_in(&server, "ann"), logged_in(&server, "ann"));
    let mut storing = logged_in(&server, "ann");
    let (_loaded, stored) = (
        begin_transfer(&mut loading, "RETR large"),
        begin_transfer(&mut storing, "STOR new"),
    );
    idle.command("MKD a", 257);
    let may = |words: &str| ann_and_eve(&format!("permissions = \"{words}\"\nsessions = 1"));
    change(&world, &server, &may("write"), READ);
    loading.expect(426);
    loading.command("RETR f", 550);
    loading.command("MKD b", 257);
    stored.shutdown(std::net::Shutdown::Write).unwrap();
    storing.expect(226);
    change(&world, &server, &may("read"), READ);
    idle.command("MKD c", 550);
    idle.command("SIZE f", 213);
    assert_eq!(idle.retrieve("f"), b"content");
    let line = "ended: ";
    assert!(!server.log().contains(line), "{}", server.log());
}

/// `reload.sessions`
#[test]
fn reload_sessions_keep_leaves_sessions_unchanged() {
    let world = world();
    let keep = |rest: &str| {
        format!("[reload]\nsessions = \"keep\"\n[addresses]\ndeny = [\"127.0.0.9\"]\n{rest}")
    };
    let server = world.start(&keep(&ann_and_eve("")));
    let mut session = logged_in(&server, "ann");
    let mut denied = Control::over(connect_from([127, 0, 0, 3].into(), server.address()).unwrap());
    denied.expect(220);
    for with in [
        eve(),
        ann_and_eve("enabled = false"),
        ann_and_eve("expires = 2020-01-01"),
        ann_and_eve("permissions = \"read\""),
    ] {
        change(&world, &server, &keep(&with), READ);
        session.command("MKD new", 257);
        session.command("RMD new", 250);
    }
    let deny = keep(&eve()).replace("127.0.0.9", "127.0.0.3");
    change(&world, &server, &deny, READ);
    denied.command("NOOP", 200);
    // A new login meets the new rules.
    let mut late = server.connect();
    late.command("USER ann", 331);
    late.command("PASS a secret", 530);
    change(&world, &server, &deny.replace("keep", "end"), READ);
    expect_end_of_session(&mut denied, "its address may not connect");
    expect_end_of_session(&mut session, "the account was removed");
    world.write("[reload]\nsessions = \"never\"\n");
    let output = world.run(&["--check"]);
    assert!(
        text(&output.stderr)
            .contains("reload.sessions: invalid value \"never\"; write \"keep\" or"),
        "{output:?}"
    );
}

/// The time in so many seconds, as a TOML date-time.
fn in_seconds(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let at = format!("@{}", (now + Duration::from_secs(seconds)).as_secs());
    let output = Command::new("date")
        .args(["-u", "+%FT%TZ", "-d", &at])
        .output();
    text(&output.unwrap().stdout).trim().to_owned()
}

#[test]
fn session_ends_when_its_account_expires() {
    let world = world();
    let server = world.start(&ann_and_eve("expires = 2999-01-01"));
    let mut before = logged_in(&server, "ann");
    let mut loading = logged_in(&server, "ann");
    let _data = begin_transfer(&mut loading, "RETR large");
    let moment = in_seconds(3);
    change(
        &world,
        &server,
        &ann_and_eve(&format!("expires = {moment}")),
        READ,
    );
    for control in [&mut before, &mut loading] {
        while control.expect_one_of(&[421, 426]).code == 426 {}
        control.expect_end();
    }
    server.wait_for_log("Session of \"ann\" ended: the account has expired");
}

#[test]
fn reload_without_changes_keeps_all_sessions() {
    let world = world();
    let server = world.start(&ann_and_eve(""));
    let mut session = logged_in(&server, "ann");
    let mut named = server.connect();
    named.command("USER eve", 331);
    let mut loading = logged_in(&server, "ann");
    let mut data = begin_transfer(&mut loading, "RETR large");
    for _ in 0..3 {
        change(&world, &server, &ann_and_eve(""), READ);
    }
    session.command("NOOP", 200);
    named.command("PASS a secret", 230);
    let mut rest = Vec::new();
    data.read_to_end(&mut rest).unwrap();
    assert_eq!(rest.len(), (32 << 20) - 1000);
    loading.expect(226);
}

#[test]
fn reload_reviews_every_connection() {
    let world = world();
    let server = world.start(&ann_and_eve(""));
    let names = ["ann", "eve"].into_iter().cycle().take(60);
    let mut session: Vec<_> = names.map(|name| (name, logged_in(&server, name))).collect();
    // The second reload restarts the review of sessions, which the first may not have finished.
    change(&world, &server, &ann_and_eve(""), READ);
    change(&world, &server, &eve(), READ);
    for (name, control) in &mut session {
        if *name == "ann" {
            expect_end_of_session(control, "the account was removed");
        } else {
            control.command("NOOP", 200);
        }
    }
}
