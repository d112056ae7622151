//! What MODE B and MODE C have in common: descriptor codes, restart markers, and the pieces
//! that a framed stream falls into (RFC 959 §3.4.2, §3.4.3 and §3.5).
//!
//! [`block`](super::block), [`run_length`](super::run_length) and [`records`](super::records)
//! take a wire's bytes, cut anywhere, and give [`Framed`] pieces one by one. None of them
//! knows what the bytes mean: TYPE is another layer's matter, and so are files.

/// The longest restart marker that is understood. RFC 959 sets no limit; ours are 20 digits.
pub const MARKER_MAX: usize = 64;

/// The next piece of a framed stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framed<'a> {
    /// Bytes as they are.
    Data(&'a [u8]),
    /// One byte so many times.
    Run(u8, u8),
    /// A record ends here.
    EndOfRecord,
    /// A place where the transfer could be taken up again, in the sender's words.
    Marker(Marker),
    /// The file ends here; whatever follows is not part of it.
    EndOfFile,
}

/// The stream is not what MODE and STRU say that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A descriptor code: what is said of a block, or of a compressed string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor(u8);

impl Descriptor {
    /// Nothing is said.
    pub const NONE: Self = Self(0);
    /// A restart marker: alone.
    pub const MARKER: Self = Self(16);
    /// The bytes may be wrong where they come from (a worn tape, say); they are kept.
    pub const SUSPECT: Self = Self(32);
    /// The file ends with it.
    pub const END_OF_FILE: Self = Self(64);
    /// A record ends with it.
    pub const END_OF_RECORD: Self = Self(128);

    /// Reads a descriptor: four bits have a meaning, and a marker is no data.
    pub const fn parse(byte: u8) -> Result<Self, Malformed> {
        match byte {
            16 => Ok(Self::MARKER),
            _ if byte.trailing_zeros() > 4 => Ok(Self(byte)),
            _ => Err(Malformed),
        }
    }

    /// Both that are said of one string.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// As on the wire.
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// Takes out what ends behind the bytes: the record first, then the file.
    pub const fn take_end(&mut self) -> Option<Framed<'static>> {
        if self.0 & Self::END_OF_RECORD.0 != 0 {
            self.0 &= !Self::END_OF_RECORD.0;
            return Some(Framed::EndOfRecord);
        }
        if self.0 & Self::END_OF_FILE.0 != 0 {
            self.0 = 0;
            return Some(Framed::EndOfFile);
        }
        None
    }
}

/// The text of a restart marker: printable, without spaces, so that it can be an argument of
/// REST and part of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker(Vec<u8>);

impl Marker {
    /// For a marker that is announced with this length.
    pub fn announced(length: usize) -> Result<Self, Malformed> {
        if length == 0 || length > MARKER_MAX {
            return Err(Malformed);
        }
        Ok(Self(Vec::with_capacity(length)))
    }

    /// Our own: an offset in the file, in decimal.
    pub fn of_offset(offset: u64) -> Self {
        Self(offset.to_string().into_bytes())
    }

    /// The text.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// Takes what there is of the `left` bytes that are missing from the front of `input`, and
    /// says how many are missing still.
    pub(super) fn fill(&mut self, input: &mut &[u8], left: usize) -> Result<usize, Malformed> {
        let part = take(input, left);
        if !part.iter().all(u8::is_ascii_graphic) {
            return Err(Malformed);
        }
        self.0.extend_from_slice(part);
        Ok(left - part.len())
    }
}

/// Takes up to `count` bytes from the front of `input`.
pub(super) fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (front, rest) = input.split_at_checked(count).unwrap_or((input, &[]));
    *input = rest;
    front
}

