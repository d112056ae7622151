//! A configuration file that grew shorter opens nothing: at a start, by `--check`, and at SIGHUP.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use crate::reloading::{READ, change};
use crate::support::{Control, Server, Starter, binary, connect_from, mioftpd};
use crate::world::{World, text};

const KEPT: &str = "The old configuration stays in force";

/// Puts a text into the place of the configuration as an editor does that fails half-way.
fn overwrite(world: &World, server: &Server, text: &str, said: &str) -> String {
    let before = server.log().matches(KEPT).count();
    fs::write(world.file(), text).unwrap();
    server.hang_up();
    crate::support::until(said, || {
        let log = server.log();
        let mut lines = log.lines().filter(|line| line.contains(KEPT)).skip(before);
        lines.next().map(str::to_owned)
    })
}

/// Nothing but ann gets in, and only with her password, from where she may come.
fn is_closed(address: SocketAddr) {
    let mut control = Control::connect(address);
    control.command("USER anonymous", 331);
    control.command("PASS x", 530);
    let there = connect_from(Ipv4Addr::new(127, 0, 0, 9), address).unwrap();
    Control::over(there).expect_end();
}

const CLOSED: &str = "timings.penalty = \"1ms\"\n[[account]]\nname = \"ann\"\npassword-file = \"secret\"\n\
    [addresses]\nallow = \"127.0.0.1\"\n";

#[test]
fn an_emptied_file_changes_nothing_and_the_log_names_what_was_lost() {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    let server = world.start(CLOSED);
    is_closed(server.address());
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
        is_closed(server.address());
        server.connect().log_in("ann", "a secret");
    }
    // What else is unreadable changes nothing either, nor does the level of the log.
    fs::remove_file(world.file()).unwrap();
    server.hang_up();
    server.wait_for_log("config.toml: No such file");
    is_closed(server.address());
    fs::create_dir(world.file()).unwrap();
    server.hang_up();
    server.wait_for_log("Is a directory");
    is_closed(server.address());
    fs::remove_dir(world.file()).unwrap();
    change(&world, &server, CLOSED, READ);
}

#[test]
fn a_cut_file_changes_nothing_wherever_it_ends() {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    let server = world.start(CLOSED);
    let whole = fs::read_to_string(world.file()).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    for count in 0..lines.len() {
        overwrite(&world, &server, &lines[..count].join("\n"), "the refusal");
        is_closed(server.address());
    }
}

#[test]
fn a_refused_file_does_not_change_the_log() {
    let world = World::new();
    let server = world.start("[log]\nlevel = \"debug\"\n[addresses]\nallow = \"127.0.0.1\"");
    overwrite(&world, &server, "[log]\nlevel = \"error\"", "the refusal");
    server.connect().command("NOOP", 200);
    server.wait_for_log("Sent by client");
}

#[test]
fn a_key_that_is_written_open_is_meant() {
    let world = World::new();
    let server = world.start("[addresses]\nallow = \"127.0.0.1\"");
    let line = {
        world.write("");
        let text = fs::read_to_string(world.file()).unwrap();
        overwrite(&world, &server, &text, "the refusal")
    };
    assert!(line.contains("if that is meant, write []"), "{line}");
    change(&world, &server, "[addresses]\nallow = []", READ);
    server.wait_for_log("addresses.allow no longer closes what it did");
    let there = connect_from(Ipv4Addr::new(127, 0, 0, 9), server.address()).unwrap();
    Control::over(there).expect(220);
}

#[test]
fn what_confines_an_account_is_not_lost() {
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

/// A directory, and no account: by the file alone, and with DIR on the command line.
#[test]
fn a_directory_without_an_account_is_2_with_the_remedy() {
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
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{file}: {said}");
            for words in [place, "name = \"anonymous\"", "--anonymous", "--user NAME"] {
                assert!(said.contains(words), "{file}: no {words} in {said}");
            }
        }
        let output = world.run(&[&["--check", "--anonymous"], arguments].concat());
        assert!(output.status.success(), "{file}: {output:?}");
    }
    // Without a directory there is nothing to log in for.
    fs::write(world.file(), "").unwrap();
    assert!(world.run(&["--check"]).status.success());
}

#[test]
fn writable_makes_no_anonymous_account_beside_a_file() {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    world.write(CLOSED);
    let output = world.run(&["--check", "--writable"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--writable needs --anonymous"));
    let output = world.run(&["--check", "--writable", "--anonymous"]);
    assert!(text(&output.stdout).contains("name = \"anonymous\""));
}

/// The directory of the command line stays, and the accounts of the file are gone.
#[test]
fn an_emptied_file_beside_a_directory_on_the_command_line_changes_nothing() {
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
    is_closed(server.address());
    drop(server);
    // And nothing is served without a file that says to whom.
    let file = world.file();
    let file = file.to_str().unwrap();
    let arguments = ["--config", file, "--check", "--allow-combine"];
    assert!(mioftpd(arguments).output().unwrap().status.success());
}
