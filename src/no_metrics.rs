//! Replaces `metrics` without the Cargo feature `status`: nothing is counted, and the loop reads no clock for
//! its times.

#![allow(
    clippy::needless_pass_by_ref_mut,
    clippy::unused_self,
    reason = "the surface of what it replaces"
)]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::clock::Instant;
use crate::protocol::command::Command;

/// Times of one event loop.
#[derive(Debug)]
pub(crate) struct LoopTimes;

/// When something began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Since(());

/// The time in each phase of an iteration.
#[derive(Debug, Default)]
pub(crate) struct Phases(());

/// The phases of an iteration.
pub(crate) enum Phase {
    Poll,
    Events,
    Completions,
    Deadlines,
    Control,
    Data,
    Accept,
    Status,
}

/// Counters of one event loop.
#[derive(Debug, Default)]
pub struct Counts(());

/// Times of a job.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobTimes(());

/// What a job does.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "as in what it replaces")]
pub enum JobKind {
    Verify,
    Handshake,
    Operate,
    FileTask,
    Drop,
    Entry,
    Describe,
    Open,
    Slice,
    Commit,
    Discard,
}

/// A kind of turn.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "as in what it replaces")]
pub enum TurnKind {
    Control,
    Data,
    Completion,
    Deadline,
    Greeting,
    Notice,
}

/// A socket that an event is about.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "as in what it replaces")]
pub enum Socket {
    Control,
    Passive,
    Data,
}

/// What a trace records.
#[derive(Default)]
pub struct TraceSettings(());

#[allow(missing_docs, reason = "as in what it replaces")]
impl TraceSettings {
    pub const LIMITED_BYTES: u64 = 0;
}

/// What was recorded: nothing.
pub struct Trace(());

#[allow(missing_docs, reason = "as in what it replaces")]
impl Trace {
    pub fn write(&self, _: impl io::Write) -> io::Result<()> {
        Ok(())
    }
}

/// Which way bytes went.
#[allow(missing_docs, reason = "as in what it replaces")]
pub enum Way {
    Sent,
    Received,
}

/// Over which connection.
#[allow(missing_docs, reason = "as in what it replaces")]
pub enum Channel {
    Control,
    Data,
}

impl Since {
    pub(crate) const fn at(_: Instant) -> Self {
        Self(())
    }
}

impl Phases {
    pub(crate) const fn are_measured(&self) -> bool {
        false
    }

    pub(crate) const fn end(&mut self, _: Phase, _: Instant) {}
}

impl LoopTimes {
    pub(crate) const fn new(_: Instant) -> Self {
        Self
    }

    pub(crate) const fn turning_since(&self) -> Since {
        Since(())
    }

    pub(crate) const fn woke(&mut self, _: Instant) {}

    pub(crate) const fn fired(&mut self, _: u64) {}

    pub(crate) fn turned(&mut self, _: impl FnOnce() -> Instant, _: &mut Since, _: u64, _: bool) {}

    pub(crate) const fn asked(&self, serving: Since) -> Since {
        serving
    }

    pub(crate) const fn first_byte(&mut self, _: &mut Since) {}

    pub(crate) const fn logged_in(&mut self, _: Since) {}

    pub(crate) const fn secured(&mut self, _: &mut Since) {}
}

#[allow(missing_docs, reason = "as in what it replaces")]
impl Counts {
    pub const fn command(&mut self, _: Option<Command>, _: &[u8]) {}

    pub const fn reply(&mut self, _: u16) {}

    pub const fn moved(&mut self, _: Way, _: Channel, _: bool, _: u64) {}

    pub const fn found_work(&mut self, _: usize) {}

    pub const fn refused(&mut self, _: &'static str) {}

    pub const fn closed(&mut self, _: &'static str, _: usize) {}

    pub const fn logged_in(&mut self) {}

    pub const fn login_failed(&mut self, _: &'static str) {}

    pub const fn submitted(&mut self, _: JobKind, _: Instant) -> JobTimes {
        JobTimes(())
    }

    pub const fn done(&mut self, _: JobTimes) {}

    pub fn start_trace(&mut self, _: TraceSettings, _: impl Iterator<Item = (usize, SocketAddr)>) {}

    pub const fn is_tracing(&self) -> bool {
        false
    }

    pub fn take_trace(&mut self, _: impl Iterator<Item = (usize, SocketAddr)>) -> Option<Trace> {
        None
    }

    pub const fn polling(&mut self, _: Option<Duration>) {}

    pub const fn woke(&mut self, _: usize) {}

    pub const fn ready(&mut self, _: Socket, _: usize, _: bool, _: bool) {}

    pub const fn arrivals(&mut self) {}

    pub const fn turn(&mut self, _: TurnKind, _: usize) {}

    pub const fn turn_ended(&mut self) {}

    pub const fn peer(&mut self, _: SocketAddr) {}

    pub const fn action(&mut self, _: &'static str) {}

    pub const fn expired(&mut self, _: &'static str) {}

    pub const fn transferred(&mut self, _: &'static str, _: &'static str, _: u64, _: Duration) {}
}

#[allow(missing_docs, reason = "as in what it replaces")]
impl JobTimes {
    pub const fn ran(&mut self, _: Instant, _: Instant) {}

    pub const fn ran_since(&mut self, _: Instant) {}
}
