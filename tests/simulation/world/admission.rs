//! Which connections the server must accept: by the total and per-address limits, by the connection rate,
//! and by bans.
//!
//! It checks at the first byte that the server writes to a new connection, which is the moment of the
//! server's decision; nothing is guessed. Only the start of a ban is invisible: it lies between a failed
//! PASS and its reply. Two outcomes are legal only in that interval, or where a client did not wait for the
//! result of its login.
//!
//! Behind a proxy, connections are accounted to the client, once its PROXY header has arrived.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use mioftpd::Throttling;

use super::{ConnectionId, World};

/// An IPv4 address, or the /64 of an IPv6 address.
pub(crate) type ClientPrefix = u128;

/// The server's admission settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) connections: usize,
    pub(crate) per_address: usize,
    pub(crate) throttling: Throttling,
    pub(crate) is_proxied: bool,
    /// An address that the reload denies, and when.
    pub(crate) denied: Option<(IpAddr, Duration)>,
}

#[derive(Debug, Default)]
pub(crate) struct AdmissionModel {
    rules: Rules,
    clients: BTreeMap<ClientPrefix, ClientHistory>,
}

/// Logins and connections of one prefix.
#[derive(Debug, Default)]
struct ClientHistory {
    logins: Vec<LoginAttempt>,
    bans: Vec<Span>,
    /// When its token bucket is full again.
    full_at: Duration,
    /// Its state is unknown: a connection or ban was not observable.
    is_unsure: bool,
}

/// A login that may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LoginAttempt {
    connection: ConnectionId,
    sent_at: Duration,
    outcome: LoginOutcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginOutcome {
    /// No reply has arrived.
    Unknown,
    /// Not a failure.
    None,
    /// Failed; the reply arrived at this time.
    Failed(Duration),
    Banned,
}

/// The interval in which a ban began.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Duration,
    to: Duration,
}

