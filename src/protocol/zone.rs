//! The time zone of dates in LIST: a fixed offset from UTC.
//!
//! LIST is read by users and does not name its zone; the machine-readable MLSD and MDTM use UTC. A
//! fixed offset needs no time zone database, and the date of a file never changes with daylight
//! saving time.

use std::fmt;
use std::str::FromStr;

const HOUR: i32 = 3600;
const MINUTE: i32 = 60;

/// An offset from UTC, eastward, in seconds: from -23:59 to +23:59.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone(i32);

/// The text is not an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadZone;

impl fmt::Display for BadZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an offset from UTC, such as +02:00")
    }
}

impl std::error::Error for BadZone {}

impl Zone {
    /// Offset zero.
    pub const UTC: Self = Self(0);

    /// Unix time plus the offset: seconds since 1970-01-01 00:00:00 local time.
    pub const fn local(self, unix: i64) -> i64 {
        unix.saturating_add(self.0 as i64)
    }
}

impl FromStr for Zone {
    type Err = BadZone;

    /// `UTC`, `+HH:MM`, `-HH:MM`, or the same without the colon.
    fn from_str(text: &str) -> Result<Self, BadZone> {
        if text == "UTC" || text == "Z" {
            return Ok(Self::UTC);
        }
        let (sign, digits) = match text.split_at_checked(1) {
            Some(("+", digits)) => (1, digits),
            Some(("-", digits)) => (-1, digits),
            _ => return Err(BadZone),
        };
        let (hours, minutes) = match digits.split_once(':') {
            Some(parts) => parts,
            None => digits.split_at_checked(2).ok_or(BadZone)?,
        };
        let hours = two_digits(hours, 23)?;
        let minutes = two_digits(minutes, 59)?;
        Ok(Self(sign * (hours * HOUR + minutes * MINUTE)))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        let size = self.0.abs();
        write!(f, "{sign}{:02}:{:02}", size / HOUR, size % HOUR / MINUTE)
    }
}

fn two_digits(text: &str, most: i32) -> Result<i32, BadZone> {
    if text.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadZone);
    }
    let number = text.parse().map_err(|_| BadZone)?;
    if number > most {
        Err(BadZone)
    } else {
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_parsed_and_formatted() {
        for (text, seconds, shown) in [
            ("UTC", 0, "+00:00"),
            ("+02:00", 7200, "+02:00"),
            ("-0330", -12600, "-03:30"),
            ("+23:59", 86340, "+23:59"),
        ] {
            let zone: Zone = text.parse().unwrap();
            assert_eq!(zone.local(0), seconds);
            assert_eq!(zone.to_string(), shown);
        }
        for text in [
            "", "2", "02:00", "+2:00", "+24:00", "+01:60", "+0100x", "+-1:00", "+é0",
        ] {
            assert_eq!(text.parse::<Zone>(), Err(BadZone), "{text}");
        }
    }
}
