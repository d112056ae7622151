//! The ring of the trace: the last things that the loop has done, each with its time.
//!
//! It owns a fixed number of records, of which a new one replaces the oldest, and reads the clock for each.
//! A record belongs to the turn that an earlier one has begun, so it need not name its connection. It must
//! not know how records are shown.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::clock::Instant;
use crate::metrics::jobs::JobKind;
use crate::protocol::command::Command;

/// What a trace records.
pub struct TraceSettings {
    /// The most records: 32 bytes each.
    pub records: usize,
    /// Whether the arguments of commands are recorded. Those of PASS and ACCT never are.
    pub names: bool,
    /// The clock of the loop.
    pub clock: Box<dyn Fn() -> Instant + Send>,
}

impl TraceSettings {
    /// The records where memory is limited.
    pub const LIMITED_RECORDS: usize = 1 << 13;

    /// What they take, with the thread that writes them: its stack, and up to 200 bytes for each job and each
    /// connection.
    pub const LIMITED_BYTES: u64 = 1024 * 1024;
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self {
            records: 1 << 16,
            names: false,
            clock: Box::new(Instant::now),
        }
    }
}

/// A kind of turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnKind {
    /// Commands are read, executed and answered.
    Control,
    /// A slice of a transfer.
    Data,
    /// The result of a job is taken.
    Completion,
    /// A deadline has expired.
    Deadline,
    /// A client is greeted.
    Greeting,
    /// The server or another connection has something for it.
    Notice,
}

impl TurnKind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Data => "data",
            Self::Completion => "completion",
            Self::Deadline => "deadline",
            Self::Greeting => "greeting",
            Self::Notice => "notice",
        }
    }
}

impl Socket {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Passive => "passive",
            Self::Data => "data",
        }
    }
}

/// A socket that an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "as the roles of sockets")]
pub enum Socket {
    Control,
    Passive,
    Data,
}

/// One thing that the loop has done. The number of a connection is that of its key.
#[derive(Clone, Copy, Debug)]
pub(in crate::metrics) enum Event {
    /// A poll begins; `None`: without a time-out.
    Poll(Option<Duration>),
    /// It has returned with so many events.
    Woke(usize),
    Ready(Socket, usize, Ready),
    /// A listen socket of the server has connections.
    Arrivals,
    Turn(TurnKind, usize),
    TurnEnd,
    Command(Option<Command>),
    /// Some bytes of the argument of the command before it.
    Argument(u8, [u8; ARGUMENT_BYTES]),
    Reply(u16),
    Action(&'static str),
    Submitted(u32),
    /// The job was begun then and has taken so many nanoseconds.
    Done(u32, JobKind, Instant, u64),
    Expired(&'static str),
    Peer(IpAddr, u16),
    Refused(&'static str),
    /// The next record is about this connection, whose turn is over.
    Of(usize),
    Closed(&'static str),
}

/// What a socket is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::metrics) struct Ready {
    pub(in crate::metrics) readable: bool,
    pub(in crate::metrics) writable: bool,
}

/// The bytes of an argument in one record.
const ARGUMENT_BYTES: usize = 22;

/// The records of an argument; what is longer is cut.
const ARGUMENT_RECORDS: usize = 6;

#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) at: Instant,
    pub(super) event: Event,
}

pub(super) struct Ring {
    settings: TraceSettings,
    records: Vec<Record>,
    /// The oldest record, once all are in use.
    oldest: usize,
    /// Connections that were open when it began or ended, by their numbers.
    pub(super) peers: Vec<(usize, SocketAddr)>,
}

/// The ring, while a trace is on.
#[derive(Default)]
pub(in crate::metrics) struct Tracer(Option<Box<Ring>>);

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tracer").field(&self.0.is_some()).finish()
    }
}

impl Tracer {
    /// Begins a trace. One that is on is dropped.
    pub(in crate::metrics) fn start(
        &mut self,
        settings: TraceSettings,
        peers: Vec<(usize, SocketAddr)>,
    ) {
        self.0 = Some(Box::new(Ring::new(settings, peers)));
    }

    pub(in crate::metrics) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn take_ring(&mut self) -> Option<Box<Ring>> {
        self.0.take()
    }

    /// The event is made only if a trace is on.
    pub(in crate::metrics) fn record(&mut self, event: impl FnOnce() -> Event) {
        if self.is_on() {
            self.push(event());
        }
    }

    #[cold]
    #[inline(never)]
    fn push(&mut self, event: Event) {
        if let Some(ring) = &mut self.0 {
            ring.push(event);
        }
    }

    /// A command, with its argument if that may be recorded.
    pub(in crate::metrics) fn command(&mut self, command: Option<Command>, argument: &[u8]) {
        if let Some(ring) = &mut self.0 {
            ring.push_command(command, argument);
        }
    }
}

impl Ring {
    fn new(settings: TraceSettings, peers: Vec<(usize, SocketAddr)>) -> Self {
        Self {
            records: Vec::with_capacity(settings.records),
            settings,
            oldest: 0,
            peers,
        }
    }

    fn push(&mut self, event: Event) {
        let at = (self.settings.clock)();
        let record = Record { at, event };
        if self.records.len() < self.settings.records {
            return self.records.push(record);
        }
        if let Some(oldest) = self.records.get_mut(self.oldest) {
            *oldest = record;
        }
        self.oldest = (self.oldest + 1) % self.records.len().max(1);
    }

    #[cold]
    fn push_command(&mut self, command: Option<Command>, argument: &[u8]) {
        self.push(Event::Command(command));
        // What is no command may be a mistyped password.
        let is_secret = matches!(command, None | Some(Command::Pass | Command::Acct));
        if is_secret || !self.settings.names {
            return;
        }
        for chunk in argument.chunks(ARGUMENT_BYTES).take(ARGUMENT_RECORDS) {
            let mut bytes = [0; ARGUMENT_BYTES];
            for (to, from) in bytes.iter_mut().zip(chunk) {
                *to = *from;
            }
            let length = u8::try_from(chunk.len()).unwrap_or(0);
            self.push(Event::Argument(length, bytes));
        }
    }

    /// The records in their order, in two parts.
    pub(super) fn parts(&self) -> [&[Record]; 2] {
        let (newer, older) = self.records.split_at(self.oldest.min(self.records.len()));
        [older, newer]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_has_32_bytes() {
        assert!(size_of::<Record>() <= 32);
    }

    #[test]
    fn ring_keeps_the_newest_records_in_order() {
        let settings = TraceSettings {
            records: 4,
            ..TraceSettings::default()
        };
        let mut ring = Ring::new(settings, Vec::new());
        for code in 0..10_u16 {
            let kept: Vec<_> = ring.parts().concat();
            let codes = kept.iter().map(|record| match record.event {
                Event::Reply(code) => code,
                _ => 99,
            });
            assert!(codes.eq(code.saturating_sub(4)..code));
            ring.push(Event::Reply(code));
        }
    }
}
