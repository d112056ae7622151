//! The floor: the measured tasks with the minimum of system calls.
//!
//! Runs as a process of its own like the server, at the same distance from the client. It neither
//! parses commands nor keeps state nor handles misuse: it is a reference, not a server.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{self, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustix::process::{Signal, set_parent_process_death_signal};
use slab::Slab;

#[cfg(feature = "tls")]
use crate::tls_floor;

/// The task of a floor process.
pub(crate) enum Kind {
    /// Sends the same reply to every line.
    Commands(SocketAddr),
    /// Sends the file on every connection.
    Files(SocketAddr, PathBuf),
    /// Transfers files over TLS.
    #[cfg(feature = "tls")]
    Tls(tls_floor::Task),
}

const GREETING: &[u8] = b"220 Service ready for new user.\r\n";
const REPLY: &[u8] = b"200 Command okay.\r\n";
const GOODBYE: &[u8] = b"221 Service closing control connection.\r\n";
const LISTENER: Token = Token(usize::MAX);

/// Runs until it is killed; the kernel kills it when its parent ends.
pub(crate) fn run(kind: &Kind) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    match kind {
        Kind::Commands(address) => answer_commands(*address),
        Kind::Files(address, file) => send_files(*address, file),
        #[cfg(feature = "tls")]
        Kind::Tls(task) => tls_floor::run(task),
    }
}

/// Three system calls per command: `epoll_wait`, `read`, `write`. Edge-triggered, without a second read
/// that would return `EAGAIN`: the next bytes trigger a new edge.
fn answer_commands(address: SocketAddr) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::bind(address)?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections: Slab<TcpStream> = Slab::new();
    let mut input = vec![0; 64 * 1024];
    let replies = REPLY.repeat(input.len());

    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            if event.token() == LISTENER {
                accept_all(&poll, &listener, &mut connections)?;
                continue;
            }
            let key = event.token().0;
            let stays_open = connections
                .get_mut(key)
                .is_none_or(|stream| answer(stream, &mut input, &replies));
            if !stays_open {
                connections.remove(key);
            }
        }
    }
}

fn accept_all(
    poll: &Poll,
    listener: &TcpListener,
    connections: &mut Slab<TcpStream>,
) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        stream.write_all(GREETING)?;
        let entry = connections.vacant_entry();
        poll.registry()
            .register(&mut stream, Token(entry.key()), Interest::READABLE)?;
        entry.insert(stream);
    }
}

/// One read, one write; returns whether the connection stays open. A line that begins with Q counts as
/// QUIT, and clients do not pipeline it.
fn answer(stream: &mut TcpStream, input: &mut [u8], replies: &[u8]) -> bool {
    let count = match stream.read(input) {
        Ok(count) => count,
        Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
    };
    let lines = input.get(..count).unwrap_or_default();
    if lines.is_empty() {
        return false;
    }
    if lines.starts_with(b"Q") {
        // A failure ends the run in the client, which waits for this reply.
        drop(stream.write_all(GOODBYE));
        return false;
    }
    let commands = lines
        .iter()
        .map(|byte| usize::from(*byte == b'\n'))
        .sum::<usize>();
    let output = replies.get(..commands * REPLY.len()).unwrap_or_default();
    stream.write_all(output).is_ok()
}

/// A thread per connection, with a loop of blocking `sendfile` calls.
fn send_files(address: SocketAddr, file: &Path) -> io::Result<()> {
    let listener = net::TcpListener::bind(address)?;
    for stream in listener.incoming() {
        let (stream, file) = (stream?, File::open(file)?);
        thread::spawn(move || send_file(&stream, &file));
    }
    Ok(())
}

fn send_file(stream: &net::TcpStream, file: &File) {
    const CHUNK: usize = 1 << 30;
    // Errors are ignored: the client counts the bytes.
    while matches!(rustix::fs::sendfile(stream, file, None, CHUNK), Ok(sent) if sent > 0) {}
}
