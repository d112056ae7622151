//! Moves the bytes of one file between a data connection and the storage, in bounded slices.
//!
//! A [`Transfer`] owns its stream and its file. [`Transfer::slice`] moves a bounded number of bytes and
//! returns the reason it stopped. It never blocks on the network, and on the disk only with [`Wait`]'s
//! permission, so the same code runs on the event loop and on a worker; a transfer moves between the two
//! as a whole. It knows neither sessions nor replies. RFC 959 §3.

mod cancellation;
mod converting;
mod decoder;
mod encoder;
mod inbound;
mod listing;
mod names;
mod outbound;
mod plan;
mod rate_limiter;
mod representation;
mod scratch;
mod sending;
mod walk;
mod walk_source;
mod worker_turn;

use std::io::ErrorKind;

use crate::clock::Instant;
use crate::event_loop::{Interest, Permit};
use crate::net::{Channel, Stream};
use crate::storage::{self, Wait};

pub use cancellation::Cancellation;
pub use listing::{Format, Listing};
pub use plan::{Direction, Need, Opened, Plan};
pub use representation::{DataType, FormatControl, Mode, Representation, Structure};
pub use scratch::Scratch;

use inbound::Inbound;
use listing::ListingSender;
use outbound::Outbound;
use rate_limiter::RateLimiter;
use sending::{Sent, send};

/// The outcome of a slice: why it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceOutcome {
    /// The budget is used up; the transfer is still ready.
    Again,
    /// The data connection is not ready.
    Waiting(Interest),
    /// The next operation blocks on the disk. Only with [`Wait::Never`].
    WouldWait,
    /// The quota is not known to suffice until the count of the account's files is complete.
    NotCounted,
    /// An upload is complete and can be committed.
    Received,
    /// The transfer succeeded; the file is closed.
    Done,
    /// The transfer failed; the file is closed, and an upload's temporary file removed or kept in part.
    Failed(TransferFailure),
}

/// Why a transfer failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferFailure {
    /// The data connection failed.
    Connection,
    /// The TLS handshake of the data connection failed.
    Security,
    /// The received data violates the format that MODE and STRU define.
    Malformed,
    /// A listing reached a limit: its entries are correct, but incomplete.
    Bounded,
    /// The storage failed, or the file was truncated during the transfer.
    Storage(storage::Error),
}

/// A restart marker of the client's, and the offset it stands for (RFC 959 §3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The client's marker: printable, without spaces.
    pub marker: Vec<u8>,
    /// The offset in the file; all bytes before it are written.
    pub offset: u64,
}

/// The opened file of a transfer that has no data connection yet, or no longer.
pub struct TransferSource {
    flow: Flow,
    /// Held until the end by a transfer that needs one.
    permit: Option<Permit>,
    /// The rate limit in bytes per second.
    rate: Option<u64>,
}

enum Flow {
    Outbound(Outbound),
    Inbound(Inbound),
    ListingSender(Box<ListingSender>),
    /// Finished or failed with this outcome; the file is closed.
    Over(SliceOutcome),
}

impl TransferSource {
    /// Whether the client sends and the server stores.
    pub const fn is_inbound(&self) -> bool {
        matches!(self.flow, Flow::Inbound(_))
    }

    /// Whether the representation marks the end of the file, so that the end of the connection need not.
    pub fn announces_end(&self) -> bool {
        matches!(&self.flow, Flow::Inbound(inbound) if inbound.announces_end())
    }

    /// Closes the file of an aborted transfer. An upload's temporary file is removed, unless the account
    /// keeps interrupted uploads: then returns the size of the file that is left. Blocks on the disk.
    pub fn abandon(self) -> Option<u64> {
        self.flow.abandon(true)
    }
}

impl Flow {
    fn abandon(self, is_cut: bool) -> Option<u64> {
        let Self::Inbound(inbound) = self else {
            return None;
        };
        inbound.abandon(is_cut)
    }
}

/// A transfer in progress: a data connection and a file.
pub struct Transfer {
    stream: Channel,
    flow: Flow,
    /// As of the source, since `flow` is replaced at the end.
    is_inbound: bool,
    permit: Option<Permit>,
    /// In bytes.
    moved: u64,
    /// After a failed upload: the size of the file that keeps its bytes, if any.
    kept: Option<u64>,
    /// The rate limit, if any, and the bytes granted for the next slice.
    limit: Option<(RateLimiter, u64)>,
    cancellation: Cancellation,
}

