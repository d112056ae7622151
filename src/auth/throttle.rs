//! What keeps those out who try passwords: failed logins, counted by address.
//!
//! Each failure of an address makes the answer to its next later, and too many of them ban it for a
//! while. What is remembered has a fixed size, whatever comes, and time is an argument.
//!
//! A successful login forgives nothing: who has one account, or an anonymous one, would use it after
//! every few guesses at another's. So failures are only forgotten with time; and nobody waits for
//! them but who fails again, so that others at the same address are not slowed.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::address_table::{AddressTable, ClientPrefix};
use super::token_bucket::TokenBucket;
use crate::limits::Throttling;

/// What follows from a failed login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Penalty {
    /// A later answer: so many logins from there have failed lately, this one included.
    Wait {
        /// How many.
        failures: u32,
    },
    /// The address is banned.
    Ban,
}

/// Why a connection is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwelcome {
    /// Too many logins from its address have failed.
    Banned,
    /// Its address connects faster than it may.
    TooFast,
}

/// What is remembered of an address.
#[derive(Debug, Default)]
struct Record {
    standing: Standing,
    connections: TokenBucket,
}

/// ```text
///   Clear ──failure──▶ Failing ──one too many──▶ Banned
///     ▲                   │ window over            │ ban over
///     └───────────────────┴────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Clear,
    /// So many logins have failed since the first of them, and are remembered until then.
    Failing { failures: u32, until: Instant },
    /// Until then.
    Banned { until: Instant },
}

/// What an address is worth remembering for that has done nothing but to connect.
const CONNECTED: u32 = 1;

impl Record {
    /// The standing as it is now, with what is over forgotten.
    fn standing(&self, now: Instant) -> Standing {
        match self.standing {
            Standing::Failing { until, .. } | Standing::Banned { until } if until <= now => {
                Standing::Clear
            }
            standing => standing,
        }
    }

    fn worth(&self, now: Instant) -> u32 {
        match self.standing(now) {
            Standing::Banned { .. } => u32::MAX,
            Standing::Failing { failures, .. } => failures.saturating_add(CONNECTED),
            Standing::Clear if self.connections.is_full(now) => 0,
            Standing::Clear => CONNECTED,
        }
    }
}

/// Failed logins and connections, by address.
#[derive(Debug)]
pub struct Throttle {
    records: AddressTable<Record>,
}

impl Throttle {
    /// Nobody has done anything.
    pub fn new() -> Self {
        Self {
            records: AddressTable::new(),
        }
    }

    /// Whether the address is banned.
    pub fn is_banned(&self, address: IpAddr, now: Instant) -> bool {
        let record = self.records.get(ClientPrefix::of(address));
        record.is_some_and(|record| matches!(record.standing(now), Standing::Banned { .. }))
    }

    /// A connection comes from the address. Where many addresses have failed, there may be no place
    /// to remember one that only connects; it may, then.
    pub fn connect(
        &mut self,
        address: IpAddr,
        limits: &Throttling,
        now: Instant,
    ) -> Result<(), Unwelcome> {
        if self.is_banned(address, now) {
            return Err(Unwelcome::Banned);
        }
        let worth = |record: &Record| record.worth(now);
        let record = self
            .records
            .record(ClientPrefix::of(address), CONNECTED, worth);
        let may = record.is_none_or(|record| record.connections.take(limits.connections, now));
        if may { Ok(()) } else { Err(Unwelcome::TooFast) }
    }

    /// A login from the address has failed. With one too many it is banned from now on; that is
    /// news to whoever has asked before whether it [is](Self::is_banned).
    pub fn fail(&mut self, address: IpAddr, limits: &Throttling, now: Instant) -> Penalty {
        let worth = |record: &Record| record.worth(now);
        let Some(record) = self
            .records
            .record(ClientPrefix::of(address), u32::MAX, worth)
        else {
            return Penalty::Wait { failures: 1 };
        };
        let (failures, until) = match record.standing(now) {
            Standing::Clear => (1, later(now, limits.window)),
            Standing::Failing { failures, until } => (failures.saturating_add(1), until),
            Standing::Banned { .. } => return Penalty::Ban,
        };
        if failures >= limits.failures {
            let until = later(now, limits.ban);
            record.standing = Standing::Banned { until };
            return Penalty::Ban;
        }
        record.standing = Standing::Failing { failures, until };
        Penalty::Wait { failures }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.records.len()
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self::new()
    }
}

