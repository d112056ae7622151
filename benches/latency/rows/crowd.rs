//! The row of many connections: the rate of commands when a hundred connections are ready at once.
//!
//! The client is itself a small event loop: it writes a command on each connection, then receives
//! replies on readiness until all have arrived.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::Bench;
use crate::contest::{contest, rate};
use crate::control::{Control, IO_TIMEOUT, NOOP};
use crate::field::Contender;
use crate::floor::Program;
use crate::setup::{Setup, Stage};
use crate::table::{Goal, Line, Unit};

const MEMBERS: usize = 100;

/// The rate of commands on a hundred connections.
pub(super) fn crowd(bench: &Bench) -> io::Result<Vec<Line>> {
    let stage = Stage::new(0)?;
    let setup = Setup::plain(&stage);
    let floor = Program::Commands { busy_poll: false };
    let field = bench.start(&setup, &floor)?.with_runtime(bench)?;
    let field = field.with_peers(bench, &setup);
    let count = bench.amount(5);
    let results = contest(field, bench.rounds(20), Crowd::connect, |_, crowd| {
        let exchange = || {
            for _ in 0..count {
                crowd.ping_pong()?;
            }
            Ok(())
        };
        Ok([rate(count * MEMBERS, exchange)?])
    })?;
    let measure = "NOOPs, 100 connections in turns";
    Ok(results.lines([(measure, Unit::ThousandRate, Goal::Floor(0.95))]))
}

struct Crowd {
    poll: Poll,
    events: Events,
    members: Vec<TcpStream>,
    scratch: [u8; 256],
}

impl Crowd {
    fn connect(contender: &Contender) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut members = Vec::with_capacity(MEMBERS);
        for number in (0..).take(MEMBERS) {
            let mut control = Control::connect_in_crowd(contender.subject.address, number)?;
            control.log_in(contender.who.user())?;
            let stream = control.into_stream()?;
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
