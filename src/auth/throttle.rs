//! Limits on password guessing and on the rate of connections, per client address.
//!
//! Each failed login of an address delays the reply to its next one; too many within a window ban the address
//! for a while. The table has a fixed size, and the time is an argument.
//!
//! A successful login does not reset the count: an attacker with an account (or the anonymous one) would
//! log in to it after every few guesses. Failures expire only with time, and delay only failed logins, so
//! that other clients of the same address are not slowed.

use std::net::IpAddr;

use super::address_table::{AddressTable, ClientPrefix};
use super::token_bucket::TokenBucket;
use crate::clock::Instant;
use crate::limits::Throttling;

/// The consequence of a failed login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Penalty {
    /// The reply is delayed.
    Delay {
        /// Failed logins of the address within the window, including this one.
        failures: u32,
    },
    /// The address is banned.
    Ban,
}

/// The reason to refuse a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleError {
    /// Its address is banned after too many failed logins.
    Banned,
    /// Its address exceeds the rate limit of connections.
    RateLimited,
}

#[derive(Debug, Default)]
struct AddressRecord {
    state: FailureState,
    connections: TokenBucket,
}

/// ```text
///   Clear ──failure──▶ Failing ──one too many──▶ Banned
///     ▲                   │ window over            │ ban over
///     └───────────────────┴────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum FailureState {
    #[default]
    Clear,
    /// `until` is the end of the window, which the first failure began.
    Failing {
        failures: u32,
        until: Instant,
    },
    Banned {
        until: Instant,
    },
}

/// The priority in the table of an address that has only connected.
const CONNECTED: u32 = 1;

impl AddressRecord {
    /// The state, without what has expired.
    fn state_at(&self, now: Instant) -> FailureState {
        match self.state {
            FailureState::Failing { until, .. } | FailureState::Banned { until }
                if until <= now =>
            {
                FailureState::Clear
            }
            state => state,
        }
    }

    /// The priority in the table: bans over failures over connections; 0 for a record that may go.
    fn priority(&self, now: Instant) -> u32 {
        match self.state_at(now) {
            FailureState::Banned { .. } => u32::MAX,
            FailureState::Failing { failures, .. } => failures.saturating_add(CONNECTED),
            FailureState::Clear if self.connections.is_full(now) => 0,
            FailureState::Clear => CONNECTED,
        }
    }
}

/// Failed logins and connections, by address.
#[derive(Debug, Default)]
pub struct Throttle {
    records: AddressTable<AddressRecord>,
}

impl Throttle {
    /// Whether the address is banned.
    pub fn is_banned(&self, address: IpAddr, now: Instant) -> bool {
        let record = self.records.get(ClientPrefix::of(address));
        record.is_some_and(|record| matches!(record.state_at(now), FailureState::Banned { .. }))
    }

    /// Counts a connection of the address. If the table is full of addresses with failures, the connection is
    /// not counted and allowed.
    ///
    /// # Errors
    /// When the address is banned, or exceeds the rate limit of connections.
    pub fn connect(
        &mut self,
        address: IpAddr,
        limits: &Throttling,
        now: Instant,
    ) -> Result<(), ThrottleError> {
        if self.is_banned(address, now) {
            return Err(ThrottleError::Banned);
        }
        let priority = |record: &AddressRecord| record.priority(now);
        let record = self
            .records
            .record(ClientPrefix::of(address), CONNECTED, priority);
        let is_allowed =
            record.is_none_or(|record| record.connections.take(limits.connections, now));
        if is_allowed {
            Ok(())
        } else {
            Err(ThrottleError::RateLimited)
        }
    }

