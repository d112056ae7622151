//! The control turn: read once, then execute the complete lines, within the budget of a turn.
//!
//! The actions of each command are applied before the next command. While a command is in progress the
//! control connection is still read, into the bounded input, and searched for the commands that must not
//! wait: ABOR, and a STAT that is next (RFC 959 §4.1.3).

use std::io;

use super::close_reason::CloseReason;
use super::connection::{Connection, Phase};
use super::context::LoopContext;
use super::turn::{Request, TurnResult};
use crate::limits::COMMANDS_PER_TURN;
use crate::metrics::{Channel, Way};
use crate::net::Stream as _;
use crate::session::{Action, Session};

/// What the commands of a turn have come to.
#[derive(Default)]
struct Executed {
    request: Option<Request>,
    /// Whether one of them had a password, which the input still holds.
    had_password: bool,
}

impl Connection {
    pub(super) fn control_turn(&mut self, context: &mut LoopContext) -> TurnResult {
        match self.phase {
            Phase::Lingering => return self.discard_input(context),
            Phase::ProxyHeader(_) => return self.proxy_header_turn(),
            Phase::Handshaking(handshake) => return self.handshake_turn(handshake, context),
            _ => {}
        }
        self.input.attach(&mut context.scratch.input);
        let read = self.read_commands(context);
        let executed = read.map(|()| self.execute_commands(context));
        self.input.detach(&mut context.scratch.input);
        let executed = executed?;
        if executed.had_password {
            context.scratch.input.spare().fill(0);
        }
        Ok(executed.request)
    }

    /// Executes complete lines, as many as the budget allows: those that are accepted, then the urgent
    /// ones.
    fn execute_commands(&mut self, context: &mut LoopContext) -> Executed {
        let mut executed = Executed::default();
        for _ in 0..COMMANDS_PER_TURN {
            let is_accepted = self.session.accepts_command() && !self.outbox.is_full();
            if !is_accepted || !self.execute_next(&mut executed, context) {
                break;
            }
        }
        for _ in 0..COMMANDS_PER_TURN {
            if !self.has_status() || !self.execute_next(&mut executed, context) {
                break;
            }
        }
        if self.has_abort() {
            self.converse(context, Session::abort);
        }
        executed
    }

    /// Executes the next complete line and applies its actions; false if there is none.
    fn execute_next(&mut self, executed: &mut Executed, context: &mut LoopContext) -> bool {
        let outbox = &mut self.outbox;
        let Some(line) = self.input.next_line(|refusal| outbox.telnet(refusal)) else {
            return false;
        };
        context.activity.commands += 1;
        let mut cx = context.for_session(&mut self.outbox, &mut self.deadlines);
        self.session.execute(&line, &mut cx);
        // Most commands of a pipeline, such as NOOP, are done with their reply.
        if !context.scratch.actions.is_empty() {
            let mut actions = context.scratch.actions.iter();
            executed.had_password |= actions.any(|one| matches!(one, Action::Verify(_)));
            let asked = self.apply_actions(context);
            executed.request = executed.request.take().or(asked);
        }
        true
    }

    fn read_commands(&mut self, context: &mut LoopContext) -> Result<(), CloseReason> {
        if !self.wants_read() {
            return Ok(());
        }
        let room = self.input.spare();
        let asked = room.len();
        match self.stream.read(room) {
            Ok(0) if asked > 0 => self.end_input(context),
            Ok(count) => {
                let is_secured = self.stream.security().is_some();
                context
                    .counts
                    .moved(Way::Received, Channel::Control, is_secured, count as u64);
                self.input.filled(count);
                // A short read: the next bytes will be a new edge, unless their event was this one.
                if count < asked && !self.ready.drain && !self.stream.has_unread() {
                    self.input_is_drained();
                }
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => self.input_is_drained(),
                io::ErrorKind::Interrupted => {}
                // Many clients end TLS by closing the socket.
                io::ErrorKind::UnexpectedEof => self.end_input(context),
                _ if self.stream.has_failed() => self.break_off(context),
                _ if self.upload_outlives_control(context) => self.half_closed(context),
                kind => return Err(CloseReason::Cut(kind)),
            },
        }
        Ok(())
    }

    fn input_is_drained(&mut self) {
        self.ready.clear(crate::event_loop::Interest::Readable);
        if let Some(data) = self.data.as_deref_mut() {
            data.control_probed();
        }
    }

    /// The client has half-closed. After a QUIT it has nothing left to send, so that is no abort.
    fn end_input(&mut self, context: &mut LoopContext) {
        self.half_closed(context);
        if !self.has_quit() && !self.upload_outlives_control(context) {
            self.converse(context, Session::input_ended);
        }
    }

    fn half_closed(&mut self, context: &LoopContext) {
        self.phase = Phase::HalfOpen;
        self.ready.readable = false;
        self.resume_timeout(context);
    }

    fn discard_input(&mut self, context: &mut LoopContext) -> TurnResult {
        match self.stream.read(context.scratch.input.spare()) {
            Ok(0) => Err(CloseReason::Finished),
            Ok(_) => Ok(None),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.ready.readable = false;
                    Ok(None)
                }
                io::ErrorKind::Interrupted => Ok(None),
                _ => Err(CloseReason::Finished),
            },
        }
    }
}
