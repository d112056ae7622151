//! The content of the files that a load generator puts on a server, and the check that they come back whole.
//!
//! All files are parts of one block that follows from the seed and repeats; where a file begins in it follows
//! from its name. So nothing is computed while bytes move, and a file in the place of another differs from
//! its first bytes on. It must not know how files move.

use std::fmt;

use super::random::{Random, mixed};

/// After so many bytes a file repeats. A prime: a server that confuses blocks is found out.
const PERIOD: usize = 1_048_573;

/// What all files consist of.
pub(super) struct Block(Vec<u8>);

impl Block {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, 0);
        let mut bytes = Vec::with_capacity(PERIOD + size_of::<u64>());
        while bytes.len() < PERIOD {
            bytes.extend_from_slice(&random.next().to_le_bytes());
        }
        bytes.truncate(PERIOD);
        Self(bytes)
    }
}

/// What a file has to contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// Where it begins in the block.
    start: u64,
    pub(super) size: u64,
}

/// How much of a file is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Length,
    Bytes,
}

/// A file that is compared while it is received.
#[derive(Debug)]
pub(super) struct Check {
    content: Content,
    depth: Depth,
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
    pub(super) fn new(name: &[u8], size: u64) -> Self {
        let add = |key: u64, byte: &u8| mixed(key ^ u64::from(*byte));
        let start = name.iter().fold(0, add) % PERIOD as u64;
        Self { start, size }
    }

    /// The bytes from `offset` on: as many as are together in the block; none behind the end.
    pub(super) fn part<'a>(&self, offset: u64, block: &'a Block) -> &'a [u8] {
        let left = self.size.saturating_sub(offset);
        let place = (self.start + offset % PERIOD as u64) % PERIOD as u64;
        let place = usize::try_from(place).unwrap_or_default();
        let bytes = block.0.get(place..).unwrap_or_default();
        let count = usize::try_from(left).unwrap_or(usize::MAX);
        bytes.get(..count).unwrap_or(bytes)
    }
}

impl Check {
    pub(super) const fn new(content: Content, depth: Depth) -> Self {
        Self {
            content,
            depth,
            offset: 0,
        }
    }

    /// Compares what comes next.
    pub(super) fn compare(&mut self, mut bytes: &[u8], block: &Block) -> Result<(), Difference> {
        while !bytes.is_empty() && self.depth == Depth::Bytes {
            let should = self.content.part(self.offset, block);
            let count = bytes.len().min(should.len());
            if count == 0 {
                break;
            }
            let (is, rest) = bytes.split_at(count);
            let should = should.get(..count).unwrap_or_default();
            if is != should {
                return first_difference(is, should, self.offset).map_or(Ok(()), Err);
            }
            self.offset += count as u64;
            bytes = rest;
        }
        self.offset += bytes.len() as u64;
        if self.offset > self.content.size {
            return Err(Difference::Long {
                should: self.content.size,
            });
        }
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

fn first_difference(is: &[u8], should: &[u8], offset: u64) -> Option<Difference> {
    let mut pairs = (offset..).zip(is.iter().zip(should));
    pairs.find_map(|(offset, (&is, &should))| {
        (is != should).then_some(Difference::Byte { offset, is, should })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(content: Content, block: &Block) -> Vec<u8> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < content.size {
            bytes.extend_from_slice(content.part(bytes.len() as u64, block));
        }
        assert_eq!(content.part(content.size, block), b"");
        bytes
    }

    fn checked(
        content: Content,
        block: &Block,
        bytes: &[u8],
        part: usize,
    ) -> Result<(), Difference> {
        let mut check = Check::new(content, Depth::Bytes);
        for part in bytes.chunks(part) {
            check.compare(part, block)?;
        }
        check.end()
    }

    #[test]
    fn another_name_or_seed_is_another_content() {
        let blocks = [1, 2].map(Block::new);
        let [a, b] = ["a", "b"].map(|name| Content::new(name.as_bytes(), 64));
        let bytes = whole(b, &blocks[0]);
        assert!(whole(a, &blocks[0]) != bytes && bytes != whole(b, &blocks[1]));
        assert_eq!(bytes, whole(b, &Block::new(1)));
        assert!(
            matches!(checked(a, &blocks[0], &bytes, 7), Err(Difference::Byte { offset, .. }) if offset < 3)
        );
    }

    /// A server may send a block twice, or one in the place of another.
    #[test]
    fn long_file_is_right_in_any_pieces_and_nowhere_else() {
        let block = Block::new(1);
        let content = Content::new(b"name", 2 * PERIOD as u64 + 17);
        let bytes = whole(content, &block);
        for part in [4096, 65_536, PERIOD, PERIOD + 1, usize::MAX] {
            assert_eq!(checked(content, &block, &bytes, part), Ok(()), "{part}");
        }
        for shift in [1, 512, 4096, 65_536, 1 << 20] {
            let moved = [&bytes[shift..], &bytes[..shift]].concat();
            let found = checked(content, &block, &moved, 65_536);
            assert!(
                matches!(found, Err(Difference::Byte { .. })),
                "{shift}: {found:?}"
            );
        }
    }

    #[test]
    fn length_alone_is_compared_of_other_bytes() {
        let block = Block::new(1);
        for (length, expected) in [
            (2, Err(Difference::Short { is: 2, should: 3 })),
            (3, Ok(())),
            (4, Err(Difference::Long { should: 3 })),
        ] {
            let mut check = Check::new(Content::new(b"name", 3), Depth::Length);
            let compared = check.compare(&[0; 4][..length], &block);
            assert_eq!(compared.and_then(|()| check.end()), expected);
        }
    }

    proptest! {
        #[test]
        fn every_difference_is_found(
            size in 0..300_u64,
            part in 1..50_usize,
            at in any::<prop::sample::Index>(),
        ) {
            let (block, content) = (Block::new(5), Content::new(b"name", size));
            let mut bytes = whole(content, &block);
            prop_assert_eq!(checked(content, &block, &bytes, part), Ok(()));
            bytes.push(0);
            let long = Difference::Long { should: size };
            prop_assert_eq!(checked(content, &block, &bytes, part), Err(long));
            bytes.pop();
            if size > 0 {
                let at = at.index(bytes.len());
                let short = Difference::Short { is: at as u64, should: size };
                prop_assert_eq!(checked(content, &block, &bytes[..at], part), Err(short));
                let should = bytes[at];
                bytes[at] ^= 0x10;
                let found = Difference::Byte { offset: at as u64, is: bytes[at], should };
                prop_assert_eq!(checked(content, &block, &bytes, part), Err(found));
            }
        }
    }
}
