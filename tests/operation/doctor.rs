//! `mioftpd doctor`: a healthy set-up passes, and each planted problem is found, with its exit code.
//!
//! The limit of connections is low and the ports are few, so that the limits of the host do not count.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use crate::config::world::{World, text};
use crate::support::{binary, mioftpd};

/// What a healthy configuration has: as little as any host gives.
const SMALL: &str = "\n[limits]\nconnections = 16\n";

fn doctor(world: &World, arguments: &[&str]) -> Output {
    let file = world.file();
    let own = ["doctor", "--config", file.to_str().unwrap()];
    mioftpd(own.iter().chain(arguments)).output().unwrap()
}

/// Asserts that it exits with this code and prints each of `words`.
fn finds(output: &Output, code: i32, words: &[&str]) {
    let page = text(&output.stdout);
    // Words of a finding may be on two lines.
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(code), "{page}{output:?}");
    for word in words {
        assert!(page.contains(word), "no {word:?} in {page}");
    }
}

#[test]
fn healthy_configuration_passes() {
    let world = World::new();
    world.write(SMALL);
    finds(
        &doctor(&world, &[]),
        0,
        &["ok settings", "ok port", "errors: 0, warnings: 0"],
    );
    let root = world.path("root");
    let arguments = ["doctor", "--listen", "127.0.0.1:0", root.to_str().unwrap()];
    let output = mioftpd(arguments).output().unwrap();
    assert!(text(&output.stdout).contains("errors: 0"), "{output:?}");
}

#[test]
fn json_has_the_same_findings() {
    let world = World::new();
    world.write(SMALL);
    let output = doctor(&world, &["--json", "--passive-ports", "50000-50001"]);
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = json["findings"].as_array().unwrap();
    let found = |one: &&serde_json::Value| one["topic"] == "passive" && one["level"] == "warning";
    let passive = findings.iter().find(found).unwrap();
    assert!(
        passive["text"]
            .as_str()
            .unwrap()
            .starts_with("2 passive ports")
    );
    assert!(
        passive["remedy"]
            .as_str()
            .unwrap()
            .contains("passive.ports")
    );
}

#[test]
fn program_at_the_port_is_named() {
    let world = World::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    world.write(&format!("listen = \"{address}\"{SMALL}"));
    let own = format!("(pid {})", std::process::id());
    let words = [&format!("{address} is in use by"), own.as_str(), "-> stop"];
    finds(&doctor(&world, &[]), 1, &words);
}

#[test]
fn running_server_is_recognized_by_its_greeting() {
    let world = World::new();
    let server = world.start(SMALL);
    let address = server.address().to_string();
    // Its process may not be seen, depending on the user: that is a warning then, not an error.
    let page = text(&doctor(&world, &["--listen", &address]).stdout);
    assert!(page.contains(&format!("{address} is in use")), "{page}");
    assert!(page.contains("it answers \"220"), "{page}");
    assert!(page.contains("errors: 0"), "{page}");
    // And it is probed from inside.
    if page.contains("runs already") {
        let probed = |line: &str| line.contains(" probe ") && line.contains(&address);
        assert!(page.lines().any(probed), "{page}");
    }
}

#[test]
fn low_descriptor_limit_is_found() {
    let world = World::new();
    world.write("");
    let shell = "ulimit -n 64; exec \"$0\" doctor --config \"$1\"";
    let mut command = Command::new("/bin/sh");
    let command = command.args(["-c", shell]).arg(binary()).arg(world.file());
    let words = [
        "warning descriptors the limit of open files is 64",
        "LimitNOFILE=",
    ];
    finds(&command.output().unwrap(), 1, &words);
}

#[test]
fn missing_directory_and_range_of_two_ports_are_found() {
    let world = World::new();
    world.write(&format!("directory = \"missing\"{SMALL}"));
    let words = [
        "error settings",
        "No such file or directory",
        "2 passive ports",
    ];
    finds(
        &doctor(&world, &["--passive-ports", "50000-50001"]),
        1,
        &words,
    );
}

#[cfg(feature = "tls")]
#[test]
fn expired_certificate_and_readable_key_are_found() {
    use crate::support::certificates::Authority;

    let (world, authority) = (World::new(), Authority::new());
    let identity = authority.expired_server();
    for path in [world.path(""), authority.folder().to_owned()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(&identity.key_file, fs::Permissions::from_mode(0o644)).unwrap();
    let (certificate, key) = (
        identity.certificate_file.display(),
        identity.key_file.display(),
    );
    world.write(&format!(
        "[tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"{SMALL}"
    ));
    let words = ["expired", "can read the private key", "chmod o-r it"];
    finds(&doctor(&world, &[]), 1, &words);
}

#[test]
fn directory_without_rights_is_found() {
    let world = World::new();
    world.write(SMALL);
    fs::set_permissions(world.path("root"), fs::Permissions::from_mode(0o555)).unwrap();
    let output = doctor(&world, &[]);
    if rustix::process::geteuid().is_root() {
        // Root may write anywhere.
        return finds(&output, 0, &[]);
    }
    finds(&output, 1, &["warning settings this user cannot write to"]);
}

#[test]
fn invalid_configuration_is_refused() {
    let world = World::new();
    world.write("listen = \"nonsense\"");
    let output = doctor(&world, &[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty());
}
