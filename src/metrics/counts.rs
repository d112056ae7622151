//! What has happened: commands, replies, bytes, logins, transfers, refusals, ends of connections, jobs.
//!
//! It owns the numbers, plain integers of one thread. Each is counted where the thing happens and nowhere
//! else, by the calls below. What happens seldom is found by its label; what each command does has an array.

use std::time::Duration;

use super::family::{Family, Kind, Sample, Value};
use super::histogram::Histogram;
use super::jobs::{JobKind, JobTimes, Jobs};
use super::trace::{Event, Tracer};
use crate::clock::Instant;
use crate::protocol::command::{Command, TABLE};

/// Counters of one event loop, and times that a client waits for.
#[derive(Debug, Default)]
pub struct Counts {
    /// By command; the last are lines that are none.
    commands: ByCommand,
    last_command: Option<Command>,
    /// By the first digit of the code.
    replies: [u64; 6],
    /// In the order of [`WAYS`].
    bytes: [u64; WAYS.len()],
    /// Events of sockets and signals.
    events: u64,
    /// Polls that returned an event or followed a completion.
    polls_with_work: u64,
    refused: Labelled<1>,
    closed: Labelled<1>,
    logins: Labelled<1>,
    transfers: Labelled<2>,
    /// In bytes per second.
    rates: Histogram,
    jobs: Jobs,
    pub(super) tracer: Tracer,
}

#[derive(Debug)]
struct ByCommand([u64; Command::COUNT + 1]);

impl Default for ByCommand {
    fn default() -> Self {
        Self([0; Command::COUNT + 1])
    }
}

