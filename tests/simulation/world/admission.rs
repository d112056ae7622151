//! Who must be let in, and who must not: by the count of connections, in all and of each address, by how
//! fast an address connects, and by its bans.
//!
//! It judges at the first byte that the server writes to a new connection, which it does in the same
//! moment in which it decides; so nothing of this is a guess. A ban begins at a moment that nobody sees
//! from outside: between what was said and what was heard. Two outcomes are legal only within that time,
//! or where a client did not stay to hear how its login went.
//!
//! Behind a proxy it is the client that counts, and only once the proxy has said who it is.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use mioftpd::limits::Throttling;

use super::{ConnectionId, World};

/// An IPv4 address, or the /64 of an IPv6 one: one client.
pub(crate) type ClientPrefix = u128;

/// What the server was told of whom to let in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) connections: usize,
    pub(crate) per_address: usize,
    pub(crate) throttling: Throttling,
    pub(crate) is_proxied: bool,
    /// An address that a reload shuts out, and when.
    pub(crate) denied: Option<(IpAddr, Duration)>,
}

#[derive(Debug, Default)]
pub(crate) struct AdmissionModel {
    rules: Rules,
    clients: BTreeMap<ClientPrefix, ClientHistory>,
}

/// What an address has done.
#[derive(Debug, Default)]
struct ClientHistory {
    logins: Vec<LoginAttempt>,
    bans: Vec<Span>,
    /// When all that it may do at once would be there again.
    full_at: Duration,
    /// It may have connected, or been banned, when nobody has seen it.
    is_unsure: bool,
}

/// A login that may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LoginAttempt {
    connection: ConnectionId,
    said: Duration,
    outcome: LoginOutcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginOutcome {
    /// It was not heard.
    Unknown,
    /// It is no failure.
    None,
    /// It has failed, which was heard then.
    Failed(Duration),
    Banned,
}

/// Something began in it.
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

