//! A control turn: read once, execute what is complete, and leave the rest for the next turn.
//!
//! While a command is in progress the control connection is still read, into the bounded
//! input, and looked through for what must not wait: ABOR, and a STAT that is next.

use std::io;

use super::close_reason::CloseReason;
use super::connection::{Connection, Phase, Visit};
use super::context::LoopContext;
use crate::limits::COMMANDS_PER_TURN;
use crate::net::Stream as _;
use crate::session::Session;

impl Connection {
    pub(super) fn control_turn(&mut self, context: &mut LoopContext) -> Visit {
        match self.phase {
            Phase::Lingering => return self.read_to_nowhere(context),
            Phase::ProxyHeader(_) => return self.proxy_header_turn(context),
            _ => {}
        }
        self.input.attach(&mut context.input);
        let read = self.read_commands(context);
        if read.is_ok() {
            self.execute_commands(context);
            self.hear_urgent_commands(context);
        }
        self.input.detach(&mut context.input);
        context.wipe_password();
        read
    }

    fn read_commands(&mut self, context: &mut LoopContext) -> Visit {
        if !self.ready.readable || !self.wants_input() {
            return Ok(());
        }
        let room = self.input.spare();
        let asked = room.len();
        match self.stream.read(room) {
            Ok(0) if asked > 0 => self.end_input(context),
            Ok(count) => {
                self.input.filled(count);
                // The next bytes will be a new edge, unless their edge was this one.
                if count < asked && !self.ready.drain && !self.stream.has_unread() {
                    self.ready.readable = false;
                }
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.ready.readable = false;
                    self.ready.drain = false;
                }
                io::ErrorKind::Interrupted => {}
                // Many clients end TLS by closing the socket.
                io::ErrorKind::UnexpectedEof => self.end_input(context),
                _ if self.stream.has_failed() => self.break_off(context),
                _ if self.upload_outlives_control(context) => self.half_close(context),
                kind => return Err(CloseReason::Cut(kind)),
            },
        }
        Ok(())
    }

    /// The client will send no more. After a QUIT there is nothing that it could have said.
    fn end_input(&mut self, context: &mut LoopContext) {
        self.half_close(context);
        if !self.has_quit() && !self.upload_outlives_control(context) {
            self.converse(context, Session::input_ended);
        }
    }

    fn half_close(&mut self, context: &LoopContext) {
        self.phase = Phase::HalfOpen;
        self.ready.readable = false;
        self.let_clock_go_on(context);
    }

    fn execute_commands(&mut self, context: &mut LoopContext) {
        for _ in 0..COMMANDS_PER_TURN {
            if !self.session.accepts_command() || self.outbox.is_full() {
                return;
            }
            if !self.execute_next(context) {
                return;
            }
        }
    }

    /// Executes the next complete line, if there is one.
    fn execute_next(&mut self, context: &mut LoopContext) -> bool {
        for refusal in self.input.refusals() {
            self.outbox.telnet(refusal);
        }
        let Some(line) = self.input.next_line() else {
            return false;
        };
        context.activity.commands += 1;
        let mut cx = context.context(&mut self.outbox, &mut self.deadlines);
        self.session.execute(&line, &mut cx);
        self.apply_actions(context);
        true
    }

    fn hear_urgent_commands(&mut self, context: &mut LoopContext) {
        for _ in 0..COMMANDS_PER_TURN {
            if !self.has_status() {
                break;
            }
            self.execute_next(context);
        }
        if self.has_abort() {
            self.converse(context, Session::abort);
        }
    }

    fn read_to_nowhere(&mut self, context: &mut LoopContext) -> Visit {
        match self.stream.read(&mut context.input) {
            Ok(0) => Err(CloseReason::Finished),
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.ready.readable = false;
                    Ok(())
                }
                io::ErrorKind::Interrupted => Ok(()),
                _ => Err(CloseReason::Finished),
            },
        }
    }
}
