//! Turns: the kinds that the run queue gives, and what a turn returns.
//!
//! Control comes before data, so that a command is answered before the next megabyte. A turn sets nothing
//! outside its connection: what it wants of the reactor is in its result.

use super::admission::Protocol;
use super::close_reason::CloseReason;
use crate::event_loop::RunQueue;
use crate::metrics::TurnKind;
use crate::protocol::proxy_header::ProxiedPeer;

/// A kind of turn; its number is that of the run queue's FIFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Control,
    Data,
}

impl Turn {
    pub(super) const ALL: [Self; 2] = [Self::Control, Self::Data];

    pub(super) const fn kind(self) -> TurnKind {
        match self {
            Self::Control => TurnKind::Control,
            Self::Data => TurnKind::Data,
        }
    }
}

pub(super) type TurnQueue = RunQueue<{ Turn::ALL.len() }>;

/// What only the reactor can do, because it needs other connections.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Tell the session which sessions its account has.
    ListSessions,
    /// The PROXY header is complete: admit the client that it names.
    AdmitProxied(ProxiedPeer, Protocol),
}

/// The result of a turn: the connection goes on, and may ask for something; or it is to be closed.
pub(super) type TurnResult = Result<Option<Request>, CloseReason>;
