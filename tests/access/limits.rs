//! The server at its limits: connections, descriptors, and memory.
//!
//! The limits on connections are set through the library, as a host program would.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::in_thread::with_server;
use crate::support::{Control, DEADLINE, binary, connect_from, free_ports, until};
use mioftpd::internals::limits::{MemoryProfile, worst_case_bytes};
use mioftpd::{Config, Server, Timings};
use rustix::process::{Resource, Rlimit, getrlimit};

const REFUSED: &[u8] = b"421 Service not available, closing control connection.\r\n";

fn limited_to(connections: usize, connections_per_address: usize) -> Config {
    Config {
        connections,
        connections_per_address,
        ..Config::default()
    }
}

fn is_refused(mut stream: TcpStream) {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert_eq!(received, REFUSED);
}

#[test]
fn connection_beyond_the_limit_gets_421() {
    with_server(limited_to(2, 2), |address| {
        let mut first = Control::connect(address);
        let _second = Control::connect(address);
        is_refused(TcpStream::connect(address).unwrap());
        first.command("QUIT", 221);
        first.expect_end();
        drop(first);
        // The server frees the slot when it reads the end-of-file.
        until("a free slot", || {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            line.starts_with("220 ").then_some(())
        });
    });
}

#[test]
fn connections_of_one_address_are_limited() {
    with_server(limited_to(3, 1), |address| {
        let _first = Control::connect(address);
        is_refused(TcpStream::connect(address).unwrap());
        let other = connect_from(Ipv4Addr::new(127, 0, 0, 2), address).unwrap();
        Control::over(other).expect(220);
    });
}

/// Sets the descriptor limit of the running server.
fn set_descriptors(server: &crate::support::Server, current: Option<u64>) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    server.set_limit(Resource::Nofile, Rlimit { current, maximum });
}

/// Without free descriptors, clients stay in the backlog. They are accepted when others leave,
/// although readiness is edge-triggered and not reported again.
#[test]
fn clients_are_accepted_after_a_lack_of_descriptors() {
    let server = crate::support::Server::control_only();
    set_descriptors(&server, Some(server.descriptors() as u64 + 8));
    let clients: Vec<_> = (0..30).map(|_| Control::silent(server.address())).collect();
    server.wait_for_log("Cannot accept connections: Too many open files: raise ulimit -n");
    for mut client in clients {
        client.expect(220);
        client.command("QUIT", 221);
        client.expect_end();
    }
}

/// The limit is inherited from the shell.
#[test]
fn descriptor_limit_lowers_the_connection_limit() {
    let mut server = Command::new("sh")
        .arg("-c")
        .arg("ulimit -n 35 && exec \"$0\" --listen 127.0.0.1:0")
        .arg(binary())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap()).lines();
    let mut start = String::new();
    while !start.contains("Start serving at ") {
        start += &log.next().unwrap().unwrap();
        start.push('\n');
    }
    assert!(
        start.contains("Up to 3 connections, which can take "),
        "{start}"
    );
    // Nothing warns of it: the number was not chosen.
    assert!(!start.contains("limited to"), "{start}");
    let (_, address) = start.split_once("Start serving at ").unwrap();
    let address: SocketAddr = address.trim().parse().unwrap();
    thread::spawn(move || log.for_each(drop));
    let clients: Vec<_> = (0..3).map(|_| Control::connect(address)).collect();
    is_refused(TcpStream::connect(address).unwrap());
    drop(clients);
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn memory_limit_lowers_the_connection_limit() {
    let config = Config {
        max_memory: Some(worst_case_bytes(2, MemoryProfile::default()) as u64),
        ..Config::default()
    };
    with_server(config, |address| {
        let _clients = [Control::connect(address), Control::connect(address)];
        is_refused(TcpStream::connect(address).unwrap());
    });
}

