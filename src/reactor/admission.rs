//! Admission: which connections are accepted, by address rules, bans, rates and the limits of connections.
//!
//! It counts the connections, in all and of each address. Refusals are logged within a rate limit.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::refusal_log::RefusalLog;
use crate::auth::{ClientPrefix, Throttle, ThrottleError};
use crate::clock::Instant;
use crate::limits::{ConnectionLimit, LimitCause, Throttling};
use crate::net::AddressRules;

/// The admitted connections, against their limits.
#[derive(Debug)]
pub(super) struct Admission {
    rules: AddressRules,
    pub(super) limit: ConnectionLimit,
    limit_per_address: usize,
    admitted: usize,
    by_address: HashMap<ClientPrefix, usize>,
    /// Rate-limits the log lines of refusals.
    refusals: RefusalLog,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// By the address rules.
    Denied,
    /// Too many logins from its address have failed.
    Banned,
    /// Its address connects too fast.
    RateLimited,
    /// The server has reached this limit.
    Full(LimitCause),
    FullForAddress,
    /// Too many jobs wait for the storage.
    Overloaded,
    /// It is a proxy, and sent no valid PROXY header.
    NoProxyHeader,
    /// It sent a PROXY header, but a reload has removed it from the proxies.
    NotProxy,
}

impl Refusal {
    /// A word for it, for counters.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Banned => "banned",
            Self::RateLimited => "rate limited",
            Self::Full(_) => "full",
            Self::FullForAddress => "full for address",
            Self::Overloaded => "overloaded",
            Self::NoProxyHeader => "no proxy header",
            Self::NotProxy => "not a proxy",
        }
    }

    /// Whether the client is sent 421. One that must not connect at all learns nothing; any other may retry
    /// later.
    pub(super) const fn is_said(self) -> bool {
        !matches!(self, Self::Denied | Self::NotProxy)
    }

    /// Refusals that the client causes are less urgent than those for lack of resources.
    const fn level(self) -> log::Level {
        match self {
            Self::Denied | Self::RateLimited => log::Level::Info,
            // The ban was logged when it began.
            Self::Banned => log::Level::Debug,
            Self::Full(_)
            | Self::FullForAddress
            | Self::Overloaded
            | Self::NoProxyHeader
            | Self::NotProxy => log::Level::Warn,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied => "not from this address (addresses.allow, addresses.deny)",
            Self::Banned => "its address is banned (throttling.failures)",
            Self::RateLimited => "its address connects too fast (throttling.connection-interval)",
            Self::Full(bound) => {
                return write!(f, "there are as many connections as {bound} allows");
            }
            Self::FullForAddress => {
                "its address has as many connections as limits.connections-per-address allows"
            }
            Self::Overloaded => {
                "too much waits for the storage: is its disk slow, or does it hang?"
            }
            Self::NoProxyHeader => "it is a proxy (addresses.proxies), and no PROXY header came",
            Self::NotProxy => {
                "it came through a host that is no longer a proxy (addresses.proxies)"
            }
        })
    }
}

impl Admission {
    pub(super) fn new(
        rules: AddressRules,
        limit: ConnectionLimit,
        limit_per_address: usize,
    ) -> Self {
        Self {
            rules,
            limit,
            limit_per_address,
            admitted: 0,
            by_address: HashMap::new(),
            refusals: RefusalLog::default(),
        }
    }

    /// Applies new rules to the connections from now on.
    pub(super) fn change(
        &mut self,
        rules: AddressRules,
        limit: ConnectionLimit,
        limit_per_address: usize,
    ) {
        self.rules = rules;
        self.limit = limit;
        self.limit_per_address = limit_per_address;
    }

    pub(super) fn allows(&self, address: IpAddr) -> bool {
        self.rules.admit(address)
    }

    pub(super) fn screen(
        &self,
        address: IpAddr,
        throttle: &mut Throttle,
        limits: &Throttling,
        now: Instant,
    ) -> Result<(), Refusal> {
        if !self.allows(address) {
            return Err(Refusal::Denied);
        }
        match throttle.connect(address, limits, now) {
            Ok(()) => Ok(()),
            Err(ThrottleError::Banned) => Err(Refusal::Banned),
            Err(ThrottleError::RateLimited) => Err(Refusal::RateLimited),
        }
    }

    /// Logs a refusal, within the rate limit of these lines.
    pub(super) fn log(&mut self, refusal: Refusal, peer: SocketAddr, now: Instant) {
        let text = format_args!("Refused a connection (address = {peer}): {refusal}");
        self.refusals.log(refusal.level(), text, "refused", now);
    }

