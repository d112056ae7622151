//! Who is logged in to an account that has a limit of sessions: who must be let in, and who must not.
//!
//! A session has its seat from the moment when the server finds the login right, which is between what
//! was said and what was heard; it gives it back with USER, REIN or AUTH, or when its connection is
//! closed. So there are some who certainly have one, and some who may; within that both outcomes are legal.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{WireId, World};

#[derive(Debug, Default)]
pub(crate) struct Seats {
    limit: Option<usize>,
    /// By the connection.
    taken: BTreeMap<WireId, Seat>,
}

/// That of one session.
#[derive(Clone, Copy, Debug)]
struct Seat {
    /// The login was said then.
    said: Duration,
    /// That it was right was heard then.
    heard: Option<Duration>,
    /// It was said then that it may be given back, which may not have been executed yet.
    given_up: Option<Duration>,
}

impl World {
    pub(crate) fn limit_seats(&mut self, limit: Option<usize>) {
        self.seats.limit = limit;
    }

    /// A login to the account is said.
    pub(crate) fn asks_for_seat(&mut self, id: WireId) {
        let said = self.now;
        let seat = self.seats.taken.entry(id).or_insert(Seat {
            said,
            heard: None,
            given_up: None,
        });
        // It may have one, and may have given it up.
        if seat.given_up.is_none() && seat.heard.is_none() {
            seat.said = seat.said.min(said);
        }
    }

    /// What gives a seat back is said.
    pub(crate) fn gives_up_seat(&mut self, id: WireId) {
        let now = self.now;
        if let Some(seat) = self.seats.taken.get_mut(&id) {
            seat.given_up = Some(now);
        }
    }

    /// The login that was said then was right: whether there was a seat.
    pub(crate) fn has_seat(&mut self, id: WireId, said: Duration) {
        let (certain, _) = self.others_seated(id, said);
        if self.seats.limit.is_some_and(|limit| certain >= limit) {
            self.violate("one more has logged in than the account may have sessions".to_owned());
        }
        let heard = Some(self.now);
        if let Some(seat) = self.seats.taken.get_mut(&id) {
            // What was said before this login was executed before it.
            let given_up = seat.given_up.filter(|&at| at > said);
            *seat = Seat {
                heard,
                given_up,
                ..*seat
            };
        }
    }

    /// It was refused for want of one: whether there was none.
    pub(crate) fn has_no_seat(&mut self, id: WireId, said: Duration) {
        let (_, most) = self.others_seated(id, said);
        if self.seats.limit.is_none_or(|limit| most < limit) {
            self.violate(format!(
                "{most} others may be logged in, and one more may not"
            ));
        }
        self.seats.taken.remove(&id);
    }

    /// Others who had a seat all the time from then to now, and all that may have had one in it.
    fn others_seated(&self, id: WireId, since: Duration) -> (usize, usize) {
        let others = self.seats.taken.iter().filter(|(other, _)| **other != id);
        let others: Vec<_> = others
            .map(|(&other, seat)| (self.delivered(other).server.closed, seat))
            .collect();
        let is_certain = others.iter().filter(|(closed, seat)| {
            let is_in = seat.heard.is_some_and(|heard| heard <= since);
            is_in && seat.given_up.is_none() && closed.is_none()
        });
        let may_be = others
            .iter()
            .filter(|(closed, _)| closed.is_none_or(|(moment, _)| moment.at >= since));
        (is_certain.count(), may_be.count())
    }
}