/// Takes one byte from the front of `input`.
pub(super) fn take_byte(input: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = input.split_first()?;
    *input = rest;
    Some(*byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_four_bits_have_a_meaning_and_a_marker_stands_alone() {
        let known = (0..=u8::MAX).filter(|&byte| Descriptor::parse(byte).is_ok());
        let known: Vec<_> = known.collect();
        assert_eq!(known, [0, 16, 32, 64, 96, 128, 160, 192, 224]);
    }

    #[test]
    fn a_record_ends_before_its_file() {
        let mut descriptor = Descriptor::parse(0xe0).unwrap();
        assert_eq!(descriptor.take_end(), Some(Framed::EndOfRecord));
        assert_eq!(descriptor.take_end(), Some(Framed::EndOfFile));
        assert_eq!(descriptor.take_end(), None);
        assert_eq!(Descriptor::SUSPECT.clone().take_end(), None);
    }

    #[test]
    fn markers_are_short_and_printable() {
        assert!(Marker::announced(0).is_err());
        assert!(Marker::announced(1).is_ok());
        assert!(Marker::announced(MARKER_MAX).is_ok());
        assert!(Marker::announced(MARKER_MAX + 1).is_err());
        let mut marker = Marker::announced(3).unwrap();
        assert_eq!(marker.fill(&mut &b"a"[..], 3), Ok(2));
        assert_eq!(marker.fill(&mut &b"bcd"[..], 2), Ok(0));
        assert_eq!(marker.text(), b"abc");
        for bad in [b" ", b"\n", b"\xff"] {
            assert!(marker.fill(&mut &bad[..], 1).is_err());
        }
    }
}

/// What the tests of the three codecs share.
#[cfg(test)]
pub(super) mod testing {
    use super::{Framed, Malformed};
    use proptest::prelude::*;
    use std::fmt;

    /// A file of records in which repetitions and special bytes are frequent.
    pub(in crate::protocol) fn file_of_records() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let byte = prop_oneof![Just(0), Just(b' '), Just(255), any::<u8>()];
        let run = (byte, 1..70_usize).prop_map(|(byte, times)| vec![byte; times]);
        let record = proptest::collection::vec(run, 0..6).prop_map(|runs| runs.concat());
        proptest::collection::vec(record, 0..4)
    }

    #[derive(Clone, Debug, PartialEq, Eq)]
    enum Token {
        Byte(u8),
        EndOfRecord,
        Marker(Vec<u8>),
        EndOfFile,
    }

    /// All pieces of a stream, whatever they were cut into.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub(in crate::protocol) struct Unframed(Vec<Token>);

    impl Unframed {
        /// What a file of records should come to.
        pub(in crate::protocol) fn of(records: &[Vec<u8>]) -> Self {
            let mut tokens = Vec::new();
            for record in records {
                tokens.extend(record.iter().copied().map(Token::Byte));
                tokens.push(Token::EndOfRecord);
            }
            tokens.push(Token::EndOfFile);
            Self(tokens)
        }

        /// How many bytes of the file there are.
        pub(in crate::protocol) fn bytes(&self) -> usize {
            self.0
                .iter()
                .filter(|t| matches!(t, Token::Byte(_)))
                .count()
        }
    }

    impl fmt::Display for Unframed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.iter().try_for_each(|token| match token {
                Token::Byte(byte) => write!(f, "{}", char::from(*byte)),
                Token::EndOfRecord => f.write_str("|"),
                Token::Marker(text) => write!(f, "<{}>", String::from_utf8_lossy(text)),
                Token::EndOfFile => f.write_str("."),
            })
        }
    }

    /// Gives `wire` to a decoder in pieces of `size` bytes.
    pub(in crate::protocol) fn unframe(
        wire: &[u8],
        size: usize,
        mut next: impl for<'a> FnMut(&mut &'a [u8]) -> Result<Option<Framed<'a>>, Malformed>,
    ) -> Result<Unframed, Malformed> {
        let mut found = Unframed::default();
        for mut input in wire.chunks(size) {
            while let Some(piece) = next(&mut input)? {
                let tokens = &mut found.0;
                match piece {
                    Framed::Data(bytes) => tokens.extend(bytes.iter().copied().map(Token::Byte)),
                    Framed::Run(byte, times) => {
                        tokens.extend((0..times).map(|_| Token::Byte(byte)));
                    }
                    Framed::EndOfRecord => tokens.push(Token::EndOfRecord),
                    Framed::Marker(marker) => tokens.push(Token::Marker(marker.text().to_vec())),
                    Framed::EndOfFile => tokens.push(Token::EndOfFile),
                }
            }
        }
        Ok(found)
    }
}
