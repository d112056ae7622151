//! Every key that names a path, with each wrong file type: `--check` reports it, and a start fails with
//! the same message.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::config::world::{World, text};

/// File types; `missing` does not exist.
const KINDS: [&str; 5] = ["missing", "file", "dir", "pipe", "socket"];

fn make_kinds(world: &World) -> UnixListener {
    fs::write(world.path("file"), "no PEM, no program").unwrap();
    fs::create_dir(world.path("dir")).unwrap();
    mknodat(
        CWD,
        world.path("pipe"),
        FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .unwrap();
    UnixListener::bind(world.path("socket")).unwrap()
}

/// Asserts that `--check` and a start fail with a message that contains `named`.
fn fails(world: &World, named: &str) {
    for arguments in [&["--check"][..], &[]] {
        let output = world.run(arguments);
        let message = text(&output.stderr);
        let code = output.status.code();
        assert!(
            matches!(code, Some(1 | 2)),
            "{arguments:?}: {code:?} {message}"
        );
        assert!(
            message.contains(named),
            "{arguments:?}: no {named} in {message}"
        );
    }
}

/// Asserts that a key refuses these file types and accepts the others.
fn refuses(key: &str, line: impl Fn(&str, &Path) -> String, refused: &[&str]) {
    for kind in KINDS {
        let world = World::new();
        let _socket = make_kinds(&world);
        let path = world.path(kind);
        world.write(&line(kind, &path));
        if refused.contains(&kind) {
            fails(&world, &format!("/{kind}"));
            continue;
        }
        let output = world.run(&["--check"]);
        assert!(
            output.status.success(),
            "{key} {kind}: {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn directory_key_refuses_other_file_types() {
    let not_a_directory = ["missing", "file", "pipe", "socket"];
    refuses(
        "directory",
        |kind, _| format!("directory = {kind:?}"),
        &not_a_directory,
    );
    let account =
        |kind: &str, _: &Path| format!("[[account]]\nname = \"anonymous\"\ndirectory = {kind:?}");
    refuses("account.directory", account, &not_a_directory);
}

#[test]
fn password_file_key_refuses_other_file_types() {
    let account = |kind: &str, _: &Path| {
        format!("[[account]]\nname = \"ann\"\npermissions = \"all\"\npassword-file = {kind:?}")
    };
    refuses(
        "account.password-file",
        account,
        &["missing", "dir", "pipe", "socket"],
    );
}

#[test]
fn transfer_log_refuses_directories_and_pipes() {
    let log = |kind: &str, _: &Path| format!("[log]\ntransfers = {kind:?}");
    refuses("log.transfers", log, &["dir", "pipe", "socket"]);
}

#[test]
fn event_command_must_be_executable() {
    let command = |_: &str, path: &Path| format!("[events]\ncommand = {path:?}");
    refuses("events.command", command, &KINDS);
    let world = World::new();
    let program = world.path("program");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    world.write(&format!("[events]\ncommand = {program:?}"));
    fails(&world, "it may not be executed; try chmod +x");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(world.run(&["--check"]).status.success());
    let directory = format!("[events]\ncommand = {:?}", world.path("root"));
    world.write(&directory);
    fails(
        &world,
        "root cannot be run: it is not a file; name a program",
    );
}

#[test]
fn event_socket_must_be_a_socket_or_missing() {
    let socket = |kind: &str, _: &Path| format!("[events]\nsocket = {kind:?}");
    refuses("events.socket", socket, &["file", "dir", "pipe"]);
    let world = World::new();
    world.write("[events]\nsocket = \"missing\"");
    let message = text(&world.run(&["--check"]).stderr);
    assert!(
        message.contains("note: events.socket: ") && message.contains("not there yet"),
        "{message}"
    );
}

#[test]
#[cfg(feature = "tls")]
fn tls_keys_refuse_other_file_types() {
    let world = World::new();
    crate::config::tls::make_files(&world);
    let own = |name: &str| world.path(name).display().to_string();
    let (cert, key) = (own("cert.pem"), own("key.pem"));
    refuses(
        "tls.certificate",
        |kind, _| format!("[tls]\ncertificate = {kind:?}\nkey = {key:?}"),
        &KINDS,
    );
    refuses(
        "tls.key",
        |kind, _| format!("[tls]\ncertificate = {cert:?}\nkey = {kind:?}"),
        &KINDS,
    );
    refuses(
        "tls.client-authority",
        |kind, _| {
            format!(
                "[tls]\nself-signed = true\nrequire = \"data\"\nclient-required = true\n\
                 client-authority = {kind:?}"
            )
        },
        &KINDS,
    );
    refuses(
        "tls.state-directory",
        |kind, _| format!("[tls]\nself-signed = true\nstate-directory = {kind:?}"),
        &["file", "pipe", "socket"],
    );
}

#[test]
fn configuration_must_be_a_regular_file() {
    let world = World::new();
    let _socket = make_kinds(&world);
    for kind in ["missing", "dir", "pipe", "socket"] {
        let path = world.path(kind);
        let output = crate::support::mioftpd(["--config", path.to_str().unwrap()]).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1), "{kind}");
        assert!(text(&output.stderr).contains(kind), "{output:?}");
    }
}
