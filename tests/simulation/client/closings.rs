//! How the server has ended a guest's connections, held to what was delivered.
//!
//! A client looks when it meets the end of its control connection: whatever was owed must have been said,
//! and a reset must not have destroyed it. When all is over every control connection and the data
//! connections of transfers are looked at once more, also those of clients that could see nothing.

use std::time::Duration;

use super::conversation::Kind;
use super::excuses::{has_panicked, is_cut};
use super::guest::Guest;
use super::haul::Haul;
use crate::weather::Weather;
use crate::world::{Closing, Delivered, WireId, World};

/// In which way a client meets the end of its control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// An end, under TLS one that was announced.
    End,
    /// An end of the connection, where TLS should have announced it.
    Unannounced,
    /// A reset.
    Reset,
}

/// What the server may take, beyond the time of its linger, until it notices that this is over.
const NOTICE: Duration = Duration::from_millis(500);

/// A transfer that has begun, has had its final reply and had this data connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Concluded {
    wire: WireId,
    kind: Kind,
    code: u16,
    is_private: bool,
}

impl Guest {
    /// The server has ended the connection: whether it might.
    pub(super) fn check_end(&self, id: WireId, sight: Sight, world: &mut World) {
        self.check_promptness_of_end(world);
        let awaited = self.conversation.awaited.front();
        let is_answered = awaited.is_none() && !self.conversation.is_broken_off();
        let is_all_said = self.conversation.over || self.half_closed.is_some() && is_answered;
        let is_right = match sight {
            Sight::End => is_all_said,
            Sight::Unannounced => false,
            // It can destroy nothing that was read before.
            Sight::Reset => self.conversation.over,
        };
        let facts = world.delivered(id);
        if is_right || self.is_excused(&facts, world) {
            return;
        }
        let fault = match sight {
            Sight::End => format!("the server left without a word, owing {awaited:?}"),
            Sight::Unannounced => "an end that was not announced".to_owned(),
            Sight::Reset => {
                let why = facts.client.reset_landed.map(|(_, why)| why);
                format!("the server reset the connection ({why:?}), owing {awaited:?}")
            }
        };
        self.complain(&fault, world);
    }

    /// Where nothing else is to be waited for, an end is answered by an end at once.
    fn check_promptness_of_end(&self, world: &mut World) {
        let took = self.half_closed.map(|at| world.now.saturating_sub(at));
        // A refusal may be waiting, of which it will not hear when the time for a login is over first.
        let mut awaited = self.conversation.awaited.iter();
        let was_refused = self.was_refused || awaited.any(|one| one.kind == Kind::Pass);
        let is_busy = self.haul.is_some() || was_refused || self.habits.pipelines;
        let is_at_ease = self.place.weather.is_prompt() && !is_busy;
        if is_at_ease && took.is_some_and(|took| took > Weather::PROMPTLY) {
            self.complain(&format!("its end was noticed after {took:?}"), world);
        }
    }

    /// When all is over: what is wrong with how the server has ended its connections.
    pub(crate) fn fault_of_closings(&self, world: &World) -> Option<String> {
        let control = self.came_over.map(|id| world.delivered(id));
        let control = control.and_then(|facts| self.fault_of_control(&facts, world));
        let mut data = self.concluded.iter();
        let fault =
            control.or_else(|| data.find_map(|one| one.fault(self.place.is_proxied, world)))?;
        Some(format!("client {}: {fault}", self.number))
    }

    fn fault_of_control(&self, facts: &Delivered, world: &World) -> Option<String> {
        let (closed, closing) = facts.server.closed?;
        let fin = facts.server.fin_sent.filter(|fin| *fin < closed);
        let heard = facts.server.end_landed().filter(|heard| *heard < closed);
        if let Some(fault) = fin.and_then(|fin| {
            let linger = self.place.timings.linger;
            let over = heard.map_or(fin.at + linger, |heard| heard.at.max(fin.at));
            let late = closed.at.saturating_sub(over);
            (late > NOTICE).then(|| format!("the server lingered {late:?} too long"))
        }) {
            return Some(fault);
        }
        // Who announces the end of TLS may leave the connection open: nothing more can come over it.
        let is_announced = self.cover.keys.is_some() && self.half_closed.is_some();
        let is_heard = heard.is_some() || is_announced;
        let is_right = is_heard && !matches!(closing, Closing::ByReset(_));
        // A refusal waits for nobody.
        let is_refusal = !self.conversation.greeted && fin.is_some_and(|fin| fin.at == closed.at);
        if is_right || is_refusal || self.is_excused(facts, world) {
            return None;
        }
        Some(match (closing, fin) {
            (Closing::ByReset(why), _) => {
                format!("the server closed over what the client had said ({why:?})")
            }
            (_, Some(_)) => "the server did not linger behind its last word".to_owned(),
            (_, None) => "the server closed the connection without its last word".to_owned(),
        })
    }
}

impl Concluded {
    pub(super) fn of(haul: &Haul, code: u16) -> Option<Self> {
        let wire = haul.wire.filter(|_| haul.begun)?;
        Some(Self {
            wire,
            kind: haul.kind,
            code,
            is_private: haul.is_private(),
        })
    }

    /// What is wrong with how the server has ended its data connection: the end of what was whole is a
    /// FIN and stays one, and of what was not it is none.
    fn fault(&self, is_proxied: bool, world: &World) -> Option<String> {
        let facts = world.delivered(self.wire);
        let (_, closing) = facts.server.closed?;
        let Self { kind, code, .. } = self;
        if is_cut(&facts) || has_panicked(&facts, world) {
            return None;
        }
        let is_whole = *code == 226;
        match closing {
            Closing::ByReset(why) if is_whole => Some(format!(
                "226 to {kind:?}, and its data connection was reset ({why:?})"
            )),
            Closing::InOrder if self.may_seem_whole(&facts, is_proxied) => Some(format!(
                "{code} to {kind:?}, and its data connection was ended in order"
            )),
            _ if is_whole
                && facts.server.fin_sent.is_none()
                && facts.server.end_landed().is_none() =>
            {
                Some(format!(
                    "226 to {kind:?}, and its data connection was not ended"
                ))
            }
            _ => None,
        }
    }

    /// Whether an end in order makes a download that was cut look like a file, be it an empty one. Where
    /// there was no data connection in time (425) it has not begun, and one that a proxy has made is
    /// nobody's before its header; under TLS it is the announcement that counts.
    fn may_seem_whole(&self, facts: &Delivered, is_proxied: bool) -> bool {
        let is_joined = facts.server.written > 0 || self.code == 426 && !is_proxied;
        let is_cut = self.code != 226 && is_joined;
        is_cut && self.kind == Kind::Fetch && !self.is_private
    }
}
