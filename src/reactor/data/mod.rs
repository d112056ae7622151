//! The data channel of a connection: its socket and its transfer, and every transition of the two.
//!
//! Two state machines side by side. The [`Link`] is the socket for the next transfer: a passive listener,
//! an address to connect to, or a stream. The [`TransferState`] is the transfer: its file is opened first,
//! then the 150 is sent, then link and file are joined. Both are private to this module: `link.rs` and
//! `transitions.rs` change them, and assert the state that they start from.
//!
//! The socket is registered with the poller exactly while the loop waits for it (`registered.rs`). While a
//! worker owns the transfer nothing is reported of it, and the client's time-out is paused.

mod link;
mod registered;
mod transitions;

use std::net::SocketAddr;

pub(super) use transitions::Join;

use super::passive_lease::PassiveLease;
use super::upload_end::UploadEnd;
use crate::clock::Instant;
use crate::event_loop::{Interest, Latch};
use crate::metrics::Since;
use crate::net::{Channel, Stream};
use crate::session::{Ending, PausedTimeout};
use crate::transfer::{Cancellation, Transfer, TransferSource};

/// The socket for the next transfer.
///
/// ```text
///   Absent ──PASV──▶ Passive ──client connects──▶ Open ──150──▶ (joined to the file)
///     └────PORT──▶ Target ──150──▶ Connecting ──connected──▶ Open ──early handshake fails──▶ Failed
///                                   records of an early handshake │▲ step computed
///                                                                 ▼│
///                                                              Computing
/// ```
#[derive(Default)]
pub(super) enum Link {
    /// Nothing is arranged, or the transfer owns the stream.
    #[default]
    Absent,
    /// The client will connect.
    Passive(PassivePort),
    /// The server will connect to this address when the 150 is sent.
    Target(SocketAddr),
    /// The server is connecting.
    Connecting(Box<dyn Stream>),
    /// Connected, in the clear or secured.
    Open(Channel),
    /// A worker computes a step of a handshake that the client began before the 150, or will. The loop waits
    /// for nothing else.
    Computing(Channel, u32),
    /// A handshake that the client began before the 150 has failed.
    Failed,
}

/// The passive port of a link.
///
/// ```text
///   Unused ──PASV──▶ Lent ──client connects, or too late──▶ Unused
///               └──▶ Queued ──a claim ends──▶ Lent
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PassivePort {
    /// The link waits for none.
    Unused,
    /// Each is taken for the client's address; the reply to PASV or EPSV waits.
    Queued {
        /// PASV, and not EPSV.
        for_ipv4: bool,
    },
    /// The client is to connect to it.
    Lent(PassiveLease),
}

impl PassivePort {
    pub(super) const fn lease(self) -> Option<PassiveLease> {
        match self {
            Self::Lent(lease) => Some(lease),
            Self::Unused | Self::Queued { .. } => None,
        }
    }
}

/// The transfer.
///
/// ```text
///   Idle ──▶ Opening ──▶ FileOpen ──150──▶ AwaitingLink ──link open──▶ OnLoop ◀──slice──▶ OnWorker
///   Opening ──refused──▶ Refused ──next command, another link──▶ Idle
///                                             Paused ◀──rate limit──▶│               │
///                                       last byte of an upload ▼               │
///                                                      AwaitingCommit ───commit──┘
///   AwaitingCommit ──its end came late──▶ ConfirmingEnd ──UPLOAD_END_PAUSE──▶ AwaitingCommit
///   OnLoop, OnWorker ──last byte of a short download──▶ AwaitingClose ──client's end, REPLY_GAP──▶ Idle
///   cut:  AwaitingLink, OnLoop, Paused, AwaitingCommit, ConfirmingEnd ──▶ Discarding ──▶ Idle
///         OnWorker ──▶ CancelRequested ──slice returns──▶ Discarding, or Idle if it was complete
/// ```
#[derive(Default)]
pub(super) enum TransferState {
    /// There is none.
    #[default]
    Idle,
    /// There is none, because its command was refused; the link is kept for the next, while nothing comes
    /// over it.
    Refused,
    /// A worker opens the file.
    Opening,
    /// The file is open; the 150 is not sent yet.
    FileOpen(TransferSource),
    /// The 150 is sent; the link is not open yet.
    AwaitingLink(TransferSource),
    /// On the loop, and runnable when the latch has this interest.
    OnLoop(Box<Transfer>, Interest),
    /// On the loop, until the rate limit or the quota's count allows the next slice.
    Paused(Box<Transfer>, PausedTimeout),
    /// A worker owns it, until its turn is over or it is cancelled.
    OnWorker(PausedTimeout, Cancellation),
    /// An upload has all its bytes, and is committed if the client meant to send no more.
    AwaitingCommit(Box<Transfer>, ControlProbe),
    /// As `AwaitingCommit`, for the time in which the control connection may end as well.
    ConfirmingEnd(Box<Transfer>),
    /// A download has sent all its bytes, and waits shortly for the client to close.
    AwaitingClose(Box<Transfer>),
    /// A worker owns it, and it is cut when it comes back.
    CancelRequested(Ending),
    /// A worker closes its file.
    Discarding(Ending, u64),
}

