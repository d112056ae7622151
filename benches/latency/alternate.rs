//! Measures server and floor in short alternating rounds of one run, and collects the results.
//!
//! Owns the order of the rounds, latency histograms and rates. Must not know sockets.
//!
//! ```text
//!   round     0        1        2        3
//!          server    floor   server    floor
//!          floor     server   floor    server       time -->
//! ```
//!
//! Rounds last some milliseconds, so a slowdown of a second affects both sides. The first side
//! alternates, so a steady drift favours neither.

use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// A value for each side.
#[derive(Default)]
pub(crate) struct Both<T> {
    /// That of the measured server.
    pub(crate) server: T,
    /// That of the floor with which it is compared.
    pub(crate) floor: T,
}

/// A side of the comparison.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    /// The server.
    Server,
    /// The floor.
    Floor,
}

impl<T> Both<T> {
    /// The value of a side.
    pub(crate) fn of(&mut self, side: Side) -> &mut T {
        match side {
            Side::Server => &mut self.server,
            Side::Floor => &mut self.floor,
        }
    }

    /// Converts both values.
    #[cfg(feature = "tls")]
    pub(crate) fn map<U>(self, make: impl Fn(T) -> U) -> Both<U> {
        Both {
            server: make(self.server),
            floor: make(self.floor),
        }
    }

    /// Derives a value from each; fails with the first error.
    pub(crate) fn try_map<U>(&self, make: impl Fn(&T) -> io::Result<U>) -> io::Result<Both<U>> {
        Ok(Both {
            server: make(&self.server)?,
            floor: make(&self.floor)?,
        })
    }
}

/// The amount of measurement in a row.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// Rounds per side.
    pub(crate) rounds: usize,
    /// Measurements per round.
    pub(crate) per_round: usize,
    /// The time after which no new round begins.
    pub(crate) budget: Duration,
}

impl Effort {
    /// The numbers of the rounds, until rounds or time are exhausted; at least one.
    pub(crate) fn rounds(self) -> impl Iterator<Item = usize> {
        let start = Instant::now();
        (0..self.rounds).take_while(move |number| *number == 0 || start.elapsed() < self.budget)
    }
}

/// Runs `round` for both sides until the effort is exhausted.
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

/// Durations: an HDR histogram in nanoseconds with three significant digits, up to one minute.
pub(crate) struct Times(Histogram<u64>);

impl Times {
    /// An empty histogram.
    pub(crate) fn new() -> io::Result<Self> {
        Histogram::new_with_bounds(1, 60_000_000_000, 3)
            .map(Self)
            .map_err(io::Error::other)
    }

    /// An empty histogram for each side.
    pub(crate) fn both() -> io::Result<Both<Self>> {
        Ok(Both {
            server: Self::new()?,
            floor: Self::new()?,
        })
    }

    /// Runs an action and records its duration, unless it fails.
    pub(crate) fn time<T>(&mut self, action: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let start = Instant::now();
        let result = action()?;
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record(nanoseconds);
        Ok(result)
    }

    /// The duration that a `fraction` of all, from 0 to 1, does not exceed.
    pub(crate) fn quantile(&self, fraction: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(fraction))
    }
}

/// Rates per second, one for each round.
#[derive(Default)]
pub(crate) struct Rates(Vec<f64>);

impl Rates {
    /// Records the rate of a round with `count` events or bytes since `start`.
    pub(crate) fn record(&mut self, count: usize, start: Instant) {
        // Exact below 2^32, which no round reaches.
        let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        self.0.push(count / start.elapsed().as_secs_f64());
    }

    /// The median, which is robust against outliers.
    pub(crate) fn median(&mut self) -> f64 {
        self.0.sort_by(f64::total_cmp);
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }
}
