//! Keys that do not go together, on the running program: mistakes are 2 with their place, at a start and
//! by `--check`; keys without an effect are notes of `--check`, and in the log of a start and a reload.
//! The rows are tested one by one beside their table.

use std::fs;

use crate::reloading::change;
use crate::support::mioftpd;
use crate::world::{World, text};

const ANN: &str =
    "[[account]]\nname = \"ann\"\npassword-file = \"secret\"\npermissions = \"all\"\n";

fn world() -> World {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    world
}

#[test]
fn mistakes_have_their_place_and_are_2() {
    let world = world();
    for (text_of, said) in [
        (
            "listen = [\"127.0.0.1:2121\", \"0.0.0.0:2121\"]",
            "config.toml:2:1: listen excludes two addresses that overlap (127.0.0.1:2121 and \
             0.0.0.0:2121): one process",
        ),
        (
            "[addresses]\nallow = \"10.1.0.0/16\"\ndeny = \"10.0.0.0/8\"",
            "config.toml:4:1: addresses.allow excludes addresses.deny",
        ),
    ] {
        world.write(text_of);
        for arguments in [&[][..], &["--check"]] {
            let output = world.run(arguments);
            let message = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{message}");
            assert!(message.contains(said), "{message}");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }
}

/// The password of ann would go in the clear, and no certificate would be needed.
#[test]
#[cfg(feature = "tls")]
fn required_certificates_need_required_tls_by_file_and_by_options() {
    let world = world();
    crate::tls::make_files(&world);
    let [secret, authority] = ["secret", "cert.pem"].map(|name| world.path(name));
    let [secret, authority] = [&secret, &authority].map(|path| path.to_str().unwrap());
    for (require, code) in [("none", 2), ("login", 2), ("control", 0), ("data", 0)] {
        let tls =
            "[tls]\nself-signed = true\nclient-authority = \"cert.pem\"\nclient-required = true";
        world.write(&format!("{tls}\nrequire = \"{require}\"\n{ANN}"));
        let output = world.run(&["--check"]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{require}: {message}");
        let said = "config.toml:6:1: tls.client-required = true needs tls.require = \"control\"";
        assert_eq!(message.contains(said), code == 2, "{message}");

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
        let said = "--tls-client-required needs --tls-require control or data";
        assert_eq!(message.contains(said), code == 2, "{message}");
    }
}

#[test]
fn a_key_without_an_effect_is_a_note_and_in_the_log() {
    let world = World::new();
    let idle = "[events]\nat-once = 3";
    let said = "config.toml:4:1: events.at-once has no effect without events.command";
    world.write(idle);
    let output = world.run(&["--check"]);
    let message = text(&output.stderr);
    assert!(output.status.success(), "{message}");
    assert!(
        message.contains("note: ") && message.contains(said),
        "{message}"
    );
    let server = world.start(idle);
    let line = server.wait_for_log(said);
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
fn what_a_file_lacks_may_be_typed() {
    let world = World::new();
    crate::tls::make_files(&world);
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
    // What was typed about one certificate takes the place of all about another.
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
fn accounts_that_options_replace_are_a_note() {
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
