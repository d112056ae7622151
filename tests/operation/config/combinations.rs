//! Combinations of keys, on the running program: an error exits with 2 and a position, at a start and by
//! `--check`; a key without effect is a note of `--check`, and a warning at a start and a reload.
//! Unit tests cover each row of the table.

use std::fs;

use crate::config::reloading::change;
use crate::config::world::{World, text};
use crate::support::mioftpd;

const ANN: &str =
    "[[account]]\nname = \"ann\"\npassword-file = \"secret\"\npermissions = \"all\"\n";

fn world() -> World {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    world
}

#[test]
fn invalid_combination_has_position_and_exits_2() {
    let world = world();
    for (text_of, expected) in [
        (
            "listen = [\"127.0.0.1:2121\", \"0.0.0.0:2121\"]",
            "config.toml:2:1: listen cannot be used with overlapping addresses (127.0.0.1:2121 and \
             0.0.0.0:2121): one process",
        ),
        (
            "[addresses]\nallow = \"10.1.0.0/16\"\ndeny = \"10.0.0.0/8\"",
            "config.toml:4:1: addresses.allow cannot be used with addresses.deny",
        ),
    ] {
        world.write(text_of);
        for arguments in [&[][..], &["--check"]] {
            let output = world.run(arguments);
            let message = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{message}");
            assert!(message.contains(expected), "{message}");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }
}

/// Otherwise ann could log in by password, in clear text and without a certificate.
#[test]
#[cfg(feature = "tls")]
fn client_required_needs_require_control_in_file_and_options() {
    let world = world();
    crate::config::tls::make_files(&world);
    let [secret, authority] = ["secret", "cert.pem"].map(|name| world.path(name));
    let [secret, authority] = [&secret, &authority].map(|path| path.to_str().unwrap());
    for (require, code) in [("none", 2), ("login", 2), ("control", 0), ("data", 0)] {
        let tls =
            "[tls]\nself-signed = true\nclient-authority = \"cert.pem\"\nclient-required = true";
        world.write(&format!("{tls}\nrequire = \"{require}\"\n{ANN}"));
        let output = world.run(&["--check"]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{require}: {message}");
        let expected =
            "config.toml:6:1: tls.client-required = true needs tls.require = \"control\"";
        assert_eq!(message.contains(expected), code == 2, "{message}");

        let options = [
            "--tls-self-signed",
            "--tls-client-ca",
            authority,
            "--tls-client-required",
        ];
        let more = [
            "--tls-require",
            require,
            "-u",
            "ann",
            "--password-file",
            secret,
        ];
        let root = world.path("root");
        let rest = ["--check", "--listen", "127.0.0.1:0", root.to_str().unwrap()];
        let arguments = [&options[..], &more, &rest].concat();
        let output = mioftpd(arguments).output().unwrap();
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{require}: {message}");
        let expected = "--tls-client-required needs --tls-require control or data";
        assert_eq!(message.contains(expected), code == 2, "{message}");
    }
}

#[test]
fn key_without_effect_is_noted_and_logged() {
    let world = World::new();
    let ineffective = "[events]\nat-once = 3";
    let expected = "config.toml:4:1: events.at-once has no effect without events.command";
    world.write(ineffective);
    let output = world.run(&["--check"]);
    let message = text(&output.stderr);
    assert!(output.status.success(), "{message}");
    assert!(
        message.contains("note: ") && message.contains(expected),
        "{message}"
    );
    let server = world.start(ineffective);
    let line = server.wait_for_log(expected);
    assert!(line.contains("WARN"), "{line}");
    change(
        &world,
        &server,
        "[throttling]\ncommand-burst = 3\ncommand-interval = 0",
        "is overridden by",
    );
    server.wait_for_log("throttling.command-burst is overridden by");
}

#[test]
#[cfg(feature = "tls")]
fn options_complete_and_override_keys_of_file() {
    let world = World::new();
    crate::config::tls::make_files(&world);
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| world.path(name));
    let [cert, key] = [&cert, &key].map(|path| path.to_str().unwrap());
    world.write("[tls]\nrequire = \"data\"");
    let output = world.run(&["--check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("config.toml:3:2: tls needs tls.certificate and tls.key, or")
    );
    let output = world.run(&["--check", "--tls-cert", cert, "--tls-key", key]);
    assert!(output.status.success(), "{output:?}");
    // An option for a certificate overrides all keys for a certificate.
    world.write("[tls]\nself-signed = true\nstate-directory = \"state\"");
    let output = world.run(&["--check", "--tls-cert", cert, "--tls-key", key]);
    assert!(
        output.status.success() && !text(&output.stdout).contains("state\""),
        "{output:?}"
    );
    let output = world.run(&["--check", "--tls-cert", cert]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--tls-cert FILE needs --tls-key FILE"));
}

#[test]
fn accounts_replaced_by_options_are_a_note() {
    let world = world();
    world.write(ANN);
    let output = world.run(&["--check", "--anonymous"]);
    let message = text(&output.stderr);
    assert!(output.status.success(), "{message}");
    assert!(
        message.contains("account is overridden by --anonymous"),
        "{message}"
    );
}