/// Which of three it is.
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

    /// PASS is said, and may fail.
    pub(crate) fn login_sent(&mut self, ip: IpAddr, connection: ConnectionId, said: Duration) {
        let outcome = LoginOutcome::Unknown;
        let attempt = LoginAttempt {
            connection,
            said,
            outcome,
        };
        self.record(ip).logins.push(attempt);
    }

    /// How one that was said then went.
    pub(crate) fn login_answered(
        &mut self,
        ip: IpAddr,
        connection: ConnectionId,
        said: Duration,
        outcome: LoginOutcome,
        now: Duration,
    ) {
        let length = self.rules.throttling.ban;
        let record = self.record(ip);
        let mut logins = record.logins.iter_mut();
        let found = logins.find(|one| {
            one.connection == connection && one.said == said && one.outcome == LoginOutcome::Unknown
        });
        let Some(found) = found else {
            return;
        };
        found.outcome = outcome;
        if outcome == LoginOutcome::Banned {
            // Where another one's login is open, or a ban goes on, it may have begun with that.
            let open = record.logins.iter().filter(|one| one.is_open());
            let on = record.bans.iter().filter(|one| said < one.to + length);
            let begins = open.map(|one| one.said).chain(on.map(|one| one.from));
            let first = begins.chain([said]).min();
            let from = first.unwrap_or(said);
            record.bans.push(Span { from, to: now });
        }
    }

    /// The fewest and the most failures of an address that count together with one that was said then.
    pub(crate) fn failures(&self, ip: IpAddr, said: Duration, now: Duration) -> (u32, u32) {
        let Some(record) = self.clients.get(&prefix_of(ip)) else {
            return (1, 1);
        };
        let window = self.rules.throttling.window;
        let logins = record.logins.iter().filter(|one| one.said < said);
        let before: Vec<_> = logins.collect();
        let most = record.logins.iter().filter(|one| one.said <= now).count();
        // From the first on they count together; a ban, or the end of their time, begins anew. One that
        // was not heard of may have brought a ban.
        let is_one_row = record.bans.is_empty()
            && !before.iter().any(|one| one.is_open())
            && before
                .first()
                .is_some_and(|first| first.said + window > now);
        let is_sure =
            |one: &&&LoginAttempt| matches!(one.outcome, LoginOutcome::Failed(at) if at <= said);
        let sure = before.iter().filter(is_sure).count();
        let least = if is_one_row { sure + 1 } else { 1 };
        (least as u32, most.max(1) as u32)
    }

    /// Whether a login from there may meet a ban.
    pub(crate) fn may_be_banned(&self, ip: IpAddr, said: Duration, now: Duration) -> bool {
        let Some(record) = self.clients.get(&prefix_of(ip)) else {
            return false;
        };
        let tried = record.logins.iter().filter(|one| one.said <= now).count();
        let ban = self.rules.throttling.ban;
        let goes_on = |one: &Span| said < one.to + ban;
        tried >= self.rules.throttling.failures as usize || record.bans.iter().any(goes_on)
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
        // One that was not heard of may have been the last that it took, or come while the ban went on.
        let is_open = record
            .logins
            .iter()
            .any(|one| one.said <= now && one.is_open());
        let tried = record.logins.iter().filter(|one| one.said <= now).count();
        if may_go_on || is_open && tried >= failures {
            Certainty::Unsure
        } else {
            Certainty::No
        }
    }

    /// One more connects. Whether it is too fast.
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
    /// Who it is that comes over a connection, through a proxy or not; `None`: nobody says so.
    pub(crate) fn set_client_ip(&mut self, id: ConnectionId, client: Option<IpAddr>) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.client_ip = client;
        }
    }

    /// The server has accepted a connection at one of its doors.
    pub(super) fn note_accepted(&mut self, id: ConnectionId) {
        let others = self.held_controls(id).count();
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.others_in = Some(others);
        }
        let Some((ip, is_silent)) = self
            .connections
            .get(&id)
            .map(|connection| (connection.client_ip, connection.is_silent()))
        else {
            return;
        };
        // Nothing is said before TLS, so whether it was let in is not seen here.
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

    /// The first bytes that the server writes to a connection at a door: whether they may be these.
    pub(super) fn check_first_reply(&mut self, id: ConnectionId, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let Some(others) = connection.others_in.take() else {
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
        // For one more proxy there is room or not; who is behind it is asked then.
        let is_known = !is_proxied || connection.was_read && !is_full;
        let why = match ip.filter(|_| is_known) {
            Some(ip) => self.why_not(id, ip, self.now),
            None => None,
        };
        let why = if is_full {
            Some(("there is no room", Certainty::Yes))
        } else {
            why
        };
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(3)]).into_owned();
        match why {
            Some((why, Certainty::Yes)) if is_welcome => {
                self.violate(format!("client {owner} is greeted, and {why}"));
            }
            None if !is_welcome && self.stops.is_empty() => {
                self.violate(format!(
                    "client {owner} is told {shown} at the door for no reason"
                ));
            }
            _ => {}
        }
    }

    /// Why an address that has come must be turned away, or may be.
    fn why_not(
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

    /// Others of the same address that are in: the fewest and the most.
    fn others_of(&self, id: ConnectionId, prefix: ClientPrefix) -> (usize, usize) {
        let is_proxied = self.admission.rules.is_proxied;
        let of_site = |ip: IpAddr| prefix_of(ip) == prefix;
        let others = self.held_controls(id);
        let others: Vec<_> = others
            .filter(|connection| connection.client_ip.is_some_and(of_site))
            .collect();
        let is_in = |connection: &&&super::Connection| !is_proxied || connection.is_welcome;
        let least = others.iter().filter(is_in).count();
        // Behind a proxy it is not seen when one that says nothing yet comes in.
        let may_be_in =
            |connection: &&&super::Connection| is_in(connection) || connection.is_silent();
        let most = others.iter().filter(may_be_in).count();
        (least, most)
    }

    /// Connections at the doors that the server has, but for this one.
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
