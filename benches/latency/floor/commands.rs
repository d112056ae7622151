//! The floor of commands: an epoll loop that answers every line with the same reply.
//!
//! Three system calls for each command: `epoll_wait`, `read`, `write`. Edge-triggered, without a second
//! read that would return `EAGAIN`: the next bytes trigger a new edge.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::{Answer, GOODBYE, GREETING, INPUT_BYTES, REPLY, answer_to};

const LISTENER: Token = Token(usize::MAX);

/// How long the loop polls after an event before it sleeps, if it does.
const BUSY_POLL: Duration = Duration::from_micros(50);

/// Serves until it is killed.
pub(super) fn run(address: SocketAddr, busy_poll: bool) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::bind(address)?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections: Slab<TcpStream> = Slab::new();
    let mut input = vec![0; INPUT_BYTES];
    let replies = REPLY.repeat(input.len());

    loop {
        match wait(&mut poll, &mut events, busy_poll) {
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

fn wait(poll: &mut Poll, events: &mut Events, busy_poll: bool) -> io::Result<()> {
    let start = busy_poll.then(Instant::now);
    while start.is_some_and(|start| start.elapsed() < BUSY_POLL) {
        poll.poll(events, Some(Duration::ZERO))?;
        if !events.is_empty() {
            return Ok(());
        }
    }
    poll.poll(events, None)
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

/// One read, one write; returns whether the connection stays open.
fn answer(stream: &mut TcpStream, input: &mut [u8], replies: &[u8]) -> bool {
    let count = match stream.read(input) {
        Ok(count) => count,
        Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
    };
    match answer_to(input.get(..count).unwrap_or_default()) {
        Answer::Replies(count) => {
            let output = replies.get(..count * REPLY.len()).unwrap_or_default();
            stream.write_all(output).is_ok()
        }
        Answer::Goodbye => {
            // A failure ends the run in the client, which waits for this reply.
            drop(stream.write_all(GOODBYE));
            false
        }
        Answer::End => false,
    }
}
