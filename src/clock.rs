//! Clocks with 64 bits of seconds on every platform, read through rustix.
//!
//! `SystemTime` of std has 32 bits of them on 32-bit musl: reading it panics from 2038-01-19 03:14:08 on.
//! Only the network of the event loop, the log and TLS read the wall clock; all other code gets the time
//! as an argument. The types of the fields of a `Timespec` differ by platform, and do not leave this file.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// A time: seconds since the clock's origin, rounded down, and nanoseconds since then.
pub type Time = (i64, u32);

/// The time since 1970, negative if the clock is set to a date before it.
pub fn wall_clock() -> Time {
    time(clock_gettime(ClockId::Realtime))
}

/// As [`wall_clock`], in seconds, at the kernel's last tick: some milliseconds old, and cheap to read.
pub fn wall_clock_of_tick() -> i64 {
    time(clock_gettime(ClockId::RealtimeCoarse)).0
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