impl Transfer {
    /// Creates a transfer of a file over a data connection.
    pub fn new(stream: Channel, source: TransferSource) -> Self {
        Self {
            stream,
            is_inbound: source.is_inbound(),
            flow: source.flow,
            permit: source.permit,
            moved: 0,
            kept: None,
            limit: source.rate.map(|rate| (RateLimiter::new(rate), 0)),
            cancellation: Cancellation::default(),
        }
    }

    /// What ends a worker's turn with this transfer.
    pub fn cancellation(&self) -> Cancellation {
        self.cancellation.clone()
    }

    /// The readiness to wait for before the first slice. A download is tried at once; an upload, and a TLS
    /// handshake, begin with bytes of the client's, and no worker is kept busy before they are there. What
    /// came with a handshake before the 150 may be all: the socket then has nothing to report. The server's
    /// part of such a handshake may still be unsent.
    pub fn first_interest(&self) -> Interest {
        if self.stream.has_unread() {
            Interest::Now
        } else if self.stream.is_handshaking() {
            self.stream.handshake_interest()
        } else if self.is_inbound {
            Interest::Readable
        } else {
            Interest::Now
        }
    }

    /// The data connection, to be registered with the poller.
    pub fn stream(&mut self) -> &mut dyn Stream {
        &mut self.stream
    }

    /// Whether the data connection can carry data: no TLS handshake is pending.
    pub fn is_connected(&self) -> bool {
        !self.stream.is_handshaking()
    }

    /// Returns a message for the log about the data connection's handshake, once.
    pub fn take_diagnostic(&mut self) -> Option<String> {
        self.stream.take_diagnostic()
    }

    /// Whether the client ended the data connection without `close_notify`, and this was accepted.
    pub fn has_accepted_unclean_end(&self) -> bool {
        self.stream.has_accepted_unclean_end()
    }

    /// Whether the client ended the data connection without `close_notify`, and this was rejected.
    pub fn has_rejected_unclean_end(&self) -> bool {
        self.stream.has_rejected_unclean_end()
    }

    /// The bytes that went over the data connection so far.
    pub const fn moved(&self) -> u64 {
        self.moved
    }

    /// After a failed upload: the offset at which the client can resume, if the received part is kept.
    pub const fn kept(&self) -> Option<u64> {
        self.kept
    }

    /// Whether the client sends and the server stores.
    pub const fn is_inbound(&self) -> bool {
        self.is_inbound
    }

    /// Requests the bytes of the next slice from the rate limiter.
    ///
    /// # Errors
    /// The time to try again.
    pub fn grant(&mut self, now: Instant) -> Result<(), Instant> {
        if let Some((rate_limiter, granted)) = &mut self.limit {
            *granted = rate_limiter.grant(self.moved, now)?;
        }
        Ok(())
    }

    /// Whether only a worker may make the next slice, because it waits for the disk or computes for longer
    /// than a command takes. Where it is false, [`Wait::Never`] is worth a try.
    pub fn needs_worker(&self) -> bool {
        match &self.flow {
            Flow::Over(_) => false,
            // A handshake costs a signature.
            _ if self.stream.is_handshaking() => true,
            Flow::Outbound(outbound) => outbound.needs_worker(),
            Flow::Inbound(inbound) => !inbound.is_received(),
            Flow::ListingSender(_) => true,
        }
    }

