//! Why the server may leave a client without the last word that it owes, or reset its connection.
//!
//! It says every reply that is owed, or a 421, before it ends a control connection, ends its side in
//! order, and lingers until the client has ended the other. Each method here is one circumstance in which
//! it does not, as narrow as what was delivered can tell. Nothing else is excused.

use std::time::Duration;

use super::conversation::Kind;
use super::guest::Guest;
use super::habits::Secrecy;
use super::secret::Secret;
use crate::rng::Odds;
use crate::world::{Delivered, Reset, World};

/// What the server waits, when it stops, for clients to hear that their transfers were cut.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of a connection that is refused: the longest 421 that there is.
const REFUSAL_BYTES: u64 = 100;

impl Guest {
    /// Whether any of these circumstances holds for the connection as it was delivered until now.
    pub(super) fn is_excused(&self, facts: &Delivered, world: &World) -> bool {
        is_cut(facts)
            || self.was_never_accepted(facts)
            || self.was_refused_at_the_door(facts)
            || self.is_unknown()
            || self.was_introduced_too_late(facts, world)
            || self.was_too_slow_to_begin(facts, world)
            || self.was_ended_in_a_handshake(facts, world)
            || self.was_too_slow_to_end_tls(facts)
            || self.has_left_replies_unread(facts)
            || self.has_outlasted_the_linger(facts)
            || has_panicked(facts, world)
            || self.was_left_by_a_stop(facts, world)
    }

    /// It stood in the backlog of a listener that was closed.
    fn was_never_accepted(&self, facts: &Delivered) -> bool {
        self.place.stops && facts.taken.is_none()
    }

    /// A refusal is written once, to a new socket, and nothing lingers for it: that would be a way to hold
    /// descriptors. Where the socket takes less than the line, or where something has been said by then (a
    /// proxy's header, a hello of TLS) over which the close becomes a reset, it is lost. Where the
    /// address is not allowed since a reload, or TLS comes first, nothing is said at all.
    fn was_refused_at_the_door(&self, facts: &Delivered) -> bool {
        let weather = &self.place.weather;
        let takes_little =
            weather.capacity < REFUSAL_BYTES as usize || weather.short_write != Odds(0);
        let is_cut_short = takes_little && facts.server.written < REFUSAL_BYTES;
        let has_spoken = facts.client.written > 0 && facts.client.reset_landed.is_some();
        let is_silent = self.may_lose() || self.habits.secrecy == Secrecy::Implicit;
        let was_greeted = self.conversation.greeted;
        !was_greeted && (is_cut_short || has_spoken || is_silent && facts.server.written == 0)
    }

    /// What should have said who it is, in front of everything, said something else, or not all of it.
    const fn is_unknown(&self) -> bool {
        self.place.is_proxied && !self.habits.preamble.is_right()
    }

    /// The proxy's header took so long that the time for it was over.
    fn was_introduced_too_late(&self, facts: &Delivered, world: &World) -> bool {
        let until = facts.server.closed_at().unwrap_or(world.now);
        let since = facts.taken.map_or(self.came, |moment| moment.at);
        let is_late = until.saturating_sub(since) >= self.place.timings.handshake;
        self.place.is_proxied && !self.conversation.greeted && is_late
    }

    /// The handshake, or what is in front of it, took so long that the time for it was over.
    fn was_too_slow_to_begin(&self, facts: &Delivered, world: &World) -> bool {
        let times = &self.place.timings;
        let least = times.handshake.min(times.login).min(times.idle);
        let until = facts.server.closed_at().unwrap_or(world.now);
        let is_late = until.saturating_sub(self.came) >= least;
        let secret = self.cover.secret.as_deref();
        // Who has not heard the 234 does not know that it is awaited.
        let mut awaited = self.conversation.awaited.iter();
        let is_unheard = awaited.any(|one| one.kind.is_switch());
        let is_beginning = secret.is_some_and(Secret::is_beginning) || is_unheard;
        is_late && (is_beginning || self.cover.has_begun_badly)
    }

    /// A reload has taken its address or its login in the middle of a handshake, when nothing can be said.
    fn was_ended_in_a_handshake(&self, facts: &Delivered, world: &World) -> bool {
        let until = facts.server.closed_at().unwrap_or(world.now);
        let reload = self.place.reload.as_ref();
        let has_come = reload.is_some_and(|reload| reload.has_come(until));
        let secret = self.cover.secret.as_deref();
        has_come && self.may_lose() && secret.is_some_and(Secret::is_beginning)
    }

    /// CCC was heard, and the client's end of TLS came too late, or never; or the 200 did not come to the
    /// client.
    fn was_too_slow_to_end_tls(&self, facts: &Delivered) -> bool {
        let handshake = self.place.timings.handshake;
        let written = facts.server.last_written;
        let mut awaited = self.conversation.awaited.iter();
        let is_unheard = awaited.any(|one| one.kind == Kind::Ccc);
        let is_lost = facts.server.landed < facts.client.written;
        let has_said = self.cover.keys.is_some() && self.cover.secret.is_none() && is_lost;
        let is_clearing = self.cover.is_clearing || is_unheard || has_said;
        is_clearing && facts.server.is_closed_after(written, handshake)
    }

    /// The server could write nothing for so long that it need not wait any more.
    fn has_left_replies_unread(&self, facts: &Delivered) -> bool {
        let stall = self.place.timings.reply_stall;
        let written = facts.server.last_written;
        facts.server.was_starved && facts.server.is_closed_after(written, stall)
    }

    /// The last word was said, and its time to arrive before the client says anything more was over.
    fn has_outlasted_the_linger(&self, facts: &Delivered) -> bool {
        let linger = self.place.timings.linger;
        facts.server.is_closed_after(facts.server.fin_sent, linger)
    }

    /// The server has stopped, and could not say more: nobody was known yet, TLS was about to begin or to
    /// end, its patience was over, or it was told a second time.
    fn was_left_by_a_stop(&self, facts: &Delivered, world: &World) -> bool {
        let Some(&first) = world.stops.first() else {
            return false;
        };
        let since = facts.server.fin_sent.map(|moment| moment.at);
        let since = facts.server.closed_at().or(since);
        let secret = self.cover.secret.as_deref();
        let is_between = secret.is_some_and(Secret::is_beginning) || self.cover.is_clearing;
        let is_after = |stop: Duration| since.is_some_and(|at| at >= stop);
        let last = first + self.place.timings.grace + PATIENCE;
        let second = world.stops.get(1).copied();
        let is_early = !self.conversation.greeted || is_between;
        is_early && is_after(first) || is_after(last) || second.is_some_and(is_after)
    }
}

/// The network has cut it, and at least one end has heard of that.
pub(super) fn is_cut(facts: &Delivered) -> bool {
    let resets = [facts.server.reset_landed, facts.client.reset_landed];
    let mut resets = resets.into_iter().flatten();
    resets.any(|(_, why)| why == Reset::Network)
}

/// A storage call in its turn has panicked: that connection is closed, and no other.
pub(super) fn has_panicked(facts: &Delivered, world: &World) -> bool {
    let closed = facts.server.closed_at();
    closed.is_some_and(|at| world.panics.contains(&at))
}
