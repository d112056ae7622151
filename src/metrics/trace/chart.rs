//! Draws a trace: which record becomes which event on which track.
//!
//! ```text
//!   event loop            │ poll │ iteration              │ poll ...
//!                         │      │ control │ completion   │
//!   storage 1             │        ╲ open ╱                         jobs, with arrows from and to the loop
//!   ADDRESS commands      │      │ RETR                   ...       from a line to its last reply
//!   ADDRESS turns         │      │ control │ completion   │         with events, actions and deadlines
//! ```
//!
//! What the ring has lost the other half of is left out, or ends with the trace. It must not know JSON.

use std::collections::HashMap;
use std::io::{self, Write};
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use super::chrome::{Chrome, Micros, Track};
use super::lanes::{LANES, Run, on_lanes};
use super::ring::{Event, Ready, Record, Ring, TurnKind};
use crate::clock::Instant;
use crate::metrics::jobs::{JobKind, POOLS};
use crate::protocol::json_text::JsonText;

/// The process of the viewer for the loop and the workers.
const SERVER: u32 = 1;

/// And for the connections.
const CONNECTIONS: u32 = 2;

const LOOP: Track = Track {
    process: SERVER,
    thread: 1,
};

pub(super) struct Chart<'a, W> {
    out: Chrome<W>,
    ring: &'a Ring,
    /// The earliest time; `None` of an empty trace.
    origin: Option<Instant>,
    jobs: HashMap<u32, Job>,
    connections: HashMap<usize, Connection>,
    /// The connection whose turn it is.
    turn: Option<Connection>,
    /// The connection that the next record is about.
    of: Option<usize>,
    /// A command whose argument may follow.
    command: Option<(u64, &'static str, Vec<u8>)>,
    /// A job that has been taken, by the turn that follows.
    taken: Option<u32>,
}

struct Job {
    kind: JobKind,
    begun: Instant,
    ran: u64,
    /// Whether the trace has its submission.
    is_submitted: bool,
}

#[derive(Clone, Copy)]
struct Connection {
    number: u32,
    key: usize,
    peer: Option<SocketAddr>,
    /// Commands that are in progress.
    commands: u32,
}

impl Connection {
    const fn commands_track(self) -> Track {
        Track {
            process: CONNECTIONS,
            thread: 2 * self.number,
        }
    }

    const fn turns_track(self) -> Track {
        Track {
            process: CONNECTIONS,
            thread: 2 * self.number + 1,
        }
    }
}

impl<'a, W: Write> Chart<'a, W> {
    pub(super) fn new(ring: &'a Ring, out: Chrome<W>) -> Self {
        let records = || ring.parts().into_iter().flatten();
        let jobs = records().filter_map(|record| match record.event {
            Event::Done(number, kind, begun, ran) => {
                let is_submitted = false;
                Some((
                    number,
                    Job {
                        kind,
                        begun,
                        ran,
                        is_submitted,
                    },
                ))
            }
            _ => None,
        });
        let jobs: HashMap<_, _> = jobs.collect();
        let times = jobs.values().map(|job| job.begun);
        let origin = times.chain(records().next().map(|record| record.at)).min();
        Self {
            out,
            ring,
            origin,
            jobs,
            connections: HashMap::new(),
            turn: None,
            of: None,
            command: None,
            taken: None,
        }
    }

    /// Writes the file.
    pub(super) fn draw(mut self) -> io::Result<()> {
        self.out.name_process(SERVER, "event loop and workers")?;
        self.out.name_process(CONNECTIONS, "connections")?;
        self.out.name(LOOP, "event loop")?;
        let records = self.ring.parts().into_iter().flatten();
        let mut last = None;
        for record in records {
            let at = self.time(record.at);
            if last.is_none() {
                self.begin(LOOP, at, "iteration")?;
            }
            self.record(record, at)?;
            last = Some(at);
        }
        if let Some(at) = last {
            self.begin_command()?;
            self.end_slice(at, None)?;
        }
        let mut connections: Vec<_> = self.connections.values().copied().collect();
        connections.sort_unstable_by_key(|connection| connection.number);
        for connection in connections {
            for _ in 0..connection.commands {
                self.out.event(
                    'E',
                    connection.commands_track(),
                    last.unwrap_or(0),
                    format_args!(""),
                )?;
            }
            self.name_connection(connection)?;
        }
        self.draw_jobs()?;
        self.out.end()
    }

