//! The server that exports nothing: a control channel and no more.
//!
//! It greets, answers NOOP and QUIT, knows the other commands of RFC 959 by name, and nothing
//! else. The least that a reactor can serve, so the thing to study first and to measure
//! against.

use super::{Context, Session};
use crate::protocol::command::{self, Command, Origin};
use crate::protocol::reply::Reply;

impl Session {
    pub(super) fn control_only(&mut self, line: &[u8], cx: &mut Context<'_>) {
        let verb = line.split(|&b| b == b' ').next().unwrap_or_default();
        let row = command::lookup(verb).filter(|row| row.origin == Origin::Rfc959);
        self.log_line(line, cx);
        let Some(row) = row.filter(|_| line.is_ascii()) else {
            return self.unrecognized(verb, cx);
        };
        match row.command {
            Command::Noop => cx.reply(&Reply::ok()),
            Command::Quit => self.close(&Reply::connection_close(), cx),
            _ => cx.reply(&Reply::not_implemented()),
        }
    }
}
