//! The client's side of FTP, as pure state machines: bytes and events in, commands and demands out.
//!
//! - [`ReplyReader`] makes replies of bytes.
//! - [`ClientSession`] greets, secures, logs in and says goodbye.
//! - [`Exchange`] is one transfer: an address, a command, a data connection, a final reply.
//!
//! No socket, no clock and no measurement is known here, so that all of it is tested as text.

mod address;
mod exchange;
mod reply;
mod session;
#[cfg(test)]
mod tests;

use std::fmt;

pub(crate) use address::{extended_port, passive_address, port_command};
pub(super) use exchange::{DataMode, Demand, Exchange, Request};
pub(crate) use reply::{BadReply, ReplyReader, ServerReply};
pub(super) use session::{ClientSession, Login, LoginPlan, Step};

/// A reply that ends what was under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::bench) struct Refusal {
    /// The command, without its argument: it may be a password.
    pub(in crate::bench) command: &'static str,
    /// The code of the reply.
    pub(in crate::bench) code: u16,
    /// Its last line.
    pub(in crate::bench) reply: String,
}

impl Refusal {
    pub(super) fn of(command: &'static str, reply: &ServerReply<'_>) -> Self {
        Self {
            command,
            code: reply.code,
            reply: reply.shown(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was answered '{}'", self.command, self.reply)
    }
}

/// Appends a command line.
pub(super) fn send(out: &mut Vec<u8>, verb: &str, argument: &[u8]) {
    out.extend_from_slice(verb.as_bytes());
    if !argument.is_empty() {
        out.push(b' ');
        out.extend_from_slice(argument);
    }
    out.extend_from_slice(b"\r\n");
}
