//! Rate limits and bans of client addresses, and the size of the table that counts per address.
//!
//! This is plain data: `auth` counts, and the session and the reactor delay, refuse or close.

use std::time::Duration;

/// A token bucket: a burst, and then one token in each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The time per token; zero: no limit.
    pub interval: Duration,
    /// The capacity in tokens; zero counts as one.
    pub burst: u32,
}

impl Rate {
    const fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst }
    }
}

/// Limits per client address. An IPv6 client counts as its /64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttling {
    /// The number of failed logins within `window` that bans an address. The default is four sessions
    /// of five: far more than a forgotten password or a misconfigured client needs, and with the ban
    /// fewer than 2000 guesses a day.
    pub failures: u32,
    /// The period in which failures are counted, from the first of them.
    pub window: Duration,
    /// The duration of a ban: long for a program that guesses passwords, bearable for a user.
    pub ban: Duration,
    /// The longest delay of the reply to a failed login, whatever the number of failures: well
    /// within [`Timings::login`](super::Timings::login).
    pub longest_penalty: Duration,
    /// New connections of an address. A company may share one (NAT), and a client may open thousands
    /// of sessions for small files; a flood is reduced to a few per cent of the event loop's capacity.
    pub connections: Rate,
    /// Commands of a session before its login. A login takes about ten; beyond the burst each further
    /// one is delayed.
    pub commands: Rate,
}

impl Default for Throttling {
    fn default() -> Self {
        Self {
            failures: 20,
            window: Duration::from_secs(600),
            ban: Duration::from_secs(900),
            longest_penalty: Duration::from_secs(5),
            connections: Rate::new(Duration::from_millis(10), 4096),
            commands: Rate::new(Duration::from_millis(50), 100),
        }
    }
}

/// The capacity of the table of addresses, which takes 200 KiB: more than the addresses with failed
/// logins within a quarter of an hour, except in a distributed attack.
pub const ADDRESS_TABLE_ENTRIES: usize = 4096;

/// The associativity of the table: the addresses in one hash set. With a thousand addresses no set
/// overflows in practice.
pub const ADDRESSES_PER_SET: usize = 32;

/// Log lines about refused connections; further ones are counted, and the count is logged.
pub const REFUSALS_LOGGED: Rate = Rate::new(Duration::from_secs(1), 10);

/// Log lines about what was slow; further ones are counted, and the count is logged.
pub const SLOW_LOGGED: Rate = Rate::new(Duration::from_secs(1), 10);

/// Log lines about the commands of one session. A user, or a client that mirrors a tree of some
/// hundred files, stays below; a flood of commands adds some kilobytes a second, and a count.
pub const LINES_LOGGED: Rate = Rate::new(Duration::from_millis(50), 200);

/// Log lines about successful logins of one session, which may log in again without limit.
pub const LOGINS_LOGGED: Rate = Rate::new(Duration::from_secs(1), 20);

/// Audit records of refused commands of one session. Clients test for a file before each transfer and
/// get a refusal if it does not exist: those of a whole directory fit.
pub const REFUSALS_AUDITED: Rate = Rate::new(Duration::from_millis(100), 200);
