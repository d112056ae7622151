//! A data turn: one step of whatever the data side is at.
//!
//! Take a connection at the passive listener, see whether an active one stands, join link and
//! file into a transfer, move one slice here or hand it to a worker, commit an upload. Every
//! transfer, however it went, ends in [`Connection::finish`].

use log::Level;

use super::connection::{Connection, Phase};
use super::context::LoopContext;
use super::data::{Arrival, DataChannel, Link, Motion};
use super::key::SocketRole;
use super::latch::Latch;
use super::upload_end::{Decision, UploadEnd};
use crate::cause::cause;
use crate::limits::{END_PAUSE, INLINE_BYTES, STRANGERS_PER_TURN};
use crate::net::Channel;
use crate::session::{Deadline, Ending, Left, Repeated, SessionEvent};
use crate::storage::Wait;
use crate::transfer::{Failure, Interest, SliceOutcome, Transfer};
use crate::workers::Work;

impl Connection {
    pub(super) fn data_turn(&mut self, context: &mut LoopContext) {
        let Some(data) = self.data.as_deref_mut() else {
            return;
        };
        match (&data.link, &data.motion) {
            (Link::Listening(..), _) if data.ready.readable => self.accept_client(context),
            (Link::Connecting(_), _) if data.ready.writable => self.finish_connecting(context),
            (Link::Open(_), Motion::Refused) => self.listen_in(context),
            (_, Motion::Sent(_)) if data.ready.readable => self.wait_no_longer(context),
            _ => {}
        }
        self.join(context);
        self.move_slice(context);
        self.commit(context);
    }

    /// The data channel, made where there is none.
    pub(super) fn data(&mut self) -> &mut DataChannel {
        self.data.get_or_insert_with(Box::default)
    }

    pub(super) fn accept_client(&mut self, context: &mut LoopContext) {
        let token = SocketRole::Data(self.key()).to_token();
        let peer = self.peer;
        let client = (!self.session.allows_fxp()).then_some(peer.ip());
        let data = self.data.get_or_insert_with(Box::default);
        for _ in 0..STRANGERS_PER_TURN {
            let Link::Listening(listener, _, pending) = &mut data.link else {
                return;
            };
            let (arrival, ready) = match pending.take().map(|one| one.identify(client)) {
                None => {
                    let arrival = Arrival::at(listener.as_mut(), token, client, context);
                    (arrival, Latch::FRESH)
                }
                // What stands behind the header has been reported with it.
                Some(Ok(arrival)) => (arrival, Latch::UNKNOWN),
                Some(Err(waiting)) => {
                    *pending = Some(waiting);
                    data.ready.readable = false;
                    return;
                }
            };
            self.deadlines.clear(Deadline::DataProxyHeader);
            match arrival {
                Arrival::Client(stream) => {
                    self.deadlines.clear(Deadline::Arrival);
                    data.link_to(stream, ready, context);
                    return self.watch_ends(context);
                }
                Arrival::Proxy(one) => {
                    *pending = Some(one);
                    let until = context.now + context.settings.timings.handshake;
                    self.deadlines.set(Deadline::DataProxyHeader, until);
                }
                Arrival::Stranger(address) => {
                    let text = format_args!("{peer}: Turned {address} away from the passive port");
                    self.session
                        .log_once(Repeated::PassiveStranger, Level::Warn, text);
                }
                Arrival::Gone => {}
                Arrival::Nobody => {
                    data.ready.readable = false;
                    return;
                }
                Arrival::Failed(error) => {
                    let text =
                        format_args!("{peer}: Cannot accept a data connection: {}", cause(&error));
                    self.session
                        .log_once(Repeated::NoDataConnection, Level::Warn, text);
                    data.unlink(context);
                    return self.fail_to_connect(context);
                }
            }
        }
    }

    fn finish_connecting(&mut self, context: &mut LoopContext) {
        let peer = self.peer;
        let data = self.data();
        let Link::Connecting(mut stream) = std::mem::take(&mut data.link) else {
            return;
        };
        match stream.connected() {
            Ok(()) => {
                // Events that came since the socket was registered still count.
                let ready = data.ready;
                data.link = Link::Open(Channel::clear(stream));
                data.ready = ready;
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                data.ready.writable = false;
                data.link = Link::Connecting(stream);
            }
            Err(error) => {
                let text = format_args!("{peer}: Cannot open a data connection: {}", cause(&error));
                self.session
                    .log_once(Repeated::NoDataConnection, Level::Info, text);
                drop(stream);
                self.fail_to_connect(context);
            }
        }
    }

