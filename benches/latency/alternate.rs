//! Turn and turn about: server and floor measured in short rounds within one run.
//!
//! Owns the order of the rounds and what becomes of their results. Must not know sockets.
//!
//! ```text
//!   round     0        1        2        3
//!          server    floor   server    floor
//!          floor     server   floor    server       time -->
//! ```
//!
//! Rounds last some milliseconds, so a machine that slows down for a second slows both;
//! who goes first alternates, so a steady drift favours neither.

use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// One of each.
#[derive(Default)]
pub(crate) struct Both<T> {
    /// What is measured.
    pub(crate) server: T,
    /// What it is compared with.
    pub(crate) floor: T,
}

/// Whose turn it is.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    /// The server's.
    Server,
    /// The floor's.
    Floor,
}

impl<T> Both<T> {
    /// That side's.
    pub(crate) fn of(&mut self, side: Side) -> &mut T {
        match side {
            Side::Server => &mut self.server,
            Side::Floor => &mut self.floor,
        }
    }

    /// Another of each.
    #[cfg(feature = "tls")]
    pub(crate) fn map<U>(self, make: impl Fn(T) -> U) -> Both<U> {
        Both {
            server: make(self.server),
            floor: make(self.floor),
        }
    }

    /// The same done for each.
    pub(crate) fn try_map<U>(&self, make: impl Fn(&T) -> io::Result<U>) -> io::Result<Both<U>> {
        Ok(Both {
            server: make(&self.server)?,
            floor: make(&self.floor)?,
        })
    }
}

/// How much of a row is measured.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// Rounds of each side.
    pub(crate) rounds: usize,
    /// Measurements in a round.
    pub(crate) per_round: usize,
    /// No new round begins after that, however slow the machine is.
    pub(crate) budget: Duration,
}

impl Effort {
    /// The numbers of the rounds, until the effort is spent; one at the least.
    pub(crate) fn rounds(self) -> impl Iterator<Item = usize> {
        let start = Instant::now();
        (0..self.rounds).take_while(move |number| *number == 0 || start.elapsed() < self.budget)
    }
}

/// Runs `round` for both sides until the effort is spent.
pub(crate) fn alternate(
    effort: Effort,
    mut round: impl FnMut(Side) -> io::Result<()>,
) -> io::Result<()> {
    for number in effort.rounds() {
        let (first, second) = if number % 2 == 0 {
            (Side::Server, Side::Floor)
        } else {
            (Side::Floor, Side::Server)
        };
        round(first)?;
        round(second)?;
    }
    Ok(())
}

/// Times of one kind: an HDR histogram of nanoseconds, three digits exact, one minute at most.
pub(crate) struct Times(Histogram<u64>);

impl Times {
    /// None yet.
    pub(crate) fn new() -> io::Result<Self> {
        Histogram::new_with_bounds(1, 60_000_000_000, 3)
            .map(Self)
            .map_err(io::Error::other)
    }

    /// For each side.
    pub(crate) fn both() -> io::Result<Both<Self>> {
        Ok(Both {
            server: Self::new()?,
            floor: Self::new()?,
        })
    }

    /// Does something and notes how long it took, unless it fails.
    pub(crate) fn time<T>(&mut self, action: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let start = Instant::now();
        let result = action()?;
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record(nanoseconds);
        Ok(result)
    }

    /// The time that `fraction` of all do not exceed.
    pub(crate) fn quantile(&self, fraction: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(fraction))
    }
}

/// How many a second, round by round.
#[derive(Default)]
pub(crate) struct Rates(Vec<f64>);

impl Rates {
    /// Notes that a round got `count` done since `start`.
    pub(crate) fn note(&mut self, count: usize, start: Instant) {
        // Exact below 2^32, which no round reaches.
        let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        self.0.push(count / start.elapsed().as_secs_f64());
    }

    /// The median: a round that something else disturbed does not count.
    pub(crate) fn median(&mut self) -> f64 {
        self.0.sort_by(f64::total_cmp);
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }
}
