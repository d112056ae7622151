//! A token bucket, and a rate limit for log messages that counts the suppressed ones.
//!
//! The bucket stores one time instead of a number of tokens (the generic cell rate algorithm of ITU-T I.371),
//! so it needs no refill timer. The time is an argument.

use crate::clock::Instant;
use crate::limits::Rate;

/// The state of a token bucket, which is full by default; its size and refill interval are a [`Rate`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenBucket {
    /// When the bucket will be full; `None` or past: it is full.
    full_at: Option<Instant>,
}

impl TokenBucket {
    /// Takes a token; `false` if there is none.
    pub fn take(&mut self, rate: Rate, now: Instant) -> bool {
        if self.next_at(rate, now).is_some() {
            return false;
        }
        let from = self.full_at.map_or(now, |full_at| full_at.max(now));
        self.full_at = Some(from + rate.interval);
        true
    }

    /// When the next token will be there; `None`: there is one now.
    pub fn next_at(&self, rate: Rate, now: Instant) -> Option<Instant> {
        let ahead = rate.interval.saturating_mul(rate.burst.saturating_sub(1));
        let next = self.full_at? - ahead;
        (next > now).then_some(next)
    }

    /// Whether the bucket is full, as a new one is.
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at.is_none_or(|full_at| full_at <= now)
    }
}

/// A rate limit for log messages.
///
/// ```text
///   Passing ──no token──▶ Suppressing ──a twentieth of the burst is refilled──▶ Passing
/// ```
#[derive(Debug)]
pub enum LogRateLimiter {
    /// Each message is logged.
    Passing(TokenBucket),
    /// Messages are counted. Few sessions come to this, so what it takes is boxed.
    Suppressing(Box<Suppression>),
}

/// A bucket that ran empty, and the number of messages suppressed since.
#[derive(Debug)]
pub struct Suppression {
    bucket: TokenBucket,
    count: u64,
}

impl Default for LogRateLimiter {
    fn default() -> Self {
        Self::Passing(TokenBucket::default())
    }
}

impl LogRateLimiter {
    /// The size of its box, for the total memory of a connection.
    #[cfg(test)]
    pub(crate) const BOXED_BYTES: usize = size_of::<Suppression>();

    /// Asks for one message: `None` suppresses it; `Some` allows it, with the number of messages suppressed
    /// since the last one. After a suppressed message a twentieth of the burst must be refilled first, so
    /// that not every message is followed by a count.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Option<u64> {
        match self {
            Self::Passing(bucket) => {
                if bucket.take(rate, now) {
                    return Some(0);
                }
                let (bucket, count) = (*bucket, 1);
                *self = Self::Suppressing(Box::new(Suppression { bucket, count }));
                None
            }
            Self::Suppressing(held) => {
                let refilled = Rate {
                    burst: rate.burst - rate.burst / 20,
                    ..rate
                };
                if held.bucket.next_at(refilled, now).is_none() && held.bucket.take(rate, now) {
                    return Some(self.take_suppressed());
                }
                held.count += 1;
                None
            }
        }
    }

    /// The number of messages suppressed since the last call.
    pub fn take_suppressed(&mut self) -> u64 {
        match self {
            Self::Passing(_) => 0,
            Self::Suppressing(held) => {
                let (bucket, count) = (held.bucket, held.count);
                *self = Self::Passing(bucket);
                count
            }
        }
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
    fn burst_is_followed_by_one_token_per_interval() {
        let (mut bucket, start) = (TokenBucket::default(), Instant::now());
        for _ in 0..3 {
            assert_eq!(bucket.next_at(RATE, start), None);
            assert!(bucket.take(RATE, start));
        }
        assert!(!bucket.take(RATE, start));
        let next = bucket.next_at(RATE, start).unwrap();
        assert_eq!(next, start + SECOND);
        assert!(!bucket.take(RATE, start + SECOND.saturating_sub(Duration::from_nanos(1))));
        assert!(bucket.take(RATE, next) && !bucket.take(RATE, next));
    }

    #[test]
    fn bucket_refills_to_the_burst_and_no_more() {
        let (mut bucket, mut now) = (TokenBucket::default(), Instant::now());
        for _ in 0..3 {
            assert!(bucket.is_full(now));
            assert!((0..3).all(|_| bucket.take(RATE, now)));
            assert!(!bucket.take(RATE, now) && !bucket.is_full(now + SECOND * 2));
            now += SECOND * 100;
        }
    }

    #[test]
    fn suppressed_messages_are_counted_once() {
        let (mut counted, mut now) = (LogRateLimiter::default(), Instant::now());
        for _ in 0..3 {
            assert_eq!(counted.take(RATE, now), Some(0));
        }
        for _ in 0..1000 {
            assert_eq!(counted.take(RATE, now), None);
        }
        now += SECOND;
        assert_eq!(counted.take(RATE, now), Some(1000));
        assert_eq!(counted.take(RATE, now), None);
        assert_eq!(
            (counted.take_suppressed(), counted.take_suppressed()),
            (1, 0)
        );
    }

    #[test]
    fn suppression_ends_after_a_twentieth_of_the_burst() {
        let rate = Rate { burst: 40, ..RATE };
        let (mut counted, start) = (LogRateLimiter::default(), Instant::now());
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
    fn zero_interval_is_unlimited_and_zero_burst_is_one() {
        let (mut bucket, now) = (TokenBucket::default(), Instant::now());
        let free = Rate {
            interval: Duration::ZERO,
            burst: 1,
        };
        assert!((0..1000).all(|_| bucket.take(free, now)));
        let none = Rate { burst: 0, ..RATE };
        assert!(bucket.take(none, now) && !bucket.take(none, now));
    }
}
