//! Numbers as they are shown, in all formats.
//!
//! A response has hundreds of them, so they are written without the machinery of formatting; and exactly: a
//! floating-point number has fewer digits than a counter of nanoseconds.

const NANOSECONDS: u64 = 1_000_000_000;

/// The digits of the greatest number.
const DIGITS: usize = 20;

/// A number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Quantity {
    /// Of things.
    Number(u64),
    /// Of nanoseconds, shown in seconds.
    Time(u64),
}

impl Quantity {
    /// Appends it.
    pub(super) fn push(self, out: &mut String) {
        match self {
            Self::Number(number) => push_digits(out, number, 1),
            Self::Time(time) => {
                push_digits(out, time / NANOSECONDS, 1);
                let (mut fraction, mut width) = (time % NANOSECONDS, 9);
                if fraction == 0 {
                    return;
                }
                while fraction.is_multiple_of(10) {
                    (fraction, width) = (fraction / 10, width - 1);
                }
                out.push('.');
                push_digits(out, fraction, width);
            }
        }
    }
}

/// Appends at least `width` digits.
fn push_digits(out: &mut String, mut number: u64, width: usize) {
    let mut digits = [b'0'; DIGITS];
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        if number == 0 && count >= width {
            break;
        }
        *digit = b'0' + (number % 10) as u8;
        (number, count) = (number / 10, count + 1);
    }
    let shown = digits.get(DIGITS - count..).unwrap_or_default();
    out.push_str(std::str::from_utf8(shown).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (amount, shown) in [
            (Quantity::Number(0), "0"),
            (Quantity::Number(10), "10"),
            (Quantity::Number(u64::MAX), "18446744073709551615"),
            (Quantity::Time(0), "0"),
            (Quantity::Time(1), "0.000000001"),
            (Quantity::Time(2_500_000_000), "2.5"),
            (Quantity::Time(1023), "0.000001023"),
            (Quantity::Time(u64::MAX), "18446744073.709551615"),
        ] {
            let mut out = String::new();
            amount.push(&mut out);
            assert_eq!(out, shown, "{amount:?}");
        }
    }
}
