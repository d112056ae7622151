//! What a session and the pool of passive listeners tell each other: the request for a port, and the answer.
//!
//! Plain values; a lease is given back to the [pool](super::passive_pool).

use std::net::SocketAddr;

use super::claimant::Claimant;
use crate::event_loop::Key;

/// A session's right to the connection of one claimant that arrives at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PassiveLease {
    pub(super) listener: Key,
    pub(super) claimant: Claimant,
}

/// A session that asks for a port.
#[derive(Clone, Copy)]
pub(super) struct Borrower {
    pub(super) key: Key,
    pub(super) claimant: Claimant,
    /// What it has already. It gets that again if there is nothing else.
    pub(super) held: Option<PassiveLease>,
    /// It was at the head of the queue.
    pub(super) has_waited: bool,
}

/// The answer to a [`Borrower`].
pub(super) enum Lending {
    /// Its connection is expected at this address.
    Port(PassiveLease, SocketAddr),
    /// Each port is taken for its address: it is in the queue.
    Queued,
}
