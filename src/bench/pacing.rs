//! When commands are due in an open loop: at a given rate, whatever the server does.
//!
//! A client that waits for each reply before it sends the next command sends nothing while a server stalls,
//! and so measures the stall once where others would have met it many times (coordinated omission). Here the
//! times are fixed beforehand, and a command that is sent late has waited since it was due.

use std::time::Duration;

use super::random::Random;
use crate::clock::Instant;

/// The intervals between commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Arrivals {
    /// All the same.
    #[default]
    Constant,
    /// As of many clients that do not know each other: exponentially distributed.
    Poisson,
}

/// The times at which one connection's commands are due.
#[derive(Debug)]
pub(super) struct Schedule {
    begin: Instant,
    /// In nanoseconds, on average.
    interval: f64,
    /// When the next one is due, in nanoseconds since the beginning.
    next: f64,
    arrivals: Arrivals,
    random: Random,
}

impl Schedule {
    /// The share of connection `number` of `all` in a rate per second.
    pub(super) fn new(
        begin: Instant,
        rate: f64,
        (number, all): (usize, usize),
        arrivals: Arrivals,
        seed: u64,
    ) -> Self {
        let all = all as f64;
        let interval = 1e9 * all / rate;
        let mut schedule = Self {
            begin,
            interval,
            // Evenly spread over the connections.
            next: interval * number as f64 / all,
            arrivals,
            random: Random::new(seed, number),
        };
        if arrivals == Arrivals::Poisson {
            schedule.next = schedule.wait();
        }
        schedule
    }

    /// When the next one is due.
    pub(super) fn due(&self) -> Instant {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is positive, and a conversion of a larger number gives the largest"
        )]
        let nanoseconds = self.next as u64;
        self.begin + Duration::from_nanos(nanoseconds)
    }

    /// It is sent.
    pub(super) fn advance(&mut self) {
        self.next += self.wait();
    }

    fn wait(&mut self) -> f64 {
        match self.arrivals {
            Arrivals::Constant => self.interval,
            Arrivals::Poisson => -self.interval * self.uniform().ln(),
        }
    }

    /// From 2^-53 to 1.
    fn uniform(&mut self) -> f64 {
        ((self.random.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(arrivals: Arrivals, number: usize, count: usize) -> Vec<f64> {
        let begin = Instant::now();
        let mut schedule = Schedule::new(begin, 1000.0, (number, 4), arrivals, 7);
        let mut next = || {
            let due = schedule.due().nanoseconds_since(begin) as f64 / 1e6;
            schedule.advance();
            due
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn constant_rate_is_divided_among_connections() {
        assert_eq!(times(Arrivals::Constant, 0, 3), [0.0, 4.0, 8.0]);
        assert_eq!(times(Arrivals::Constant, 3, 3), [3.0, 7.0, 11.0]);
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_its_spread() {
        let times = times(Arrivals::Poisson, 1, 40_001);
        let intervals: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let count = intervals.len() as f64;
        let mean = intervals.iter().sum::<f64>() / count;
        let square = |interval: &f64| (interval - mean) * (interval - mean);
        let deviation = (intervals.iter().map(square).sum::<f64>() / count).sqrt();
        assert!((3.9..4.1).contains(&mean), "{mean}");
        assert!((3.9..4.1).contains(&deviation), "{deviation}");
        assert!(intervals.iter().all(|interval| *interval >= 0.0));
    }
}
