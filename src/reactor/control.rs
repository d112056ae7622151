//! A control turn: read once, execute what is complete, and leave the rest for the next turn.
//!
//! While a command is in progress the control connection is still read, into the bounded
//! input, and looked through for what must not wait: ABOR, and a STAT that is next.

use std::io;

use super::close_reason::CloseReason;
use super::connection::{Connection, Phase, Visit};
use super::services::Services;
use crate::limits::COMMANDS_PER_TURN;
use crate::net::Stream as _;
use crate::session::Session;

impl Connection {
    pub(super) fn control_turn(&mut self, services: &mut Services) -> Visit {
        match self.phase {
            Phase::Lingering => return self.read_to_nowhere(services),
            Phase::Preamble(_) => return self.preamble_turn(services),
            _ => {}
        }
        self.input.attach(&mut services.input);
        let read = self.read_commands(services);
        if read.is_ok() {
            self.execute_commands(services);
            self.hear_urgent_commands(services);
        }
        self.input.detach(&mut services.input);
        services.wipe_password();
        read
    }

    fn read_commands(&mut self, services: &mut Services) -> Visit {
        if !self.ready.readable || !self.wants_input() {
            return Ok(());
        }
        let room = self.input.spare();
        let asked = room.len();
        match self.stream.read(room) {
            Ok(0) if asked > 0 => self.end_input(services),
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
                io::ErrorKind::UnexpectedEof => self.end_input(services),
                _ if self.stream.has_failed() => self.break_off(services),
                _ if self.upload_outlives_control(services) => self.half_close(services),
                kind => return Err(CloseReason::Cut(kind)),
            },
        }
        Ok(())
    }

    /// The client will send no more. After a QUIT there is nothing that it could have said.
    fn end_input(&mut self, services: &mut Services) {
        self.half_close(services);
        if !self.has_quit() && !self.upload_outlives_control(services) {
            self.converse(services, Session::input_ended);
        }
    }

    fn half_close(&mut self, services: &Services) {
        self.phase = Phase::HalfOpen;
        self.ready.readable = false;
        self.let_clock_go_on(services);
    }

    fn execute_commands(&mut self, services: &mut Services) {
        for _ in 0..COMMANDS_PER_TURN {
            if !self.session.accepts_command() || self.outbox.is_full() {
                return;
            }
            if !self.execute_next(services) {
                return;
            }
        }
    }

    /// Executes the next complete line, if there is one.
    fn execute_next(&mut self, services: &mut Services) -> bool {
        for refusal in self.input.refusals() {
            self.outbox.telnet(refusal);
        }
        let Some(line) = self.input.next_line() else {
            return false;
        };
        services.activity.commands += 1;
        let mut cx = services.context(&mut self.outbox, &mut self.deadlines);
        self.session.execute(&line, &mut cx);
        self.carry_out_orders(services);
        true
    }

    fn hear_urgent_commands(&mut self, services: &mut Services) {
        for _ in 0..COMMANDS_PER_TURN {
            if !self.has_status() {
                break;
            }
            self.execute_next(services);
        }
        if self.has_abort() {
            self.converse(services, Session::abort);
        }
    }

    fn read_to_nowhere(&mut self, services: &mut Services) -> Visit {
        match self.stream.read(&mut services.input) {
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