    /// Admits a connection if the limits, in all and of its address, allow it.
    pub(super) fn admit(&mut self, address: IpAddr) -> Result<(), Refusal> {
        self.enter()?;
        self.assign(address).inspect_err(|_| self.leave(None))
    }

    /// Admits a connection whose client is not known yet; [`assign`](Self::assign) follows.
    pub(super) const fn enter(&mut self) -> Result<(), Refusal> {
        if self.admitted >= self.limit.connections {
            return Err(Refusal::Full(self.limit.bound));
        }
        self.admitted += 1;
        Ok(())
    }

    /// Charges an admitted connection to an address, if its limit allows it.
    pub(super) fn assign(&mut self, address: IpAddr) -> Result<(), Refusal> {
        let count = self
            .by_address
            .entry(ClientPrefix::of(address))
            .or_default();
        if *count >= self.limit_per_address {
            return Err(Refusal::FullForAddress);
        }
        *count += 1;
        Ok(())
    }

    /// A connection is closed; with the address that it was [assigned](Self::assign) to, if it was.
    pub(super) fn leave(&mut self, address: Option<IpAddr>) {
        self.admitted = self.admitted.saturating_sub(1);
        let Some(address) = address else {
            return;
        };
        let prefix = ClientPrefix::of(address);
        if let Some(count) = self.by_address.get_mut(&prefix) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&prefix);
            }
        }
    }
}

/// The protocol of a listen socket, from the first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// FTP in the clear; AUTH may secure it.
    #[default]
    Ftp,
    /// FTP inside TLS (implicit FTPS).
    Ftps,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Rate;
    use std::time::Duration;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    #[test]
    fn both_limits_are_exact() {
        let mut admission = Admission::new(AddressRules::default(), 3.into(), 2);
        assert_eq!(admission.admit(HERE), Ok(()));
        assert_eq!(admission.admit(HERE), Ok(()));
        assert_eq!(admission.admit(HERE), Err(Refusal::FullForAddress));
        assert_eq!(admission.admit(THERE), Ok(()));
        assert_eq!(
            admission.admit(THERE),
            Err(Refusal::Full(LimitCause::Number))
        );
        admission.leave(Some(HERE));
        assert_eq!(admission.admit(HERE), Ok(()));
    }

    #[test]
    fn change_applies_to_new_connections() {
        let mut admission = Admission::new(AddressRules::default(), 3.into(), 2);
        assert_eq!(admission.admit(HERE), Ok(()));
        let only_there = AddressRules {
            allow: vec!["::1".parse().unwrap()],
            deny: Vec::new(),
        };
        admission.change(only_there, 9.into(), 1);
        assert!(!admission.allows(HERE) && admission.allows(THERE));
        // Admitted connections stay, and count.
        assert_eq!(admission.admit(HERE), Err(Refusal::FullForAddress));
        assert_eq!(admission.admit(THERE), Ok(()));
        admission.change(AddressRules::default(), 2.into(), 9);
        assert_eq!(
            admission.admit(HERE),
            Err(Refusal::Full(LimitCause::Number))
        );
    }

    #[test]
    fn address_without_connections_is_removed() {
        let mut admission = Admission::new(AddressRules::default(), 3.into(), 2);
        assert_eq!(admission.admit(HERE), Ok(()));
        admission.leave(Some(HERE));
        assert!(admission.by_address.is_empty());
    }

    #[test]
    fn an_ipv6_64_is_one_client() {
        let mut admission = Admission::new(AddressRules::default(), 9.into(), 1);
        for (address, admitted) in [
            ("2001:db8::1", Ok(())),
            ("2001:db8::2", Err(Refusal::FullForAddress)),
            ("2001:db8:0:1::1", Ok(())),
        ] {
            assert_eq!(admission.admit(address.parse().unwrap()), admitted);
        }
    }

    #[test]
    fn address_rules_are_checked_before_the_throttle() {
        let rules = AddressRules {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            deny: Vec::new(),
        };
        let admission = Admission::new(rules, 9.into(), 9);
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let limits = Throttling {
            failures: 1,
            connections: Rate {
                interval: Duration::from_secs(1),
                burst: 1,
            },
            ..Throttling::default()
        };
        let screen =
            |address, throttle: &mut Throttle| admission.screen(address, throttle, &limits, now);
        assert_eq!(screen(THERE, &mut throttle), Err(Refusal::Denied));
        assert_eq!(screen(HERE, &mut throttle), Ok(()));
        assert_eq!(screen(HERE, &mut throttle), Err(Refusal::RateLimited));
        throttle.fail(HERE, &limits, now);
        assert_eq!(screen(HERE, &mut throttle), Err(Refusal::Banned));
    }
}
