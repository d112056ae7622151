//! Writing the replies, and closing the control connection in three steps.
//!
//! ```text
//!   requested ──outbox and TLS flushed──▶ flushed: half-close ──client's end, deadline──▶ closed
//! ```
//!
//! A close is *requested* by the session (QUIT, a time-out, the server's stop) or by the client's
//! half-close with nothing left to answer. It is *flushed* when the last reply is in the kernel; then our
//! side is half-closed, and the client is read until it ends its side too ([`Phase::Lingering`]), because a
//! close with unread input is a reset that can destroy the reply (RFC 1122 §4.2.2.13). *Closed* is an error
//! of the turn: the reactor removes the connection.

use std::io;

use super::close_reason::CloseReason;
use super::connection::{Connection, Phase, Switch};
use super::context::LoopContext;
use crate::event_loop::Interest;
use crate::metrics::{Channel, Way};
use crate::net::Stream as _;
use crate::session::Deadline;

enum Close {
    /// None is requested, or a phase must end first.
    No,
    /// TLS is to begin or end, now that its reply is written.
    SwitchFirst(Switch),
    /// It is requested and the outbox is not empty.
    Requested,
    /// Everything is written: half-close, then linger.
    Flushed,
    /// Everything is written and the client has half-closed before: half-close, and that is all.
    FlushedLast(CloseReason),
    /// There is nothing to write it to.
    Closed(CloseReason),
}

impl Connection {
    /// Writes what there is room for. What is left gets a deadline.
    pub(super) fn write_replies(&mut self, context: &mut LoopContext) -> Result<(), CloseReason> {
        if matches!(
            self.phase,
            Phase::Handshaking(_) | Phase::Computing(_) | Phase::ProxyHeader(_)
        ) {
            return Ok(());
        }
        let mut progress = false;
        while self.ready.writable && self.has_output() {
            // Records that TLS has not sent yet go first; each part of them is progress.
            let written = if self.stream.has_unsent() {
                self.stream.flush_some().map(|()| None)
            } else {
                self.stream.write(self.outbox.unsent()).map(Some)
            };
            match written {
                Ok(None) => progress = true,
                Ok(Some(0)) => return Err(CloseReason::Cut(io::ErrorKind::WriteZero)),
                Ok(Some(count)) => {
                    let is_secured = self.stream.security().is_some();
                    context
                        .counts
                        .moved(Way::Sent, Channel::Control, is_secured, count as u64);
                    self.outbox.wrote(count);
                    progress = true;
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.ready.clear(Interest::Writable),
                    io::ErrorKind::Interrupted => {}
                    kind => return Err(CloseReason::Cut(kind)),
                },
            }
        }
        if self.has_output() {
            self.await_room(progress, context);
        } else {
            self.deadlines.clear(Deadline::ReplyStall);
        }
        Ok(())
    }

    /// The client must read before there is room; its time-out restarts with each progress.
    fn await_room(&mut self, progress: bool, context: &LoopContext) {
        if progress || !self.deadlines.is_set(Deadline::ReplyStall) {
            let stall = context.now + context.policy.settings.timings.reply_stall;
            self.deadlines.set(Deadline::ReplyStall, stall);
        }
    }

    /// Makes the next step of the close, if there is one to make.
    pub(super) fn advance_close(&mut self, context: &mut LoopContext) -> Result<(), CloseReason> {
        if matches!(self.phase, Phase::Handshaking(_)) && self.session.is_closing() {
            // The alert of TLS is all that can still be sent. A worker gives the TLS state back first.
            self.leave_the_last_word_to_tls();
        }
        match self.close_progress() {
            Close::No | Close::Requested => Ok(()),
            Close::SwitchFirst(switch) => self.begin_handshake(switch, context),
            Close::Flushed => match self.half_close(context) {
                None => Ok(()),
                Some(Ok(())) => {
                    self.phase = Phase::Lingering;
                    self.deadlines.clear_all();
                    let linger = context.now + context.policy.settings.timings.linger;
                    self.deadlines.set(Deadline::Linger, linger);
                    Ok(())
                }
                Some(Err(_)) => Err(CloseReason::Finished),
            },
            Close::FlushedLast(reason) => match self.half_close(context) {
                None => Ok(()),
                Some(_) => Err(reason),
            },
            Close::Closed(reason) => Err(reason),
        }
    }

    fn close_progress(&self) -> Close {
        let is_requested = self.session.is_closing();
        match &self.phase {
            // No reply can be sent before the header, nor would it be understood.
            Phase::ProxyHeader(_) if is_requested => Close::Closed(CloseReason::Stopped),
            _ if !self.outbox.is_empty() => Close::Requested,
            Phase::Switching(switch) if !is_requested => Close::SwitchFirst(*switch),
            Phase::Open | Phase::Switching(_) if is_requested => Close::Flushed,
            Phase::HalfOpen if is_requested => Close::FlushedLast(CloseReason::Finished),
            Phase::HalfOpen if self.session.accepts_command() && !self.input.has_line() => {
                Close::FlushedLast(CloseReason::ClientLeft)
            }
            _ => Close::No,
        }
    }

    /// Ends our side of the connection, TLS first. `None`: there is no room for that yet.
    fn half_close(&mut self, context: &LoopContext) -> Option<io::Result<()>> {
        match self.stream.shutdown() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.ready.clear(Interest::Writable);
                self.await_room(false, context);
                None
            }
            done => Some(done),
        }
    }
}
