//! The data turn: one step of whatever the data side is at.
//!
//! Finish a connect, join link and file into a transfer, move one slice on the loop or hand it to a worker,
//! commit an upload. Every transfer, however it went, ends in [`Connection::finish`].

use log::Level;

use super::connection::{Connection, Phase};
use super::context::LoopContext;
use super::data::{Cancelled, ControlProbe, DataChannel, Join, Link, TransferState};
use super::turn::Request;
use super::upload_decision::Decision;
use super::upload_end::UploadEnd;
use crate::cause::cause;
use crate::event_loop::Interest;
use crate::limits::{INLINE_BYTES, UPLOAD_END_PAUSE};
use crate::net::Channel;
use crate::session::{Deadline, Ending, PausedTimeout, Repeated, SessionEvent};
use crate::storage::Wait;
use crate::transfer::{SliceOutcome, Transfer, TransferFailure, TransferSource};
use crate::workers::Work;

impl Connection {
    pub(super) fn data_turn(&mut self, context: &mut LoopContext) {
        if self.wants_early_handshake() {
            self.early_handshake_turn(context);
        }
        let Some(data) = self.data.as_deref_mut() else {
            return;
        };
        match (data.link(), data.state()) {
            (Link::Connecting(_), _) if data.ready.writable => self.finish_connecting(context),
            (Link::Open(_), TransferState::Refused) => self.check_silence(context),
            (_, TransferState::AwaitingClose(_)) if data.ready.readable => {
                self.peer_closed(context);
            }
            _ => {}
        }
        self.join(context);
        self.move_slice(context);
        self.commit(context);
    }

    pub(super) fn data(&mut self) -> &mut DataChannel {
        self.data.get_or_insert_with(Box::default)
    }

    fn finish_connecting(&mut self, context: &mut LoopContext) {
        if let Err(error) = self.data().finish_connect() {
            let text = format_args!("Cannot open a data connection: {}", cause(&error));
            self.log_once(Repeated::NoDataConnection, Level::Info, text);
            self.fail_to_connect(context);
        }
    }

    /// Has the poller report what the loop waits for at the data connection, at the end of each turn. If it
    /// cannot, the transfer fails; returns what that asks of the reactor, as
    /// [`apply_actions`](Self::apply_actions).
    pub(super) fn register_link(&mut self, context: &mut LoopContext) -> Option<Request> {
        let is_protected = self.session.protects_data();
        let registered = self.data.as_deref_mut()?.register(is_protected);
        let error = registered.err()?;
        let text = format_args!("Cannot wait for a data connection: {}", cause(&error));
        self.log_once(Repeated::NoDataConnection, Level::Warn, text);
        if self.data().is_at_rest() {
            self.lose_link(context);
        } else {
            self.fail_to_connect(context);
            self.cut(Ending::Cut, context);
        }
        self.apply_actions(context)
    }

    /// There will be no data connection: ends a transfer that waits for one.
    pub(super) fn fail_to_connect(&mut self, context: &mut LoopContext) {
        if matches!(self.data().state(), TransferState::AwaitingLink(_)) {
            self.cut(Ending::NotConnected, context);
        }
    }

    /// Makes a transfer of the open file and the open link, which is secured first if PROT says so.
    fn join(&mut self, context: &mut LoopContext) {
        let (channel, source) = match self.data().join() {
            Join::NotYet => return,
            Join::LinkFailed => return self.cut(Ending::NotSecured, context),
            Join::Ready(channel, source) => (channel, source),
        };
        match self.protected(channel, source.is_inbound(), context) {
            Ok(channel) => self.start_transfer(channel, source, context),
            Err(error) => {
                self.log_insecure(&error);
                self.discard(source, 0, Ending::NotSecured, context);
            }
        }
    }

    fn start_transfer(
        &mut self,
        mut channel: Channel,
        source: TransferSource,
        context: &mut LoopContext,
    ) {
        if source.is_inbound() && self.allows_unclean_end(context) {
            channel.allow_unclean_end();
        }
        let transfer = Box::new(Transfer::new(channel, source));
        let interest = transfer.first_interest();
        self.report_progress(&transfer, context);
        self.data().on_loop(transfer, interest);
    }

    fn report_progress(&mut self, transfer: &Transfer, context: &mut LoopContext) {
        let moved = transfer.moved();
        if moved > 0 && !transfer.is_inbound() {
            context.times.first_byte(&mut self.data().asked);
        }
        if transfer.is_connected() {
            self.converse(context, |session, cx| {
                session.handle(SessionEvent::Connected, cx);
                session.handle(SessionEvent::Moved(moved), cx);
            });
        }
    }

    fn move_slice(&mut self, context: &mut LoopContext) {
        let data = self.data();
        let Some(mut transfer) = data.take_ready() else {
            return;
        };
        data.end.readable(context.now);
        if let Err(at) = transfer.grant(context.now) {
            let left = self.pause_timeout(context);
            self.data().pause(transfer, left);
            return self.deadlines.set(Deadline::Resume, at);
        }
        if transfer.needs_worker() {
            return self.hand_over(transfer, Work::Slice, context);
        }
        let outcome = transfer.slice(INLINE_BYTES, Wait::Never, &mut context.scratch.slice);
        self.proceed(transfer, outcome, context);
    }

