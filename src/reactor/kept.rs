//! A data connection whose command was refused: it is kept for the next one, while nothing comes over
//! it.
//!
//! A refusal is none of the five reasons to close a data connection (RFC 959 §3.2). But some clients
//! send a file without waiting for the 150, and what has come of one that was refused must not become
//! the beginning of the next: that is the fifth reason, an irrecoverable error. So is the end of the
//! connection, which otherwise would be an empty file. A client that goes on over the same connection
//! therefore waits for its 150 before it sends.

use std::io;

use log::Level;

use super::connection::Connection;
use super::context::LoopContext;
use super::data::{Link, Motion};
use super::run_queue::Turn;
use crate::net::Stream as _;
use crate::session::{Deadline, Repeated, SessionEvent};

impl Connection {
    /// A transfer's command was refused.
    pub(super) fn keep_link(&mut self, context: &mut LoopContext) {
        let Some(data) = self.data.as_deref_mut() else {
            return;
        };
        if matches!(data.motion, Motion::Idle) {
            data.motion = Motion::Refused;
        }
        // The client's time for connecting may have run out while the file was being opened.
        if matches!(data.link, Link::Listening(..)) && !self.deadlines.is_set(Deadline::Arrival) {
            self.give_up_listening(context);
        }
    }

    /// The next transfer is about to be opened: whether it may have what was kept, or the session
    /// hears that it is lost. What the kernel has received counts, also where its event has not come.
    pub(super) fn claim_link(&mut self, context: &mut LoopContext) -> bool {
        if !matches!(self.data().motion, Motion::Refused) {
            return true;
        }
        self.accept_client(context);
        if self.wants(Turn::Handshake) {
            self.data_handshake_turn(context);
        }
        self.listen_in(context);
        let data = self.data();
        match (&data.link, &data.motion) {
            (Link::Absent, Motion::Refused) => {
                self.lose_link(context);
                false
            }
            (_, Motion::Refused) => {
                data.motion = Motion::Idle;
                true
            }
            _ => false,
        }
    }

    /// Closes a kept connection over which something has come, be it its end.
    pub(super) fn listen_in(&mut self, context: &mut LoopContext) {
        let is_protected = self.session.protects_data();
        let data = self.data();
        if !data.is_to_be_silent(is_protected) {
            return;
        }
        let Link::Open(channel) = &mut data.link else {
            return;
        };
        let read = channel.read(&mut [0]).map_err(|error| error.kind());
        let has_come = matches!(read, Ok(1..)) || channel.is_within_record();
        if read == Err(io::ErrorKind::WouldBlock) && !has_come {
            data.ready.readable = false;
            data.ready.drain = false;
            return;
        }
        if has_come {
            let text = format_args!(
                "{}: Closed a data connection: what came over it belongs to a refused command",
                self.peer
            );
            self.session
                .log_once(Repeated::RefusedData, Level::Info, text);
        }
        self.lose_link(context);
    }

    /// What was arranged is closed, and the session hears of it.
    pub(super) fn lose_link(&mut self, context: &mut LoopContext) {
        let data = self.data();
        data.unlink(context);
        data.motion = Motion::Idle;
        self.notify(SessionEvent::Lost, context);
    }
}
