//! Parses and prints times and sizes with units: "90s", "1h30m", "64MiB".
//!
//! A number in a string needs a unit; `value` reads bare integers as seconds or bytes. Output uses the
//! largest unit that divides the amount, and parses back to the same amount.

use std::time::Duration;

/// Names and microseconds, from the largest. Only the first name is printed.
const TIMES: [(&[&str], u64); 6] = [
    (&["d"], 24 * 3600 * 1_000_000),
    (&["h"], 3600 * 1_000_000),
    (&["m", "min"], 60 * 1_000_000),
    (&["s"], 1_000_000),
    (&["ms"], 1000),
    (&["us"], 1),
];

/// Names and bytes. Decimal units are parsed and not printed.
const SIZES: [(&[&str], u64); 9] = [
    (&["TiB"], 1 << 40),
    (&["GiB"], 1 << 30),
    (&["MiB"], 1 << 20),
    (&["KiB"], 1 << 10),
    (&["TB"], 1_000_000_000_000),
    (&["GB"], 1_000_000_000),
    (&["MB"], 1_000_000),
    (&["kB", "KB"], 1000),
    (&["B"], 1),
];

/// Parses a time of one or several parts, such as `1h30m`.
pub(super) fn read_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut micros = 0_u64;
    loop {
        let (number, behind) = digits(rest)?;
        let end = behind.find(|c: char| c.is_ascii_digit());
        let (unit, more) = behind.split_at(end.unwrap_or(behind.len()));
        micros = micros.checked_add(of_unit(number, unit, &TIMES)?)?;
        if more.is_empty() {
            return Some(Duration::from_micros(micros));
        }
        rest = more;
    }
}

/// Parses a number of bytes.
pub(super) fn read_size(text: &str) -> Option<u64> {
    let (number, unit) = digits(text.trim())?;
    of_unit(number, unit, &SIZES)
}

/// Prints a time for [`read_duration`], truncated to microseconds.
pub(super) fn show_duration(duration: Duration) -> String {
    // Longer than 500,000 years only in a host program.
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    if micros == 0 {
        return "0s".to_owned();
    }
    in_largest(micros, TIMES.iter())
}

/// Prints a number of bytes for [`read_size`].
#[cfg_attr(not(feature = "config"), allow(dead_code, reason = "for `show`"))]
pub(super) fn show_size(bytes: u64) -> String {
    let binary = |unit: &&(&[&str], u64)| unit.1.is_power_of_two();
    if bytes == 0 {
        return "0B".to_owned();
    }
    in_largest(bytes, SIZES.iter().filter(binary))
}

fn in_largest<'a>(
    amount: u64,
    mut units: impl Iterator<Item = &'a (&'a [&'a str], u64)>,
) -> String {
    let unit = units.find(|(_, size)| amount.is_multiple_of(*size));
    debug_assert!(unit.is_some(), "the smallest unit is 1");
    let (names, size) = unit.copied().unwrap_or((&[], 1));
    format!("{}{}", amount / size, names.first().unwrap_or(&""))
}

fn digits(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = text.split_at(end);
    Some((number.parse().ok()?, rest))
}

fn of_unit(number: u64, unit: &str, units: &[(&[&str], u64)]) -> Option<u64> {
    let (_, size) = units
        .iter()
        .find(|(names, _)| names.contains(&unit.trim()))?;
    number.checked_mul(*size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_with_units_are_parsed() {
        for (text, milliseconds) in [
            ("30s", 30_000),
            ("10m", 600_000),
            ("10 min", 600_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("500ms", 500),
            ("0s", 0),
            ("2d", 172_800_000),
        ] {
            let expected = Some(Duration::from_millis(milliseconds));
            assert_eq!(read_duration(text), expected, "{text}");
        }
        for text in [
            "",
            "s",
            "30",
            "30x",
            "-1s",
            "1.5s",
            "1s30",
            "s30",
            "+1s",
            "30S",
            "99999999999999999999d",
            "9999999999999d",
        ] {
            assert_eq!(read_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_with_units_are_parsed() {
        for (text, bytes) in [
            ("64MiB", 64 << 20),
            ("64 MiB", 64 << 20),
            ("10GB", 10_000_000_000),
            ("1kB", 1000),
            ("7B", 7),
        ] {
            assert_eq!(read_size(text), Some(bytes), "{text}");
        }
        for text in ["", "64", "64M", "64mib", "-1B", "1MiB2KiB", "99999999TiB"] {
            assert_eq!(read_size(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_are_printed_in_the_largest_unit() {
        for (seconds, shown) in [(0, "0s"), (90, "90s"), (600, "10m"), (86_400, "1d")] {
            assert_eq!(show_duration(Duration::from_secs(seconds)), shown);
        }
        assert_eq!(show_duration(Duration::from_millis(1500)), "1500ms");
        for (bytes, shown) in [
            (0, "0B"),
            (1000, "1000B"),
            (1 << 20, "1MiB"),
            (1536, "1536B"),
        ] {
            assert_eq!(show_size(bytes), shown);
        }
    }

    proptest! {
        #[test]
        fn printed_amount_parses_to_the_same(amount: u64) {
            prop_assert_eq!(read_size(&show_size(amount)), Some(amount));
            let duration = Duration::from_micros(amount);
            prop_assert_eq!(read_duration(&show_duration(duration)), Some(duration));
        }

        #[test]
        fn arbitrary_text_does_not_panic(text in "[0-9a-zé ]{0,12}") {
            let _ = (read_size(&text), read_duration(&text));
        }
    }
}
