//! Converts Unix time to and from the two date formats of FTP, in UTC: the time-val of RFC 3659 §2.3,
//! and the date column of `ls -l`.
//!
//! The proleptic Gregorian calendar, years 0 to 9999; times outside are clamped. It does not read the
//! clock: the current time is a parameter.

use super::decimal;

/// 0000-01-01 00:00:00.
const FIRST: i64 = -62_167_219_200;
/// 9999-12-31 23:59:59.
const LAST: i64 = 253_402_300_799;

const DAY: i64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01. In years that begin in March the leap day is the last day, so the
/// other months always have the same offsets.
const EPOCH_FROM_MARCH: i64 = 719_468;
const DAYS_IN_400_YEARS: i64 = 146_097;

/// The age in seconds from which `ls` shows the year instead of the time.
const RECENT: i64 = 182 * DAY;

/// A calendar date and time of day, without a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// 0 to 9999.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl Civil {
    /// From seconds since 1970-01-01 00:00:00, clamped to the years 0 to 9999.
    pub fn from_unix(seconds: i64) -> Self {
        let seconds = seconds.clamp(FIRST, LAST);
        let days = seconds.div_euclid(DAY) + EPOCH_FROM_MARCH;
        let of_day = seconds.rem_euclid(DAY);
        let era = days.div_euclid(DAYS_IN_400_YEARS);
        let of_era = days.rem_euclid(DAYS_IN_400_YEARS);
        // Every 4th year is a leap year, except every 100th, except every 400th.
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // From March on, any five consecutive months have 153 days.
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let year = 400 * era + year_of_era + i64::from(month <= 2);
        debug_assert!((0..=9999).contains(&year), "seconds are clamped");
        Self {
            year: i32::try_from(year).unwrap_or_default(),
            month: small(month),
            day: small(of_year - (153 * from_march + 2) / 5 + 1),
            hour: small(of_day / 3600),
            minute: small(of_day / 60 % 60),
            second: small(of_day % 60),
        }
    }

    /// Seconds since 1970-01-01 00:00:00.
    pub fn to_unix(self) -> i64 {
        let month = i64::from(self.month);
        let year = i64::from(self.year) - i64::from(month <= 2);
        let from_march = (month + 9) % 12;
        let of_year = (153 * from_march + 2) / 5 + i64::from(self.day) - 1;
        let year_of_era = year.rem_euclid(400);
        let of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + of_year;
        let days = year.div_euclid(400) * DAYS_IN_400_YEARS + of_era - EPOCH_FROM_MARCH;
        let of_day = (i64::from(self.hour) * 60 + i64::from(self.minute)) * 60;
        days * DAY + of_day + i64::from(self.second)
    }

    /// Whether all fields are in range. Second 60 is accepted as a leap second.
    const fn is_valid(self) -> bool {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let days = match self.month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => 0,
        };
        1 <= self.day
            && self.day <= days
            && self.hour <= 23
            && self.minute <= 59
            && self.second <= 60
    }

    /// `Jan` to `Dec`.
    pub const fn month_name(self) -> &'static str {
        match self.month {
            1 => "Jan",
            2 => "Feb",
            3 => "Mar",
            4 => "Apr",
            5 => "May",
            6 => "Jun",
            7 => "Jul",
            8 => "Aug",
            9 => "Sep",
            10 => "Oct",
            11 => "Nov",
            _ => "Dec",
        }
    }
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
    let civil = Civil::from_unix(seconds);
    decimal::write_zeroed(out, u64::from(civil.year.unsigned_abs()), 4);
    for part in [
        civil.month,
        civil.day,
        civil.hour,
        civil.minute,
        civil.second,
    ] {
        decimal::write_zeroed(out, u64::from(part), 2);
    }
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
    let civil = Civil {
        year,
        month: pair()?,
        day: pair()?,
        hour: pair()?,
        minute: pair()?,
        second: pair()?,
    };
    let nanoseconds = match fraction.split_first() {
        None => 0,
        Some((b'.', digits)) => parse_fraction(digits)?,
        Some(_) => return None,
    };
    civil.is_valid().then(|| (civil.to_unix(), nanoseconds))
}

/// Appends the date column of `ls -l`: `Mon dd HH:MM`, or `Mon dd  YYYY` for a time that is more than
/// half a year ago, or more than a day (clock skew) in the future.
pub fn write_ls_date(out: &mut Vec<u8>, modified: i64, now: i64) {
    let civil = Civil::from_unix(modified);
    out.extend_from_slice(civil.month_name().as_bytes());
    out.push(b' ');
    decimal::write_right(out, u64::from(civil.day), 2);
    out.push(b' ');
    let age = now.saturating_sub(modified);
    if (-DAY..=RECENT).contains(&age) {
        decimal::write_zeroed(out, u64::from(civil.hour), 2);
        out.push(b':');
        decimal::write_zeroed(out, u64::from(civil.minute), 2);
    } else {
        out.push(b' ');
        decimal::write_zeroed(out, u64::from(civil.year.unsigned_abs()), 4);
    }
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

/// Narrows a field of a date or time.
fn small(number: i64) -> u8 {
    debug_assert!((0..60).contains(&number), "not a field of a date or time");
    u8::try_from(number).unwrap_or_default()
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
            let civil = Civil::from_unix(seconds);
            prop_assert!(civil.is_valid());
            prop_assert_eq!(civil.to_unix(), seconds);
            let nanoseconds = milliseconds * 1_000_000;
            let text = time_val(seconds, nanoseconds);
            prop_assert_eq!(parse_time_val(text.as_bytes()), Some((seconds, nanoseconds)));
        }

        #[test]
        fn civil_order_is_time_order(a in FIRST..=LAST, b in FIRST..=LAST) {
            prop_assert_eq!(Civil::from_unix(a).cmp(&Civil::from_unix(b)), a.cmp(&b));
        }
    }
}
