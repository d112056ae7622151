//! One file's bytes between a data connection and the storage, a bounded slice at a time.
//!
//! A [`Transfer`] owns its stream and its file. [`Transfer::slice`] moves a bounded number
//! of bytes and says what it needs next; it never waits for the network, and for the disk
//! only where it is told that it may. So the same code runs on the loop and on a worker, and
//! whoever holds the transfer holds all of it. It knows no session and no reply. RFC 959 §3.

mod converting;
mod decoder;
mod encoder;
mod inbound;
mod listing;
mod outbound;
mod plan;
mod rate_limiter;
mod representation;
mod scratch;
mod walk;

use std::io::ErrorKind;
use std::time::Instant;

use crate::event_loop::{Interest, Permit};
use crate::net::{Channel, Stream};
use crate::storage::{self, Wait};

pub use plan::{Direction, Format, Listing, Need, Opened, Plan};
pub use representation::{DataType, FormatControl, Mode, Representation, Structure};
pub use scratch::Scratch;

use inbound::Inbound;
use listing::ListingSender;
use outbound::Outbound;
use rate_limiter::RateLimiter;

/// What came of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceOutcome {
    /// The budget is used up and there is more to do at once.
    Again,
    /// The network must move first.
    Waiting(Interest),
    /// The disk would have to be waited for: only with [`Wait::Never`].
    WouldWait,
    /// There may be room for more when the files that a quota is for have been counted.
    NotCounted,
    /// An upload has its last byte and may be committed.
    Received,
    /// All is done, and the file is closed.
    Done,
    /// It is over; the file is closed and an upload's temporary one removed.
    Failed(Failure),
}

/// Why a transfer failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The data connection was cut.
    Connection,
    /// The data connection was to be secured, and could not be.
    Security,
    /// What came is not what MODE and STRU say that it is.
    Malformed,
    /// A listing has come to its bounds: what it shows is right, and not all.
    Bounded,
    /// The storage failed, or the file turned out shorter than it was.
    Storage(storage::Error),
}

/// A restart marker of the client's, up to which an upload is written (RFC 959 §3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What the client calls the place: printable, without spaces.
    pub theirs: Vec<u8>,
    /// The offset in the file.
    pub ours: u64,
}

/// The file side of a transfer, opened and not yet joined to a data connection.
pub struct TransferSource {
    flow: Flow,
    /// Where what it does needs one.
    permit: Option<Permit>,
    /// The most bytes a second.
    rate: Option<u64>,
}

enum Flow {
    Outbound(Outbound),
    Inbound(Inbound),
    ListingSender(Box<ListingSender>),
    /// It has come to this end, and what it held is closed.
    Over(SliceOutcome),
}

impl TransferSource {
    /// Whether the client sends and the server stores.
    pub const fn is_inbound(&self) -> bool {
        matches!(self.flow, Flow::Inbound(_))
    }

    /// Whether its bytes say where the file ends, whatever they are sent over.
    pub fn announces_end(&self) -> bool {
        matches!(&self.flow, Flow::Inbound(inbound) if inbound.announces_end())
    }

    /// Closes the file side of a transfer that was cut: an upload's temporary file is removed,
    /// unless a part of it stays. How long the file is then. Waits for the disk.
    pub fn abandon(self) -> Option<u64> {
        self.flow.abandon(true)
    }
}

impl Flow {
    /// What it waits for before its first slice.
    const fn first_interest(&self) -> Interest {
        match self {
            Self::Inbound(_) => Interest::Readable,
            Self::Outbound(_) | Self::ListingSender(_) | Self::Over(_) => Interest::Writable,
        }
    }

    fn abandon(self, is_cut: bool) -> Option<u64> {
        match self {
            Self::Inbound(inbound) => inbound.abandon(is_cut),
            Self::Outbound(_) | Self::ListingSender(_) | Self::Over(_) => None,
        }
    }
}

