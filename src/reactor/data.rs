//! The data side of a connection: how a data connection comes to be, and what moves over it.
//!
//! Two machines side by side. The [`Link`] is the socket: a passive listener, an address to
//! connect to, or a stream. The [`Motion`] is the transfer: opened first, begun when the
//! 150 is said, joined to the link's stream when there is one. While a worker has the transfer,
//! both its stream and its file are there; the latch stays here and gathers the events, and so does
//! what is left of the client's time, of which the server's own work takes none.

use std::net::IpAddr;
use std::time::Instant;

use super::context::LoopContext;
use super::latch::Latch;
use super::proxied::PendingConnection;
use super::upload_end::UploadEnd;
use crate::net::{Channel, Listener, PortLease, Stream};
use crate::session::{Ending, Left};
use crate::transfer::{Interest, Transfer, TransferSource};

/// The socket that the next transfer will use.
///
/// ```text
///   Absent ──PASV──▶ Listening ──the client connects──▶ Open ──150──▶ (into the transfer)
///     └────PORT──▶ Target ──150──▶ Connecting ──stands──▶ Open ──its TLS fails first──▶ Failed
/// ```
#[derive(Default)]
pub(super) enum Link {
    /// Nothing is arranged, or the transfer has it.
    #[default]
    Absent,
    /// The client will connect; a proxy may have, and not said for whom.
    Listening(Box<dyn Listener>, PortLease, Option<Box<PendingConnection>>),
    /// We shall connect, once there is something to transfer.
    Target(std::net::SocketAddr),
    /// We are connecting.
    Connecting(Box<dyn Stream>),
    /// It stands, in the clear, or secured where the client has begun that before the 150.
    Open(Channel),
    /// What the client has begun before the 150 has failed.
    Failed,
}

/// The transfer.
///
/// ```text
///   Idle ──▶ Opening ──▶ Opened ──150──▶ Begun ──link open──▶ Here ◀──slice──▶ Away
///   Opening ──refused──▶ Refused ──the next command, another link──▶ Idle
///                                             Resting ◀──rate──▶│               │
///                                       last byte of an upload ▼               │
///                                                          Received ───commit──┘
///   Received ──its end came late──▶ Confirming ──moment over──▶ Received
///   Here, Away ──last byte of a quick download──▶ Sent ──client's end, moment over──▶ Idle
///   cut:  Begun, Here, Resting, Received, Confirming ──▶ Discarding ──▶ Idle
///         Away ──▶ Recalled ──comes back──▶ Discarding, or Idle where it was done already
/// ```
#[derive(Default)]
pub(super) enum Motion {
    /// There is none.
    #[default]
    Idle,
    /// There is none, because it was refused; the link is kept for the next, if nothing comes over it.
    Refused,
    /// A worker opens the file.
    Opening,
    /// It is open; the 150 is about to be said.
    Opened(TransferSource),
    /// The 150 is said; the link is awaited.
    Begun(TransferSource),
    /// On the loop, waiting for this.
    Here(Box<Transfer>, Interest),
    /// On the loop, and has moved what it may for now.
    Resting(Box<Transfer>, Left),
    /// On a worker.
    Away(Left),
    /// An upload has all its bytes, and is committed if the control connection still stands.
    Received(Box<Transfer>),
    /// As `Received`, and for a moment it is awaited whether the control connection ends too.
    Confirming(Box<Transfer>),
    /// A download has all its bytes, and for a moment its client is waited for.
    Sent(Box<Transfer>),
    /// On a worker, and to be cut when it comes back.
    Recalled(Ending),
    /// Its file is being closed by a worker.
    Discarding(Ending, u64),
}

#[derive(Default)]
pub(super) struct DataChannel {
    pub(super) link: Link,
    pub(super) motion: Motion,
    /// Of the link's socket, or of the transfer's stream.
    pub(super) ready: Latch,
    pub(super) end: UploadEnd,
    /// When the 150 was said.
    pub(super) begun: Option<Instant>,
}

impl DataChannel {
    /// Whether a data turn has anything to do.
    pub(super) const fn is_runnable(&self) -> bool {
        match (&self.link, &self.motion) {
            (_, Motion::Here(_, interest)) => self.ready.has(*interest),
            (_, Motion::Received(_)) | (Link::Open(_) | Link::Failed, Motion::Begun(_)) => true,
            (Link::Listening(..), _) | (_, Motion::Sent(_)) => self.ready.readable,
            (Link::Connecting(_), _) => self.ready.writable,
            _ => false,
        }
    }

