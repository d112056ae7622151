//! Converts Unix time to and from the two date formats of FTP, in UTC: the time-val of RFC 3659 §2.3,
//! and the date column of `ls -l`; and to that of logs and the configuration (RFC 3339).
//!
//! The proleptic Gregorian calendar, years 0 to 9999; times outside are clamped. It does not read the
//! clock: the current time is a parameter.

use time::{Date, Month, OffsetDateTime};

use super::decimal;

/// 0000-01-01 00:00:00.
const FIRST: i64 = -62_167_219_200;
/// 9999-12-31 23:59:59.
const LAST: i64 = 253_402_300_799;

const DAY: i64 = 86_400;

/// The age in seconds from which `ls` shows the year instead of the time.
const RECENT: i64 = 182 * DAY;

/// The names of the months in `ls -l`, from January, each with its space.
const MONTHS: &[u8] = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec ";

/// The date and time at `seconds` since 1970, clamped to the years 0 to 9999.
pub fn utc(seconds: i64) -> OffsetDateTime {
    let utc = OffsetDateTime::from_unix_timestamp(seconds.clamp(FIRST, LAST));
    debug_assert!(utc.is_ok(), "the crate's years include these");
    utc.unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Seconds since 1970 of a year, month and day, and an hour, minute and second; `None` if there is no
/// such date or time. Second 60 is accepted as a leap second.
pub fn unix_time(date: (i32, u8, u8), time: (u8, u8, u8)) -> Option<i64> {
    let ((year, month, day), (hour, minute, second)) = (date, time);
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let minute = date.with_hms(hour, minute, 0).ok()?.assume_utc();
    (second <= 60).then(|| minute.unix_timestamp() + i64::from(second))
}

/// The precision of a time-val (RFC 3659 §2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// `YYYYMMDDHHMMSS`: many clients cannot parse a fraction.
    #[default]
    Seconds,
    /// `YYYYMMDDHHMMSS.sss`, without the fraction if it is zero.
    Milliseconds,
}

/// Appends a time-val (RFC 3659 §2.3); the fraction is truncated to the precision.
pub fn write_time_val(out: &mut Vec<u8>, (seconds, nanoseconds): (i64, u32), precision: Precision) {
    let utc = utc(seconds);
    let (year, month, day) = utc.date().to_calendar_date();
    let (hour, minute, second) = utc.to_hms();
    let digits = [month.into(), day, hour, minute, second]
        .into_iter()
        .fold(u64::from(year.unsigned_abs()), |digits, part| {
            digits * 100 + u64::from(part)
        });
    decimal::write_zeroed(out, digits, 14);
    let milliseconds = nanoseconds / 1_000_000;
    if milliseconds != 0 && precision == Precision::Milliseconds {
        out.push(b'.');
        decimal::write_zeroed(out, u64::from(milliseconds), 3);
    }
}

/// Parses `YYYYMMDDHHMMSS` with an optional fraction: seconds since 1970, and nanoseconds.
pub fn parse_time_val(text: &[u8]) -> Option<(i64, u32)> {
    let (whole, fraction) = text.split_at_checked(14)?;
    let (year, mut rest) = whole.split_at_checked(4)?;
    let year = i32::try_from(decimal::parse(year)?).ok()?;
    let mut pair = || {
        let (digits, after) = rest.split_at_checked(2)?;
        rest = after;
        u8::try_from(decimal::parse(digits)?).ok()
    };
    let date = (year, pair()?, pair()?);
    let time = (pair()?, pair()?, pair()?);
    let nanoseconds = match fraction.split_first() {
        None => 0,
        Some((b'.', digits)) => parse_fraction(digits)?,
        Some(_) => return None,
    };
    Some((unix_time(date, time)?, nanoseconds))
}

/// Appends the date column of `ls -l`: `Mon dd HH:MM`, or `Mon dd  YYYY` for a time that is more than
/// half a year ago, or more than a day (clock skew) in the future.
pub fn write_ls_date(out: &mut Vec<u8>, modified: i64, now: i64) {
    let utc = utc(modified);
    let (year, month, day) = utc.date().to_calendar_date();
    let name = MONTHS.chunks(4).nth(usize::from(u8::from(month) - 1));
    out.extend_from_slice(name.unwrap_or_default());
    decimal::write_right(out, u64::from(day), 2);
    out.push(b' ');
    let age = now.saturating_sub(modified);
    if (-DAY..=RECENT).contains(&age) {
        let (hour, minute, _) = utc.to_hms();
        decimal::write_zeroed(out, u64::from(hour), 2);
        out.push(b':');
        decimal::write_zeroed(out, u64::from(minute), 2);
    } else {
        out.push(b' ');
        decimal::write_zeroed(out, u64::from(year.unsigned_abs()), 4);
    }
}

