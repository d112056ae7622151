//! The byte range of RANG: the offsets of the first and the last byte (draft-bryan-ftp-range-08 §3).
//!
//! Both are zero-based and inclusive. A range does not know the file; it is clipped to the file's size
//! when it is applied.

use super::decimal;

/// The bytes from `first` to `last`, inclusive; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    first: u64,
    last: u64,
}

/// The argument is not a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRange;

impl ByteRange {
    /// `None` if it would be empty.
    pub const fn new(first: u64, last: u64) -> Option<Self> {
        if first > last {
            return None;
        }
        Some(Self { first, last })
    }

    /// Parses `first last`; `1 0` resets the range: `None`.
    pub fn parse(argument: &[u8]) -> Result<Option<Self>, BadRange> {
        let mut words = argument.split(|&b| b == b' ');
        let (first, last) = (words.next(), words.next());
        let number = |word: Option<&[u8]>| word.and_then(decimal::parse).ok_or(BadRange);
        match (number(first)?, number(last)?, words.next()) {
            (1, 0, None) => Ok(None),
            (first, last, None) => Self::new(first, last).map(Some).ok_or(BadRange),
            _ => Err(BadRange),
        }
    }

    /// The offset of the first byte, and the number of bytes that a file of this size has in the range.
    pub fn within(self, size: u64) -> (u64, u64) {
        let end = self.last.saturating_add(1).min(size);
        (self.first, end.saturating_sub(self.first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_and_invalid_ranges() {
        for (argument, range) in [
            ("0 0", Ok(ByteRange::new(0, 0))),
            ("5 10", Ok(ByteRange::new(5, 10))),
            ("1 0", Ok(None)),
            ("2 1", Err(BadRange)),
            ("2 0", Err(BadRange)),
            ("1", Err(BadRange)),
            ("1 2 3", Err(BadRange)),
            ("-1 2", Err(BadRange)),
            ("1  2", Err(BadRange)),
            ("0 18446744073709551616", Err(BadRange)),
            ("", Err(BadRange)),
        ] {
            assert_eq!(ByteRange::parse(argument.as_bytes()), range, "{argument}");
        }
    }

    #[test]
    fn range_is_clipped_to_the_file_size() {
        let range = ByteRange::new(2, 4).unwrap();
        for (size, expected) in [(0, 0), (2, 0), (3, 1), (4, 2), (5, 3), (6, 3)] {
            assert_eq!(range.within(size), (2, expected), "{size}");
        }
        let all = ByteRange::new(0, u64::MAX).unwrap();
        assert_eq!(all.within(u64::MAX), (0, u64::MAX));
    }
}
