//! At the limit of what the server may hold: connections, descriptors, and memory.
//!
//! The limits on connections are set through the library, as a host program would.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use mioftpd::limits::{Equipment, Timings, worst_case_bytes};
use mioftpd::{Config, Server};
use rustix::process::{Resource, Rlimit, getrlimit};
use support::{Control, DEADLINE, binary, connect_from, free_ports, until};

const REFUSED: &[u8] = b"421 Service not available, closing control connection.\r\n";

/// Runs `test` beside a server with these limits.
fn beside(mut config: Config, test: impl FnOnce(SocketAddr)) {
    if config.listen.is_empty() {
        config.listen.push("127.0.0.1:0".parse().unwrap());
    }
    let mut server = Server::bind(config).unwrap();
    let (address, handle) = (server.addresses()[0], server.handle());
    let serving = thread::spawn(move || server.run());
    test(address);
    // Once politely, and again for those who have not left.
    handle.stop();
    handle.stop();
    serving.join().unwrap().unwrap();
}

fn only(connections: usize, connections_per_address: usize) -> Config {
    Config {
        connections,
        connections_per_address,
        ..Config::default()
    }
}

fn is_refused(mut stream: TcpStream) {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, REFUSED);
}

#[test]
fn at_the_limit_a_client_hears_421_and_a_leaver_makes_room() {
    beside(only(2, 2), |address| {
        let mut first = Control::connect(address);
        let _second = Control::connect(address);
        is_refused(TcpStream::connect(address).unwrap());
        first.command("QUIT", 221);
        first.expect_end();
        drop(first);
        // The place is free as soon as the server has seen the end.
        until("a free place", || {
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
fn one_address_cannot_take_all_places() {
    beside(only(3, 1), |address| {
        let _first = Control::connect(address);
        is_refused(TcpStream::connect(address).unwrap());
        let other = connect_from(Ipv4Addr::new(127, 0, 0, 2), address).unwrap();
        Control::over(other).expect(220);
    });
}

/// Sets how many descriptors the server may have open from now on.
fn set_descriptors(server: &support::Server, current: Option<u64>) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    server.set_limit(Resource::Nofile, Rlimit { current, maximum });
}

/// When others have taken them, some of the clients wait at the door; they are let in as others
/// leave, though the kernel does not say again that they stand there.
#[test]
fn out_of_descriptors_clients_wait_and_are_served_later() {
    let server = support::Server::control_only();
    set_descriptors(&server, Some(server.descriptors() as u64 + 8));
    let clients: Vec<_> = (0..30).map(|_| Control::silent(server.address())).collect();
    server.wait_for_log("Cannot accept connections: Too many open files: raise ulimit -n");
    for mut client in clients {
        client.expect(220);
        client.command("QUIT", 221);
        client.expect_end();
    }
}

/// The limit of the shell that starts it is the server's.
#[test]
fn there_are_no_more_connections_than_descriptors_for_them() {
    let mut server = Command::new("sh")
        .arg("-c")
        .arg("ulimit -n 35 && exec \"$0\" --listen 127.0.0.1:0")
        .arg(binary())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap()).lines();
    let warning = log.next().unwrap().unwrap();
    assert!(
        warning.contains("Limited to 3 connections instead of 4096 by "),
        "{warning}"
    );
    let line = log.next().unwrap().unwrap();
    let (_, address) = line.split_once("Start serving at ").unwrap();
    let address: SocketAddr = address.trim().parse().unwrap();
    let sum = log.next().unwrap().unwrap();
    assert!(
        sum.contains("Up to 3 connections, which can take "),
        "{sum}"
    );
    thread::spawn(move || log.for_each(drop));
    let clients: Vec<_> = (0..3).map(|_| Control::connect(address)).collect();
    is_refused(TcpStream::connect(address).unwrap());
    drop(clients);
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn there_are_no_more_connections_than_memory_for_them() {
    let config = Config {
        max_memory: Some(worst_case_bytes(2, Equipment::default()) as u64),
        ..Config::default()
    };
    beside(config, |address| {
        let _clients = [Control::connect(address), Control::connect(address)];
        is_refused(TcpStream::connect(address).unwrap());
    });
}

/// There is one place for so few connections.
#[test]
fn what_needs_much_memory_is_done_once_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["b", "a", "c"] {
        std::fs::write(directory.path().join(name), "").unwrap();
    }
    let config = Config {
        root: Some(directory.path().into()),
        connections: 16,
        ..Config::default()
    };
    beside(config, |address| {
        let (mut first, mut second) = (Control::login(address), Control::login(address));
        support::epsv_port(&mut first);
        first.command("LIST -R", 150);
        let data = second.passive();
        second.command("LIST -R", 450);
        drop(data);
        second.command("DSIZ .", 450);
        // Not sorted, but all of it.
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

/// What a client has to do in time with the port that it is told.
const SOON: Duration = Duration::from_millis(300);

/// Serves a file `f` at an address of its own: the ports there are not what others are given.
fn with_a_port(directory: &Path) -> Config {
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

/// Of a passive port whoever has connected to it in time keeps what it is for, and nobody else keeps
/// the port.
#[test]
fn passive_ports_that_nobody_connects_to_come_back() {
    let directory = tempfile::tempdir().unwrap();
    beside(with_a_port(directory.path()), |address| {
        let mut clients = [(); 3].map(|()| Control::login(address));
        let [early, idle, other] = &mut clients;
        let data = early.passive();
        for control in [&mut *idle, &mut *other] {
            until("a port that is given back", || {
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
fn who_connects_at_the_last_moment_has_connected() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::bind(with_a_port(directory.path())).unwrap();
    let (address, handle) = (server.addresses()[0], server.handle());
    // Between one of these and the other it stands still.
    let (stop, stops) = mpsc::sync_channel(0);
    let (go_on, goes_on) = mpsc::channel();
    let serving = thread::spawn(move || {
        while server.turn(Some(Duration::from_millis(1))).unwrap() {
            if stops.try_recv().is_ok() {
                goes_on.recv().unwrap();
            }
        }
    });
    let mut control = Control::login(address);
    let mut data = until("a port that is still there", || {
        let port = support::epsv_port(&mut control);
        stop.send(()).unwrap();
        let data = TcpStream::connect((address.ip(), port)).ok();
        thread::sleep(SOON);
        go_on.send(()).unwrap();
        data
    });
    control.command("RETR f", 150);
    assert_eq!(support::read_all(&mut data), b"content");
    control.expect(226);
    drop(control);
    handle.stop();
    serving.join().unwrap();
}
