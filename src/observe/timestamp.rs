//! Timestamps of logs, in UTC: RFC 3339, and ctime(3).

use crate::protocol::date::Civil;

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// `2023-11-14T22:13:20Z`.
pub(super) fn rfc3339(seconds: i64) -> String {
    let civil = Civil::from_unix(seconds);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second
    )
}

/// `Tue Nov 14 22:13:20 2023`: of fixed width, as readers of xferlog split it by columns.
pub(super) fn ctime(seconds: i64) -> String {
    let civil = Civil::from_unix(seconds);
    let days = civil.to_unix().div_euclid(24 * 60 * 60);
    // 1970 began on a Thursday. The remainder is 0 to 6, so neither fallback is used.
    let weekday = usize::try_from(days.rem_euclid(7)).unwrap_or_default();
    format!(
        "{} {} {:2} {:02}:{:02}:{:02} {:04}",
        WEEKDAYS.get(weekday).copied().unwrap_or_default(),
        civil.month_name(),
        civil.day,
        civil.hour,
        civil.minute,
        civil.second,
        civil.year
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected values are those of `date -u -d @N`.
    #[test]
    fn timestamps_match_date() {
        for (seconds, rfc, c) in [
            (0, "1970-01-01T00:00:00Z", "Thu Jan  1 00:00:00 1970"),
            (
                1_700_000_000,
                "2023-11-14T22:13:20Z",
                "Tue Nov 14 22:13:20 2023",
            ),
            (
                1_709_164_799,
                "2024-02-28T23:59:59Z",
                "Wed Feb 28 23:59:59 2024",
            ),
            (-1, "1969-12-31T23:59:59Z", "Wed Dec 31 23:59:59 1969"),
        ] {
            assert_eq!(rfc3339(seconds), rfc);
            assert_eq!(ctime(seconds), c);
        }
    }
}
