//! For what the data connection is registered with the poller: what the loop waits for, and nothing else.
//!
//! It is computed from the state, and brought about at the end of each turn. A stream that is taken out for a
//! slice or a worker is deregistered before. No wake-up is lost: a registration reports what the kernel has
//! already, so that it does not matter what came between the call that would block and the registration. What
//! TLS has already is no event: a link is ready for it, and a transfer does not wait before it has read that.

use std::io;

use super::{DataChannel, Link, TransferState};
use crate::event_loop::Latch;
use crate::net::{Registration, Stream};

impl DataChannel {
    /// Has the poller report what the loop waits for.
    ///
    /// # Errors
    /// When the system has no memory for it; the data connection is of no use then.
    pub(in crate::reactor) fn register(&mut self, is_protected: bool) -> io::Result<()> {
        let wanted = self.awaited(is_protected);
        let (stream, has_unread): (&mut dyn Stream, _) = match (&mut self.link, &mut self.state) {
            (_, TransferState::OnLoop(transfer, _) | TransferState::AwaitingClose(transfer)) => {
                (transfer.stream(), false)
            }
            (Link::Connecting(stream), _) => (stream.as_mut(), false),
            (Link::Open(channel) | Link::Computing(channel, _), _) => {
                let has_unread = channel.has_unread();
                (channel, has_unread)
            }
            _ => return Ok(()),
        };
        if stream.registration() == wanted {
            return Ok(());
        }
        self.ready = Latch {
            readable: has_unread && wanted == Registration::Readable,
            ..Latch::default()
        };
        stream.register(wanted)
    }

    /// What the loop waits for at the stream.
    fn awaited(&self, is_protected: bool) -> Registration {
        match (&self.link, &self.state) {
            (_, TransferState::OnLoop(_, interest)) => Registration::from(*interest),
            (_, TransferState::AwaitingClose(_)) => Registration::Readable,
            (Link::Connecting(_), _) => Registration::Writable,
            (Link::Open(channel), _) if channel.is_handshaking() && self.is_at_rest() => {
                channel.handshake_interest().into()
            }
            (Link::Open(channel), _)
                if self.must_be_silent(is_protected)
                    || self.is_at_rest() && is_protected && channel.security().is_none() =>
            {
                Registration::Readable
            }
            _ => Registration::None,
        }
    }

    /// The loop waits for the stream no longer.
    pub(super) fn deregister(&mut self, stream: &mut dyn Stream) {
        self.ready = Latch::default();
        // If the system refused that, there would be events without need, and no harm.
        let _ = stream.register(Registration::None);
    }
}