    /// Counts a failed login of the address, and bans it at the limit. Returns [`Penalty::Ban`] for an
    /// address that was banned before, too; the caller asks [`is_banned`](Self::is_banned) first to log a
    /// ban once.
    pub fn fail(&mut self, address: IpAddr, limits: &Throttling, now: Instant) -> Penalty {
        let priority = |record: &AddressRecord| record.priority(now);
        let Some(record) = self
            .records
            .record(ClientPrefix::of(address), u32::MAX, priority)
        else {
            return Penalty::Delay { failures: 1 };
        };
        let (failures, until) = match record.state_at(now) {
            FailureState::Clear => (1, now + limits.window),
            FailureState::Failing { failures, until } => (failures.saturating_add(1), until),
            FailureState::Banned { .. } => return Penalty::Ban,
        };
        if failures >= limits.failures {
            let until = now + limits.ban;
            record.state = FailureState::Banned { until };
            return Penalty::Ban;
        }
        record.state = FailureState::Failing { failures, until };
        Penalty::Delay { failures }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.records.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limits::{ADDRESS_TABLE_ENTRIES, Rate};
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const SECOND: Duration = Duration::from_secs(1);

    /// One nanosecond less than `seconds`.
    fn just_before(seconds: u32) -> Duration {
        (SECOND * seconds).saturating_sub(Duration::from_nanos(1))
    }

    fn limits() -> Throttling {
        Throttling {
            failures: 3,
            window: SECOND * 10,
            ban: SECOND * 20,
            connections: Rate {
                interval: SECOND,
                burst: 2,
            },
            ..Throttling::default()
        }
    }

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    #[test]
    fn ban_begins_at_the_limit_and_expires() {
        let (mut throttle, limits, start) = (Throttle::default(), limits(), Instant::now());
        for failures in 1..3 {
            let penalty = throttle.fail(HERE, &limits, start);
            assert_eq!(penalty, Penalty::Delay { failures });
            assert!(!throttle.is_banned(HERE, start));
        }
        assert_eq!(throttle.fail(HERE, &limits, start), Penalty::Ban);
        let last = start + just_before(20);
        assert!(throttle.is_banned(HERE, last));
        assert_eq!(
            throttle.connect(HERE, &limits, last),
            Err(ThrottleError::Banned)
        );
        assert_eq!(throttle.connect(THERE, &limits, last), Ok(()));
        let over = start + SECOND * 20;
        assert!(!throttle.is_banned(HERE, over));
        assert_eq!(throttle.connect(HERE, &limits, over), Ok(()));
        let penalty = throttle.fail(HERE, &limits, over);
        assert_eq!(penalty, Penalty::Delay { failures: 1 });
    }

    #[test]
    fn failures_expire_with_the_window() {
        let (mut throttle, limits, start) = (Throttle::default(), limits(), Instant::now());
        throttle.fail(HERE, &limits, start);
        let late = start + just_before(10);
        let penalty = throttle.fail(HERE, &limits, late);
        assert_eq!(penalty, Penalty::Delay { failures: 2 });
        let over = start + SECOND * 10;
        let penalty = throttle.fail(HERE, &limits, over);
        assert_eq!(penalty, Penalty::Delay { failures: 1 });
    }

    #[test]
    fn ipv6_clients_are_counted_by_64_prefix() {
        let (mut throttle, limits, now) = (Throttle::default(), limits(), Instant::now());
        for host in ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:3"] {
            throttle.fail(host.parse().unwrap(), &limits, now);
        }
        assert!(throttle.is_banned("2001:db8::4".parse().unwrap(), now));
        assert!(!throttle.is_banned("2001:db8:0:1::4".parse().unwrap(), now));
    }

    #[test]
    fn connection_rate_limit_is_per_address() {
        let (mut throttle, limits, now) = (Throttle::default(), limits(), Instant::now());
        for _ in 0..2 {
            assert_eq!(throttle.connect(HERE, &limits, now), Ok(()));
        }
        let refused = throttle.connect(HERE, &limits, now);
        assert_eq!(refused, Err(ThrottleError::RateLimited));
        assert_eq!(throttle.connect(THERE, &limits, now), Ok(()));
        assert_eq!(throttle.connect(HERE, &limits, now + SECOND), Ok(()));
    }

    #[test]
    fn flood_of_connections_evicts_no_failures_and_flood_of_failures_no_ban() {
        let (mut throttle, limits, now) = (Throttle::default(), limits(), Instant::now());
        for _ in 0..3 {
            throttle.fail(HERE, &limits, now);
        }
        throttle.fail(THERE, &limits, now);
        for number in 0..100_000 {
            let _ = throttle.connect(address(number), &limits, now);
        }
        let penalty = throttle.fail(THERE, &limits, now);
        assert_eq!(penalty, Penalty::Delay { failures: 2 });
        for number in 0..100_000 {
            throttle.fail(address(number), &limits, now);
        }
        assert!(throttle.is_banned(HERE, now));
        assert!(throttle.len() <= ADDRESS_TABLE_ENTRIES);
    }

    #[test]
    fn longest_ban_does_not_end() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let limits = Throttling {
            ban: Duration::MAX,
            ..limits()
        };
        for _ in 0..100 {
            throttle.fail(HERE, &limits, now);
        }
        assert!(throttle.is_banned(HERE, now + SECOND * 1_000_000_000));
    }

    #[derive(Clone, Copy, Debug)]
    enum AddressAction {
        Connect(u32),
        Fail(u32),
        AdvanceClock(u32),
    }

    fn action() -> impl Strategy<Value = AddressAction> {
        prop_oneof![
            (0..20_u32).prop_map(AddressAction::Connect),
            (0..20_u32).prop_map(AddressAction::Fail),
            (0..15_u32).prop_map(AddressAction::AdvanceClock),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Compares with an unbounded model, for fewer addresses than the table holds.
        #[test]
        fn only_too_many_failures_ban_an_address(actions in prop::collection::vec(action(), 0..300)) {
            let (mut throttle, limits, mut now) = (Throttle::default(), limits(), Instant::now());
            let mut failures: HashMap<u32, Vec<Instant>> = HashMap::new();
            for action in actions {
                match action {
                    AddressAction::AdvanceClock(seconds) => now += SECOND * seconds,
                    AddressAction::Connect(client) => {
                        let _ = throttle.connect(address(client), &limits, now);
                    }
                    AddressAction::Fail(client) => {
                        let was_banned = throttle.is_banned(address(client), now);
                        let penalty = throttle.fail(address(client), &limits, now);
                        let known = failures.entry(client).or_default();
                        known.push(now);
                        let recent = known.iter().filter(|&&at| now < at + limits.window).count();
                        if penalty == Penalty::Ban {
                            prop_assert!(was_banned || recent >= limits.failures as usize);
                        }
                    }
                }
                prop_assert!(throttle.len() <= 20);
                for client in 0..20 {
                    let known = failures.get(&client).map_or(0, Vec::len);
                    let banned = throttle.is_banned(address(client), now);
                    prop_assert!(!banned || known >= limits.failures as usize);
                }
            }
        }
    }
}