/// A data connection and a file, and the bytes between them.
pub struct Transfer {
    stream: Channel,
    flow: Flow,
    /// What it was joined with, also when that is over.
    is_inbound: bool,
    permit: Option<Permit>,
    moved: u64,
    /// Of an upload that has failed: how long the file is in which bytes of it are.
    kept: Option<u64>,
    speed: Speed,
}

/// How fast a transfer may be.
enum Speed {
    /// As fast as it can.
    Free,
    /// At an even rate; so many bytes have been granted for the next slice.
    Paced(RateLimiter, u64),
}

impl Transfer {
    /// Joins a data connection and a file.
    pub fn new(stream: Channel, source: TransferSource) -> Self {
        Self {
            stream,
            is_inbound: source.is_inbound(),
            flow: source.flow,
            permit: source.permit,
            moved: 0,
            kept: None,
            speed: match source.rate {
                Some(rate) => Speed::Paced(RateLimiter::new(rate), 0),
                None => Speed::Free,
            },
        }
    }

    /// What it waits for before its first slice.
    pub fn first_interest(&self) -> Interest {
        if self.stream.is_handshaking() {
            return Interest::Readable;
        }
        self.flow.first_interest()
    }

    /// Whether its data connection is as it should be: secured, if it is to be.
    pub fn is_connected(&self) -> bool {
        !self.stream.is_handshaking()
    }

    /// What an operator should hear of its data connection's handshake.
    pub fn take_diagnostic(&mut self) -> Option<String> {
        self.stream.take_diagnostic()
    }

    /// Whether its data connection has ended without `close_notify`, where it may.
    pub fn has_accepted_unclean_end(&self) -> bool {
        self.stream.has_accepted_unclean_end()
    }

    /// Whether it has, and may not.
    pub fn has_rejected_unclean_end(&self) -> bool {
        self.stream.has_rejected_unclean_end()
    }

    /// Bytes that went over the data connection so far.
    pub const fn moved(&self) -> u64 {
        self.moved
    }

    /// From where a client can go on in a file that has bytes of an upload which has failed, if one has.
    pub const fn kept(&self) -> Option<u64> {
        self.kept
    }

    /// Whether the client sends and the server stores.
    pub const fn is_inbound(&self) -> bool {
        self.is_inbound
    }

    /// Asks for the next slice: it may be made now, or from a later time on.
    pub fn grant(&mut self, now: Instant) -> Result<(), Instant> {
        if let Speed::Paced(rate_limiter, granted) = &mut self.speed {
            *granted = rate_limiter.grant(self.moved, now)?;
        }
        Ok(())
    }

    /// Moves up to about `budget` bytes, or as many as were granted. After `Done` and `Failed` the
    /// file is closed, and the stream is ended: half-closed, or marked to be reset.
    pub fn slice(&mut self, budget: usize, wait: Wait, scratch: &mut Scratch) -> SliceOutcome {
        if let Flow::Over(outcome) = self.flow {
            return self.end_stream(outcome);
        }
        if self.stream.is_handshaking()
            && let Some(outcome) = self.continue_handshake(wait)
        {
            return self.conclude(outcome);
        }
        let budget = match self.speed {
            Speed::Free => budget,
            Speed::Paced(_, granted) => {
                usize::try_from(granted).map_or(budget, |granted| granted.min(budget))
            }
        };
        let stream = &mut self.stream;
        let outcome = match &mut self.flow {
            Flow::Outbound(outbound) => {
                outbound.slice(stream, budget, wait, scratch, &mut self.moved)
            }
            Flow::Inbound(inbound) => inbound.slice(stream, budget, wait, scratch, &mut self.moved),
            Flow::ListingSender(listed) => listed.slice(stream, wait, scratch, &mut self.moved),
            Flow::Over(outcome) => *outcome,
        };
        self.conclude(outcome)
    }

