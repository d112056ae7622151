//! The codecs in common: round trips and garbage in any segmentation. Their own tests use [`Codec`].

use std::fmt;

use proptest::prelude::*;

use super::*;
use crate::protocol::{block, records, run_length};

/// One of the codecs; the filler of MODE C is a space.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Codec {
    Records,
    Block,
    RunLength,
}

impl Codec {
    pub(crate) fn encode(self, parts: &[Part<'_>]) -> Vec<u8> {
        let mut wire = Vec::new();
        for part in parts {
            match self {
                Self::Records => records::write(*part, &mut wire),
                Self::Block => block::write(*part, &mut wire),
                Self::RunLength => run_length::Encoder::new(b' ').write(*part, &mut wire),
            }
        }
        wire
    }

    /// Decodes a wire that arrives in segments of `size` bytes.
    pub(crate) fn decode(self, wire: &[u8], size: usize) -> Result<Unframed, Malformed> {
        let mut records = records::Decoder::default();
        let mut block = block::Decoder::default();
        let mut run_length = run_length::Decoder::new(b' ');
        unframe(wire, size, |input| match self {
            Self::Records => records.next(input),
            Self::Block => block.next(input),
            Self::RunLength => run_length.next(input),
        })
    }
}

/// A file of records with frequent runs and special bytes.
pub(crate) fn file_of_records() -> impl Strategy<Value = Vec<Vec<u8>>> {
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

/// The content of all frames of a stream, independent of their sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unframed(Vec<Token>);

impl Unframed {
    /// The expected content for a file of records.
    pub(crate) fn of(records: &[Vec<u8>]) -> Self {
        let mut tokens = Vec::new();
        for record in records {
            tokens.extend(record.iter().copied().map(Token::Byte));
            tokens.push(Token::EndOfRecord);
        }
        tokens.push(Token::EndOfFile);
        Self(tokens)
    }

    /// The number of data bytes.
    pub(crate) fn bytes(&self) -> usize {
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

/// Feeds `wire` to a decoder in segments of `size` bytes.
pub(crate) fn unframe(
    wire: &[u8],
    size: usize,
    mut next: impl for<'a> FnMut(&mut &'a [u8]) -> Result<Option<Framed<'a>>, Malformed>,
) -> Result<Unframed, Malformed> {
    let mut found = Unframed::default();
    for mut input in wire.chunks(size) {
        while let Some(frame) = next(&mut input)? {
            let tokens = &mut found.0;
            match frame {
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

#[test]
fn unknown_flags_and_marker_combinations_are_malformed() {
    let known = (0..=u8::MAX).filter(|&byte| Descriptor::parse(byte).is_ok());
    let known: Vec<_> = known.collect();
    assert_eq!(known, [0, 16, 32, 64, 96, 128, 160, 192, 224]);
}

#[test]
fn end_of_record_precedes_end_of_file() {
    let mut descriptor = Descriptor::parse(0xe0).unwrap();
    assert_eq!(descriptor.take_end(), Some(Framed::EndOfRecord));
    assert_eq!(descriptor.take_end(), Some(Framed::EndOfFile));
    assert_eq!(descriptor.take_end(), None);
    assert_eq!(Descriptor::SUSPECT.clone().take_end(), None);
}

#[test]
fn markers_are_limited_and_printable() {
    assert!(Marker::with_length(0).is_err());
    assert!(Marker::with_length(1).is_ok());
    assert!(Marker::with_length(MARKER_MAX).is_ok());
    assert!(Marker::with_length(MARKER_MAX + 1).is_err());
    let mut marker = Marker::with_length(3).unwrap();
    assert_eq!(marker.fill(&mut &b"a"[..], 3), Ok(2));
    assert_eq!(marker.fill(&mut &b"bcd"[..], 2), Ok(0));
    assert_eq!(marker.text(), b"abc");
    for bad in [b" ", b"\n", b"\xff"] {
        assert!(marker.fill(&mut &bad[..], 1).is_err());
    }
}

proptest! {
    #[test]
    fn records_round_trip_in_any_segmentation(records in file_of_records(), size in 1..20_usize) {
        let ended = |record| [Part::Data(record), Part::EndOfRecord];
        let mut parts: Vec<_> = records.iter().flat_map(|record| ended(record)).collect();
        parts.push(Part::EndOfFile);
        for codec in [Codec::Records, Codec::Block, Codec::RunLength] {
            let found = codec.decode(&codec.encode(&parts), size);
            prop_assert_eq!(found.unwrap(), Unframed::of(&records), "{:?}", codec);
        }
    }

    #[test]
    fn garbage_does_not_depend_on_segmentation(
        wire in proptest::collection::vec(prop_oneof![
            Just(0), Just(1), Just(16), Just(255), 0..4_u8, any::<u8>(),
        ], 0..60),
        size in 1..9_usize,
    ) {
        for codec in [Codec::Records, Codec::Block, Codec::RunLength] {
            let whole = codec.decode(&wire, wire.len().max(1));
            prop_assert_eq!(codec.decode(&wire, size), whole, "{:?}", codec);
        }
    }
}
