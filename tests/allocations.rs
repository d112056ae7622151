//! A `NOOP` in the steady state allocates no memory.
//!
//! The server runs in this process, under a counting allocator. Client and server alternate on one
//! thread, so that each counted allocation has one cause. This program must have no other test.

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

/// The number of measurements, of which one must count no allocation. The server's other threads allocate
/// when they start, which may be late on a busy machine; an allocation by NOOP appears in all of them.
const TRIES: usize = 10;

const GREETING: &[u8] = b"220 Service ready for new user.\r\n";
const NEED_PASSWORD: &[u8] = b"331 User name okay, need password.\r\n";
const LOGGED_IN: &[u8] = b"230 User logged in, proceed.\r\n";
const OK: &[u8] = b"200 Command okay.\r\n";

#[test]
fn noop_allocates_nothing_in_steady_state() {
    let (server, client) = connect(None);
    assert_no_allocations(server, client);

    let root = tempfile::tempdir().unwrap();
    let (mut server, mut client) = connect(Some(root.path().to_owned()));
    for (command, reply) in [
        ("USER anonymous\r\n", NEED_PASSWORD),
        ("PASS x\r\n", LOGGED_IN),
    ] {
        client.write_all(command.as_bytes()).unwrap();
        expect(&mut server, &mut client, reply);
    }
    start_worker(&mut server, &mut client);
    assert_no_allocations(server, client);
}

/// Starts a server, and connects a client that has read the greeting.
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

fn assert_no_allocations(mut server: Server, mut client: TcpStream) {
    let mut changes = Vec::with_capacity(TRIES);
    for _ in 0..TRIES {
        let region = Region::new(ALLOCATOR);
        for _ in 0..10_000 {
            noop(&mut server, &mut client);
        }
        let change = region.change();
        if change.allocations + change.reallocations == 0 {
            // Check that the counter works.
            drop(std::hint::black_box(Box::new([0_u8; 100])));
            assert_eq!(region.change().allocations, 1);
            return;
        }
        changes.push(change);
    }
    panic!("no steady state: {changes:?}");
}

/// Runs a command on the worker, since its thread allocates when it starts.
fn start_worker(server: &mut Server, client: &mut TcpStream) {
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

/// Runs turns of the server until the client has read `expected`.
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