    /// Whether the client has something to say before there is a transfer; where the connection is to
    /// be secured, some begin that at once.
    pub(super) fn is_spoken_to(&self) -> bool {
        match (&self.link, &self.motion) {
            (Link::Open(channel), Motion::Idle | Motion::Refused) => {
                if channel.is_handshaking() {
                    self.ready.handshakes(channel)
                } else {
                    self.ready.readable && channel.security().is_none()
                }
            }
            _ => false,
        }
    }

    /// Whether nothing may come over the link, because the command that it was for was refused; a
    /// handshake may, where it is to be secured.
    pub(super) fn is_to_be_silent(&self, is_protected: bool) -> bool {
        match (&self.link, &self.motion) {
            (Link::Open(channel), Motion::Refused) if channel.security().is_none() => !is_protected,
            (Link::Open(channel), Motion::Refused) => !channel.is_handshaking(),
            _ => false,
        }
    }

    /// Whether it is as if it had never been.
    pub(super) const fn is_unused(&self) -> bool {
        let is_at_rest = matches!(self.motion, Motion::Idle | Motion::Refused);
        is_at_rest && matches!(self.link, Link::Absent)
    }

    /// The next transfer will use this link, instead of the one that there is.
    pub(super) fn relink(&mut self, link: Link, context: &mut LoopContext) {
        self.unlink(context);
        self.link = link;
        self.ready = Latch::default();
        if matches!(self.motion, Motion::Refused) {
            self.motion = Motion::Idle;
        }
    }

    /// Closes whatever socket there is for the next transfer.
    pub(super) fn unlink(&mut self, context: &mut LoopContext) {
        if let Link::Listening(_, lease, _) = std::mem::take(&mut self.link) {
            context.passive_ports.release(lease);
        }
    }

    /// Closes it so that its end cannot be taken for that of a file, be it an empty one.
    pub(super) fn cut_link(&mut self, context: &mut LoopContext) {
        match &mut self.link {
            Link::Connecting(stream) => stream.reset_on_close(),
            Link::Open(channel) => channel.reset_on_close(),
            Link::Absent | Link::Listening(..) | Link::Target(_) | Link::Failed => {}
        }
        self.unlink(context);
    }

    /// The link is a stream now, of which so much is known.
    pub(super) fn link_to(
        &mut self,
        stream: Box<dyn Stream>,
        ready: Latch,
        context: &mut LoopContext,
    ) {
        self.unlink(context);
        self.link = Link::Open(Channel::clear(stream));
        self.ready = ready;
    }
}

/// What came to a passive listener.
pub(super) enum Arrival {
    /// The client.
    Client(Box<dyn Stream>),
    /// A proxy, who will say for whom it is here.
    Proxy(Box<PendingConnection>),
    /// Somebody else, who is turned away in silence (RFC 2577 §3: port stealing).
    Stranger(IpAddr),
    /// Somebody, who was gone before it could be accepted.
    Gone,
    /// Nobody, for now.
    Nobody,
    /// The listener has failed.
    Failed(std::io::Error),
}

impl Arrival {
    /// Only one from `client`, if that is given, is the client's.
    pub(super) fn of(stream: Box<dyn Stream>, from: IpAddr, client: Option<IpAddr>) -> Self {
        if client.is_none_or(|client| client == from) {
            Self::Client(stream)
        } else {
            Self::Stranger(from)
        }
    }

    /// Takes the next connection.
    pub(super) fn at(
        listener: &mut dyn Listener,
        token: crate::net::Token,
        client: Option<IpAddr>,
        context: &LoopContext,
    ) -> Self {
        use std::io::ErrorKind;
        match listener.accept(token) {
            Ok((stream, peer)) if context.is_proxy(peer.ip()) => {
                Self::Proxy(Box::new(PendingConnection::new(stream, peer.ip())))
            }
            Ok((stream, peer)) => Self::of(stream, peer.ip(), client),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Self::Nobody,
                ErrorKind::Interrupted | ErrorKind::ConnectionAborted => Self::Gone,
                _ => Self::Failed(error),
            },
        }
    }
}
