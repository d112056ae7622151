//! A point in time, as a file has it: a date, or a date with a time, by RFC 3339.
//!
//! It is parsed here and not by the reader, so that all readers take the same.

use crate::protocol::date::unix_time;
use crate::protocol::zone::Zone;

/// Unix time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub(super) i64);

impl Moment {
    /// A date or a time of RFC 3339, whose offset and seconds may be missing. UTC without an offset.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let byte = |number| u8::try_from(number).ok();
        let date = (year.into(), byte(month)?, byte(day)?);
        let Some(rest) = rest.strip_prefix(['T', ' ']) else {
            let midnight = unix_time(date, (0, 0, 0)).filter(|_| rest.is_empty());
            return midnight.map(Self);
        };
        let (time, zone) = rest.split_at(rest.find(['Z', '+', '-']).unwrap_or(rest.len()));
        let zone = match zone {
            "" => Zone::UTC,
            zone if zone.len() == 1 || zone.contains(':') => zone.parse().ok()?,
            _ => return None,
        };
        let fraction = time.split_once('.');
        let is_fraction = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let [hour, minute, second] = match (fraction, numbers(time, ':', [2, 2])) {
            (None, Some([hour, minute])) => [hour, minute, 0],
            (None, None) => numbers(time, ':', [2, 2, 2])?,
            (Some((time, fraction)), _) => {
                numbers(time, ':', [2, 2, 2]).filter(|_| is_fraction(fraction))?
            }
        };
        let local = unix_time(date, (byte(hour)?, byte(minute)?, byte(second)?))?;
        Some(Self(local - zone.local(0)))
    }
}

/// Numbers of so many digits each, with this character between them.
fn numbers<const N: usize>(text: &str, between: char, widths: [usize; N]) -> Option<[u16; N]> {
    let mut parts = text.split(between);
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let digits = parts.next().filter(|part| part.len() == width)?;
        *number = digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}
