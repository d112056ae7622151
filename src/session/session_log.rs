//! Rate limits for the log lines of one session, so that no client can flood the log.
//!
//! Routine lines, logins and refusals have a token bucket each. Suppressed lines are counted, and the count
//! is logged with the next line of that class and at the end of the session. A warning that a client can
//! repeat at will is logged once in a session, then only counted. Failed logins are not limited here: a few
//! of them end the session.

use std::fmt::Arguments;
use std::net::SocketAddr;
use std::time::Instant;

use log::Level;

use crate::auth::LogRateLimiter;
use crate::limits::{LINES_LOGGED, LOGINS_LOGGED, REFUSALS_AUDITED, Rate};
use crate::observe::target;

/// The target of routine lines.
const SESSION: &str = "mioftpd::session";

/// A class of log lines with a rate limit.
struct LineClass {
    target: &'static str,
    rate: Rate,
    /// The plural, for the count of suppressed lines.
    name: &'static str,
}

const LINES: LineClass = LineClass {
    target: SESSION,
    rate: LINES_LOGGED,
    name: "log lines",
};

const LOGINS: LineClass = LineClass {
    target: target::SECURITY,
    rate: LOGINS_LOGGED,
    name: "logins",
};

const REFUSALS: LineClass = LineClass {
    target: target::AUDIT,
    rate: REFUSALS_AUDITED,
    name: "refusals",
};

/// An event that is logged once in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// TLS of a data connection failed, or did not resume the TLS session of the control connection.
    DataSecurity,
    /// PORT or EPRT named an address to which the server does not connect.
    AddressRefused,
    /// A connection to a passive port came from another address than the client's.
    PassiveForeignAddress,
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
    const ALL: [(Self, &'static str); 11] = [
        (Self::DataSecurity, "TLS of data connections"),
        (Self::AddressRefused, "refused to connect"),
        (
            Self::PassiveForeignAddress,
            "foreign connections to the passive port",
        ),
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
            Self::DataSecurity
            | Self::AddressRefused
            | Self::PassiveForeignAddress
            | Self::LoginInClear => target::SECURITY,
            _ => SESSION,
        }
    }
}

/// The counters of one session.
#[derive(Debug, Default)]
pub(super) struct SessionLog {
    lines: LogRateLimiter,
    logins: LogRateLimiter,
    refusals: LogRateLimiter,
    /// The number of occurrences, indexed by [`Repeated`].
    repeated: [u32; Repeated::ALL.len()],
}

impl SessionLog {
    /// Logs a routine line about the client.
    pub(super) fn line(
        &mut self,
        peer: SocketAddr,
        now: Instant,
        level: Level,
        text: Arguments<'_>,
    ) {
        LINES.log(&mut self.lines, peer, now, level, text);
    }

    /// Logs the result of a login, other than a wrong password.
    pub(super) fn login(
        &mut self,
        peer: SocketAddr,
        now: Instant,
        level: Level,
        text: Arguments<'_>,
    ) {
        LOGINS.log(&mut self.logins, peer, now, level, text);
    }

    /// `Some` if a refusal may be logged: the number suppressed before it.
    pub(super) fn refusal(&mut self, now: Instant) -> Option<u64> {
        self.refusals.take(REFUSALS.rate, now)
    }

    /// Logs the event the first time, and counts it from then on.
    pub(super) fn once(
        &mut self,
        peer: SocketAddr,
        event: Repeated,
        level: Level,
        text: Arguments<'_>,
    ) {
        let Some(count) = self.repeated.get_mut(event as usize) else {
            return;
        };
        *count = count.saturating_add(1);
        if *count == 1 {
            log::log!(target: event.target(), level, "{peer}: {text}");
        }
    }

    /// Logs the counts of suppressed lines, at the end of the session.
    pub(super) fn log_totals(&mut self, peer: SocketAddr) {
        LINES.log_left_out(peer, self.lines.take_suppressed());
        LOGINS.log_left_out(peer, self.logins.take_suppressed());
        REFUSALS.log_left_out(peer, self.refusals.take_suppressed());
        for ((event, name), count) in Repeated::ALL.into_iter().zip(&mut self.repeated) {
            let more = std::mem::take(count).saturating_sub(1);
            if more > 0 {
                log::info!(target: event.target(), "{peer}: {more} more in this session: {name}");
            }
        }
    }
}

impl LineClass {
    /// Logs the line if the token bucket permits, after the count of lines suppressed before.
    fn log(
        &self,
        counted: &mut LogRateLimiter,
        peer: SocketAddr,
        now: Instant,
        level: Level,
        text: Arguments<'_>,
    ) {
        if level > log::max_level() {
            return;
        }
        if let Some(left_out) = counted.take(self.rate, now) {
            self.log_left_out(peer, left_out);
            log::log!(target: self.target, level, "{text}");
        }
    }

    fn log_left_out(&self, peer: SocketAddr, left_out: u64) {
        if left_out > 0 {
            let name = self.name;
            log::info!(target: self.target, "{peer}: {left_out} {name} suppressed (rate limit)");
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
