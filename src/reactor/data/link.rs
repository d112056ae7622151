//! Transitions of the link: how the socket for the next transfer comes to be, and how it is closed.
//!
//! Each makes at most one call on a non-blocking socket.

use std::net::SocketAddr;
use std::{io, mem};

use super::{DataChannel, Link, PassivePort, TransferState};
use crate::event_loop::Latch;
use crate::net::{Channel, Stream};

impl DataChannel {
    pub(in crate::reactor) fn listen(&mut self, port: PassivePort) {
        self.arrange(Link::Passive(port));
    }

    pub(in crate::reactor) fn connect_to(&mut self, target: SocketAddr) {
        self.arrange(Link::Target(target));
    }

    fn arrange(&mut self, link: Link) {
        self.link = link;
        self.ready = Latch::default();
        if matches!(self.state, TransferState::Refused) {
            self.state = TransferState::Idle;
        }
    }

    pub(in crate::reactor) fn close_link(&mut self) {
        self.link = Link::Absent;
    }

    /// Closes it with a reset, so that its end is not taken for the end of a file.
    pub(in crate::reactor) fn reset_link(&mut self) {
        match &mut self.link {
            Link::Connecting(stream) => stream.reset_on_close(),
            Link::Open(channel) | Link::Computing(channel, _) => channel.reset_on_close(),
            Link::Absent | Link::Passive(_) | Link::Target(_) | Link::Failed => {}
        }
        self.close_link();
    }

    pub(in crate::reactor) fn open_link(&mut self, stream: Box<dyn Stream>) {
        self.link = Link::Open(Channel::clear(stream));
        self.ready = Latch::default();
    }

    pub(in crate::reactor) fn connecting(&mut self, stream: Box<dyn Stream>) {
        debug_assert!(
            matches!(self.link, Link::Absent),
            "a link is replaced unseen"
        );
        self.link = Link::Connecting(stream);
        self.ready = Latch::default();
    }

    /// Opens the link if the connect has finished.
    ///
    /// # Errors
    /// If it has failed; the link is closed then.
    pub(in crate::reactor) fn finish_connect(&mut self) -> io::Result<()> {
        let Link::Connecting(mut stream) = mem::take(&mut self.link) else {
            debug_assert!(false, "there is no connect to finish");
            return Ok(());
        };
        match stream.connected() {
            Ok(()) => self.link = Link::Open(Channel::clear(stream)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.ready.writable = false;
                self.link = Link::Connecting(stream);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(in crate::reactor) const fn channel(&mut self) -> Option<&mut Channel> {
        match &mut self.link {
            Link::Open(channel) => Some(channel),
            _ => None,
        }
    }

    /// Takes the open link out for a step of its handshake; [`reopen`](Self::reopen) or
    /// [`fail_link`](Self::fail_link) must follow, or it is closed.
    pub(in crate::reactor) fn take_channel(&mut self) -> Option<Channel> {
        match mem::take(&mut self.link) {
            Link::Open(channel) => Some(channel),
            other => {
                self.link = other;
                None
            }
        }
    }

    /// A worker computes the step of its handshake that has this ticket.
    pub(in crate::reactor) fn compute(&mut self, channel: Channel, ticket: u32) {
        debug_assert!(
            matches!(self.link, Link::Absent),
            "a link is replaced unseen"
        );
        self.link = Link::Computing(channel, ticket);
    }

    /// The channel whose step has this ticket. It is gone if the link was closed meanwhile.
    pub(in crate::reactor) const fn computing(&mut self, ticket: u32) -> Option<&mut Channel> {
        match &mut self.link {
            Link::Computing(channel, own) if *own == ticket => Some(channel),
            _ => None,
        }
    }

    /// As [`take_channel`](Self::take_channel), when the step with this ticket has been computed.
    pub(in crate::reactor) fn take_computed(&mut self, ticket: u32) -> Option<Channel> {
        match mem::take(&mut self.link) {
            Link::Computing(channel, own) if own == ticket => Some(channel),
            other => {
                self.link = other;
                None
            }
        }
    }

    pub(in crate::reactor) fn reopen(&mut self, channel: Channel) {
        debug_assert!(
            matches!(self.link, Link::Absent),
            "a link is replaced unseen"
        );
        self.link = Link::Open(channel);
    }

    pub(in crate::reactor) fn fail_link(&mut self) {
        debug_assert!(
            matches!(self.link, Link::Absent),
            "a link is replaced unseen"
        );
        self.link = Link::Failed;
    }
}
