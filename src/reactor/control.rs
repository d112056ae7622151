//! The control turn: read once, then execute the complete lines, within the budget of a turn.
//!
//! Each command is a step of its own, so that its actions are applied before the next command. While a
//! command is in progress the control connection is still read, into the bounded input, and searched for
//! the commands that must not wait: ABOR, and a STAT that is next (RFC 959 §4.1.3).

use std::io;

use super::close_reason::CloseReason;
use super::connection::{Connection, Phase};
use super::context::LoopContext;
use super::turn::{Next, StepResult};
use crate::limits::COMMANDS_PER_TURN;
use crate::net::Stream as _;
use crate::session::{Action, Session};

/// How far a control turn is.
///
/// ```text
///   Read ──▶ Commands ──none left, not accepted──▶ Urgent ──none left──▶ (over)
/// ```
pub(super) struct ControlTurn {
    stage: Stage,
    /// Whether the lent input buffer holds a password.
    holds_password: bool,
}

enum Stage {
    Read,
    /// So many more commands in this turn.
    Commands(usize),
    /// So many more urgent ones.
    Urgent(usize),
}

impl ControlTurn {
    pub(super) const fn new() -> Self {
        Self {
            stage: Stage::Read,
            holds_password: false,
        }
    }

    pub(super) fn step(
        &mut self,
        connection: &mut Connection,
        context: &mut LoopContext,
    ) -> StepResult {
        match connection.phase {
            Phase::Lingering => return connection.discard_input(context),
            Phase::ProxyHeader(_) => return connection.proxy_header_turn(),
            _ => {}
        }
        if matches!(self.stage, Stage::Read) {
            connection.input.attach(&mut context.scratch.input);
            if let Err(reason) = connection.read_commands(context) {
                self.end(connection, context);
                return Err(reason);
            }
            self.stage = Stage::Commands(COMMANDS_PER_TURN);
        }
        if self.execute_one(connection, context) {
            return Ok(Next::Step);
        }
        if connection.has_abort() {
            connection.converse(context, Session::abort);
        }
        self.end(connection, context);
        Ok(Next::Done)
    }

    /// Executes the next command, if there is one and the budget allows it.
    fn execute_one(&mut self, connection: &mut Connection, context: &mut LoopContext) -> bool {
        if let Stage::Commands(left) = self.stage {
            let is_accepted = connection.session.accepts_command() && !connection.outbox.is_full();
            if left > 0 && is_accepted && self.execute_next(connection, context) {
                self.stage = Stage::Commands(left - 1);
                return true;
            }
            self.stage = Stage::Urgent(COMMANDS_PER_TURN);
        }
        match self.stage {
            Stage::Urgent(left) if left > 0 && connection.has_status() => {
                self.stage = Stage::Urgent(left - 1);
                self.execute_next(connection, context)
            }
            _ => false,
        }
    }

    /// Executes the next complete line, if there is one.
    fn execute_next(&mut self, connection: &mut Connection, context: &mut LoopContext) -> bool {
        for refusal in connection.input.refusals() {
            connection.outbox.telnet(refusal);
        }
        let Some(line) = connection.input.next_line() else {
            return false;
        };
        context.activity.commands += 1;
        let mut cx = context.for_session(&mut connection.outbox, &mut connection.deadlines);
        connection.session.execute(&line, &mut cx);
        let mut actions = context.scratch.actions.iter();
        self.holds_password |= actions.any(|action| matches!(action, Action::Verify(_)));
        true
    }

    /// Returns the lent buffer, without the password that may be in it.
    fn end(&self, connection: &mut Connection, context: &mut LoopContext) {
        connection.input.detach(&mut context.scratch.input);
        if self.holds_password {
            context.scratch.input.fill(0);
        }
    }
}

impl Connection {
    fn read_commands(&mut self, context: &mut LoopContext) -> Result<(), CloseReason> {
        if !self.wants_read() {
            return Ok(());
        }
        let room = self.input.spare();
        let asked = room.len();
        match self.stream.read(room) {
            Ok(0) if asked > 0 => self.end_input(context),
            Ok(count) => {
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

    /// Everything that the client has sent is read.
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

    fn discard_input(&mut self, context: &mut LoopContext) -> StepResult {
        match self.stream.read(&mut context.scratch.input) {
            Ok(0) => Err(CloseReason::Finished),
            Ok(_) => Ok(Next::Done),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.ready.readable = false;
                    Ok(Next::Done)
                }
                io::ErrorKind::Interrupted => Ok(Next::Done),
                _ => Err(CloseReason::Finished),
            },
        }
    }
}
