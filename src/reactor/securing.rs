//! From clear text to TLS and back: AUTH, implicit TLS, CCC; and where TLS fails. RFC 4217 §4 and §7.
//!
//! Nothing crosses the switch: what came behind the command in the clear closes the connection,
//! and nothing is read until the reply is written. The handshake has turns of its own, of which a
//! pass gives only a few, because each may cost a signature.

use std::io;

use log::Level;

use super::close_reason::CloseReason;
use super::connection::{Connection, Phase, Switch, Visit};
use super::context::LoopContext;
use super::data::{Link, Motion};
use crate::auth::Revocation;
use crate::cause::cause;
use crate::net::tls::Acceptor;
use crate::net::{Channel, ClientStanding, Stream as _};
use crate::observe::target;
use crate::session::{Deadline, Repeated, Session, SessionEvent};

impl Connection {
    /// AUTH or CCC has been said. What a client, or somebody on the way to it, has put behind it
    /// must not be taken for something said after the switch.
    pub(super) fn switch(&mut self, switch: Switch, context: &mut LoopContext) {
        let is_last = self.input.is_empty() && !self.stream.has_unread();
        if is_last {
            self.phase = Phase::Switching(switch);
        } else {
            let peer = self.peer;
            log::warn!(target: target::SECURITY, "{peer}: Something came behind AUTH or CCC");
        }
        self.converse(context, |session, cx| {
            session.handle(SessionEvent::Switching(is_last), cx);
        });
    }

    /// The reply is written, and from here on it is TLS, or soon not any more.
    pub(super) fn begin_handshake(&mut self, switch: Switch, context: &mut LoopContext) -> Visit {
        match switch {
            Switch::Secure => self.secure(context),
            Switch::Clear => {
                self.await_handshake(switch, context);
                Ok(())
            }
        }
    }

    /// From here on it is TLS.
    pub(super) fn secure(&mut self, context: &mut LoopContext) -> Visit {
        context.look_at_certificate();
        let none = || Err(io::Error::other("there is no certificate"));
        let security = context
            .acceptor
            .as_ref()
            .map_or_else(none, Acceptor::control);
        let (security, tag) = security.map_err(|error| {
            let (peer, why) = (self.peer, cause(&error));
            log::error!("{peer}: Cannot begin a TLS handshake: {why}");
            CloseReason::NotSecured
        })?;
        self.stream.secure(security);
        self.tag = Some(tag);
        self.await_handshake(Switch::Secure, context);
        Ok(())
    }

    fn await_handshake(&mut self, switch: Switch, context: &LoopContext) {
        self.phase = Phase::Handshaking(switch);
        // Whether the client's part is there already has not been looked at.
        self.ready.readable = true;
        let handshake = context.now + context.settings.timings.handshake;
        self.deadlines.set(Deadline::Handshake, handshake);
    }

    pub(super) fn handshake_turn(&mut self, context: &mut LoopContext) -> Visit {
        let Phase::Handshaking(switch) = self.phase else {
            self.data_handshake_turn(context);
            return Ok(());
        };
        let step = match switch {
            Switch::Secure => self.stream.handshake(),
            Switch::Clear => self.stream.unsecure(),
        };
        if let Some(remark) = self.stream.take_remark() {
            log::warn!(target: target::SECURITY, "{}: {remark}", self.peer);
        }
        match step {
            Ok(()) => {
                self.end_handshake(switch, context);
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.ready.clear_for_handshake(&self.stream);
                    Ok(())
                }
                io::ErrorKind::Interrupted => Ok(()),
                _ if self.stream.has_failed() => {
                    self.break_off(context);
                    Ok(())
                }
                _ => Err(CloseReason::NotSecured),
            },
        }
    }

    /// The client secures a data connection before it says what for.
    pub(super) fn data_handshake_turn(&mut self, context: &mut LoopContext) {
        let data = self.data();
        let channel = match std::mem::take(&mut data.link) {
            Link::Open(channel) => channel,
            other => return data.link = other,
        };
        let link = self.shake_hands_early(channel, context);
        let has_left = matches!(link, Link::Absent);
        self.data().link = link;
        if has_left {
            self.lose_link(context);
        }
    }

    /// Whether the client will send or receive is not known then; so it is taken for one that sends,
    /// which can bear less. One that leaves because its command was refused is let go in silence.
    fn shake_hands_early(&mut self, channel: Channel, context: &LoopContext) -> Link {
        let mut channel = match self.protected(channel, true, context) {
            Ok(channel) => channel,
            Err(error) => {
                self.log_insecure(&error);
                return Link::Failed;
            }
        };
        let step = channel.handshake().map_err(|error| error.kind());
        let was_refused = matches!(self.data().motion, Motion::Refused);
        let has_left = matches!(
            step,
            Err(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
        );
        if was_refused && has_left {
            return Link::Absent;
        }
        if let Some(remark) = channel.take_remark() {
            self.log_remark(&remark);
        }
        let ready = &mut self.data().ready;
        match step {
            // What came with its end is known to TLS, and not to the kernel.
            Ok(()) => ready.readable = true,
            Err(io::ErrorKind::WouldBlock) => ready.clear_for_handshake(&channel),
            Err(io::ErrorKind::Interrupted) => {}
            Err(_) => {
                // What is wrong with it is said where there is room; nothing waits for that.
                let _ = channel.shutdown();
                return Link::Failed;
            }
        }
        Link::Open(channel)
    }

    /// A data connection in the clear or secured, as PROT has it (RFC 2228 §3): one that is secured
    /// already stays so.
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
            &context.acceptor,
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

    /// What TLS has to say of a data connection.
    pub(super) fn log_remark(&mut self, remark: &str) {
        let text = format_args!("{}: {remark}", self.peer);
        self.session
            .log_once(Repeated::DataSecurity, Level::Warn, text);
    }

    pub(super) fn log_insecure(&mut self, error: &io::Error) {
        let text = format_args!(
            "{}: Cannot secure a data connection: {}",
            self.peer,
            cause(error)
        );
        self.session
            .log_once(Repeated::DataSecurity, Level::Error, text);
    }

    /// TLS has failed: the conversation is over, and its last word is an alert.
    pub(super) fn break_off(&mut self, context: &mut LoopContext) {
        if let Some(remark) = self.stream.take_remark() {
            log::warn!(target: target::SECURITY, "{}: {remark}", self.peer);
        }
        self.leave_the_last_word_to_tls();
        self.converse(context, Session::break_off);
    }

    /// No reply can be said any more. What TLS has to say goes out as a last reply would.
    pub(super) fn leave_the_last_word_to_tls(&mut self) {
        self.phase = Phase::Open;
        self.outbox.clear();
    }

    fn end_handshake(&mut self, switch: Switch, context: &mut LoopContext) {
        self.phase = Phase::Open;
        // What came with the end of the handshake is known to TLS, and not to the kernel.
        self.ready.readable = true;
        self.deadlines.clear(Deadline::Handshake);
        let security = self.stream.security();
        let event = match (switch, security) {
            (Switch::Secure, Some(security)) => {
                log::info!("{}: Secured by {}", self.peer, security.protocol());
                SessionEvent::Secured(security.client_name())
            }
            _ => SessionEvent::Cleared,
        };
        self.notify(event, context);
        // The authority may have changed since the handshake began.
        if self.client_standing(context) == ClientStanding::Refused {
            self.revoke(Revocation::Certificate, context);
        }
    }
}
