//! A truncated configuration file does not open the server: at a start, by `--check`, and at SIGHUP.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use crate::config::reloading::{READ, change};
use crate::config::world::{World, text};
use crate::support::{Control, Server, Starter, binary, connect_from, mioftpd};

const KEPT: &str = "The old configuration stays in force";

/// Overwrites the configuration in place, as an interrupted editor does, and waits for the refused reload.
fn overwrite(world: &World, server: &Server, text: &str, message: &str) -> String {
    let before = server.log().matches(KEPT).count();
    fs::write(world.file(), text).unwrap();
    server.hang_up();
    crate::support::until(message, || {
        let log = server.log();
        let mut lines = log.lines().filter(|line| line.contains(KEPT)).skip(before);
        lines.next().map(str::to_owned)
    })
}

/// Asserts that anonymous logins and other addresses are refused.
fn assert_closed(address: SocketAddr) {
    let mut control = Control::connect(address);
    control.command("USER anonymous", 331);
    control.command("PASS x", 530);
    let there = connect_from(Ipv4Addr::new(127, 0, 0, 9), address).unwrap();
    Control::over(there).expect_end();
}

const CLOSED: &str = "timings.penalty = \"1ms\"\n[[account]]\nname = \"ann\"\npassword-file = \"secret\"\n\
    [addresses]\nallow = \"127.0.0.1\"\n";

#[test]
fn emptied_file_is_refused_and_lost_keys_are_logged() {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    let server = world.start(CLOSED);
    assert_closed(server.address());
    for cut in [
        "",
        "# [[account]]\n",
        "listen = \"127.0.0.1:0\"\n[addresses]",
    ] {
        let line = overwrite(&world, &server, cut, "the refusal");
        for key in [
            "directory",
            "account",
            "addresses.allow",
            "restart the server",
        ] {
            assert!(line.contains(key), "{cut}: no {key} in {line}");
        }
        assert_closed(server.address());
        server.connect().log_in("ann", "a secret");
    }
    // A missing file or a directory changes nothing either.
    fs::remove_file(world.file()).unwrap();
    server.hang_up();
    server.wait_for_log("config.toml: No such file");
    assert_closed(server.address());
    fs::create_dir(world.file()).unwrap();
    server.hang_up();
    server.wait_for_log("Is a directory");
    assert_closed(server.address());
    fs::remove_dir(world.file()).unwrap();
    change(&world, &server, CLOSED, READ);
}

#[test]
fn truncated_file_is_refused_at_every_length() {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    let server = world.start(CLOSED);
    let whole = fs::read_to_string(world.file()).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    for count in 0..lines.len() {
        overwrite(&world, &server, &lines[..count].join("\n"), "the refusal");
        assert_closed(server.address());
    }
}

#[test]
fn refused_file_does_not_change_log_level() {
    let world = World::new();
    let server = world.start("[log]\nlevel = \"debug\"\n[addresses]\nallow = \"127.0.0.1\"");
    overwrite(&world, &server, "[log]\nlevel = \"error\"", "the refusal");
    server.connect().command("NOOP", 200);
    server.wait_for_log("Sent by client");
}

#[test]
fn open_value_in_file_is_accepted() {
    let world = World::new();
    let server = world.start("[addresses]\nallow = \"127.0.0.1\"");
    let line = {
        world.write("");
        let text = fs::read_to_string(world.file()).unwrap();
        overwrite(&world, &server, &text, "the refusal")
    };
    assert!(line.contains("to confirm, write []"), "{line}");
    change(&world, &server, "[addresses]\nallow = []", READ);
    server.wait_for_log("addresses.allow is less restrictive than before");
    let there = connect_from(Ipv4Addr::new(127, 0, 0, 9), server.address()).unwrap();
    Control::over(there).expect(220);
}

#[test]
fn lost_restriction_of_account_is_refused() {
    let world = World::new();
    fs::create_dir(world.path("root/own")).unwrap();
    let account = "[[account]]\nname = \"anonymous\"\n";
    let server = world.start(&format!(
        "{account}directory = \"root/own\"\naddresses = \"127.0.0.1\"\npermissions = \"upload-only\""
    ));
    world.write(account);
    let text = fs::read_to_string(world.file()).unwrap();
    let line = overwrite(&world, &server, &text, "the refusal");
    for key in ["directory", "addresses", "permissions"] {
        let named = format!("account.{key} of anonymous");
        assert!(line.contains(&named), "no {named} in {line}");
    }
    server.login().command("SIZE f", 550);
}

/// A directory without an account, in the file and as DIR on the command line.
#[test]
fn directory_without_an_account_exits_2_with_remedy() {
    let world = World::new();
    let directory = world.path("root");
    let directory = directory.to_str().unwrap();
    for (file, arguments, place) in [
        (
            "directory = \"root\"",
            &[][..],
            "config.toml:1:1: directory needs",
        ),
        ("", &[directory], "DIR needs"),
        ("account = []\n", &[directory], "DIR needs"),
    ] {
        fs::write(world.file(), file).unwrap();
        for check in [&[][..], &["--check"]] {
            let output = world.run(&[check, arguments].concat());
            let message = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{file}: {message}");
            for words in [place, "name = \"anonymous\"", "--anonymous", "--user NAME"] {
                assert!(message.contains(words), "{file}: no {words} in {message}");
            }
        }
        let output = world.run(&[&["--check", "--anonymous"], arguments].concat());
        assert!(output.status.success(), "{file}: {output:?}");
    }
    // A server without a directory needs no account.
    fs::write(world.file(), "").unwrap();
    assert!(world.run(&["--check"]).status.success());
}

#[test]
fn writable_adds_no_anonymous_account_to_a_file() {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    world.write(CLOSED);
    let output = world.run(&["--check", "--writable"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--writable needs --anonymous"));
    let output = world.run(&["--check", "--writable", "--anonymous"]);
    assert!(text(&output.stdout).contains("name = \"anonymous\""));
}

/// The directory is an option, so only the accounts are lost.
#[test]
fn emptied_file_with_directory_option_is_refused() {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    world.write(CLOSED);
    let server = Starter::default()
        .program([
            binary(),
            "--config".into(),
            world.file().into_os_string(),
            world.path("root").into_os_string(),
        ])
        .start();
    let line = overwrite(&world, &server, "", "the refusal");
    assert!(line.contains("DIR needs an account"), "{line}");
    assert_closed(server.address());
    drop(server);
    // Without a directory and a listener of its own the configuration is valid.
    let file = world.file();
    let file = file.to_str().unwrap();
    let arguments = ["--config", file, "--check", "--allow-combine"];
    assert!(mioftpd(arguments).output().unwrap().status.success());
}
