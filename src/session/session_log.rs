//! How much one session may log, so that no client can fill the log or hide the lines of others.
//!
//! Routine lines, logins and refusals have a rate each (a token bucket); what exceeds it
//! is counted, and the count is logged with the next line of that sort and at the end. A warning that
//! a client can repeat at will is logged once in a session and then only counted. Wrong passwords have
//! no rate here: five of them end the session.

use std::fmt::Arguments;
use std::net::SocketAddr;
use std::time::Instant;

use log::Level;

use crate::auth::Counted;
use crate::limits::{LINES_LOGGED, LOGINS_LOGGED, REFUSALS_AUDITED, Rate};
use crate::observe::target;

/// The target of routine lines.
const SESSION: &str = "mioftpd::session";

/// A sort of lines that has a rate.
struct Limited {
    target: &'static str,
    rate: Rate,
    /// As what is left out is counted.
    name: &'static str,
}

const LINES: Limited = Limited {
    target: SESSION,
    rate: LINES_LOGGED,
    name: "log lines",
};

const LOGINS: Limited = Limited {
    target: target::SECURITY,
    rate: LOGINS_LOGGED,
    name: "logins",
};

const REFUSALS: Limited = Limited {
    target: target::AUDIT,
    rate: REFUSALS_AUDITED,
    name: "refusals",
};

/// What is logged once in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// TLS of a data connection: it failed, or did not resume the control connection's session.
    DataSecurity,
    /// PORT or EPRT named an address to which the server does not connect.
    AddressRefused,
    /// A connection to a passive port came from another address than the client's.
    PassiveStranger,
    /// No client connected to a passive port.
    PassiveUnused,
    /// A passive port could not be had.
    NoPassivePort,
    /// A data connection could not be made.
    NoDataConnection,
    /// A data connection to the client comes from another port than the default data port.
    OtherDataPort,
    /// An upload is written in place that was to replace a file.
    WrittenInPlace,
    /// Something came over a data connection whose command was refused.
    RefusedData,
    /// An upload over TLS ended without `close_notify`, and was not to.
    UncleanEnd,
    /// A login needs TLS, and the control connection is in the clear.
    LoginInClear,
}

impl Repeated {
    const ALL: [Self; 11] = [
        Self::DataSecurity,
        Self::AddressRefused,
        Self::PassiveStranger,
        Self::PassiveUnused,
        Self::NoPassivePort,
        Self::NoDataConnection,
        Self::OtherDataPort,
        Self::WrittenInPlace,
        Self::RefusedData,
        Self::UncleanEnd,
        Self::LoginInClear,
    ];

    const fn target(self) -> &'static str {
        match self {
            Self::DataSecurity
            | Self::AddressRefused
            | Self::PassiveStranger
            | Self::LoginInClear => target::SECURITY,
            Self::PassiveUnused
            | Self::NoPassivePort
            | Self::NoDataConnection
            | Self::OtherDataPort
            | Self::WrittenInPlace
            | Self::RefusedData
            | Self::UncleanEnd => SESSION,
        }
    }

    /// For the count at the end.
    const fn name(self) -> &'static str {
        match self {
            Self::DataSecurity => "TLS of data connections",
            Self::AddressRefused => "refused to connect",
            Self::PassiveStranger => "turned away from the passive port",
            Self::PassiveUnused => "no connection to the passive port",
            Self::NoPassivePort => "no passive port",
            Self::NoDataConnection => "no data connection",
            Self::OtherDataPort => "data connections from another port",
            Self::WrittenInPlace => "uploads written in place",
            Self::RefusedData => "data of refused commands",
            Self::UncleanEnd => "uploads that ended without close_notify",
            Self::LoginInClear => "refused to log in without TLS",
        }
    }
}

/// What one session has logged.
#[derive(Debug, Default)]
pub(super) struct SessionLog {
    lines: Counted,
    logins: Counted,
    refusals: Counted,
    /// How often each of [`Repeated`] has happened.
    repeated: [u32; Repeated::ALL.len()],
}

impl SessionLog {
    /// Logs a line that tells what the client does.
    pub(super) fn line(
        &mut self,
        peer: SocketAddr,
        now: Instant,
        level: Level,
        text: Arguments<'_>,
    ) {
        LINES.log(&mut self.lines, peer, now, level, text);
    }

    /// Logs what came of a login, where that is nothing that ends the session after a few times.
    pub(super) fn login(
        &mut self,
        peer: SocketAddr,
        now: Instant,
        level: Level,
        text: Arguments<'_>,
    ) {
        LOGINS.log(&mut self.logins, peer, now, level, text);
    }

    /// Whether a refusal is logged, and then how many before it were not.
    pub(super) fn refusal(&mut self, now: Instant) -> Option<u64> {
        self.refusals.take(REFUSALS.rate, now)
    }

    /// Logs it the first time, and counts it from then on.
    pub(super) fn once(&mut self, what: Repeated, level: Level, text: Arguments<'_>) {
        let Some(count) = self.repeated.get_mut(what as usize) else {
            return;
        };
        *count = count.saturating_add(1);
        if *count == 1 {
            log::log!(target: what.target(), level, "{text}");
        }
    }

    /// The session ends: what was left out.
    pub(super) fn sum_up(&mut self, peer: SocketAddr) {
        LINES.tell(peer, self.lines.take_left_out());
        LOGINS.tell(peer, self.logins.take_left_out());
        REFUSALS.tell(peer, self.refusals.take_left_out());
        for (what, count) in Repeated::ALL.into_iter().zip(&mut self.repeated) {
            let more = std::mem::take(count).saturating_sub(1);
            if more > 0 {
                let what_it_is = what.name();
                log::info!(target: what.target(), "{peer}: {more} more in this session: {what_it_is}");
            }
        }
    }
}

impl Limited {
    /// Logs it if `counted` allows it, behind a count of what was left out before.
    fn log(
        &self,
        counted: &mut Counted,
        peer: SocketAddr,
        now: Instant,
        level: Level,
        text: Arguments<'_>,
    ) {
        if level > log::max_level() {
            return;
        }
        if let Some(left_out) = counted.take(self.rate, now) {
            self.tell(peer, left_out);
            log::log!(target: self.target, level, "{text}");
        }
    }

    fn tell(&self, peer: SocketAddr, left_out: u64) {
        if left_out > 0 {
            let name = self.name;
            log::info!(target: self.target, "{peer}: {left_out} {name} left out: they came too fast");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repeated_are_in_the_order_of_their_counts() {
        for (index, what) in Repeated::ALL.into_iter().enumerate() {
            assert_eq!(what as usize, index);
        }
    }

    #[test]
    fn each_of_the_repeated_is_counted_under_its_own_name() {
        let names = Repeated::ALL.map(Repeated::name);
        let distinct = std::collections::BTreeSet::from(names);
        assert_eq!(distinct.len(), names.len());
        assert!(!distinct.contains(""));
    }
}