/// Whether the control connection is read once more before an upload is committed, because its end may have
/// come without an event yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ControlProbe {
    Required,
    Done,
}

/// What a [cancelled](DataChannel::cancel) transfer leaves to do.
pub(super) enum Cancelled {
    /// Its file is to be closed; so many bytes have been moved.
    Discard(TransferSource, u64),
    /// It had moved all its bytes already: so many.
    Complete(u64),
    /// There was none, or the worker's result decides.
    Nothing,
}

#[derive(Default)]
pub(super) struct DataChannel {
    link: Link,
    state: TransferState,
    /// The readiness of the link's socket, or of the transfer's stream; empty where it is not registered.
    pub(super) ready: Latch,
    pub(super) end: UploadEnd,
    /// When the 150 was sent.
    begun: Option<Instant>,
    /// When the command of a transfer was received, until the first byte moves.
    pub(super) asked: Since,
}

impl DataChannel {
    pub(super) const fn link(&self) -> &Link {
        &self.link
    }

    pub(super) const fn state(&self) -> &TransferState {
        &self.state
    }

    pub(super) const fn begun(&self) -> Option<Instant> {
        self.begun
    }

    /// The passive port that the link waits for or at.
    pub(super) const fn port(&self) -> PassivePort {
        match self.link {
            Link::Passive(port) => port,
            _ => PassivePort::Unused,
        }
    }

    pub(super) const fn is_listening(&self) -> bool {
        self.port().lease().is_some()
    }

    /// Whether no command uses the channel.
    pub(super) const fn is_at_rest(&self) -> bool {
        matches!(self.state, TransferState::Idle | TransferState::Refused)
    }

    /// Whether the channel holds nothing, and may be dropped.
    pub(super) const fn is_unused(&self) -> bool {
        self.is_at_rest() && matches!(self.link, Link::Absent)
    }

    pub(super) const fn is_runnable(&self) -> bool {
        match (&self.link, &self.state) {
            (_, TransferState::OnLoop(_, interest)) => self.ready.has(*interest),
            (_, TransferState::AwaitingCommit(..))
            | (Link::Open(_) | Link::Failed, TransferState::AwaitingLink(_)) => true,
            (_, TransferState::AwaitingClose(_)) => self.ready.readable,
            (Link::Connecting(_), _) => self.ready.writable,
            _ => false,
        }
    }

    /// Whether the client has begun, or goes on with, a TLS handshake before there is a transfer.
    pub(super) fn wants_handshake(&self) -> bool {
        match &self.link {
            Link::Open(channel) if self.is_at_rest() => {
                if channel.is_handshaking() {
                    self.ready.has(channel.handshake_interest())
                } else {
                    self.ready.readable && channel.security().is_none()
                }
            }
            _ => false,
        }
    }

    /// Whether nothing may come over the link, because its command was refused. A handshake may, if the link
    /// is to be secured.
    pub(super) fn must_be_silent(&self, is_protected: bool) -> bool {
        match (&self.link, &self.state) {
            (Link::Open(channel), TransferState::Refused) if channel.security().is_none() => {
                !is_protected
            }
            (Link::Open(channel), TransferState::Refused) => !channel.is_handshaking(),
            _ => false,
        }
    }

    /// Whether the control connection is to be read before the upload is committed.
    pub(super) const fn needs_control_probe(&self) -> bool {
        matches!(
            self.state,
            TransferState::AwaitingCommit(_, ControlProbe::Required)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::Key;
    use crate::limits::CONNECTION_BYTES;
    use crate::net::STREAM_BYTES;
    use crate::protocol::line::LineBuffer;
    use crate::reactor::connection::{Connection, PassiveMode};
    use crate::reactor::proxy_header::ProxyHeader;
    use crate::session::{BOXED_BYTES, Outbox};

    #[test]
    fn connection_fits_its_share_of_the_memory_limit() {
        // A connection has at most one of these at a time.
        let one_of = [size_of::<Transfer>(), size_of::<ProxyHeader>()];
        let one_of = one_of.into_iter().max().unwrap();
        let kept = LineBuffer::BOXED_BYTES + Outbox::BOXED_BYTES;
        let data = size_of::<DataChannel>() + size_of::<PassiveMode>();
        let boxed = data + kept + one_of + BOXED_BYTES;
        // The slab doubles; timers, queues and counts are beside it.
        let other = 256;
        let bytes = 2 * size_of::<Connection>() + boxed + other;
        assert!(bytes <= CONNECTION_BYTES, "{bytes}");
    }

    /// After its login an idle connection has nothing boxed but its stream. Here with all features, and with
    /// what mio adds to a socket in a debug build.
    #[test]
    fn idle_connection_is_small() {
        let timer = size_of::<(Instant, Key)>();
        let bytes = size_of::<(Key, Connection)>() + STREAM_BYTES + timer;
        assert!(bytes <= 600, "{bytes}");
    }
}