    /// There will be no data connection; a transfer that waits for one ends.
    pub(super) fn fail_to_connect(&mut self, context: &mut LoopContext) {
        if matches!(self.data().motion, Motion::Begun(_)) {
            self.cut(Ending::NotConnected, context);
        }
    }

    /// The file is open, the 150 is said, the stream stands: it is a transfer, secured first where
    /// that was agreed on.
    fn join(&mut self, context: &mut LoopContext) {
        let data = self.data();
        let (link, motion) = (
            std::mem::take(&mut data.link),
            std::mem::take(&mut data.motion),
        );
        match (link, motion) {
            (Link::Open(channel), Motion::Begun(source)) => {
                match self.protected(channel, source.is_inbound(), context) {
                    Ok(mut channel) => {
                        if source.is_inbound() && self.allows_unclean_end(context) {
                            channel.allow_unclean_end();
                        }
                        let transfer = Box::new(Transfer::new(channel, source));
                        let interest = transfer.first_interest();
                        self.tell_of(&transfer, context);
                        self.data().motion = Motion::Here(transfer, interest);
                    }
                    Err(error) => {
                        self.log_insecure(&error);
                        self.data().motion = Motion::Begun(source);
                        self.cut(Ending::NotSecured, context);
                    }
                }
            }
            (Link::Failed, Motion::Begun(source)) => {
                self.data().motion = Motion::Begun(source);
                self.cut(Ending::NotSecured, context);
            }
            (link, motion) => {
                data.link = link;
                data.motion = motion;
            }
        }
    }

    /// Tells the session how far the transfer is.
    fn tell_of(&mut self, transfer: &Transfer, context: &mut LoopContext) {
        let moved = transfer.moved();
        if transfer.is_connected() {
            self.converse(context, |session, cx| {
                session.handle(SessionEvent::Connected, cx);
                session.handle(SessionEvent::Moved(moved), cx);
            });
        }
    }

    fn move_slice(&mut self, context: &mut LoopContext) {
        let data = self.data();
        let ready = data.ready;
        match std::mem::take(&mut data.motion) {
            Motion::Here(mut transfer, interest) if ready.has(interest) => {
                data.end.has_heard(context.now);
                if let Err(at) = transfer.grant(context.now) {
                    let left = self.hold_clock(context);
                    self.data().motion = Motion::Resting(transfer, left);
                    return self.deadlines.set(Deadline::Resume, at);
                }
                let outcome = transfer.slice(INLINE_BYTES, Wait::Never, &mut context.scratch);
                if let SliceOutcome::Waiting(interest) = outcome {
                    data.ready.clear(interest);
                }
                self.proceed(transfer, outcome, context);
            }
            motion => data.motion = motion,
        }
    }

    /// A transfer that has moved what it might may go on.
    pub(super) fn resume(&mut self, context: &mut LoopContext) {
        self.let_clock_go_on(context);
        self.ask_for_count(context);
        self.wait_no_longer(context);
        if let Some(data) = self.data.as_deref_mut() {
            data.motion = match std::mem::take(&mut data.motion) {
                Motion::Resting(transfer, _) => Motion::Here(transfer, Interest::Now),
                Motion::Confirming(transfer) => {
                    data.end.has_waited();
                    Motion::Received(transfer)
                }
                motion => motion,
            };
        }
    }

    /// Goes on as a slice has it, which may have been made here or on a worker.
    pub(super) fn proceed(
        &mut self,
        mut transfer: Box<Transfer>,
        outcome: SliceOutcome,
        context: &mut LoopContext,
    ) {
        let moved = transfer.moved();
        if let Some(mark) = transfer.take_mark() {
            self.converse(context, |session, cx| {
                session.handle(SessionEvent::Marked(mark), cx);
            });
        }
        if let Some(remark) = transfer.take_remark() {
            self.log_remark(&remark);
        }
        self.tell_of(&transfer, context);
        let data = self.data();
        match outcome {
            SliceOutcome::Again => data.motion = Motion::Here(transfer, Interest::Now),
            SliceOutcome::Waiting(interest) => {
                data.end.has_drained(moved, context.now);
                data.motion = Motion::Here(transfer, interest);
            }
            SliceOutcome::NotCounted => self.rest_for_count(transfer, context),
            SliceOutcome::WouldWait => self.hand_over(Work::Slice(transfer), context),
            SliceOutcome::Received => {
                self.hear_upload_end(&transfer, context);
                let data = self.data();
                data.motion = Motion::Received(transfer);
                // Where the order of the ends is not known, look once more whether the control
                // connection still stands: its end may not have been reported yet.
                self.ready.readable |= matches!(data.end, UploadEnd::Unwatched);
            }
            SliceOutcome::Done => self.all_sent(transfer, context),
            SliceOutcome::Failed(failure) => {
                self.tell_of_wrong_end(&transfer);
                self.finish(failure.into(), moved, transfer.kept(), context);
            }
        }
    }

