//! Transitions of the transfer.
//!
//! A transition that needs the transfer takes it out of its state, and the next one puts it into another:
//! in between the state is `Idle`, which each asserts.

use std::mem;
use std::net::SocketAddr;

use super::{Cancelled, ControlProbe, DataChannel, Link, TransferState};
use crate::clock::Instant;
use crate::event_loop::Interest;
use crate::metrics::Since;
use crate::net::Channel;
use crate::session::{Ending, PausedTimeout};
use crate::transfer::{Cancellation, Transfer, TransferSource};

/// A file and the stream that is there for it.
pub(in crate::reactor) enum Join {
    /// Not both are there.
    NotYet,
    /// The stream could not be secured.
    LinkFailed,
    /// Both are taken out.
    Ready(Channel, TransferSource),
}

impl DataChannel {
    /// The command was refused: the link is kept, while nothing comes over it.
    pub(in crate::reactor) fn refused(&mut self) {
        if matches!(self.state, TransferState::Idle) {
            self.state = TransferState::Refused;
        }
    }

    /// A link that was kept is used by the next transfer, or closed.
    pub(in crate::reactor) fn reuse(&mut self) {
        debug_assert!(self.is_at_rest(), "a transfer uses the link");
        self.state = TransferState::Idle;
    }

    pub(in crate::reactor) fn opening(&mut self) {
        // Again, after a wait for a quota's count.
        self.end_opening();
        self.enter(TransferState::Opening);
    }

    pub(in crate::reactor) fn file_opened(&mut self, source: TransferSource) {
        self.end_opening();
        self.enter(TransferState::FileOpen(source));
    }

    pub(in crate::reactor) fn end_opening(&mut self) {
        if matches!(self.state, TransferState::Opening) {
            self.state = TransferState::Idle;
        }
    }

    /// The 150 is sent. Returns the address to connect to, if the server connects.
    pub(in crate::reactor) fn begin(&mut self, now: Instant, asked: Since) -> Option<SocketAddr> {
        self.begun = Some(now);
        self.asked = asked;
        match mem::take(&mut self.state) {
            TransferState::FileOpen(source) => self.state = TransferState::AwaitingLink(source),
            other => {
                debug_assert!(false, "no file is open for the transfer");
                self.state = other;
            }
        }
        let Link::Target(address) = self.link else {
            return None;
        };
        self.link = Link::Absent;
        Some(address)
    }

    pub(in crate::reactor) fn join(&mut self) -> Join {
        match (mem::take(&mut self.link), mem::take(&mut self.state)) {
            (Link::Open(mut channel), TransferState::AwaitingLink(source)) => {
                self.deregister(&mut channel);
                Join::Ready(channel, source)
            }
            (link, state) => {
                let has_failed = matches!(
                    (&link, &state),
                    (Link::Failed, TransferState::AwaitingLink(_))
                );
                (self.link, self.state) = (link, state);
                if has_failed {
                    Join::LinkFailed
                } else {
                    Join::NotYet
                }
            }
        }
    }

    /// The transfer is on the loop, and its next slice needs this.
    pub(in crate::reactor) fn on_loop(&mut self, transfer: Box<Transfer>, interest: Interest) {
        self.enter(TransferState::OnLoop(transfer, interest));
    }