/// With so few connections there is one permit.
#[test]
fn memory_intensive_commands_need_a_permit() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["b", "a", "c"] {
        std::fs::write(directory.path().join(name), "").unwrap();
    }
    let config = Config {
        root: Some(directory.path().into()),
        connections: 16,
        ..Config::default()
    };
    with_server(config, |address| {
        let (mut first, mut second) = (Control::login(address), Control::login(address));
        crate::support::epsv_port(&mut first);
        first.command("LIST -R", 150);
        let data = second.passive();
        second.command("LIST -R", 450);
        drop(data);
        second.command("DSIZ .", 450);
        // Without a permit the listing is complete, but not sorted.
        let data = second.passive();
        second.command("NLST", 150);
        let mut names: Vec<_> = data
            .receive()
            .split(|&b| b == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        second.expect(226);
        names.sort();
        assert_eq!(names, [&b""[..], b"a\r", b"b\r", b"c\r"]);
        first.send("ABOR");
        first.expect(426);
        first.expect(226);
        second.command("DSIZ .", 213);
        let data = second.passive();
        second.command("LIST -R", 150);
        assert!(!data.receive().is_empty());
        second.expect(226);
    });
}

/// The time-out for connecting to a passive port.
const SOON: Duration = Duration::from_millis(300);

/// Serves a file `f` with a single passive port, at an address of its own, so that no other test uses
/// this port.
fn with_one_port(directory: &Path) -> Config {
    std::fs::write(directory.join("f"), "content").unwrap();
    let here = Ipv4Addr::new(127, 0, 77, 1);
    let port = free_ports();
    Config {
        listen: vec![SocketAddr::from((here, 0))],
        root: Some(directory.into()),
        passive_ports: Some(port..=port),
        timings: Timings {
            data_connect: SOON,
            ..Timings::default()
        },
        ..Config::default()
    }
}

/// A client that has connected keeps its data connection; the port is released for other clients.
#[test]
fn unused_passive_ports_are_released() {
    let directory = tempfile::tempdir().unwrap();
    with_server(with_one_port(directory.path()), |address| {
        let mut clients = [(); 3].map(|()| Control::login(address));
        let [early, idle, other] = &mut clients;
        let data = early.passive();
        for control in [&mut *idle, &mut *other] {
            until("a released port", || {
                control.send("EPSV");
                (control.expect_one_of(&[229, 425]).code == 229).then_some(())
            });
        }
        idle.command("NOOP", 200);
        let refused = idle.command("LIST", 425);
        assert!(refused.text().starts_with("Use PASV"), "{refused:?}");
        early.command("RETR f", 150);
        assert_eq!(data.receive(), b"content");
        early.expect(226);
    });
}

#[test]
fn data_connection_at_the_deadline_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::bind(with_one_port(directory.path())).unwrap();
    let (address, handle) = (server.addresses()[0], server.handle());
    // The server is paused from a `pause` to the next `resume`.
    let (pause, pauses) = mpsc::sync_channel(0);
    let (resume, resumes) = mpsc::channel();
    let serving = thread::spawn(move || {
        while server.turn(Some(Duration::from_millis(1))).unwrap() {
            if pauses.try_recv().is_ok() {
                resumes.recv().unwrap();
            }
        }
    });
    let mut control = Control::login(address);
    let mut data = until("a port that still listens", || {
        let port = crate::support::epsv_port(&mut control);
        pause.send(()).unwrap();
        let data = TcpStream::connect((address.ip(), port)).ok();
        thread::sleep(SOON);
        resume.send(()).unwrap();
        data
    });
    control.command("RETR f", 150);
    assert_eq!(crate::support::read_all(&mut data), b"content");
    control.expect(226);
    drop(control);
    handle.stop();
    serving.join().unwrap();
}

/// The port that it waits for would be of no use to it, and is kept from others for the time of a late
/// connection.
#[test]
fn half_closed_session_does_not_wait_for_a_port() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        timings: Timings::default(),
        ..with_one_port(directory.path())
    };
    with_server(config, |address| {
        let mut owner = Control::login(address);
        let port = crate::support::epsv_port(&mut owner);
        for commands in [&["EPSV"][..], &["NOOP", "EPSV", "NOOP"]] {
            let mut control = Control::login(address);
            for command in commands {
                control.send(command);
            }
            control.socket().shutdown(Shutdown::Write).unwrap();
            for command in commands {
                control.expect(if *command == "EPSV" { 425 } else { 200 });
            }
            control.expect_end();
        }
        let mut data = TcpStream::connect((address.ip(), port)).unwrap();
        owner.command("RETR f", 150);
        let mut content = Vec::new();
        data.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"content");
        owner.expect(226);
    });
}
