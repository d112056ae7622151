//! A part of a file, as RANG says it: the first and the last byte (draft-bryan-ftp-range-08 §3).
//!
//! Both count from the beginning of the file, and the last belongs to it. Nothing is known here
//! of any file; what reaches beyond the end of one is cut off when it is applied.

use super::decimal;

/// The bytes from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    first: u64,
    last: u64,
}

/// Two numbers that are no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRange;

impl ByteRange {
    /// From the first to the last; there is always a byte in it.
    pub const fn new(first: u64, last: u64) -> Option<Self> {
        if first > last {
            return None;
        }
        Some(Self { first, last })
    }

    /// Reads `first last`; `1 0` is how a client takes a range back: `None`.
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

    /// Where it begins, and how many of its bytes a file of that size has.
    pub fn within(self, size: u64) -> (u64, u64) {
        let end = self.last.saturating_add(1).min(size);
        (self.first, end.saturating_sub(self.first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_range() {
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
    fn it_ends_where_the_file_ends() {
        let range = ByteRange::new(2, 4).unwrap();
        for (size, expected) in [(0, 0), (2, 0), (3, 1), (4, 2), (5, 3), (6, 3)] {
            assert_eq!(range.within(size), (2, expected), "{size}");
        }
        let all = ByteRange::new(0, u64::MAX).unwrap();
        assert_eq!(all.within(u64::MAX), (0, u64::MAX));
    }
}
