//! The row of many connections: the rate of commands when a hundred connections are ready at once.
//!
//! The client is itself a small event loop: it writes a command on each connection, then receives
//! replies on readiness until all have arrived.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::Bench;
use crate::alternate::{Both, Rates, alternate};
use crate::control::{Control, IO_TIMEOUT, NOOP};
use crate::table::{Line, Value};

const MEMBERS: usize = 100;

/// The rate of commands on a hundred connections.
pub(super) fn crowd(bench: &Bench) -> io::Result<Vec<Line>> {
    let subjects = bench.start_commands()?;
    let mut crowds = subjects.try_map(|subject| Crowd::connect(subject.address))?;
    let mut rates = Both::<Rates>::default();
    let effort = bench.effort(100, 50);
    alternate(effort, |side| {
        let crowd = crowds.of(side);
        let start = Instant::now();
        for _ in 0..effort.per_round {
            crowd.ping_pong()?;
        }
        rates.of(side).record(effort.per_round * MEMBERS, start);
        Ok(())
    })?;
    let measure = format!("{MEMBERS} connections, commands");
    let line = Line::rates(measure, &mut rates, Value::Commands, "ratio >= 0.9");
    Ok(vec![line])
}

struct Crowd {
    poll: Poll,
    events: Events,
    members: Vec<TcpStream>,
    scratch: [u8; 256],
}

impl Crowd {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut members = Vec::with_capacity(MEMBERS);
        for number in (0..).take(MEMBERS) {
            let stream = Control::connect_in_crowd(address, number)?.into_stream()?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry()
                .register(&mut stream, Token(members.len()), Interest::READABLE)?;
            members.push(stream);
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(MEMBERS),
            members,
            scratch: [0; 256],
        })
    }

    fn ping_pong(&mut self) -> io::Result<()> {
        for member in &mut self.members {
            member.write_all(NOOP)?;
        }
        let mut missing = self.members.len();
        while missing > 0 {
            missing -= self.receive_replies()?;
        }
        Ok(())
    }

    /// Polls once, receives, and returns the number of completed replies. One reply per member is
    /// outstanding, so its line end is the last byte.
    fn receive_replies(&mut self) -> io::Result<usize> {
        match self.poll.poll(&mut self.events, Some(IO_TIMEOUT)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            result => result?,
        }
        if self.events.is_empty() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut complete = 0;
        for event in &self.events {
            let Some(member) = self.members.get_mut(event.token().0) else {
                continue;
            };
            match member.read(&mut self.scratch) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    let received = self.scratch.get(..count).unwrap_or_default();
                    complete += usize::from(received.ends_with(b"\n"));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(complete)
    }
}
