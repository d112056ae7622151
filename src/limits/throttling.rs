//! What an address may do before it is slowed down or shut out, and how much is remembered of
//! addresses.
//!
//! The rates are plain data: who keeps to them is for `auth` to find out, and what happens to those
//! who do not is for the session and the reactor.

use std::time::Duration;

/// So many at once, and then one in each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// From one to the next; none is no limit.
    pub interval: Duration,
    /// How many may come at once; none counts as one.
    pub burst: u32,
}

/// What an address may do before it is slowed down or shut out. An IPv6 client counts as its /64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttling {
    /// So many failed logins of an address within the `window` ban it. Four sessions of five: far
    /// above what a forgotten password or a wrongly set up client needs, and with the ban less than
    /// two thousand guesses a day.
    pub failures: u32,
    /// How long failures count together, from the first of them.
    pub window: Duration,
    /// How long a ban lasts: long for a machine that guesses, and to be waited for by a person.
    pub ban: Duration,
    /// The answer to a failed login does not come later than this, however many there were: a person
    /// waits so long, and a login's time is not used up by it.
    pub longest_penalty: Duration,
    /// Connections of an address. A company may begin its day behind one, and a client may transfer
    /// thousands of small files over new connections; a flood is cut down to some percents of what
    /// the loop can do.
    pub connections: Rate,
    /// Commands of a session before its login. A login takes ten; who sends thousands wants something
    /// else, and waits for each reply then.
    pub commands: Rate,
}

impl Default for Throttling {
    fn default() -> Self {
        Self {
            failures: 20,
            window: Duration::from_secs(600),
            ban: Duration::from_secs(900),
            longest_penalty: Duration::from_secs(5),
            connections: Rate {
                interval: Duration::from_millis(10),
                burst: 4096,
            },
            commands: Rate {
                interval: Duration::from_millis(50),
                burst: 100,
            },
        }
    }
}

/// Addresses that are remembered for what they did: 200 KiB, if ever so many come. More than fail to
/// log in anywhere within a quarter of an hour, but where many machines guess together.
pub const ADDRESSES_REMEMBERED: usize = 4096;

/// Addresses that share a place by their hash. That of a thousand addresses more fall together than
/// there is room for does not happen.
pub const ADDRESSES_PER_SET: usize = 32;

/// Lines in the log about connections that were refused: a few whole stories, and then a number.
pub const REFUSALS_LOGGED: Rate = Rate {
    interval: Duration::from_secs(1),
    burst: 10,
};

/// Lines in the log that tell what one session does, such as its commands. A person, and a client
/// that mirrors a tree of some hundred files, stays below; one that sends commands as fast as it can
/// adds some kilobytes a second, and a count.
pub const LINES_LOGGED: Rate = Rate {
    interval: Duration::from_millis(50),
    burst: 200,
};

/// Successful logins of one session: a client may log in again as often as it likes.
pub const LOGINS_LOGGED: Rate = Rate {
    interval: Duration::from_secs(1),
    burst: 20,
};

/// Refused commands of one session. Clients look whether a file exists before each transfer, and are
/// told by a refusal that it does not: a whole directory of them fits.
pub const REFUSALS_AUDITED: Rate = Rate {
    interval: Duration::from_millis(100),
    burst: 200,
};
