//! A data connection whose command was refused: kept for the next command, while nothing comes over it.
//!
//! A refusal is none of the five reasons to close a data connection (RFC 959 §3.2). But some clients send a
//! file without waiting for the 150, and bytes of a refused command must not become the beginning of the
//! next file: that is the fifth reason, an irrecoverable error. So is the end of the connection, which
//! would be an empty file. A client that reuses the connection therefore waits for the 150 before it sends.

use std::io;

use log::Level;

use super::connection::Connection;
use super::context::LoopContext;
use super::data::{Link, TransferState};
use crate::event_loop::Interest;
use crate::net::Stream as _;
use crate::session::{Deadline, Repeated, SessionEvent};

impl Connection {
    pub(super) fn keep_link(&mut self, context: &mut LoopContext) {
        let Some(data) = self.data.as_deref_mut() else {
            return;
        };
        data.refused();
        // The client's time for connecting may have run out while the file was being opened.
        if data.is_listening() && !self.deadlines.is_set(Deadline::Arrival) {
            self.give_up_listening(context);
        }
    }

    /// The next transfer is about to be opened. Returns whether it may use what was kept; if not, the
    /// session is told. Bytes that the kernel has received count, even without an event yet.
    pub(super) fn claim_link(&mut self, context: &mut LoopContext) -> bool {
        if !self.is_link_kept() {
            return true;
        }
        self.accept_client(context);
        if self.wants_early_handshake() {
            self.early_handshake_turn(context);
        }
        self.check_silence(context);
        if !self.is_link_kept() {
            return false;
        }
        if matches!(self.data().link(), Link::Absent) {
            self.lose_link(context);
            return false;
        }
        self.data().reuse();
        true
    }

    fn is_link_kept(&self) -> bool {
        let data = self.data.as_deref();
        data.is_some_and(|data| matches!(data.state(), TransferState::Refused))
    }

    /// Closes a kept connection if anything has come over it, its end included.
    pub(super) fn check_silence(&mut self, context: &mut LoopContext) {
        let is_protected = self.session.protects_data();
        let data = self.data();
        if !data.must_be_silent(is_protected) {
            return;
        }
        let Some(channel) = data.channel() else {
            return;
        };
        let read = channel.read(&mut [0]).map_err(|error| error.kind());
        let has_come = matches!(read, Ok(1..)) || channel.is_within_record();
        if read == Err(io::ErrorKind::WouldBlock) && !has_come {
            return data.ready.clear(Interest::Readable);
        }
        if has_come {
            let text = format_args!(
                "Closed a data connection: what came over it belongs to a refused command"
            );
            self.log_once(Repeated::RefusedData, Level::Info, text);
        }
        self.lose_link(context);
    }

    pub(super) fn lose_link(&mut self, context: &mut LoopContext) {
        let data = self.data();
        data.close_link();
        data.reuse();
        self.notify(SessionEvent::DataConnectionLost, context);
    }
}
