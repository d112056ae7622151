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
        let whole = self.0.as_secs();
        let digits = format!("{:09}", self.0.subsec_nanos());
        let shown = match f.precision() {
            Some(precision) => digits.get(..precision).unwrap_or(&digits),
            None => digits.trim_end_matches('0'),
        };
        if shown.is_empty() {
            write!(f, "{whole}")
        } else {
            write!(f, "{whole}.{shown}")
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