/// Counters that have labels; one that has not counted yet is not there.
#[derive(Debug, Default)]
struct Labelled<const LABELS: usize>(Vec<([&'static str; LABELS], u64)>);

impl<const LABELS: usize> Labelled<LABELS> {
    fn count(&mut self, labels: [&'static str; LABELS]) {
        match self.0.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, count)) => *count += 1,
            None => self.0.push((labels, 1)),
        }
    }

    fn samples(&self, names: [&'static str; LABELS]) -> Vec<Sample> {
        let sample = |(values, count): &([&'static str; LABELS], u64)| Sample {
            labels: names.into_iter().zip(*values).collect(),
            value: Value::Number(*count),
        };
        self.0.iter().map(sample).collect()
    }
}

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the client.
    Sent,
    /// From the client.
    Received,
}

/// Over which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Commands and replies.
    Control,
    /// Payload of files and listings.
    Data,
}

/// Directions, connections, and whether TLS secures them.
const WAYS: [[&str; 3]; 8] = [
    ["sent", "control", "clear"],
    ["sent", "control", "secured"],
    ["sent", "data", "clear"],
    ["sent", "data", "secured"],
    ["received", "control", "clear"],
    ["received", "control", "secured"],
    ["received", "data", "clear"],
    ["received", "data", "secured"],
];

/// Rates of shorter transfers say more of the clock than of the network.
const RATED: Duration = Duration::from_millis(1);

impl Counts {
    /// A line was received: of this command, or of none.
    pub fn command(&mut self, command: Option<Command>, argument: &[u8]) {
        self.tracer.command(command, argument);
        self.last_command = command;
        let index = command.map_or(Command::COUNT, |command| command as usize);
        if let Some(count) = self.commands.0.get_mut(index) {
            *count += 1;
        }
    }

    /// The last command that was received.
    pub fn last_command(&self) -> &'static str {
        self.last_command.map_or("no command", Command::name)
    }

    /// A reply with this code was queued.
    pub fn reply(&mut self, code: u16) {
        self.tracer.record(|| Event::Reply(code));
        if let Some(count) = self.replies.get_mut(usize::from(code / 100)) {
            *count += 1;
        }
    }

    /// Bytes were moved; `is_secured` if by TLS.
    pub fn moved(&mut self, way: Way, channel: Channel, is_secured: bool, bytes: u64) {
        let index = 4 * (way as usize) + 2 * (channel as usize) + usize::from(is_secured);
        if let Some(count) = self.bytes.get_mut(index) {
            *count += bytes;
        }
    }

    /// A poll has found something to do: so many events, or jobs that were done before it.
    pub fn found_work(&mut self, events: usize) {
        self.events += events as u64;
        self.polls_with_work += 1;
    }

    /// A connection was refused.
    pub fn refused(&mut self, reason: &'static str) {
        self.tracer.record(|| Event::Refused(reason));
        self.refused.count([reason]);
    }

    /// A connection was closed.
    pub fn closed(&mut self, reason: &'static str, connection: usize) {
        self.tracer.record(|| Event::Of(connection));
        self.tracer.record(|| Event::Closed(reason));
        self.closed.count([reason]);
    }

    /// A login has succeeded.
    pub fn logged_in(&mut self) {
        self.logins.count(["ok"]);
    }

    /// A login has failed.
    pub fn login_failed(&mut self, reason: &'static str) {
        self.logins.count([reason]);
    }

    /// A job is submitted now.
    pub fn submitted(&mut self, kind: JobKind, now: Instant) -> JobTimes {
        let times = self.jobs.submitted(kind, now);
        self.tracer.record(|| Event::Submitted(times.number));
        times
    }

    /// A job was collected.
    pub fn done(&mut self, times: JobTimes) {
        self.jobs.done(times);
        if let Some((begun, ran)) = times.run() {
            let done = || Event::Done(times.number, times.kind, begun, ran);
            self.tracer.record(done);
        }
    }

    /// A transfer has ended.
    pub fn transferred(
        &mut self,
        direction: &'static str,
        result: &'static str,
        bytes: u64,
        took: Duration,
    ) {
        self.transfers.count([direction, result]);
        if bytes > 0 && took >= RATED {
            let rate = u128::from(bytes) * 1_000_000_000 / took.as_nanos().max(1);
            self.rates.record(u64::try_from(rate).unwrap_or(u64::MAX));
        }
    }

    /// All of it, to be shown.
    pub(crate) fn families(&self) -> Vec<Family> {
        let number = |labels, value| Sample {
            labels,
            value: Value::Number(value),
        };
        let primary = TABLE.iter().filter(|row| row.command.name() == row.name);
        let verbs = primary.map(|row| (row.name, row.command as usize));
        let verbs = verbs.chain([("none", Command::COUNT)]);
        let commands = verbs.filter_map(|(verb, index)| {
            let count = self.commands.0.get(index).filter(|count| **count > 0)?;
            Some(number(vec![("verb", verb)], *count))
        });
        let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter();
        let classes = classes.zip(self.replies.into_iter().skip(1));
        let classes = classes.map(|(class, count)| number(vec![("class", class)], count));
        let ways = WAYS.into_iter().zip(self.bytes);
        let ways = ways.map(|([way, channel, security], count)| {
            let labels = vec![
                ("direction", way),
                ("channel", channel),
                ("security", security),
            ];
            number(labels, count)
        });
        let one = |count| Sample::only(Value::Number(count));
        let counters = [
            ("commands", "Lines received", commands.collect()),
            ("replies", "Replies, by the first digit", classes.collect()),
            (
                "bytes",
                "Bytes of commands, replies, files and listings, before TLS",
                ways.collect(),
            ),
            ("events", "Events of sockets and signals", one(self.events)),
            (
                "polls_with_work",
                "Polls that found something to do",
                one(self.polls_with_work),
            ),
            (
                "refused",
                "Connections that were refused",
                self.refused.samples(["reason"]),
            ),
            (
                "closed",
                "Connections that have ended",
                self.closed.samples(["reason"]),
            ),
            ("logins", "Logins", self.logins.samples(["result"])),
            (
                "transfers",
                "Transfers that have ended",
                self.transfers.samples(["direction", "result"]),
            ),
        ];
        let rates = Sample::only(self.rates.rates());
        let rates = ("rate_bytes_per_second", "Rates of transfers", rates);
        let of = |kind| move |(name, help, samples)| Family::new(kind, name, help, samples);
        let counters = counters.into_iter().map(of(Kind::Counter));
        counters
            .chain([rates].map(of(Kind::Histogram)))
            .chain(self.jobs.families())
            .collect()
    }
}
