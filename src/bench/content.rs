//! The content of the files that a load generator puts on a server, and the check that they come back whole.
//!
//! Each byte follows from the seed, the name of the file and its place, so that nothing is kept: a file in
//! the place of another differs from its first bytes on. It must not know how files move.

use std::fmt;

use super::random::mixed;

/// What a file has to contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content {
    key: u64,
    pub(super) size: u64,
}

/// A file that is compared while it is received.
#[derive(Debug)]
pub(super) struct Check {
    content: Content,
    /// What has been compared.
    offset: u64,
}

/// How a file differs from what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// A byte at this offset.
    Byte { offset: u64, is: u8, should: u8 },
    /// It ends there.
    Short { is: u64, should: u64 },
    /// It goes on behind its end.
    Long { should: u64 },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte { offset, is, should } => {
                write!(f, "byte {offset} is {is:#04x} and should be {should:#04x}")
            }
            Self::Short { is, should } => write!(f, "it has {is} bytes of {should}"),
            Self::Long { should } => write!(f, "it has more than its {should} bytes"),
        }
    }
}

impl Content {
    /// That of the file with this name.
    pub(super) fn new(seed: u64, name: &[u8], size: u64) -> Self {
        let add = |key: u64, byte: &u8| mixed(key ^ u64::from(*byte));
        Self {
            key: name.iter().fold(mixed(seed), add),
            size,
        }
    }

    /// Fills the buffer with the bytes from `offset` on. Returns how many there are.
    pub(super) fn fill(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let left = self.size.saturating_sub(offset);
        let count = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let mut offset = offset;
        let mut room = buffer.get_mut(..count).unwrap_or_default();
        while !room.is_empty() {
            let word = self.word(offset / 8);
            let skipped = usize::try_from(offset % 8).unwrap_or(0);
            let bytes = word.get(skipped..).unwrap_or_default();
            let (part, rest) = room.split_at_mut(bytes.len().min(room.len()));
            for (byte, value) in part.iter_mut().zip(bytes) {
                *byte = *value;
            }
            offset += part.len() as u64;
            room = rest;
        }
        count
    }

    fn word(&self, number: u64) -> [u8; 8] {
        let step = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed(self.key.wrapping_add(step)).to_le_bytes()
    }
}

impl Check {
    pub(super) const fn new(content: Content) -> Self {
        Self { content, offset: 0 }
    }

    /// Compares what comes next; `room` is as long, for what should come.
    pub(super) fn compare(&mut self, bytes: &[u8], room: &mut [u8]) -> Result<(), Difference> {
        let count = self.content.fill(self.offset, room);
        let expected = room.get(..count).unwrap_or_default();
        let pairs = bytes.iter().zip(expected);
        for (at, (is, should)) in pairs.enumerate() {
            if is != should {
                return Err(Difference::Byte {
                    offset: self.offset + at as u64,
                    is: *is,
                    should: *should,
                });
            }
        }
        if bytes.len() > count {
            return Err(Difference::Long {
                should: self.content.size,
            });
        }
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// The file has ended.
    pub(super) const fn end(&self) -> Result<(), Difference> {
        if self.offset < self.content.size {
            return Err(Difference::Short {
                is: self.offset,
                should: self.content.size,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(content: Content) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(content.size).unwrap()];
        assert_eq!(content.fill(0, &mut bytes), bytes.len());
        bytes
    }

    fn checked(content: Content, bytes: &[u8], part: usize) -> Result<(), Difference> {
        let mut check = Check::new(content);
        for part in bytes.chunks(part) {
            check.compare(part, &mut vec![0; part.len()])?;
        }
        check.end()
    }

    #[test]
    fn another_name_or_seed_is_another_content() {
        let contents = [(1, "a"), (1, "b"), (2, "a")]
            .map(|(seed, name)| Content::new(seed, name.as_bytes(), 64));
        let [a, b, c] = contents.map(whole);
        assert!(a != b && a != c && b != c);
        assert!(
            matches!(checked(contents[0], &b, 7), Err(Difference::Byte { offset, .. }) if offset < 3)
        );
    }

    proptest! {
        #[test]
        fn every_difference_is_found(
            size in 0..300_u64,
            part in 1..50_usize,
            at in any::<prop::sample::Index>(),
        ) {
            let content = Content::new(5, b"name", size);
            let mut bytes = whole(content);
            prop_assert_eq!(checked(content, &bytes, part), Ok(()));
            bytes.push(0);
            prop_assert_eq!(checked(content, &bytes, part), Err(Difference::Long { should: size }));
            bytes.pop();
            if size > 0 {
                let at = at.index(bytes.len());
                let short = Difference::Short { is: at as u64, should: size };
                prop_assert_eq!(checked(content, &bytes[..at], part), Err(short));
                let should = bytes[at];
                bytes[at] ^= 0x10;
                let found = Difference::Byte { offset: at as u64, is: bytes[at], should };
                prop_assert_eq!(checked(content, &bytes, part), Err(found));
            }
        }
    }
}
