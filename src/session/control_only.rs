//! Control-only mode: a control connection without files. RFC 959 §4.1.
//!
//! It sends the greeting, serves NOOP and QUIT, and answers 502 to the other commands of RFC 959. The
//! smallest session that the reactor can serve: read it first, and take it as the baseline of benchmarks.

use super::attributes::split_word;
use super::{Context, Session};
use crate::protocol::command::{self, Command, Standard};
use crate::protocol::reply::Reply;

impl Session {
    pub(super) fn control_only(&mut self, line: &[u8], cx: &mut Context<'_>) {
        let (verb, argument) = split_word(line);
        let row = command::lookup(verb).filter(|row| row.standard == Standard::Rfc959);
        self.log_line(line, cx);
        let row = row.filter(|_| line.is_ascii());
        cx.counts.command(row.map(|row| row.command), argument);
        let Some(row) = row else {
            return self.unrecognized(verb, cx);
        };
        match row.command {
            Command::Noop => cx.reply(&Reply::ok()),
            Command::Quit => self.close(&Reply::connection_close(), cx),
            _ => cx.reply(&Reply::not_implemented()),
        }
    }
}
