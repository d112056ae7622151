//! From clear text to TLS and back: AUTH, implicit TLS, CCC; and where TLS fails. RFC 4217 §4 and §7.
//!
//! No plain byte crosses the switch: input behind the command closes the connection, and nothing is read
//! until the reply is written. The loop moves the records of a handshake, and a worker computes its
//! [steps](super::handshake_step). CCC costs no signature, and stays on the loop.

use std::io;

use log::Level;

use super::close_reason::CloseReason;
use super::connection::{Connection, Handshake, Phase, Switch};
use super::context::LoopContext;
use super::turn::TurnResult;
use crate::auth::Revocation;
use crate::cause::cause;
use crate::metrics::Since;
use crate::net::tls::Acceptor;
use crate::net::{Channel, ClientCertStatus, HandshakeStep};
use crate::observe::target;
use crate::session::{Deadline, Repeated, Session, SessionEvent};

impl Connection {
    /// AUTH or CCC is accepted. Plain text behind it, from the client or injected on the way, must not be
    /// taken for commands that came after the switch.
    pub(super) fn switch(&mut self, switch: Switch, context: &mut LoopContext) {
        let is_last = self.input.is_empty() && !self.stream.has_unread();
        if is_last {
            self.phase = Phase::Switching(switch);
        } else {
            let peer = self.peer();
            log::warn!(target: target::SECURITY, "{peer}: Something came behind AUTH or CCC");
        }
        self.notify(SessionEvent::Switching(is_last), context);
    }

    /// The reply is written: TLS begins, or its end.
    pub(super) fn begin_handshake(
        &mut self,
        switch: Switch,
        context: &mut LoopContext,
    ) -> Result<(), CloseReason> {
        match switch {
            Switch::Secure => self.secure(context),
            Switch::Clear => {
                self.await_handshake(switch, context);
                Ok(())
            }
        }
    }

    pub(super) fn secure(&mut self, context: &mut LoopContext) -> Result<(), CloseReason> {
        context.check_certificate_dates();
        let none = || Err(io::Error::other("there is no certificate"));
        let acceptor = context.policy.acceptor.as_ref();
        let security = acceptor.map_or_else(none, Acceptor::control);
        let (security, tag) = security.map_err(|error| {
            let (peer, why) = (self.peer(), cause(&error));
            log::error!("{peer}: Cannot begin a TLS handshake: {why}");
            CloseReason::NotSecured
        })?;
        self.stream.secure(security);
        self.tag = Some(tag);
        self.await_handshake(Switch::Secure, context);
        Ok(())
    }

    fn await_handshake(&mut self, switch: Switch, context: &LoopContext) {
        let began = Since::at(context.now);
        self.phase = Phase::Handshaking(Handshake { switch, began });
        // The client's part may be there already.
        self.ready.readable = true;
        let handshake = context.now + context.policy.settings.timings.handshake;
        self.deadlines.set(Deadline::Handshake, handshake);
    }

    pub(super) fn handshake_turn(
        &mut self,
        handshake: Handshake,
        context: &mut LoopContext,
    ) -> TurnResult {
        let step = match handshake.switch {
            Switch::Secure => self.stream.exchange(),
            Switch::Clear => self.stream.unsecure().map(|()| HandshakeStep::Finished),
        };
        self.go_on_with_handshake(handshake, step, context)
    }

    /// Acts on what the socket, or a worker, has done for the handshake.
    pub(super) fn go_on_with_handshake(
        &mut self,
        handshake: Handshake,
        step: io::Result<HandshakeStep>,
        context: &mut LoopContext,
    ) -> TurnResult {
        if let Some(remark) = self.stream.take_diagnostic() {
            log::warn!(target: target::SECURITY, "{}: {remark}", self.peer());
        }
        match step {
            Ok(HandshakeStep::Finished) => self.end_handshake(handshake, context),
            Ok(HandshakeStep::Compute(_)) => self.await_step(handshake.began, context),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.ready.clear(self.stream.handshake_interest());
                }
                io::ErrorKind::Interrupted => {}
                _ if self.stream.has_failed() => self.break_off(context),
                _ => return Err(CloseReason::NotSecured),
            },
        }
        Ok(None)
    }

    /// The data connection as PROT wants it (RFC 2228 §3), in the clear or secured.
    pub(super) fn protected(
        &self,
        mut channel: Channel,
        client_sends: bool,
        context: &LoopContext,
    ) -> io::Result<Channel> {
        let wanted = self.session.protects_data();
        match (
            wanted,
            channel.security().is_some(),
            &context.policy.acceptor,
            self.tag,
        ) {
            (true, false, Some(acceptor), Some(tag)) => {
                channel.secure(acceptor.data(tag, client_sends)?);
                Ok(channel)
            }
            (true, false, _, _) => Err(io::Error::other("there is no TLS")),
            (false, true, _, _) => Err(io::Error::other("it is secured, against PROT")),
            (true, true, _, _) | (false, false, _, _) => Ok(channel),
        }
    }

    /// Logs a remark of TLS on a data connection.
    pub(super) fn log_diagnostic(&mut self, remark: &str) {
        let text = format_args!("{remark}");
        self.log_once(Repeated::DataSecurity, Level::Warn, text);
    }

    pub(super) fn log_insecure(&mut self, error: &io::Error) {
        let text = format_args!("Cannot secure a data connection: {}", cause(error));
        self.log_once(Repeated::DataSecurity, Level::Error, text);
    }

    /// TLS has failed: ends the session. The last thing that is sent is an alert.
    pub(super) fn break_off(&mut self, context: &mut LoopContext) {
        if let Some(remark) = self.stream.take_diagnostic() {
            log::warn!(target: target::SECURITY, "{}: {remark}", self.peer());
        }
        self.leave_the_last_word_to_tls();
        self.converse(context, Session::close_silently);
    }

    /// Drops the replies, which can no longer be sent. The alert of TLS is flushed like a last reply.
    pub(super) fn leave_the_last_word_to_tls(&mut self) {
        self.phase = Phase::Open;
        self.outbox.clear();
    }

    fn end_handshake(&mut self, mut handshake: Handshake, context: &mut LoopContext) {
        self.phase = Phase::Open;
        // Records that came with the end of the handshake are in the TLS buffer, not in the kernel's.
        self.ready.readable = true;
        self.deadlines.clear(Deadline::Handshake);
        let security = self.stream.security();
        let event = match (handshake.switch, security) {
            (Switch::Secure, Some(security)) => {
                log::info!("{}: Secured by {}", self.peer(), security.protocol());
                context.times.secured(&mut handshake.began);
                SessionEvent::Secured(security.client_name())
            }
            _ => SessionEvent::Cleared,
        };
        self.notify(event, context);
        // The authority may have changed since the handshake began.
        if self.client_cert_status(context) == ClientCertStatus::Refused {
            self.revoke(Revocation::Certificate, context);
        }
    }
}
