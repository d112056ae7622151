//! The status service: where it listens, and who may connect.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};

use crate::config::world::{World, text};
use crate::status::{Http, listening};
use crate::support::{mioftpd, until};

/// `status.listen`
#[test]
fn service_listens_at_addresses_and_unix_sockets() {
    let world = World::new();
    let socket = world.path("s");
    let unix = format!("unix:{}", socket.display());
    let server = world.start(&format!("[status]\nlisten = [\"127.0.0.1:0\", \"{unix}\"]"));
    for mut http in [Http::connect(listening(&server)[0]), Http::local(&socket)] {
        assert!(http.get("/").body.contains("<h1>mioftpd"));
    }
    // Another server does not take the socket of a running one, but that of a killed one.
    let output = world.run(&[]);
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(
        message.contains(&format!(
            "cannot listen at {unix} (status.listen): another server listens"
        )),
        "{message}"
    );
    // Nor does a check of its configuration fail.
    let output = world.run(&["--check"]);
    assert!(output.status.success(), "{output:?}");
    let message = text(&output.stderr);
    assert!(
        message.contains(&format!("note: status.listen: {unix} is in use: ")),
        "{message}"
    );
    server.wait_for_log("Sandbox: ");
    drop(server);
    assert!(socket.exists());
    let server = world.start(&format!("[status]\nlisten = \"{unix}\""));
    Http::local(&socket).get("/metrics");
    drop(server);
    world.write("[status]\nlisten = \"unix:relative\"");
    let message = text(&world.run(&["--check"]).stderr);
    assert!(
        message.contains("status.listen: invalid value \"unix:relative\"; write"),
        "{message}"
    );
}

/// A process that is killed at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Each round but the first finds the socket of a killed server.
#[test]
fn one_of_two_servers_that_start_at_once_has_the_socket() {
    let world = World::new();
    let (socket, file) = (world.path("s"), world.file());
    world.write(&format!("[status]\nlisten = \"unix:{}\"", socket.display()));
    for _ in 0..8 {
        let mut servers = [(), ()].map(|()| {
            let mut program = mioftpd(["--config", file.to_str().unwrap()]);
            let program = program.stdout(Stdio::null()).stderr(Stdio::piped());
            Running(program.spawn().unwrap())
        });
        let loser = until("one of them to give up", || {
            let mut servers = servers.iter_mut();
            servers.position(|one| one.0.try_wait().unwrap().is_some())
        });
        let mut message = String::new();
        let loser = &mut servers[loser].0;
        let mut errors = loser.stderr.take().unwrap();
        errors.read_to_string(&mut message).unwrap();
        assert_eq!(loser.wait().unwrap().code(), Some(1), "{message}");
        assert!(
            message.contains("another server listens there"),
            "{message}"
        );
        until("the other one to listen", || {
            UnixStream::connect(&socket).is_ok().then_some(())
        });
        Http::local(&socket).get("/metrics");
    }
}

/// `status.public`
#[test]
fn address_of_the_network_needs_a_confirmation() {
    let world = World::new();
    world.write("[status]\nlisten = \"0.0.0.0:0\"");
    let output = world.run(&[]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(
        message.contains("needs status.public = true: "),
        "{message}"
    );
    let server = world.start("[status]\nlisten = \"0.0.0.0:0\"\npublic = true");
    let port = listening(&server)[0].port();
    Http::connect(([127, 0, 0, 1], port).into()).get("/");
}

/// `status.hosts`
#[test]
fn service_answers_for_the_names_of_its_host() {
    let world = World::new();
    let server = world.start("[status]\nlisten = \"127.0.0.1:0\"\nhosts = [\"ftp.example.org\"]");
    let mut http = Http::connect(listening(&server)[0]);
    for (host, code) in [
        ("ftp.example.org", 200),
        ("127.0.0.1:1", 200),
        ("example.org", 421),
    ] {
        http.send(format!("GET /stats HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        assert_eq!(http.answer().code, code, "{host}");
    }
}

/// A check finds what a start would fail at.
#[test]
fn unusable_sockets_are_found_beforehand() {
    let world = World::new();
    let (missing, file) = (world.path("no/s"), world.path("root/f"));
    for (path, why) in [
        (missing, "No such file or directory"),
        (
            file,
            "the file there is no socket: move it away or name another path",
        ),
    ] {
        world.write(&format!("[status]\nlisten = \"unix:{}\"", path.display()));
        for (arguments, code) in [(&["--check"][..], 1), (&[], 1)] {
            let output = world.run(arguments);
            assert_eq!(output.status.code(), Some(code), "{output:?}");
            let message = text(&output.stderr);
            let shown = format!("cannot listen at unix:{} (status.listen): ", path.display());
            assert!(message.contains(&shown), "{message}");
            assert!(message.contains(why), "{message}");
        }
    }
    let long = format!("unix:/{}", "x".repeat(107));
    for (list, why) in [
        (
            format!("\"{long}\""),
            "config.toml:4:10: status.listen: the path of this Unix socket has 108 bytes; write one",
        ),
        (
            "\"unix:/s\", \"unix:/s\"".to_owned(),
            "config.toml:4:1: status.listen cannot be used with the same Unix socket twice: one process",
        ),
        (
            "\"127.0.0.1:9\", \"127.0.0.1:9\"".to_owned(),
            "(127.0.0.1:9 and 127.0.0.1:9): one process cannot bind both",
        ),
    ] {
        world.write(&format!("[status]\nlisten = [{list}]"));
        for arguments in [&["--check"][..], &[]] {
            let output = world.run(arguments);
            assert_eq!(output.status.code(), Some(2), "{output:?}");
            let message = text(&output.stderr);
            assert!(message.contains(why), "{message}");
        }
    }
    let socket = world.path("s");
    world.write(&format!(
        "[status]\nlisten = [\"127.0.0.1:0\", \"unix:{}\"]",
        socket.display()
    ));
    let output = world.run(&["--check"]);
    assert!(output.status.success(), "{output:?}");
    assert!(!socket.exists());
}

/// `status.connections`
#[test]
fn status_connections_are_limited() {
    let world = World::new();
    let server = world.start("[status]\nlisten = \"127.0.0.1:0\"\nconnections = 1");
    let address = listening(&server)[0];
    let mut one = Http::connect(address);
    one.get("/");
    assert!(Http::connect(address).rest().starts_with("HTTP/1.1 503 "));
    one.get("/");
}

/// `status.mode` and `status.group`
#[test]
fn socket_has_the_mode_and_the_group() {
    let world = World::new();
    let group = fs::metadata(world.path("root")).unwrap().gid();
    let socket = world.path("s");
    let keys = format!("[status]\nlisten = \"unix:{}\"\n", socket.display());
    let server = world.start(&keys);
    let mode = || fs::metadata(&socket).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    drop(server);
    let server = world.start(&format!("{keys}mode = \"0660\"\ngroup = \"{group}\""));
    assert_eq!(mode(), 0o660);
    assert_eq!(fs::metadata(&socket).unwrap().gid(), group);
    drop(server);
    world.write(&format!("{keys}group = \"no-such-group\""));
    let message = text(&world.run(&[]).stderr);
    assert!(
        message.contains("status.group: no group 'no-such-group' in /etc/group"),
        "{message}"
    );
}