    /// Takes the transfer for a slice, if it is on the loop and its socket is ready. The loop waits for it no
    /// longer.
    pub(in crate::reactor) fn take_ready(&mut self) -> Option<Box<Transfer>> {
        match mem::take(&mut self.state) {
            TransferState::OnLoop(mut transfer, interest) if self.ready.has(interest) => {
                self.deregister(transfer.stream());
                Some(transfer)
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// The transfer rests until a deadline; `left` is what remains of the client's time-out.
    pub(in crate::reactor) fn pause(&mut self, transfer: Box<Transfer>, left: PausedTimeout) {
        self.enter(TransferState::Paused(transfer, left));
    }

    /// A worker has the transfer.
    pub(in crate::reactor) fn on_worker(
        &mut self,
        left: PausedTimeout,
        cancellation: Cancellation,
    ) {
        self.enter(TransferState::OnWorker(left, cancellation));
    }

    /// Has a worker that owns the transfer return it soon.
    pub(in crate::reactor) fn recall(&self) {
        if let TransferState::OnWorker(_, cancellation) = &self.state {
            cancellation.request();
        }
    }

    /// A worker has given the transfer back. Returns the ending if it is to be cut.
    pub(in crate::reactor) fn back_from_worker(&mut self) -> Option<Ending> {
        match mem::take(&mut self.state) {
            TransferState::CancelRequested(ending) => Some(ending),
            TransferState::OnWorker(..) => None,
            _ => {
                debug_assert!(false, "no worker had the transfer");
                None
            }
        }
    }

    /// What remains of the client's time-out, if it is paused.
    pub(in crate::reactor) const fn paused_timeout(&mut self) -> Option<&mut PausedTimeout> {
        match &mut self.state {
            TransferState::OnWorker(left, _) | TransferState::Paused(_, left) => Some(left),
            _ => None,
        }
    }

    /// An upload has all its bytes.
    pub(in crate::reactor) fn await_commit(
        &mut self,
        transfer: Box<Transfer>,
        probe: ControlProbe,
    ) {
        self.enter(TransferState::AwaitingCommit(transfer, probe));
    }

    /// A download has sent all its bytes.
    pub(in crate::reactor) fn await_close(&mut self, transfer: Box<Transfer>) {
        self.enter(TransferState::AwaitingClose(transfer));
    }

    /// A worker closes the file of a transfer that was cut after `moved` bytes.
    pub(in crate::reactor) fn discarding(&mut self, ending: Ending, moved: u64) {
        self.enter(TransferState::Discarding(ending, moved));
    }

    /// Requires that the control connection is read before the commit.
    pub(in crate::reactor) const fn require_control_probe(&mut self) {
        if let TransferState::AwaitingCommit(_, probe) = &mut self.state {
            *probe = ControlProbe::Required;
        }
    }

    /// The control connection was read to its end.
    pub(in crate::reactor) const fn control_probed(&mut self) {
        if let TransferState::AwaitingCommit(_, probe) = &mut self.state {
            *probe = ControlProbe::Done;
        }
    }

    /// The upload waits for the control connection to end as well.
    pub(in crate::reactor) fn confirm_end(&mut self) {
        if let Some(transfer) = self.take_for_commit() {
            self.state = TransferState::ConfirmingEnd(transfer);
        }
    }

    pub(in crate::reactor) fn take_for_commit(&mut self) -> Option<Box<Transfer>> {
        match mem::take(&mut self.state) {
            TransferState::AwaitingCommit(transfer, _) => Some(transfer),
            other => {
                debug_assert!(false, "no upload is to be committed");
                self.state = other;
                None
            }
        }
    }

    /// The deadline of a pause is over.
    pub(in crate::reactor) fn resume(&mut self) {
        self.state = match mem::take(&mut self.state) {
            TransferState::Paused(transfer, _) => TransferState::OnLoop(transfer, Interest::Now),
            TransferState::ConfirmingEnd(transfer) => {
                self.end.confirmed();
                TransferState::AwaitingCommit(transfer, ControlProbe::Done)
            }
            other => other,
        };
    }

    /// Resets the link, and takes apart what there is of a transfer.
    pub(in crate::reactor) fn cancel(&mut self, ending: Ending) -> Cancelled {
        self.reset_link();
        self.recall();
        if let Some((source, moved)) = self.take_source() {
            return Cancelled::Discard(source, moved);
        }
        match mem::take(&mut self.state) {
            TransferState::OnWorker(..) => {
                self.state = TransferState::CancelRequested(ending);
                Cancelled::Nothing
            }
            TransferState::AwaitingClose(transfer) => Cancelled::Complete(transfer.moved()),
            other => {
                self.state = other;
                Cancelled::Nothing
            }
        }
    }

    /// Takes how the discarded transfer ended; `None` if there is none.
    pub(in crate::reactor) fn discarded(&mut self) -> Option<(Ending, u64)> {
        let TransferState::Discarding(ending, moved) = self.state else {
            return None;
        };
        self.state = TransferState::Idle;
        Some((ending, moved))
    }

    /// The transfer is over, and its stream is closed.
    pub(in crate::reactor) fn finish(&mut self) {
        self.state = TransferState::Idle;
        self.close_link();
    }

    /// Takes the file out of what there is of a transfer, for a worker to close, and how many bytes were
    /// moved.
    pub(in crate::reactor) fn take_source(&mut self) -> Option<(TransferSource, u64)> {
        match mem::take(&mut self.state) {
            TransferState::FileOpen(source) | TransferState::AwaitingLink(source) => {
                Some((source, 0))
            }
            TransferState::OnLoop(transfer, _)
            | TransferState::Paused(transfer, _)
            | TransferState::AwaitingCommit(transfer, _)
            | TransferState::ConfirmingEnd(transfer) => {
                let moved = transfer.moved();
                Some((transfer.cut(), moved))
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Enters a state from `Idle`.
    fn enter(&mut self, next: TransferState) {
        debug_assert!(
            matches!(self.state, TransferState::Idle),
            "a transfer is replaced"
        );
        self.state = next;
    }
}
