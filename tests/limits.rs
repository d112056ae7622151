//! At the limit of what the server may hold: connections, and descriptors.
//!
//! The limits on connections are set through the library, as a host program would.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use mioftpd::{Config, Server};
use support::{Control, DEADLINE, binary, connect_from, until};

const REFUSED: &[u8] = b"421 Service not available, closing control connection.\r\n";

/// Runs `test` beside a server with these limits.
fn beside(connections: usize, per_address: usize, test: impl FnOnce(SocketAddr)) {
    let mut server = Server::bind(Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        connections,
        connections_per_address: per_address,
        ..Config::default()
    })
    .unwrap();
    let (address, handle) = (server.addresses()[0], server.handle());
    let serving = thread::spawn(move || server.run());
    test(address);
    // Once politely, and again for those who have not left.
    handle.stop();
    handle.stop();
    serving.join().unwrap().unwrap();
}

fn is_refused(mut stream: TcpStream) {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, REFUSED);
}

#[test]
fn at_the_limit_a_client_hears_421_and_a_leaver_makes_room() {
    beside(2, 2, |address| {
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
    beside(3, 1, |address| {
        let _first = Control::connect(address);
        is_refused(TcpStream::connect(address).unwrap());
        let other = connect_from(Ipv4Addr::new(127, 0, 0, 2), address).unwrap();
        Control::over(other).expect(220);
    });
}

/// With as few descriptors as here, some of the clients wait at the door; they are let in as
/// others leave, though the kernel does not say again that they stand there.
#[test]
fn out_of_descriptors_clients_wait_and_are_served_later() {
    let mut server = Command::new("sh")
        .arg("-c")
        .arg("ulimit -n 20 && exec \"$0\" --listen 127.0.0.1:0")
        .arg(binary())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    let (_, address) = line.split_once("Start serving at ").unwrap();
    let address: SocketAddr = address.trim().parse().unwrap();
    let clients: Vec<_> = (0..30).map(|_| Control::silent(address)).collect();
    for mut client in clients {
        client.expect(220);
        client.command("QUIT", 221);
        client.expect_end();
    }
    server.kill().unwrap();
    server.wait().unwrap();
}