    fn time(&self, at: Instant) -> u64 {
        self.origin.map_or(0, |origin| at.nanoseconds_since(origin))
    }

    fn record(&mut self, record: &Record, at: u64) -> io::Result<()> {
        if let Event::Argument(length, bytes) = record.event {
            if let Some((_, _, argument)) = &mut self.command {
                argument.extend(bytes.iter().take(length.into()));
            }
            return Ok(());
        }
        self.begin_command()?;
        match record.event {
            Event::Poll(timeout) => {
                self.end_slice(at, None)?;
                let timeout = timeout.map(|time| Micros(nanoseconds(time)).to_string());
                let timeout = timeout.as_deref().unwrap_or("null");
                let more = format_args!(",\"name\":\"poll\",\"args\":{{\"timeout_us\":{timeout}}}");
                self.out.event('B', LOOP, at, more)
            }
            Event::Woke(events) => {
                self.end_slice(at, Some(events))?;
                self.begin(LOOP, at, "iteration")
            }
            Event::Turn(kind, key) => {
                self.end_turn(at)?;
                if kind != TurnKind::Completion {
                    self.take(at)?;
                }
                let connection = *self.connection(key);
                let (name, number) = (kind.name(), connection.number);
                let more =
                    format_args!(",\"name\":\"{name}\",\"args\":{{\"connection\":{number}}}");
                self.out.event('B', LOOP, at, more)?;
                self.begin(connection.turns_track(), at, name)?;
                self.turn = Some(connection);
                self.take(at)
            }
            Event::TurnEnd => self.end_turn(at),
            Event::Done(number, ..) => {
                self.take(at)?;
                self.taken = Some(number);
                Ok(())
            }
            Event::Submitted(number) => match self.jobs.get_mut(&number) {
                Some(job) => {
                    job.is_submitted = true;
                    self.out.arrow('s', LOOP, at, u64::from(number) * 2)
                }
                None => Ok(()),
            },
            Event::Arrivals => self.mark(LOOP, at, "listen socket ready"),
            Event::Refused(reason) => self.mark(LOOP, at, &format!("refused: {reason}")),
            Event::Of(key) => {
                self.of = Some(key);
                Ok(())
            }
            other => self.of_connection(other, at),
        }
    }

    /// A record that is about a connection.
    fn of_connection(&mut self, event: Event, at: u64) -> io::Result<()> {
        let of = self.of.take();
        let key = match event {
            Event::Ready(_, key, _) => Some(key),
            _ => of.or_else(|| self.turn.map(|connection| connection.key)),
        };
        let Some(key) = key else {
            return Ok(());
        };
        let connection = *self.connection(key);
        let track = connection.turns_track();
        match event {
            Event::Ready(socket, _, Ready { readable, writable }) => {
                let name = match (readable, writable) {
                    (true, true) => "readable, writable",
                    (true, false) => "readable",
                    (false, true) => "writable",
                    (false, false) => "at its end",
                };
                self.mark(track, at, &format!("{}: {name}", socket.name()))
            }
            Event::Command(command) => {
                let verb = command.map_or("unrecognized", |command| command.name());
                self.command = Some((at, verb, Vec::new()));
                Ok(())
            }
            Event::Reply(code) => self.reply(key, code, at),
            Event::Action(name) => self.mark(track, at, name),
            Event::Expired(deadline) => self.mark(track, at, &format!("deadline: {deadline}")),
            Event::Peer(address, port) => {
                self.connection(key).peer = Some((address, port).into());
                Ok(())
            }
            Event::Closed(reason) => {
                for _ in 0..mem::take(&mut self.connection(key).commands) {
                    let commands = connection.commands_track();
                    self.out.event('E', commands, at, format_args!(""))?;
                }
                self.mark(track, at, &format!("closed: {reason}"))
            }
            _ => Ok(()),
        }
    }

    /// A reply ends the newest command, unless it is a preliminary one.
    fn reply(&mut self, key: usize, code: u16, at: u64) -> io::Result<()> {
        let connection = self.connection(key);
        let track = connection.commands_track();
        if code < 200 || connection.commands == 0 {
            return self.mark(track, at, &code.to_string());
        }
        connection.commands -= 1;
        let more = format_args!(",\"args\":{{\"reply\":{code}}}");
        self.out.event('E', track, at, more)
    }