    /// An upload has all its bytes, and is committed if they are what the client meant to send.
    fn commit(&mut self, context: &mut LoopContext) {
        let Motion::Received(transfer) = &self.data().motion else {
            return;
        };
        let moved = transfer.moved();
        match self.decide_on_upload(moved, context) {
            Decision::Later => {}
            Decision::Confirm => {
                let data = self.data();
                if let Motion::Received(transfer) = std::mem::take(&mut data.motion) {
                    data.motion = Motion::Confirming(transfer);
                    self.deadlines
                        .set(Deadline::Resume, context.now + END_PAUSE);
                }
            }
            Decision::Cut => self.cut(Ending::Abandoned, context),
            Decision::Whole => {
                if let Motion::Received(transfer) = std::mem::take(&mut self.data().motion) {
                    self.hand_over(Work::Commit(transfer), context);
                }
            }
        }
    }

    /// A worker has it now. What the kernel says meanwhile is gathered in the latch; so the latch
    /// starts empty, and a worker that says "would block" needs not be believed blindly.
    fn hand_over(&mut self, work: Work, context: &mut LoopContext) {
        let left = self.hold_clock(context);
        let data = self.data();
        data.ready = Latch::default();
        data.motion = Motion::Away(left);
        self.submit(work, context);
    }

    /// What follows takes the server's time: none of it is the client's fault, however slow the disk
    /// is. But where nobody is left to hear how it went, the clock is what ends it.
    pub(super) fn hold_clock(&mut self, context: &LoopContext) -> Left {
        if self.phase == Phase::Open {
            self.deadlines.hold(context.now)
        } else {
            Left::default()
        }
    }

    /// It is the client's turn again, or the client is gone.
    pub(super) fn let_clock_go_on(&mut self, context: &LoopContext) {
        let motion = self.data.as_mut().map(|data| &mut data.motion);
        if let Some(Motion::Away(left) | Motion::Resting(_, left)) = motion {
            self.deadlines.go_on(std::mem::take(left), context.now);
        }
    }

    /// Cuts the transfer: its data connection now, its file where one may wait for it.
    pub(super) fn cut(&mut self, ending: Ending, context: &mut LoopContext) {
        let data = self.data();
        data.cut_link(context);
        let (moved, source) = match std::mem::take(&mut data.motion) {
            Motion::Opened(source) | Motion::Begun(source) => (0, source),
            Motion::Here(transfer, _)
            | Motion::Resting(transfer, _)
            | Motion::Received(transfer)
            | Motion::Confirming(transfer) => (transfer.moved(), transfer.cut()),
            Motion::Away(_) => {
                data.motion = Motion::Recalled(ending);
                return;
            }
            // It was quicker than whoever wanted to cut it.
            Motion::Sent(transfer) => {
                return self.finish(Ending::Complete, transfer.moved(), None, context);
            }
            motion => {
                data.motion = motion;
                return;
            }
        };
        data.motion = Motion::Discarding(ending, moved);
        self.deadlines.clear(Deadline::Resume);
        self.submit(Work::Discard(source), context);
    }

    /// The one end of every transfer: what it held is closed, and the session says so.
    pub(super) fn finish(
        &mut self,
        ending: Ending,
        bytes: u64,
        kept: Option<u64>,
        context: &mut LoopContext,
    ) {
        let data = self.data();
        data.motion = Motion::Idle;
        data.unlink(context);
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

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Connection => Self::Cut,
            Failure::Security => Self::NotSecured,
            Failure::Malformed => Self::Malformed,
            Failure::Bounded => Self::Bounded,
            Failure::Storage(error) => Self::Failed(error),
        }
    }
}
