//! Formats and parses unsigned decimal numbers.
//!
//! Listings consist mostly of numbers, and `write!` is slower and returns an error that a vector never
//! produces.

/// The number of digits of `u64::MAX`.
const DIGITS_MAX: usize = 20;

/// Appends the number.
pub(super) fn write(out: &mut Vec<u8>, number: u64) {
    write_filled(out, number, 1, b'0');
}

/// Appends the number, right-aligned with spaces to at least `width` (at most 20).
pub(super) fn write_right(out: &mut Vec<u8>, number: u64, width: usize) {
    write_filled(out, number, width, b' ');
}

/// Appends the number, padded with leading zeros to at least `width` (at most 20).
pub(super) fn write_zeroed(out: &mut Vec<u8>, number: u64, width: usize) {
    write_filled(out, number, width, b'0');
}

/// Appends the number, left-aligned with spaces to at least `width`.
pub(super) fn write_left(out: &mut Vec<u8>, number: u64, width: usize) {
    let before = out.len();
    write(out, number);
    out.resize(out.len().max(before + width), b' ');
}

/// Parses ASCII digits; `None` if empty, if another byte occurs, or on overflow.
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
    debug_assert!(width <= DIGITS_MAX, "wider than any number");
    let mut digits = [fill; DIGITS_MAX];
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        count += 1;
        if number == 0 {
            break;
        }
    }
    let first = DIGITS_MAX.saturating_sub(width.max(count));
    // In range, as `count` is at least 1.
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
    fn non_digits_and_overflow_are_rejected() {
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
        fn formatting_agrees_with_std(number: u64, shift in 0..64_u32, width in 0..=20_usize) {
            let number = number >> shift;
            prop_assert_eq!(printed(|out| write(out, number)), format!("{number}"));
            prop_assert_eq!(printed(|out| write_right(out, number, width)), format!("{number:>width$}"));
            prop_assert_eq!(printed(|out| write_left(out, number, width)), format!("{number:<width$}"));
            prop_assert_eq!(printed(|out| write_zeroed(out, number, width)), format!("{number:0width$}"));
            prop_assert_eq!(parse(format!("{number:0width$}").as_bytes()), Some(number));
        }
    }
}
