//! Whole numbers in decimal, appended to bytes: a listing is mostly these.
//!
//! It owns no format but the number's own; `write!` would do the same, slower, and with an
//! error to handle that a vector never gives.

/// The longest number: `u64::MAX`.
const DIGITS_MAX: usize = 20;

/// Appends the number.
pub(super) fn write(out: &mut Vec<u8>, number: u64) {
    write_filled(out, number, 1, b'0');
}

/// Appends the number with spaces before it, so that it takes `width` (at most 20) or more.
pub(super) fn write_right(out: &mut Vec<u8>, number: u64, width: usize) {
    write_filled(out, number, width, b' ');
}

/// Appends the number with zeros before it, so that it takes `width` (at most 20) or more.
pub(super) fn write_zeroed(out: &mut Vec<u8>, number: u64, width: usize) {
    write_filled(out, number, width, b'0');
}

/// Appends the number with spaces behind it, so that it takes `width` or more.
pub(super) fn write_left(out: &mut Vec<u8>, number: u64, width: usize) {
    let before = out.len();
    write(out, number);
    out.resize(out.len().max(before + width), b' ');
}

/// The number that these bytes are: digits only, and not too large for a `u64`.
pub(super) fn parse(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

fn write_filled(out: &mut Vec<u8>, mut number: u64, width: usize, fill: u8) {
    let mut digits = [fill; DIGITS_MAX];
    let mut count = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        count += 1;
        if number == 0 {
            break;
        }
    }
    let first = DIGITS_MAX.saturating_sub(width.max(count));
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn printed(print: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        print(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_digits_within_range_are_numbers() {
        assert_eq!(parse(b"18446744073709551615"), Some(u64::MAX));
        for wrong in [
            &b""[..],
            b"+1",
            b"-1",
            b" 1",
            b"1 ",
            b"18446744073709551616",
        ] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn as_the_standard_library_prints(number: u64, shift in 0..64_u32, width in 0..=20_usize) {
            let number = number >> shift;
            prop_assert_eq!(printed(|out| write(out, number)), format!("{number}"));
            prop_assert_eq!(printed(|out| write_right(out, number, width)), format!("{number:>width$}"));
            prop_assert_eq!(printed(|out| write_left(out, number, width)), format!("{number:<width$}"));
            prop_assert_eq!(printed(|out| write_zeroed(out, number, width)), format!("{number:0width$}"));
            prop_assert_eq!(parse(format!("{number:0width$}").as_bytes()), Some(number));
        }
    }
}
