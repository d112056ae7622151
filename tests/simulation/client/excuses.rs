//! When the server may end a control connection without the last reply, or by a reset.
//!
//! Normally it sends every reply that is due, or a 421, then half-closes, and lingers until the client
//! closes. Each method here is one exception, as narrow as the delivered bytes allow. There are no others.

use std::time::Duration;

use super::conversation::CommandKind;
use super::ftp_client::FtpClient;
use super::profile::{TlsMode, TlsStart};
use crate::rng::Odds;
use crate::world::{ConnectionFacts, Reset, World};

/// How long a stopping server waits for its last replies to be read.
const PATIENCE: Duration = Duration::from_secs(5);

/// Length of the longest 421 to a refused connection.
const REFUSAL_BYTES: u64 = 100;

impl FtpClient {
    /// Whether any exception applies to what was delivered so far.
    pub(super) fn is_excused(&self, facts: &ConnectionFacts, world: &World) -> bool {
        is_cut(facts)
            || self.was_never_accepted(facts)
            || self.was_refused_at_accept(facts)
            || self.is_unknown()
            || self.proxy_header_was_late(facts, world)
            || self.handshake_was_late(facts, world)
            || self.was_revoked_in_handshake(facts, world)
            || self.close_notify_was_late(facts)
            || self.left_replies_unread(facts)
            || self.outlasted_linger(facts)
            || has_panicked(facts, world)
            || self.was_closed_by_stop(facts, world)
    }

    /// It was in the backlog when the listener was closed.
    fn was_never_accepted(&self, facts: &ConnectionFacts) -> bool {
        self.config.stops && facts.accepted.is_none()
    }

    /// A refusal is written once and does not linger, so that it cannot hold descriptors. It is lost if the
    /// socket accepts less than the line, or if the client has already sent bytes (a PROXY header, a
    /// `ClientHello`), so that the close becomes a reset. A revoked address, or implicit TLS, gets no reply
    /// at all.
    fn was_refused_at_accept(&self, facts: &ConnectionFacts) -> bool {
        let fault_plan = &self.config.fault_plan;
        let takes_little =
            fault_plan.capacity < REFUSAL_BYTES as usize || fault_plan.short_write != Odds(0);
        let is_cut_short = takes_little && facts.server.written < REFUSAL_BYTES;
        let has_spoken = facts.client.written > 0 && facts.client.reset_delivered.is_some();
        let is_silent = self.may_be_revoked() || self.profile.tls_mode == TlsMode::Implicit;
        let was_greeted = self.conversation.was_greeted();
        !was_greeted && (is_cut_short || has_spoken || is_silent && facts.server.written == 0)
    }

    /// Its PROXY header is invalid or incomplete.
    const fn is_unknown(&self) -> bool {
        self.config.is_proxied && !self.profile.proxy_header.is_right()
    }

    /// Its PROXY header arrived after the handshake time-out.
    fn proxy_header_was_late(&self, facts: &ConnectionFacts, world: &World) -> bool {
        let until = facts.server.closed_at().unwrap_or(world.now);
        let since = facts
            .accepted
            .map_or_else(|| self.control.connected_at(), |moment| moment.at);
        let is_late = until.saturating_sub(since) >= self.config.timings.handshake;
        self.config.is_proxied && !self.conversation.was_greeted() && is_late
    }

    /// Its handshake, or the PROXY header before it, timed out. The time in which a worker computes is not
    /// the client's, so the handshake of one that is quick itself, and stays to the end of it, is not late
    /// until another time-out.
    fn handshake_was_late(&self, facts: &ConnectionFacts, world: &World) -> bool {
        let times = &self.config.timings;
        let is_quick = self.config.fault_plan.is_quick();
        let is_proper = self.profile.tls_start == TlsStart::Proper;
        let may_be_late = !is_quick || !is_proper || self.is_gone();
        let own = if may_be_late {
            times.handshake
        } else {
            times.login
        };
        let least = own.min(times.login).min(times.idle);
        let until = facts.server.closed_at().unwrap_or(world.now);
        let is_late = until.saturating_sub(self.control.connected_at()) >= least;
        // A client that has not received the 234 does not start the handshake.
        let is_pending = self.conversation.awaits_switch();
        let is_beginning = self.control.is_beginning() || is_pending;
        is_late && (is_beginning || self.control.bad_hello_since().is_some())
    }

    /// A reload revoked its address or login during the handshake, when no reply can be sent.
    fn was_revoked_in_handshake(&self, facts: &ConnectionFacts, world: &World) -> bool {
        let until = facts.server.closed_at().unwrap_or(world.now);
        let reload = self.config.reload.as_ref();
        let has_come = reload.is_some_and(|reload| reload.has_come(until));
        has_come && self.may_be_revoked() && self.control.is_beginning()
    }

    /// After CCC the client's `close_notify` came too late or never, or the 200 did not arrive. Its time
    /// begins when the server hears CCC, perhaps before the 200 is written.
    fn close_notify_was_late(&self, facts: &ConnectionFacts) -> bool {
        let handshake = self.config.timings.handshake;
        let is_pending = self.conversation.awaits(CommandKind::Ccc);
        let is_lost = facts.server.delivered < facts.client.written;
        let has_said = self.control.has_tls() && !self.control.is_encrypted() && is_lost;
        let is_clearing = self.control.is_clearing() || is_pending || has_said;
        let since = facts.server.last_written.min(facts.server.last_delivery);
        is_clearing && facts.server.is_closed_after(since, handshake)
    }

    /// The client read nothing until the reply time-out.
    fn left_replies_unread(&self, facts: &ConnectionFacts) -> bool {
        let stall = self.config.timings.reply_stall;
        let written = facts.server.last_written;
        facts.server.was_starved && facts.server.is_closed_after(written, stall)
    }

    /// The linger time-out expired after the last reply.
    fn outlasted_linger(&self, facts: &ConnectionFacts) -> bool {
        let linger = self.config.timings.linger;
        facts.server.is_closed_after(facts.server.fin_sent, linger)
    }

    /// The server stopped and could send no more: no greeting yet, a TLS handshake or CCC in progress, its
    /// patience exhausted, or a second stop signal.
    fn was_closed_by_stop(&self, facts: &ConnectionFacts, world: &World) -> bool {
        let Some(&first) = world.stops.first() else {
            return false;
        };
        let since = facts.server.fin_sent.map(|moment| moment.at);
        let since = facts.server.closed_at().or(since);
        let is_between = self.control.is_beginning() || self.control.is_clearing();
        let is_after = |stop: Duration| since.is_some_and(|at| at >= stop);
        let last = first + self.config.timings.grace + PATIENCE;
        let second = world.stops.get(1).copied();
        let is_early = !self.conversation.was_greeted() || is_between;
        is_early && is_after(first) || is_after(last) || second.is_some_and(is_after)
    }
}

/// A fault reset the connection, and at least one end has received the reset.
pub(super) fn is_cut(facts: &ConnectionFacts) -> bool {
    let resets = [facts.server.reset_delivered, facts.client.reset_delivered];
    let mut resets = resets.into_iter().flatten();
    resets.any(|(_, why)| why == Reset::Network)
}

/// A storage call panicked in its turn: the server closes that connection, and no other.
pub(super) fn has_panicked(facts: &ConnectionFacts, world: &World) -> bool {
    let closed = facts.server.closed_at();
    closed.is_some_and(|at| world.panics.contains(&at))
}
