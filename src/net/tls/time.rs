//! The time at which rustls verifies certificates and dates sessions: rustls' own provider reads the clock
//! of std, which ends in 2038 on 32-bit musl.

use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use crate::clock::wall_clock;

/// The wall clock, for rustls.
#[derive(Debug)]
pub(crate) struct WallClock;

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(now())
    }
}

/// The current time. A clock before 1970 counts as 1970.
pub(super) fn now() -> UnixTime {
    unix_time(wall_clock().0)
}

fn unix_time(seconds: i64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_beyond_32_bits_are_kept_and_those_before_1970_clamped() {
        for (seconds, expected) in [(-1, 0), (0, 0), (1 << 31, 1 << 31), (1 << 40, 1 << 40)] {
            assert_eq!(unix_time(seconds).as_secs(), expected);
        }
    }
}
