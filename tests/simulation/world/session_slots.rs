//! Who is logged in to an account that has a limit of sessions: who must be let in, and who must not.
//!
//! A session has its seat from the moment when the server finds the login right, which is between what
//! was said and what was heard; it gives it back with USER, REIN or AUTH, or when its connection is
//! closed. So there are some who certainly have one, and some who may; within that both outcomes are legal.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{ConnectionId, World};

#[derive(Debug, Default)]
pub(crate) struct SessionSlots {
    limit: Option<usize>,
    /// By the connection.
    slots: BTreeMap<ConnectionId, SessionSlot>,
}

/// That of one session.
#[derive(Clone, Copy, Debug)]
struct SessionSlot {
    /// The login was said then.
    said: Duration,
    /// That it was right was heard then.
    heard: Option<Duration>,
    /// It was said then that it may be given back, which may not have been executed yet.
    given_up: Option<Duration>,
}

impl World {
    pub(crate) fn limit_sessions(&mut self, limit: Option<usize>) {
        self.session_slots.limit = limit;
    }

    /// A login to the account is said.
    pub(crate) fn slot_requested(&mut self, id: ConnectionId) {
        let said = self.now;
        let slot = self.session_slots.slots.entry(id).or_insert(SessionSlot {
            said,
            heard: None,
            given_up: None,
        });
        // It may have one, and may have given it up.
        if slot.given_up.is_none() && slot.heard.is_none() {
            slot.said = slot.said.min(said);
        }
    }

    /// What gives a seat back is said.
    pub(crate) fn slot_released(&mut self, id: ConnectionId) {
        let now = self.now;
        if let Some(slot) = self.session_slots.slots.get_mut(&id) {
            slot.given_up = Some(now);
        }
    }

    /// The login that was said then was right: whether there was a seat.
    pub(crate) fn slot_granted(&mut self, id: ConnectionId, said: Duration) {
        let (certain, _) = self.other_sessions(id, said);
        if self
            .session_slots
            .limit
            .is_some_and(|limit| certain >= limit)
        {
            self.violate("one more has logged in than the account may have sessions".to_owned());
        }
        let heard = Some(self.now);
        if let Some(slot) = self.session_slots.slots.get_mut(&id) {
            // What was said before this login was executed before it.
            let given_up = slot.given_up.filter(|&at| at > said);
            *slot = SessionSlot {
                heard,
                given_up,
                ..*slot
            };
        }
    }

    /// It was refused for want of one: whether there was none.
    pub(crate) fn slot_refused(&mut self, id: ConnectionId, said: Duration) {
        let (_, most) = self.other_sessions(id, said);
        if self.session_slots.limit.is_none_or(|limit| most < limit) {
            self.violate(format!(
                "{most} others may be logged in, and one more may not"
            ));
        }
        self.session_slots.slots.remove(&id);
    }

    /// Others who had a seat all the time from then to now, and all that may have had one in it.
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
            let is_in = slot.heard.is_some_and(|heard| heard <= since);
            is_in && slot.given_up.is_none() && closed.is_none()
        });
        let may_be = others
            .iter()
            .filter(|(closed, _)| closed.is_none_or(|(moment, _)| moment.at >= since));
        (is_certain.count(), may_be.count())
    }
}
