//! A `NOOP` in the steady state allocates nothing: the server turns in this process, under
//! an allocator that counts.
//!
//! Client and server take turns on one thread, so that every allocation that is counted has
//! one cause. Nothing else may be tested in this program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::alloc::System;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use mioftpd::{Config, Server};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The server's other threads allocate when they start, which on a busy machine may be late: so many
/// times the counting begins again. What a NOOP allocates is counted each time.
const TRIES: usize = 10;

const GREETING: &[u8] = b"220 Service ready for new user.\r\n";
const NEED_PASSWORD: &[u8] = b"331 User name okay, need password.\r\n";
const LOGGED_IN: &[u8] = b"230 User logged in, proceed.\r\n";
const OK: &[u8] = b"200 Command okay.\r\n";

#[test]
fn a_noop_in_the_steady_state_allocates_nothing() {
    let (server, client) = connect(None);
    allocates_nothing(server, client);

    let root = tempfile::tempdir().unwrap();
    let (mut server, mut client) = connect(Some(root.path().to_owned()));
    for (command, reply) in [
        ("USER anonymous\r\n", NEED_PASSWORD),
        ("PASS x\r\n", LOGGED_IN),
    ] {
        client.write_all(command.as_bytes()).unwrap();
        expect(&mut server, &mut client, reply);
    }
    have_the_worker_begin(&mut server, &mut client);
    allocates_nothing(server, client);
}

/// A client that has heard the greeting of a server of this directory.
fn connect(root: Option<PathBuf>) -> (Server, TcpStream) {
    let config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        root,
        workers: 1,
        ..Config::default()
    };
    let mut server = Server::bind(config).unwrap();
    let mut client = TcpStream::connect(server.addresses()[0]).unwrap();
    client.set_nonblocking(true).unwrap();
    client.set_nodelay(true).unwrap();
    expect(&mut server, &mut client, GREETING);
    (server, client)
}

fn allocates_nothing(mut server: Server, mut client: TcpStream) {
    let mut changes = Vec::with_capacity(TRIES);
    for _ in 0..TRIES {
        let region = Region::new(ALLOCATOR);
        for _ in 0..10_000 {
            noop(&mut server, &mut client);
        }
        let change = region.change();
        if change.allocations + change.reallocations == 0 {
            // The counter counts.
            drop(std::hint::black_box(Box::new([0_u8; 100])));
            assert_eq!(region.change().allocations, 1);
            return;
        }
        changes.push(change);
    }
    panic!("no steady state: {changes:?}");
}

/// Its thread makes itself room when it begins, which on a busy machine is late.
fn have_the_worker_begin(server: &mut Server, client: &mut TcpStream) {
    client.write_all(b"MLST /\r\n").unwrap();
    let mut reply = Vec::new();
    while !reply.ends_with(b"\r\n250 End.\r\n") {
        let mut buffer = [0; 128];
        match client.read(&mut buffer) {
            Ok(count) => reply.extend_from_slice(&buffer[..count]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                server.turn(Some(Duration::from_secs(1))).unwrap();
            }
            Err(e) => panic!("{e}"),
        }
    }
}

fn noop(server: &mut Server, client: &mut TcpStream) {
    client.write_all(b"NOOP\r\n").unwrap();
    expect(server, client, OK);
}

/// Turns the server until the client has read what it expects.
fn expect(server: &mut Server, client: &mut TcpStream, expected: &[u8]) {
    let (mut buffer, mut filled) = ([0; 128], 0);
    for _ in 0..100 {
        match client.read(&mut buffer[filled..]) {
            Ok(count) => filled += count,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                server.turn(Some(Duration::from_secs(1))).unwrap();
            }
            Err(e) => panic!("{e}"),
        }
        if filled >= expected.len() {
            assert_eq!(&buffer[..filled], expected);
            return;
        }
    }
    panic!("no reply in 100 turns");
}