pub(crate) fn prefix_of(ip: IpAddr) -> ClientPrefix {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits() >> 64 << 64,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certainty {
    Yes,
    No,
    Unsure,
}

impl AdmissionModel {
    pub(crate) fn set(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// A PASS that may fail was sent.
    pub(crate) fn login_sent(&mut self, ip: IpAddr, connection: ConnectionId, sent_at: Duration) {
        let outcome = LoginOutcome::Unknown;
        let attempt = LoginAttempt {
            connection,
            sent_at,
            outcome,
        };
        self.record(ip).logins.push(attempt);
    }

    /// The result of the PASS sent at `sent_at`.
    pub(crate) fn login_answered(
        &mut self,
        ip: IpAddr,
        connection: ConnectionId,
        sent_at: Duration,
        outcome: LoginOutcome,
        now: Duration,
    ) {
        let length = self.rules.throttling.ban;
        let record = self.record(ip);
        let mut logins = record.logins.iter_mut();
        let found = logins.find(|one| {
            one.connection == connection
                && one.sent_at == sent_at
                && one.outcome == LoginOutcome::Unknown
        });
        let Some(found) = found else {
            return;
        };
        found.outcome = outcome;
        if outcome == LoginOutcome::Banned {
            // If another login is open, or a ban is active, the ban may have begun with that.
            let open = record.logins.iter().filter(|one| one.is_open());
            let on = record.bans.iter().filter(|one| sent_at < one.to + length);
            let begins = open.map(|one| one.sent_at).chain(on.map(|one| one.from));
            let first = begins.chain([sent_at]).min();
            let from = first.unwrap_or(sent_at);
            record.bans.push(Span { from, to: now });
        }
    }

    /// The fewest and the most failures that the server may have counted, including the PASS sent at
    /// `sent_at`.
    pub(crate) fn failures(&self, ip: IpAddr, sent_at: Duration, now: Duration) -> (u32, u32) {
        let Some(record) = self.clients.get(&prefix_of(ip)) else {
            return (1, 1);
        };
        let window = self.rules.throttling.window;
        let logins = record.logins.iter().filter(|one| one.sent_at < sent_at);
        let before: Vec<_> = logins.collect();
        let most = record
            .logins
            .iter()
            .filter(|one| one.sent_at <= now)
            .count();
        // Failures accumulate from the first; a ban, or the end of the window, resets the count. An
        // unanswered login may have caused a ban.
        let is_one_row = record.bans.is_empty()
            && !before.iter().any(|one| one.is_open())
            && before
                .first()
                .is_some_and(|first| first.sent_at + window > now);
        let is_sure =
            |one: &&&LoginAttempt| matches!(one.outcome, LoginOutcome::Failed(at) if at <= sent_at);
        let sure = before.iter().filter(is_sure).count();
        let least = if is_one_row { sure + 1 } else { 1 };
        (least as u32, most.max(1) as u32)
    }

    /// Whether a login from this address may meet a ban.
    pub(crate) fn may_be_banned(&self, ip: IpAddr, sent_at: Duration, now: Duration) -> bool {
        let Some(record) = self.clients.get(&prefix_of(ip)) else {
            return false;
        };
        let tried = record
            .logins
            .iter()
            .filter(|one| one.sent_at <= now)
            .count();
        let ban = self.rules.throttling.ban;
        let reuses_connection = |one: &Span| sent_at < one.to + ban;
        tried >= self.rules.throttling.failures as usize
            || record.bans.iter().any(reuses_connection)
    }

    fn record(&mut self, ip: IpAddr) -> &mut ClientHistory {
        self.clients.entry(prefix_of(ip)).or_default()
    }

    /// Whether the address is banned.
    fn is_banned(&self, prefix: ClientPrefix, now: Duration) -> Certainty {
        let Some(record) = self.clients.get(&prefix) else {
            return Certainty::No;
        };
        let (ban, failures) = (
            self.rules.throttling.ban,
            self.rules.throttling.failures as usize,
        );
        let mut bans = record.bans.iter();
        if bans.any(|one| one.to <= now && now < one.from + ban) {
            return Certainty::Yes;
        }
        let mut bans = record.bans.iter();
        let may_go_on = bans.any(|one| one.from <= now && now < one.to + ban);
        // An unanswered login may have been the last failure before a ban.
        let is_open = record
            .logins
            .iter()
            .any(|one| one.sent_at <= now && one.is_open());
        let tried = record
            .logins
            .iter()
            .filter(|one| one.sent_at <= now)
            .count();
        if may_go_on || is_open && tried >= failures {
            Certainty::Unsure
        } else {
            Certainty::No
        }
    }

    /// Counts a connection; returns whether it exceeds the rate.
    fn is_too_fast(&mut self, prefix: ClientPrefix, now: Duration) -> Certainty {
        let rate = self.rules.throttling.connections;
        let record = self.clients.entry(prefix).or_default();
        if rate.interval.is_zero() {
            return Certainty::No;
        }
        if record.is_unsure {
            return Certainty::Unsure;
        }
        let ahead = rate.interval * rate.burst.saturating_sub(1);
        if record.full_at > now + ahead {
            return Certainty::Yes;
        }
        record.full_at = record.full_at.max(now) + rate.interval;
        Certainty::No
    }

    fn is_denied(&self, ip: IpAddr, now: Duration) -> bool {
        let denied = self.rules.denied;
        denied.is_some_and(|(denied, at)| denied == ip && now >= at)
    }
}

impl LoginAttempt {
    const fn is_open(&self) -> bool {
        matches!(self.outcome, LoginOutcome::Unknown)
    }
}

impl World {
    /// The client address that a connection is accounted to; `None`: unknown, for lack of a valid PROXY
    /// header.
    pub(crate) fn set_client_ip(&mut self, id: ConnectionId, client: Option<IpAddr>) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.client_ip = client;
        }
    }

    /// The server has accepted a control connection.
    pub(super) fn note_accepted(&mut self, id: ConnectionId) {
        let others = self.held_controls(id).count();
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.others_at_accept = Some(others);
        }
        let Some((ip, is_silent)) = self
            .connections
            .get(&id)
            .map(|connection| (connection.client_ip, connection.is_silent()))
        else {
            return;
        };
        // Implicit TLS: no reply in the clear shows the decision.
        if let Some(ip) = ip.filter(|_| is_silent) {
            let now = self.now;
            let is_proxied = self.admission.rules.is_proxied;
            let is_banned = self.admission.is_banned(prefix_of(ip), now);
            if is_proxied || is_banned == Certainty::Unsure {
                self.admission.record(ip).is_unsure = true;
            } else if is_banned == Certainty::No && !self.admission.is_denied(ip, now) {
                self.admission.is_too_fast(prefix_of(ip), now);
            }
        }
    }

    /// Checks the first bytes that the server writes to a control connection.
    pub(super) fn check_first_reply(&mut self, id: ConnectionId, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let Some(others) = connection.others_at_accept.take() else {
            return;
        };
        if connection.is_silent() {
            return;
        }
        let is_welcome = bytes.starts_with(b"220");
        connection.is_welcome = is_welcome;
        let (owner, ip) = (connection.owner, connection.client_ip);
        let is_proxied = self.admission.rules.is_proxied;
        let is_full = others >= self.admission.rules.connections;
        // At the total limit the header is not read; below it, the decision follows the header.
        let is_known = !is_proxied || connection.was_read && !is_full;
        let why = match ip.filter(|_| is_known) {
            Some(ip) => self.refusal_reason(id, ip, self.now),
            None => None,
        };
        let why = if is_full {
            Some(("the server is full", Certainty::Yes))
        } else {
            why
        };
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(3)]).into_owned();
        match why {
            Some((why, Certainty::Yes)) if is_welcome => {
                self.violate(format!("client {owner} is greeted, though {why}"));
            }
            None if !is_welcome && self.stops.is_empty() => {
                self.violate(format!(
                    "client {owner} is refused with {shown} for no reason"
                ));
            }
            _ => {}
        }
    }

    /// Why the server must, or may, refuse this address.
    fn refusal_reason(
        &mut self,
        id: ConnectionId,
        ip: IpAddr,
        now: Duration,
    ) -> Option<(&'static str, Certainty)> {
        let prefix = prefix_of(ip);
        if self.admission.is_denied(ip, now) {
            return Some(("its address is shut out", Certainty::Unsure));
        }
        let is_banned = self.admission.is_banned(prefix, now);
        let banned = ("its address is banned", is_banned);
        if is_banned == Certainty::Yes {
            return Some(banned);
        }
        if is_banned == Certainty::Unsure {
            self.admission.record(ip).is_unsure |= !self
                .admission
                .rules
                .throttling
                .connections
                .interval
                .is_zero();
        }
        let is_too_fast = self.admission.is_too_fast(prefix, now);
        let fast = ("its address connects too fast", is_too_fast);
        let (least, most) = self.others_of(id, prefix);
        let limit = self.admission.rules.per_address;
        let crowded = "its address has as many connections as it may have";
        let crowd = if least >= limit {
            (crowded, Certainty::Yes)
        } else if most >= limit {
            (crowded, Certainty::Unsure)
        } else {
            (crowded, Certainty::No)
        };
        let all = [fast, crowd, banned];
        let certain = all
            .into_iter()
            .find(|(_, answer)| *answer == Certainty::Yes);
        certain.or_else(|| {
            all.into_iter()
                .find(|(_, answer)| *answer == Certainty::Unsure)
        })
    }

    /// Other connections of the same prefix: the fewest and the most.
    fn others_of(&self, id: ConnectionId, prefix: ClientPrefix) -> (usize, usize) {
        let is_proxied = self.admission.rules.is_proxied;
        let of_site = |ip: IpAddr| prefix_of(ip) == prefix;
        let others = self.held_controls(id);
        let others: Vec<_> = others
            .filter(|connection| connection.client_ip.is_some_and(of_site))
            .collect();
        let is_in = |connection: &&&super::Connection| !is_proxied || connection.is_welcome;
        let least = others.iter().filter(is_in).count();
        // Behind a proxy the admission of an implicit-TLS connection is not observable.
        let may_be_in =
            |connection: &&&super::Connection| is_in(connection) || connection.is_silent();
        let most = others.iter().filter(may_be_in).count();
        (least, most)
    }

    /// Control connections that the server holds, except this one.
    fn held_controls(&self, id: ConnectionId) -> impl Iterator<Item = &super::Connection> {
        let others = self
            .connections
            .iter()
            .filter(move |(other, _)| **other != id);
        others
            .map(|(_, connection)| connection)
            .filter(|connection| connection.is_held() && connection.is_control())
    }
}