    /// Puts a received upload in its place: `Done` or `Failed`. Waits for the disk.
    pub fn commit(&mut self) -> SliceOutcome {
        let committed = match &mut self.flow {
            Flow::Inbound(inbound) => inbound.commit(),
            Flow::Outbound(_) | Flow::ListingSender(_) | Flow::Over(_) => Ok(()),
        };
        self.conclude(match committed {
            Ok(()) => SliceOutcome::Done,
            Err(error) => SliceOutcome::Failed(Failure::Storage(error)),
        })
    }

    /// After [`SliceOutcome::NotCounted`]: what there is no room for in the next slice is refused.
    pub const fn stop_waiting(&mut self) {
        if let Flow::Inbound(inbound) = &mut self.flow {
            inbound.stop_waiting();
        }
    }

    /// A restart marker that was reached in the last slice and is to be acknowledged now:
    /// taken, it is a promise that what is before it stays.
    pub fn take_mark(&mut self) -> Option<Mark> {
        match &mut self.flow {
            Flow::Inbound(inbound) => inbound.take_mark(),
            Flow::Outbound(_) | Flow::ListingSender(_) | Flow::Over(_) => None,
        }
    }

    /// Cuts the data connection off, at once, and leaves the file side to be closed where
    /// one may wait for it.
    pub fn cut(self) -> TransferSource {
        let Self {
            mut stream,
            flow,
            permit,
            ..
        } = self;
        stream.reset_on_close();
        let rate = None;
        TransferSource { flow, permit, rate }
    }

    /// Goes on with securing the data connection; on a worker, for it costs a signature. `None`
    /// is progress.
    fn continue_handshake(&mut self, wait: Wait) -> Option<SliceOutcome> {
        if wait == Wait::Never {
            return Some(SliceOutcome::WouldWait);
        }
        let error = self.stream.handshake().err()?;
        Some(match error.kind() {
            ErrorKind::WouldBlock if self.stream.has_unsent() => {
                SliceOutcome::Waiting(Interest::Writable)
            }
            ErrorKind::WouldBlock => SliceOutcome::Waiting(Interest::Readable),
            ErrorKind::Interrupted => SliceOutcome::Again,
            _ => SliceOutcome::Failed(Failure::Security),
        })
    }

    /// Closes the file side of what has come to its end.
    fn conclude(&mut self, outcome: SliceOutcome) -> SliceOutcome {
        if !matches!(outcome, SliceOutcome::Done | SliceOutcome::Failed(_)) {
            return outcome;
        }
        let is_stored = outcome == SliceOutcome::Done && self.is_inbound;
        let flow = std::mem::replace(&mut self.flow, Flow::Over(outcome));
        if outcome != SliceOutcome::Done {
            self.kept = flow.abandon(outcome == SliceOutcome::Failed(Failure::Connection));
        }
        let end = self.end_stream(outcome);
        // What is stored is stored, also where its client, who has said its end, has no room for ours.
        if is_stored { outcome } else { end }
    }

    /// Ends the stream: in order, or so that it cannot be taken for that. A reset would destroy the
    /// alert which says as much.
    fn end_stream(&mut self, outcome: SliceOutcome) -> SliceOutcome {
        let is_in_order = matches!(
            outcome,
            SliceOutcome::Done | SliceOutcome::Failed(Failure::Bounded)
        );
        if !is_in_order && !self.stream.has_failed() {
            self.stream.reset_on_close();
            return outcome;
        }
        // A peer that is gone already has all that it wanted.
        let ended = self.stream.shutdown().map_err(|error| error.kind());
        if ended == Err(ErrorKind::WouldBlock) {
            return SliceOutcome::Waiting(Interest::Writable);
        }
        outcome
    }
}

/// What a write to the data connection came to, for the flows that send.
enum Sent {
    All,
    Part(usize),
    Failed,
}

/// Writes until all is sent or the connection takes no more.
fn send(stream: &mut dyn Stream, bytes: &[u8], moved: &mut u64) -> Sent {
    let mut sent = 0;
    while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
        match stream.write(rest) {
            Ok(0) => return Sent::Failed,
            Ok(count) => {
                sent += count;
                *moved += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Sent::Part(sent),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Sent::Failed,
        }
    }
    Sent::All
}