/// `2023-11-14T22:13:20Z` (RFC 3339).
pub fn rfc3339(seconds: i64) -> String {
    let utc = utc(seconds);
    let (hour, minute, second) = utc.to_hms();
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", utc.date())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
pub fn http_date(seconds: i64) -> String {
    let utc = utc(seconds);
    let (hour, minute, second) = utc.to_hms();
    let (year, month, day) = utc.date().to_calendar_date();
    let (weekday, month) = (utc.weekday().to_string(), month.to_string());
    format!("{weekday:.3}, {day:02} {month:.3} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// `2023-11-14T22:13:20.123Z` (RFC 3339); the fraction is truncated.
pub fn rfc3339_milliseconds((seconds, nanoseconds): (i64, u32)) -> String {
    let (whole, milliseconds) = (rfc3339(seconds), nanoseconds / 1_000_000);
    format!("{}.{milliseconds:03}Z", whole.trim_end_matches('Z'))
}

/// The digits of a fraction as nanoseconds; digits after the ninth are dropped.
fn parse_fraction(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let padded = digits.iter().copied().chain(std::iter::repeat(b'0'));
    let number = padded
        .take(9)
        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time_val(seconds: i64, nanoseconds: u32) -> String {
        let mut out = Vec::new();
        write_time_val(&mut out, (seconds, nanoseconds), Precision::Milliseconds);
        String::from_utf8(out).unwrap()
    }

    fn ls_date(modified: i64, now: i64) -> String {
        let mut out = Vec::new();
        write_ls_date(&mut out, modified, now);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn months_have_their_names() {
        let begin_of_2023 = 1_672_531_200;
        let days = (0..365).map(|day| begin_of_2023 + day * 24 * 60 * 60);
        let mut months: Vec<_> = days.map(|day| ls_date(day, day)[..3].to_owned()).collect();
        months.dedup();
        let expected = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
        assert_eq!(months.join(" "), expected);
    }

    #[test]
    fn known_times_are_formatted_and_parsed() {
        for (seconds, text) in [
            (0, "19700101000000"),
            (-1, "19691231235959"),
            (951_782_400, "20000229000000"),
            (1_709_251_199, "20240229235959"),
            (4_107_542_400, "21000301000000"),
            (FIRST, "00000101000000"),
            (LAST, "99991231235959"),
        ] {
            assert_eq!(time_val(seconds, 0), text);
            assert_eq!(parse_time_val(text.as_bytes()), Some((seconds, 0)));
        }
    }

    #[test]
    fn times_out_of_range_are_clamped() {
        assert_eq!(time_val(FIRST - 1, 0), time_val(FIRST, 0));
        assert_eq!(time_val(i64::MIN, 0), time_val(FIRST, 0));
        assert_eq!(time_val(LAST + 1, 0), time_val(LAST, 0));
        assert_eq!(time_val(i64::MAX, 0), time_val(LAST, 0));
        assert_eq!(ls_date(i64::MAX, i64::MIN), "Dec 31  9999");
        assert_eq!(ls_date(i64::MIN, i64::MAX), "Jan  1  0000");
    }

    #[test]
    fn fractions_are_truncated() {
        assert_eq!(time_val(0, 999_999), "19700101000000");
        assert_eq!(time_val(0, 1_000_000), "19700101000000.001");
        for (seconds, whole) in [(0, "19700101000000"), (-1, "19691231235959")] {
            let mut out = Vec::new();
            write_time_val(&mut out, (seconds, 999_999_999), Precision::Seconds);
            assert_eq!(out, whole.as_bytes());
        }
        let parse = |text: &str| parse_time_val(text.as_bytes());
        assert_eq!(parse("19700101000000.5"), Some((0, 500_000_000)));
        assert_eq!(parse("19700101000001.0000000019"), Some((1, 1)));
    }

    #[test]
    fn invalid_times_are_rejected() {
        for wrong in [
            "",
            "1970010100000",
            "197001010000000",
            "19700101000000.",
            "19700101000000.x",
            "19700001000000",
            "19701301000000",
            "19700100000000",
            "19700132000000",
            "20230229000000",
            "21000229000000",
            "19700431000000",
            "19700101240000",
            "19700101006000",
            "19700101000061",
            "+9700101000000",
            "1970010100000 ",
        ] {
            assert_eq!(parse_time_val(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(parse_time_val(b"20161231235960"), Some((1_483_228_800, 0)));
    }

    /// The expected values are those of `date -u -d @N`.
    #[test]
    fn rfc_3339_times_match_date() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (1_709_164_799, "2024-02-28T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (FIRST, "0000-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
        for (time, text) in [
            ((-1, 999_999_999), "1969-12-31T23:59:59.999Z"),
            ((1_700_000_000, 1_999_999), "2023-11-14T22:13:20.001Z"),
            ((1 << 31, 0), "2038-01-19T03:14:08.000Z"),
        ] {
            assert_eq!(rfc3339_milliseconds(time), text);
        }
    }

    #[test]
    fn http_dates_match_date() {
        for (seconds, text) in [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1 << 31, "Tue, 19 Jan 2038 03:14:08 GMT"),
        ] {
            assert_eq!(http_date(seconds), text);
        }
    }

    #[test]
    fn ls_date_shows_time_or_year() {
        let modified = 1_709_251_140; // 2024-02-29 23:59:00
        assert_eq!(ls_date(modified, modified), "Feb 29 23:59");
        assert_eq!(ls_date(modified, modified + RECENT), "Feb 29 23:59");
        assert_eq!(ls_date(modified, modified + RECENT + 1), "Feb 29  2024");
        assert_eq!(ls_date(modified, modified - DAY), "Feb 29 23:59");
        assert_eq!(ls_date(modified, modified - DAY - 1), "Feb 29  2024");
        assert_eq!(ls_date(0, 1), "Jan  1 00:00");
    }

    proptest! {
        #[test]
        fn times_round_trip(seconds in FIRST..=LAST, milliseconds in 0..1000_u32) {
            let nanoseconds = milliseconds * 1_000_000;
            let text = time_val(seconds, nanoseconds);
            prop_assert_eq!(parse_time_val(text.as_bytes()), Some((seconds, nanoseconds)));
        }
    }
}
