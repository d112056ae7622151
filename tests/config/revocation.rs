//! What a reload, and the clock, take from clients that are connected: each cause, wherever its session
//! is at that moment, by 421 and in the log; and that nobody else is disturbed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::reloading::{READ, change};
use crate::support::{Control, Server, connect_from, until};
use crate::world::{World, text};

/// An account that closes what it can, so that a reload may open it again.
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
    // More than the buffers of a connection take.
    fs::write(world.path("root/large"), vec![7; 32 << 20]).unwrap();
    world
}

fn logged_in(server: &Server, name: &str) -> Control {
    let mut control = server.connect();
    control.log_in(name, "a secret");
    control.command("TYPE I", 200);
    control
}

/// The session ends, and says why.
fn hears(control: &mut Control, why: &str) {
    let said = control.expect(421);
    assert_eq!(
        said.lines,
        [format!(
            "421 Session ended: {why}, closing control connection."
        )]
    );
    control.expect_end();
}

/// A transfer that goes on: the server has read, or sent, some of it.
fn begun(control: &mut Control, command: &str) -> TcpStream {
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
fn each_cause_in_the_account_ends_its_session_and_no_other() {
    let world = world();
    let server = world.start(&ann_and_eve(""));
    let mut eve_inside = logged_in(&server, "eve");
    let gone = || eve();
    for (with, why) in [
        (gone(), "the account was removed"),
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
        let mut data = begun(&mut loading, "RETR large");
        change(&world, &server, &with, READ);
        hears(&mut idle, why);
        loading.expect(426);
        hears(&mut loading, why);
        let mut rest = Vec::new();
        // Whether its end or a reset comes first is not said.
        let _ = data.read_to_end(&mut rest);
        assert!(rest.len() < 32 << 20, "{why}");
        server.wait_for_log(&format!("Session of \"ann\" ended: {why}"));
        eve_inside.command("NOOP", 200);
        change(&world, &server, &ann_and_eve(""), READ);
    }
    fs::write(world.path("secret"), "another secret").unwrap();
    let mut idle = server.connect();
    idle.log_in("ann", "a secret");
    change(&world, &server, &ann_and_eve(""), READ);
    hears(&mut idle, "the password has changed");
    eve_inside.command("NOOP", 200);
    assert_eq!(server.log().matches("Session of \"eve\" ended").count(), 0);
}

#[test]
fn an_upload_that_is_cut_is_kept_as_any_other_and_logged() {
    let world = world();
    let server = world.start(&ann_and_eve(""));
    let mut storing = logged_in(&server, "ann");
    let _data = begun(&mut storing, "STOR new");
    change(&world, &server, &eve(), READ);
    let said = storing.expect(426);
    assert_eq!(
        said.text(),
        "No longer allowed; transfer aborted. 10 bytes are kept."
    );
    hears(&mut storing, "the account was removed");
    assert_eq!(fs::read(world.path("root/new")).unwrap(), b"some bytes");
}

#[test]
fn a_denied_address_ends_sessions_before_and_after_their_login() {
    let world = world();
    let server = world.start(&ann_and_eve(""));
    let there = || {
        let mut control =
            Control::over(connect_from([127, 0, 0, 3].into(), server.address()).unwrap());
        control.expect(220);
        control
    };
    let (mut fresh, mut named, mut inside) = (there(), there(), there());
    named.command("USER ann", 331);
    inside.log_in("ann", "a secret");
    let mut other = logged_in(&server, "ann");
    let denied = "[addresses]\ndeny = [\"127.0.0.3\"]\n".to_owned() + &ann_and_eve("");
    change(&world, &server, &denied, READ);
    for control in [&mut fresh, &mut named, &mut inside] {
        hears(control, "its address may not connect");
    }
    server.wait_for_log(": Session ended: its address may not connect");
    server.wait_for_log(": Session of \"ann\" ended: its address may not connect");
    other.command("NOOP", 200);
}

#[test]
fn sessions_through_a_proxy_end_with_it() {
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
    hears(&mut proxied, "it came through what is not a proxy any more");
    direct.command("NOOP", 200);
    // A header that comes now names nobody.
    silent
        .write_all(b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 21\r\n")
        .unwrap();
    assert_eq!(Control::over(silent).try_line(), None);
    server.wait_for_log("Refused a connection (address = 192.0.2.1:4000): it came through");
}

#[test]
fn changed_rights_count_from_the_next_command_on_and_for_what_goes_on() {
    let world = world();
    let server = world.start(&ann_and_eve(""));
    let (mut idle, mut loading) = (logged_in(&server, "ann"), logged_in(&server, "ann"));
    let mut storing = logged_in(&server, "ann");
    let (_loaded, stored) = (
        begun(&mut loading, "RETR large"),
        begun(&mut storing, "STOR new"),
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
fn sessions_go_on_as_they_are_where_that_is_wanted() {
    let world = world();
    let keep = |rest: &str| {
        format!("[reload]\nsessions = \"keep\"\n[addresses]\ndeny = [\"127.0.0.9\"]\n{rest}")
    };
    let server = world.start(&keep(&ann_and_eve("")));
    let mut inside = logged_in(&server, "ann");
    let mut denied = Control::over(connect_from([127, 0, 0, 3].into(), server.address()).unwrap());
    denied.expect(220);
    for with in [
        eve(),
        ann_and_eve("enabled = false"),
        ann_and_eve("expires = 2020-01-01"),
        ann_and_eve("permissions = \"read\""),
    ] {
        change(&world, &server, &keep(&with), READ);
        inside.command("MKD new", 257);
        inside.command("RMD new", 250);
    }
    let deny = keep(&eve()).replace("127.0.0.9", "127.0.0.3");
    change(&world, &server, &deny, READ);
    denied.command("NOOP", 200);
    // Whoever comes now meets the rules of now.
    let mut late = server.connect();
    late.command("USER ann", 331);
    late.command("PASS a secret", 530);
    change(&world, &server, &deny.replace("keep", "end"), READ);
    hears(&mut denied, "its address may not connect");
    hears(&mut inside, "the account was removed");
    world.write("[reload]\nsessions = \"never\"\n");
    let output = world.run(&["--check"]);
    assert!(
        text(&output.stderr).contains("reload.sessions takes \"keep\" or \"end\""),
        "{output:?}"
    );
}

/// The moment, as a configuration has it, that comes in so many seconds.
fn in_seconds(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let at = format!("@{}", (now + Duration::from_secs(seconds)).as_secs());
    let output = Command::new("date")
        .args(["-u", "+%FT%TZ", "-d", &at])
        .output();
    text(&output.unwrap().stdout).trim().to_owned()
}

#[test]
fn a_session_ends_when_its_account_expires() {
    let world = world();
    let server = world.start(&ann_and_eve("expires = 2999-01-01"));
    let mut before = logged_in(&server, "ann");
    let mut loading = logged_in(&server, "ann");
    let _data = begun(&mut loading, "RETR large");
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
fn a_reload_of_the_same_disturbs_nobody() {
    let world = world();
    let server = world.start(&ann_and_eve(""));
    let mut inside = logged_in(&server, "ann");
    let mut named = server.connect();
    named.command("USER eve", 331);
    let mut loading = logged_in(&server, "ann");
    let mut data = begun(&mut loading, "RETR large");
    for _ in 0..3 {
        change(&world, &server, &ann_and_eve(""), READ);
    }
    inside.command("NOOP", 200);
    named.command("PASS a secret", 230);
    let mut rest = Vec::new();
    data.read_to_end(&mut rest).unwrap();
    assert_eq!(rest.len(), (32 << 20) - 1000);
    loading.expect(226);
}

#[test]
fn every_connection_is_looked_at_however_many_there_are() {
    let world = world();
    let server = world.start(&ann_and_eve(""));
    let names = ["ann", "eve"].into_iter().cycle().take(60);
    let mut inside: Vec<_> = names.map(|name| (name, logged_in(&server, name))).collect();
    // Two reloads in a row: the second begins again where the first may not be done.
    change(&world, &server, &ann_and_eve(""), READ);
    change(&world, &server, &eve(), READ);
    for (name, control) in &mut inside {
        if *name == "ann" {
            hears(control, "the account was removed");
        } else {
            control.command("NOOP", 200);
        }
    }
}