    /// Moves about `budget` bytes at most, and at most those granted. After `Done` and `Failed` the file
    /// is closed, and the stream is half-closed or marked to be reset.
    pub fn slice(&mut self, budget: usize, wait: Wait, scratch: &mut Scratch) -> SliceOutcome {
        debug_assert!(wait == Wait::Allowed || !self.needs_worker());
        match &self.flow {
            Flow::Over(outcome) => return self.end_stream(*outcome),
            Flow::Inbound(inbound) if inbound.is_received() => {
                return self.end_stream(SliceOutcome::Received);
            }
            _ => {}
        }
        if self.stream.is_handshaking()
            && let Some(outcome) = self.continue_handshake()
        {
            return self.conclude(outcome);
        }
        let granted = self.limit.as_ref().map(|(_, granted)| *granted);
        let granted = granted.and_then(|granted| usize::try_from(granted).ok());
        let budget = granted.map_or(budget, |granted| granted.min(budget));
        let stream = &mut self.stream;
        let outcome = match &mut self.flow {
            Flow::Outbound(outbound) => {
                outbound.slice(stream, budget, wait, scratch, &mut self.moved)
            }
            Flow::Inbound(inbound) => inbound.slice(stream, budget, scratch, &mut self.moved),
            Flow::ListingSender(sender) => sender.slice(stream, scratch, &mut self.moved),
            Flow::Over(outcome) => *outcome,
        };
        if outcome == SliceOutcome::Received {
            // Before the commit, which may take long: PHP waits a second for our end, and warns.
            return self.end_stream(outcome);
        }
        self.conclude(outcome)
    }

    /// Commits a received upload under its final name: `Done` or `Failed`. Blocks on the disk.
    pub fn commit(&mut self) -> SliceOutcome {
        let committed = match &mut self.flow {
            Flow::Inbound(inbound) => inbound.commit(),
            Flow::Outbound(_) | Flow::ListingSender(_) | Flow::Over(_) => Ok(()),
        };
        self.conclude(match committed {
            Ok(()) => SliceOutcome::Done,
            Err(error) => SliceOutcome::Failed(TransferFailure::Storage(error)),
        })
    }

    /// After [`SliceOutcome::NotCounted`]: a write that does not fit the quota now fails.
    pub const fn stop_waiting(&mut self) {
        if let Flow::Inbound(inbound) = &mut self.flow {
            inbound.stop_waiting();
        }
    }

    /// Takes the restart marker that the last slice reached, to be acknowledged now. The acknowledgement
    /// promises that the bytes before it are kept.
    pub fn take_mark(&mut self) -> Option<Mark> {
        let Flow::Inbound(inbound) = &mut self.flow else {
            return None;
        };
        inbound.take_mark()
    }

    /// Resets the data connection at once. The caller has the returned source abandoned on a thread that
    /// may block.
    pub fn cut(self) -> TransferSource {
        let mut stream = self.stream;
        stream.reset_on_close();
        TransferSource {
            flow: self.flow,
            permit: self.permit,
            rate: None,
        }
    }

    /// Continues the TLS handshake. `None` once it is complete.
    fn continue_handshake(&mut self) -> Option<SliceOutcome> {
        let error = self.stream.handshake().err()?;
        Some(match error.kind() {
            ErrorKind::WouldBlock => SliceOutcome::Waiting(self.stream.handshake_interest()),
            ErrorKind::Interrupted => SliceOutcome::Again,
            _ => SliceOutcome::Failed(TransferFailure::Security),
        })
    }

    /// Closes the file if the outcome is final, and ends the stream.
    fn conclude(&mut self, outcome: SliceOutcome) -> SliceOutcome {
        if !matches!(outcome, SliceOutcome::Done | SliceOutcome::Failed(_)) {
            return outcome;
        }
        let is_stored = outcome == SliceOutcome::Done && self.is_inbound;
        let flow = std::mem::replace(&mut self.flow, Flow::Over(outcome));
        if outcome != SliceOutcome::Done {
            self.kept = flow.abandon(outcome == SliceOutcome::Failed(TransferFailure::Connection));
        }
        // The stream of a stored upload has ended already.
        if is_stored {
            return outcome;
        }
        self.end_stream(outcome)
    }

    /// Ends the stream: by a shutdown, or by a reset, so that a client cannot mistake an aborted transfer
    /// for a complete one. After a failure of TLS no reset: it would discard the alert.
    fn end_stream(&mut self, outcome: SliceOutcome) -> SliceOutcome {
        let is_orderly = matches!(
            outcome,
            SliceOutcome::Received
                | SliceOutcome::Done
                | SliceOutcome::Failed(TransferFailure::Bounded)
        );
        if !is_orderly && !self.stream.has_failed() {
            self.stream.reset_on_close();
            return outcome;
        }
        // Other errors mean that the peer has closed already.
        let ended = self.stream.shutdown().map_err(|error| error.kind());
        if ended == Err(ErrorKind::WouldBlock) {
            return SliceOutcome::Waiting(Interest::Writable);
        }
        outcome
    }
}
