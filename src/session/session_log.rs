//! Rate limits for the log lines of one session, so that no client can flood the log.
//!
//! Routine lines, logins and refusals have a token bucket each. Suppressed lines are counted, and the count
//! is logged with the next line of that class and at the end of the session. A warning that a client can
//! repeat at will is logged once in a session, then only counted. Failed logins are not limited here: a few
//! of them end the session.

use std::fmt::Arguments;
use std::net::SocketAddr;

use log::Level;

use crate::auth::LogRateLimiter;
use crate::clock::Instant;
use crate::limits::{LINES_LOGGED, LOGINS_LOGGED, REFUSALS_AUDITED, Rate};
use crate::observe::target;

/// The target of routine lines.
const SESSION: &str = "mioftpd::session";

/// A class of log lines with a rate limit.
#[derive(Clone, Copy, Debug)]
pub(super) enum LineClass {
    Routine,
    /// The results of logins, other than wrong passwords.
    Login,
    Refusal,
}

/// An event that is logged once in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// TLS of a data connection failed, or did not resume the TLS session of the control connection.
    DataSecurity,
    /// PORT or EPRT named an address to which the server does not connect.
    AddressRefused,
    /// No client connected to a passive port.
    PassiveUnused,
    /// No passive port was available.
    NoPassivePort,
    /// A data connection could not be established.
    NoDataConnection,
    /// A data connection to the client uses another source port than the default data port.
    OtherDataPort,
    /// An upload overwrites a file in place instead of replacing it.
    WrittenInPlace,
    /// Data arrived on a data connection whose command was refused.
    RefusedData,
    /// An upload over TLS ended without `close_notify` and was rejected.
    UncleanEnd,
    /// A login was refused because the policy requires TLS.
    LoginInClear,
}

impl Repeated {
    /// All, in the order of their discriminants, with the description in the count at the end of the session.
    const ALL: [(Self, &'static str); 10] = [
        (Self::DataSecurity, "TLS of data connections"),
        (Self::AddressRefused, "refused to connect"),
        (Self::PassiveUnused, "no connection to the passive port"),
        (Self::NoPassivePort, "no passive port"),
        (Self::NoDataConnection, "no data connection"),
        (Self::OtherDataPort, "data connections from another port"),
        (Self::WrittenInPlace, "uploads written in place"),
        (Self::RefusedData, "data of refused commands"),
        (Self::UncleanEnd, "uploads that ended without close_notify"),
        (Self::LoginInClear, "logins without TLS refused"),
    ];

    const fn target(self) -> &'static str {
        match self {
            Self::DataSecurity | Self::AddressRefused | Self::LoginInClear => target::SECURITY,
            _ => SESSION,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct SessionLog {
    /// Indexed by [`LineClass`].
    counted: [LogRateLimiter; LineClass::ALL.len()],
    /// The number of occurrences, indexed by [`Repeated`]; `None` before the first.
    repeated: Option<Box<[u32; Repeated::ALL.len()]>>,
}

impl SessionLog {
    /// The size of its boxes, for the total memory of a connection.
    #[cfg(test)]
    pub(super) const BOXED_BYTES: usize = LineClass::ALL.len() * LogRateLimiter::BOXED_BYTES
        + size_of::<[u32; Repeated::ALL.len()]>();

    /// Logs a line about the client if the token bucket of its class permits, after the count of lines
    /// suppressed before.
    pub(super) fn line(
        &mut self,
        class: LineClass,
        peer: SocketAddr,
        now: Instant,
        level: Level,
        text: Arguments<'_>,
    ) {
        let (target, rate, _) = class.facts();
        if level > log::max_level() {
            return;
        }
        let counted = self.counted.get_mut(class as usize);
        if let Some(left_out) = counted.and_then(|counted| counted.take(rate, now)) {
            class.log_left_out(peer, left_out);
            log::log!(target: target, level, "{text}");
        }
    }

    /// `Some` if a refusal may be logged: the number suppressed before it.
    pub(super) fn refusal(&mut self, now: Instant) -> Option<u64> {
        let counted = self.counted.get_mut(LineClass::Refusal as usize)?;
        counted.take(REFUSALS_AUDITED, now)
    }

    /// Logs the event the first time, and counts it from then on.
    pub(super) fn once(
        &mut self,
        peer: SocketAddr,
        event: Repeated,
        level: Level,
        text: Arguments<'_>,
    ) {
        let Some(count) = self
            .repeated
            .get_or_insert_default()
            .get_mut(event as usize)
        else {
            return;
        };
        *count = count.saturating_add(1);
        if *count == 1 {
            log::log!(target: event.target(), level, "{peer}: {text}");
        }
    }

    /// Logs the counts of suppressed lines, at the end of the session.
    pub(super) fn log_totals(&mut self, peer: SocketAddr) {
        for (class, counted) in LineClass::ALL.into_iter().zip(&mut self.counted) {
            class.log_left_out(peer, counted.take_suppressed());
        }
        let repeated = self.repeated.take().into_iter().flat_map(|counts| *counts);
        for ((event, name), count) in Repeated::ALL.into_iter().zip(repeated) {
            let more = count.saturating_sub(1);
            if more > 0 {
                log::info!(target: event.target(), "{peer}: {more} more in this session: {name}");
            }
        }
    }
}

impl LineClass {
    const ALL: [Self; 3] = [Self::Routine, Self::Login, Self::Refusal];

    /// The target, the rate, and the plural for the count of suppressed lines.
    const fn facts(self) -> (&'static str, Rate, &'static str) {
        match self {
            Self::Routine => (SESSION, LINES_LOGGED, "log lines"),
            Self::Login => (target::SECURITY, LOGINS_LOGGED, "logins"),
            Self::Refusal => (target::AUDIT, REFUSALS_AUDITED, "refusals"),
        }
    }

    fn log_left_out(self, peer: SocketAddr, left_out: u64) {
        let (target, _, name) = self.facts();
        if left_out > 0 {
            log::info!(target: target, "{peer}: {left_out} {name} suppressed (rate limit)");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_repeated_are_listed_by_discriminant() {
        for (index, (event, _)) in Repeated::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, index);
        }
    }

    #[test]
    fn repeated_names_are_distinct() {
        let names = Repeated::ALL.map(|(_, name)| name);
        let distinct = std::collections::BTreeSet::from(names);
        assert_eq!(distinct.len(), names.len());
        assert!(!distinct.contains(""));
    }
}
