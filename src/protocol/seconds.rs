//! A duration as a decimal number of seconds.
//!
//! It is computed from integers: the formatting of `f64` is 17 KiB of the small profile, where nothing else
//! needs it. It knows no unit but seconds.

use std::fmt;
use std::time::Duration;

/// Shown exactly, or with a precision, as in `{:.3}`, cut to so many digits.
pub struct Seconds(pub Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut fraction) = (self.0.as_secs(), self.0.subsec_nanos());
        let mut digits = 9;
        let is_beyond = |digits, fraction: u32| match f.precision() {
            Some(precision) => digits > precision,
            None => digits > 0 && fraction.is_multiple_of(10),
        };
        while is_beyond(digits, fraction) {
            (digits, fraction) = (digits - 1, fraction / 10);
        }
        if digits == 0 {
            write!(f, "{whole}")
        } else {
            write!(f, "{whole}.{fraction:0digits$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_or_cut_to_the_precision() {
        for (nanos, exact, cut) in [
            (0, "0", "0.000"),
            (300_000_000_000, "300", "300.000"),
            (50_000_000, "0.05", "0.050"),
            (1_999_999_999, "1.999999999", "1.999"),
        ] {
            let seconds = Seconds(Duration::from_nanos(nanos));
            assert_eq!(
                (
                    seconds.to_string().as_str(),
                    format!("{seconds:.3}").as_str()
                ),
                (exact, cut)
            );
        }
    }
}
