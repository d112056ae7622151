//! Timestamps of xferlog, in UTC: those of ctime(3). The other formats are in `protocol::date`.

use crate::protocol::date::utc;

/// `Tue Nov 14 22:13:20 2023`: of fixed width, as readers of xferlog split it by columns.
pub(super) fn ctime(seconds: i64) -> String {
    let utc = utc(seconds);
    let (hour, minute, second) = utc.to_hms();
    format!(
        "{:.3} {:.3} {:2} {hour:02}:{minute:02}:{second:02} {:04}",
        utc.weekday(),
        utc.month(),
        utc.day(),
        utc.year()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected values are those of `date -u -d @N`.
    #[test]
    fn timestamps_match_date() {
        for (seconds, expected) in [
            (0, "Thu Jan  1 00:00:00 1970"),
            (1_700_000_000, "Tue Nov 14 22:13:20 2023"),
            (1_709_164_799, "Wed Feb 28 23:59:59 2024"),
            (-1, "Wed Dec 31 23:59:59 1969"),
        ] {
            assert_eq!(ctime(seconds), expected);
        }
    }
}