    /// The deadline of a pause is over: the rate limit, a quota's count, or the end of an upload or download.
    pub(super) fn resume(&mut self, context: &mut LoopContext) {
        self.resume_timeout(context);
        self.retry_count(context);
        self.peer_closed(context);
        if let Some(data) = self.data.as_deref_mut() {
            data.resume();
        }
    }

    /// Acts on the outcome of a slice, from the loop or from a worker.
    pub(super) fn proceed(
        &mut self,
        mut transfer: Box<Transfer>,
        outcome: SliceOutcome,
        context: &mut LoopContext,
    ) {
        let moved = transfer.moved();
        if let Some(mark) = transfer.take_mark() {
            self.notify(SessionEvent::MarkerReached(mark), context);
        }
        if let Some(remark) = transfer.take_diagnostic() {
            self.log_diagnostic(&remark);
        }
        self.report_progress(&transfer, context);
        match outcome {
            SliceOutcome::Again => self.data().on_loop(transfer, Interest::Now),
            SliceOutcome::Waiting(interest) => {
                let data = self.data();
                data.end.drained(moved, context.now);
                data.on_loop(transfer, interest);
            }
            SliceOutcome::NotCounted => self.pause_for_count(transfer, context),
            SliceOutcome::WouldWait => self.hand_over(transfer, Work::Slice, context),
            SliceOutcome::Received => {
                self.data_connection_ended(&transfer, context);
                // If the order of the two ends is not watched, the control connection may have ended
                // without an event yet.
                let probe = match self.data().end {
                    UploadEnd::Unwatched => ControlProbe::Required,
                    _ => ControlProbe::Done,
                };
                self.data().await_commit(transfer, probe);
            }
            SliceOutcome::Done => self.all_sent(transfer, context),
            SliceOutcome::Failed(failure) => {
                self.log_unclean_end(&transfer);
                self.finish(failure.into(), moved, transfer.kept(), context);
            }
        }
    }

    /// An upload has all its bytes: commits it if they are all that the client meant to send.
    fn commit(&mut self, context: &mut LoopContext) {
        let TransferState::AwaitingCommit(transfer, _) = self.data().state() else {
            return;
        };
        let moved = transfer.moved();
        match self.decide_on_upload(moved, context) {
            Decision::Later => {}
            Decision::Confirm => {
                self.data().confirm_end();
                let until = context.now + UPLOAD_END_PAUSE;
                self.deadlines.set(Deadline::Resume, until);
            }
            Decision::Cut => self.cut(Ending::Abandoned, context),
            Decision::Whole => {
                if let Some(transfer) = self.data().take_for_commit() {
                    self.hand_over(transfer, Work::Commit, context);
                }
            }
        }
    }

    fn hand_over(
        &mut self,
        transfer: Box<Transfer>,
        work: impl FnOnce(Box<Transfer>) -> Work,
        context: &mut LoopContext,
    ) {
        let left = self.pause_timeout(context);
        self.data().on_worker(left, transfer.cancellation());
        self.submit(work(transfer), context);
    }

    /// Pauses the client's time-out: what follows is the server's time, however slow the disk is. If the
    /// client has half-closed, the time-out is all that ends the transfer, and goes on.
    pub(super) fn pause_timeout(&mut self, context: &LoopContext) -> PausedTimeout {
        if self.phase == Phase::Open {
            self.deadlines.pause(context.now)
        } else {
            PausedTimeout::default()
        }
    }

    pub(super) fn resume_timeout(&mut self, context: &LoopContext) {
        let data = self.data.as_deref_mut();
        if let Some(left) = data.and_then(DataChannel::paused_timeout) {
            self.deadlines.resume(std::mem::take(left), context.now);
        }
    }

    /// Cuts the transfer: resets its data connection at once, and lets a worker close its file.
    pub(super) fn cut(&mut self, ending: Ending, context: &mut LoopContext) {
        match self.data().cancel(ending) {
            Cancelled::Discard(source, moved) => self.discard(source, moved, ending, context),
            // All bytes were sent before the cut.
            Cancelled::Complete(moved) => self.finish(Ending::Complete, moved, None, context),
            Cancelled::Nothing => {}
        }
    }

    pub(super) fn discard(
        &mut self,
        source: TransferSource,
        moved: u64,
        ending: Ending,
        context: &mut LoopContext,
    ) {
        self.data().discarding(ending, moved);
        self.deadlines.clear(Deadline::Resume);
        self.submit(Work::Discard(source), context);
    }

    /// The one end of every transfer: closes what is left of it, and tells the session.
    pub(super) fn finish(
        &mut self,
        ending: Ending,
        bytes: u64,
        kept: Option<u64>,
        context: &mut LoopContext,
    ) {
        self.data().finish();
        self.forget_ends(context);
        self.deadlines.clear(Deadline::Resume);
        let event = SessionEvent::Ended {
            ending,
            bytes,
            kept,
        };
        self.notify(event, context);
    }
}

impl From<TransferFailure> for Ending {
    fn from(failure: TransferFailure) -> Self {
        match failure {
            TransferFailure::Connection => Self::Cut,
            TransferFailure::Security => Self::NotSecured,
            TransferFailure::Malformed => Self::Malformed,
            TransferFailure::Bounded => Self::Bounded,
            TransferFailure::Storage(error) => Self::Failed(error),
        }
    }
}