/// A time so far away that no clock can say it is a century away.
fn later(now: Instant, by: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    now.checked_add(by).unwrap_or_else(|| now + CENTURY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{ADDRESSES_REMEMBERED, Rate};
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const SECOND: Duration = Duration::from_secs(1);

    /// Just before so many seconds are over.
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
    fn the_last_failure_bans_and_the_ban_ends() {
        let (mut throttle, limits, start) = (Throttle::new(), limits(), Instant::now());
        for failures in 1..3 {
            let penalty = throttle.fail(HERE, &limits, start);
            assert_eq!(penalty, Penalty::Wait { failures });
            assert!(!throttle.is_banned(HERE, start));
        }
        assert_eq!(throttle.fail(HERE, &limits, start), Penalty::Ban);
        let last = start + just_before(20);
        assert!(throttle.is_banned(HERE, last));
        assert_eq!(
            throttle.connect(HERE, &limits, last),
            Err(Unwelcome::Banned)
        );
        assert_eq!(throttle.connect(THERE, &limits, last), Ok(()));
        let over = start + SECOND * 20;
        assert!(!throttle.is_banned(HERE, over));
        assert_eq!(throttle.connect(HERE, &limits, over), Ok(()));
        let penalty = throttle.fail(HERE, &limits, over);
        assert_eq!(penalty, Penalty::Wait { failures: 1 });
    }

    #[test]
    fn failures_count_together_within_the_window() {
        let (mut throttle, limits, start) = (Throttle::new(), limits(), Instant::now());
        throttle.fail(HERE, &limits, start);
        let late = start + just_before(10);
        let penalty = throttle.fail(HERE, &limits, late);
        assert_eq!(penalty, Penalty::Wait { failures: 2 });
        let over = start + SECOND * 10;
        let penalty = throttle.fail(HERE, &limits, over);
        assert_eq!(penalty, Penalty::Wait { failures: 1 });
    }

    #[test]
    fn one_64_is_one_guesser_and_a_neighbour_is_another() {
        let (mut throttle, limits, now) = (Throttle::new(), limits(), Instant::now());
        for host in ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:3"] {
            throttle.fail(host.parse().unwrap(), &limits, now);
        }
        assert!(throttle.is_banned("2001:db8::4".parse().unwrap(), now));
        assert!(!throttle.is_banned("2001:db8:0:1::4".parse().unwrap(), now));
    }

    #[test]
    fn who_connects_too_fast_waits_and_no_other() {
        let (mut throttle, limits, now) = (Throttle::new(), limits(), Instant::now());
        for _ in 0..2 {
            assert_eq!(throttle.connect(HERE, &limits, now), Ok(()));
        }
        let refused = throttle.connect(HERE, &limits, now);
        assert_eq!(refused, Err(Unwelcome::TooFast));
        assert_eq!(throttle.connect(THERE, &limits, now), Ok(()));
        assert_eq!(throttle.connect(HERE, &limits, now + SECOND), Ok(()));
    }

    #[test]
    fn a_flood_of_visitors_makes_nobody_forget_who_has_failed() {
        let (mut throttle, limits, now) = (Throttle::new(), limits(), Instant::now());
        for _ in 0..3 {
            throttle.fail(HERE, &limits, now);
        }
        throttle.fail(THERE, &limits, now);
        for number in 0..100_000 {
            let _ = throttle.connect(address(number), &limits, now);
        }
        assert!(throttle.is_banned(HERE, now));
        let penalty = throttle.fail(THERE, &limits, now);
        assert_eq!(penalty, Penalty::Wait { failures: 2 });
        assert!(throttle.len() <= ADDRESSES_REMEMBERED);
    }

    #[test]
    fn a_flood_of_guessers_lifts_no_ban() {
        let (mut throttle, limits, now) = (Throttle::new(), limits(), Instant::now());
        for _ in 0..3 {
            throttle.fail(HERE, &limits, now);
        }
        for number in 0..100_000 {
            throttle.fail(address(number), &limits, now);
        }
        assert!(throttle.is_banned(HERE, now));
        assert!(throttle.len() <= ADDRESSES_REMEMBERED);
    }

    #[test]
    fn a_time_without_end_is_long() {
        let now = Instant::now();
        assert!(later(now, Duration::MAX) > now + SECOND * 1_000_000_000);
    }

    #[derive(Clone, Copy, Debug)]
    enum Deed {
        Connect(u32),
        Fail(u32),
        Wait(u32),
    }

    fn deed() -> impl Strategy<Value = Deed> {
        prop_oneof![
            (0..20_u32).prop_map(Deed::Connect),
            (0..20_u32).prop_map(Deed::Fail),
            (0..15_u32).prop_map(Deed::Wait),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Beside a model without bounds, where the table does not overflow.
        #[test]
        fn only_who_has_failed_too_often_is_banned(deeds in prop::collection::vec(deed(), 0..300)) {
            let (mut throttle, limits, mut now) = (Throttle::new(), limits(), Instant::now());
            let mut failures: HashMap<u32, Vec<Instant>> = HashMap::new();
            for deed in deeds {
                match deed {
                    Deed::Wait(seconds) => now += SECOND * seconds,
                    Deed::Connect(who) => {
                        let _ = throttle.connect(address(who), &limits, now);
                    }
                    Deed::Fail(who) => {
                        let was_banned = throttle.is_banned(address(who), now);
                        let penalty = throttle.fail(address(who), &limits, now);
                        let known = failures.entry(who).or_default();
                        known.push(now);
                        let recent = known.iter().filter(|&&at| now < at + limits.window).count();
                        if penalty == Penalty::Ban {
                            prop_assert!(was_banned || recent >= limits.failures as usize);
                        }
                    }
                }
                prop_assert!(throttle.len() <= 20);
                for who in 0..20 {
                    let known = failures.get(&who).map_or(0, Vec::len);
                    let banned = throttle.is_banned(address(who), now);
                    prop_assert!(!banned || known >= limits.failures as usize);
                }
            }
        }

        #[test]
        fn it_never_outgrows_its_table(numbers in prop::collection::vec(any::<u32>(), 0..10_000)) {
            let (mut throttle, limits, now) = (Throttle::new(), limits(), Instant::now());
            for number in numbers {
                let _ = throttle.connect(address(number), &limits, now);
                throttle.fail(address(number), &limits, now);
            }
            prop_assert!(throttle.len() <= ADDRESSES_REMEMBERED);
        }
    }
}
