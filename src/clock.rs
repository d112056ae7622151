//! Clocks with 64 bits on every platform, read through rustix.
//!
//! `SystemTime` of std has 32 bits of seconds on 32-bit musl: reading it panics from 2038-01-19 03:14:08 on.
//! Only the network of the event loop, the log and TLS read the wall clock; all other code gets the time
//! as an argument. [`Instant`] is the time of the loop: one number, where that of std is two. The types of
//! a `Timespec`'s fields differ by platform, and do not leave this file.

use std::num::NonZeroU64;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

const SECOND: u64 = 1_000_000_000;

/// A time of the monotonic clock: nanoseconds since its origin, of which there are enough for 584 years.
///
/// A deadline is compared and a time subtracted by one instruction, and an `Option` of it has eight bytes.
/// Sums end at the last one, which never comes; differences end at zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(NonZeroU64);

impl Instant {
    const LAST: Self = Self(NonZeroU64::MAX);

    /// The monotonic clock.
    pub fn now() -> Self {
        let (seconds, nanoseconds) = monotonic_clock();
        // It counts from the start of the system, and never becomes negative or so large.
        let nanoseconds_of_seconds = seconds.cast_unsigned().wrapping_mul(SECOND);
        Self::from_nanoseconds(nanoseconds_of_seconds.wrapping_add(nanoseconds.into()))
    }

    const fn from_nanoseconds(nanoseconds: u64) -> Self {
        match NonZeroU64::new(nanoseconds) {
            Some(nanoseconds) => Self(nanoseconds),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// The time since `earlier`, in nanoseconds; zero if that is later.
    pub const fn nanoseconds_since(self, earlier: Self) -> u64 {
        self.0.get().saturating_sub(earlier.0.get())
    }

    /// Whole seconds since the origin of the clock, the start of the system: enough for 136 years.
    pub fn seconds(self) -> u32 {
        u32::try_from(self.0.get() / SECOND).unwrap_or(u32::MAX)
    }

    /// The time since this one.
    pub fn elapsed(self) -> Duration {
        Self::now() - self
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        let nanoseconds = u64::from(time.subsec_nanos());
        let time = time
            .as_secs()
            .saturating_mul(SECOND)
            .saturating_add(nanoseconds);
        self.0.checked_add(time).map_or(Self::LAST, Self)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, time: Duration) {
        *self = *self + time;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanoseconds_since(earlier))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, time: Duration) -> Self {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self::from_nanoseconds(self.0.get().saturating_sub(time))
    }
}

/// A time: seconds since the clock's origin, rounded down, and nanoseconds since then.
pub type Time = (i64, u32);

/// The time since 1970, negative if the clock is set to a date before it.
pub fn wall_clock() -> Time {
    time(clock_gettime(ClockId::Realtime))
}

/// The time of the monotonic clock, which std does not give as a number.
pub fn monotonic_clock() -> Time {
    time(clock_gettime(ClockId::Monotonic))
}

fn time(read: Timespec) -> Time {
    let nanoseconds = u32::try_from(read.tv_nsec);
    debug_assert!(nanoseconds.is_ok_and(|nanoseconds| nanoseconds < 1_000_000_000));
    (read.tv_sec, nanoseconds.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_end_at_the_last_instant_and_differences_at_zero() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        assert_eq!((now + second) - now, second);
        assert_eq!((now + second) - second, now);
        assert_eq!(now - (now + second), Duration::ZERO);
        for far in [
            Duration::MAX,
            Duration::from_nanos(u64::MAX),
            Duration::from_secs(u64::MAX),
        ] {
            assert_eq!(now + far, Instant::LAST);
            assert!(now - far < now && now - (now - far) > Duration::ZERO);
        }
        assert_eq!(size_of::<Option<Instant>>(), 8);
    }

    #[test]
    fn seconds_beyond_32_bits_and_before_1970_are_kept() {
        let last_of_32_bits = i64::from(i32::MAX);
        for seconds in [-1, 0, last_of_32_bits, last_of_32_bits + 1, 1 << 40] {
            let read = Timespec {
                tv_sec: seconds,
                tv_nsec: 999_999_999,
            };
            assert_eq!(time(read), (seconds, 999_999_999));
        }
    }

    /// On 32-bit platforms the kernel has two calls for it; one is cut to 32 bits.
    #[test]
    fn wall_clock_agrees_with_the_kernel() {
        let stat = || std::fs::metadata(tempfile::NamedTempFile::new().unwrap().path());
        let modified = |stat: std::fs::Metadata| std::os::unix::fs::MetadataExt::mtime(&stat);
        let (begin, file) = (wall_clock().0, modified(stat().unwrap()));
        // The kernel dates files by its last tick.
        assert!((begin - 1..=wall_clock().0).contains(&file), "{file}");
    }
}