    /// A command begins whose argument, if any, is complete.
    fn begin_command(&mut self) -> io::Result<()> {
        let Some((at, verb, argument)) = self.command.take() else {
            return Ok(());
        };
        let Some(turn) = self.turn else {
            return Ok(());
        };
        let connection = self.connection(turn.key);
        connection.commands += 1;
        let track = connection.commands_track();
        let argument = String::from_utf8_lossy(&argument);
        self.begin(track, at, format!("{verb} {argument}").trim_end())
    }

    /// The arrow from the end of a job to what is on the loop now.
    fn take(&mut self, at: u64) -> io::Result<()> {
        match self.taken.take() {
            Some(job) => self.out.arrow('f', LOOP, at, u64::from(job) * 2 + 1),
            None => Ok(()),
        }
    }

    fn end_turn(&mut self, at: u64) -> io::Result<()> {
        let Some(connection) = self.turn.take() else {
            return Ok(());
        };
        self.out
            .event('E', connection.turns_track(), at, format_args!(""))?;
        self.out.event('E', LOOP, at, format_args!(""))
    }

    /// Ends the poll or the iteration.
    fn end_slice(&mut self, at: u64, events: Option<usize>) -> io::Result<()> {
        self.end_turn(at)?;
        self.take(at)?;
        match events {
            Some(count) => {
                let more = format_args!(",\"args\":{{\"events\":{count}}}");
                self.out.event('E', LOOP, at, more)
            }
            None => self.out.event('E', LOOP, at, format_args!("")),
        }
    }

    fn begin(&mut self, track: Track, at: u64, name: &str) -> io::Result<()> {
        let name = JsonText(name.as_bytes());
        self.out
            .event('B', track, at, format_args!(",\"name\":{name}"))
    }

    fn mark(&mut self, track: Track, at: u64, name: &str) -> io::Result<()> {
        let more = format_args!(",\"s\":\"t\",\"name\":{}", JsonText(name.as_bytes()));
        self.out.event('i', track, at, more)
    }

    fn connection(&mut self, key: usize) -> &mut Connection {
        let number = u32::try_from(self.connections.len()).unwrap_or(u32::MAX) + 1;
        let peers = &self.ring.peers;
        self.connections.entry(key).or_insert_with(|| Connection {
            number,
            key,
            peer: peers
                .iter()
                .find(|(open, _)| *open == key)
                .map(|(_, peer)| *peer),
            commands: 0,
        })
    }

    fn name_connection(&mut self, connection: Connection) -> io::Result<()> {
        let name = match connection.peer {
            Some(peer) => peer.to_string(),
            None => format!("connection {}", connection.number),
        };
        self.out
            .name(connection.commands_track(), &format!("{name} commands"))?;
        self.out
            .name(connection.turns_track(), &format!("{name} turns"))
    }

    fn draw_jobs(&mut self) -> io::Result<()> {
        let jobs = mem::take(&mut self.jobs).into_iter();
        let runs = jobs.map(|(number, job)| Run {
            number,
            pool: job.kind.pool() as usize,
            begun: self.time(job.begun),
            ran: job.ran,
            of: job,
        });
        for (lane, is_new, run) in on_lanes(runs.collect()) {
            let (pool, begun) = (run.of.kind.pool() as u32 + 1, run.begun);
            let track = Track {
                process: SERVER,
                thread: LANES * pool + lane,
            };
            if is_new && let Some(name) = POOLS.get(run.pool) {
                self.out.name(track, &format!("{name} {}", lane + 1))?;
            }
            let (number, id) = (run.number, u64::from(run.number) * 2);
            let (took, what) = (Micros(run.ran), run.of.kind.name());
            let more =
                format_args!(",\"dur\":{took},\"name\":\"{what}\",\"args\":{{\"job\":{number}}}");
            self.out.event('X', track, begun, more)?;
            if run.of.is_submitted {
                self.out.arrow('f', track, begun, id)?;
            }
            // Inside the job, for an arrow begins in the slice around it.
            let inside = begun + run.ran - run.ran.min(1);
            self.out.arrow('s', track, inside, id + 1)?;
        }
        Ok(())
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
