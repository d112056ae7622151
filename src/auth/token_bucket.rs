//! How fast something may go on: so many at once, and then one in each interval.
//!
//! A token bucket that holds one time instead of a number of tokens (the "generic cell rate
//! algorithm" of ITU-T I.371): nothing has to be refilled, and what was not used for a while costs
//! nothing. It knows no clock: the time is an argument.

use std::time::Instant;

use crate::limits::Rate;

/// How much of a [`Rate`] is used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenBucket {
    /// When all would be there again; `None`, or past: all is there.
    full_at: Option<Instant>,
}

impl TokenBucket {
    /// Nothing is used up.
    pub const fn new() -> Self {
        Self { full_at: None }
    }

    /// Takes one. Whether there was one.
    pub fn take(&mut self, rate: Rate, now: Instant) -> bool {
        if self.next_at(rate, now).is_some() {
            return false;
        }
        let from = self.full_at.map_or(now, |full_at| full_at.max(now));
        self.full_at = from.checked_add(rate.interval);
        true
    }

    /// When there will be one; `None`: there is one now.
    pub fn next_at(&self, rate: Rate, now: Instant) -> Option<Instant> {
        let ahead = rate.interval.saturating_mul(rate.burst.saturating_sub(1));
        let next = self.full_at?.checked_sub(ahead)?;
        (next > now).then_some(next)
    }

    /// Whether it is as if none had ever been taken.
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at.is_none_or(|full_at| full_at <= now)
    }
}

/// A rate at which something is told, and a count of what was not told for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pace: TokenBucket,
    left_out: u64,
}

impl Counted {
    /// Takes one: `Some` if it is to be told, with how many before it were not. Once some were not, a
    /// twentieth of the burst has to be there again, so that there is not a count with each.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Option<u64> {
        let needed = match self.left_out {
            0 => rate,
            _ => Rate {
                burst: rate.burst - rate.burst / 20,
                ..rate
            },
        };
        if self.pace.next_at(needed, now).is_none() && self.pace.take(rate, now) {
            return Some(self.take_left_out());
        }
        self.left_out += 1;
        None
    }

    /// How many were not told since that was last asked.
    pub const fn take_left_out(&mut self) -> u64 {
        std::mem::replace(&mut self.left_out, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);
    const RATE: Rate = Rate {
        interval: SECOND,
        burst: 3,
    };

    #[test]
    fn a_burst_and_then_one_in_each_interval() {
        let (mut pace, start) = (TokenBucket::new(), Instant::now());
        for _ in 0..3 {
            assert_eq!(pace.next_at(RATE, start), None);
            assert!(pace.take(RATE, start));
        }
        assert!(!pace.take(RATE, start));
        let next = pace.next_at(RATE, start).unwrap();
        assert_eq!(next, start + SECOND);
        assert!(!pace.take(RATE, start + SECOND.saturating_sub(Duration::from_nanos(1))));
        assert!(pace.take(RATE, next) && !pace.take(RATE, next));
    }

    #[test]
    fn who_waits_long_has_the_whole_burst_again_and_no_more() {
        let (mut pace, mut now) = (TokenBucket::new(), Instant::now());
        for _ in 0..3 {
            assert!(pace.is_full(now));
            assert!((0..3).all(|_| pace.take(RATE, now)));
            assert!(!pace.take(RATE, now) && !pace.is_full(now + SECOND * 2));
            now += SECOND * 100;
        }
    }

    #[test]
    fn what_is_not_told_is_counted_and_the_count_is_told_once() {
        let (mut counted, mut now) = (Counted::default(), Instant::now());
        for _ in 0..3 {
            assert_eq!(counted.take(RATE, now), Some(0));
        }
        for _ in 0..1000 {
            assert_eq!(counted.take(RATE, now), None);
        }
        now += SECOND;
        assert_eq!(counted.take(RATE, now), Some(1000));
        assert_eq!(counted.take(RATE, now), None);
        assert_eq!((counted.take_left_out(), counted.take_left_out()), (1, 0));
    }

    #[test]
    fn after_some_were_not_told_a_twentieth_of_the_burst_has_to_be_there() {
        let rate = Rate { burst: 40, ..RATE };
        let (mut counted, start) = (Counted::default(), Instant::now());
        for _ in 0..40 {
            assert_eq!(counted.take(rate, start), Some(0));
        }
        assert_eq!(counted.take(rate, start), None);
        assert_eq!(counted.take(rate, start + SECOND * 2), None);
        let enough = start + SECOND * 3;
        assert_eq!(counted.take(rate, enough), Some(2));
        for _ in 0..2 {
            assert_eq!(counted.take(rate, enough), Some(0));
        }
        assert_eq!(counted.take(rate, enough), None);
    }

    #[test]
    fn no_interval_is_no_limit_and_no_burst_is_one() {
        let (mut pace, now) = (TokenBucket::new(), Instant::now());
        let free = Rate {
            interval: Duration::ZERO,
            burst: 1,
        };
        assert!((0..1000).all(|_| pace.take(free, now)));
        let none = Rate { burst: 0, ..RATE };
        assert!(pace.take(none, now) && !pace.take(none, now));
    }
}
