//! Sessions of an account with a session limit: which logins must succeed, and which must not.
//!
//! A session occupies a slot from the moment the server accepts the login, which lies between PASS and its
//! reply, until USER, REIN, AUTH or the close. So some sessions certainly hold a slot and some may; in
//! between both outcomes are legal.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{ConnectionId, World};

#[derive(Debug, Default)]
pub(crate) struct SessionSlots {
    limit: Option<usize>,
    /// By control connection.
    slots: BTreeMap<ConnectionId, SessionSlot>,
}

/// The slot of one session.
#[derive(Clone, Copy, Debug)]
struct SessionSlot {
    /// When PASS was sent.
    sent_at: Duration,
    /// When 230 arrived.
    granted: Option<Duration>,
    /// When a command that releases it was sent; it may not have executed yet.
    released: Option<Duration>,
}

impl World {
    pub(crate) fn limit_sessions(&mut self, limit: Option<usize>) {
        self.session_slots.limit = limit;
    }

    /// A PASS for the account was sent.
    pub(crate) fn slot_requested(&mut self, id: ConnectionId) {
        let sent_at = self.now;
        let slot = self.session_slots.slots.entry(id).or_insert(SessionSlot {
            sent_at,
            granted: None,
            released: None,
        });
        // A previous slot may exist or have been released.
        if slot.released.is_none() && slot.granted.is_none() {
            slot.sent_at = slot.sent_at.min(sent_at);
        }
    }

    /// A command that releases the slot was sent.
    pub(crate) fn slot_released(&mut self, id: ConnectionId) {
        let now = self.now;
        if let Some(slot) = self.session_slots.slots.get_mut(&id) {
            slot.released = Some(now);
        }
    }

    /// The login succeeded: checks that a slot was free.
    pub(crate) fn slot_granted(&mut self, id: ConnectionId, sent_at: Duration) {
        let (certain, _) = self.other_sessions(id, sent_at);
        if self
            .session_slots
            .limit
            .is_some_and(|limit| certain >= limit)
        {
            self.violate("a login exceeds the session limit of its account".to_owned());
        }
        let granted = Some(self.now);
        if let Some(slot) = self.session_slots.slots.get_mut(&id) {
            // Commands sent before this login executed before it.
            let released = slot.released.filter(|&at| at > sent_at);
            *slot = SessionSlot {
                granted,
                released,
                ..*slot
            };
        }
    }

    /// The login was refused for the limit: checks that no slot was free.
    pub(crate) fn slot_refused(&mut self, id: ConnectionId, sent_at: Duration) {
        let (_, most) = self.other_sessions(id, sent_at);
        if self.session_slots.limit.is_none_or(|limit| most < limit) {
            self.violate(format!(
                "{most} others may be logged in, and one more may not"
            ));
        }
        self.session_slots.slots.remove(&id);
    }

    /// Others that held a slot for the whole interval, and all that may have held one in it.
    fn other_sessions(&self, id: ConnectionId, since: Duration) -> (usize, usize) {
        let others = self
            .session_slots
            .slots
            .iter()
            .filter(|(other, _)| **other != id);
        let others: Vec<_> = others
            .map(|(&other, slot)| (self.facts_of(other).server.closed, slot))
            .collect();
        let is_certain = others.iter().filter(|(closed, slot)| {
            let is_in = slot.granted.is_some_and(|granted| granted <= since);
            is_in && slot.released.is_none() && closed.is_none()
        });
        let may_be = others
            .iter()
            .filter(|(closed, _)| closed.is_none_or(|(moment, _)| moment.at >= since));
        (is_certain.count(), may_be.count())
    }
}
