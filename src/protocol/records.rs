//! STRU R in MODE S: the ends of records and of the file as two-byte escape sequences
//! (RFC 959 §3.4.1).
//!
//! ```text
//!   FF 01 end of record     FF 03 both
//!   FF 02 end of file       FF FF the byte FF
//! ```
//!
//! The end of the file is explicit: the end of the connection without it is an error.

use super::framing::{Framed, Malformed, take, take_byte};

const ESCAPE: u8 = 0xff;
const END_OF_RECORD: u8 = 1;
const END_OF_FILE: u8 = 2;

/// Appends bytes of the file, escaped: at most twice as many bytes.
pub fn write_data(bytes: &[u8], out: &mut Vec<u8>) {
    for piece in bytes.split_inclusive(|&byte| byte == ESCAPE) {
        out.extend_from_slice(piece);
        if piece.last() == Some(&ESCAPE) {
            out.push(ESCAPE);
        }
    }
}

/// Appends the end of a record.
pub fn write_end_of_record(out: &mut Vec<u8>) {
    out.extend_from_slice(&[ESCAPE, END_OF_RECORD]);
}

/// Appends the end of the file.
pub fn write_end_of_file(out: &mut Vec<u8>) {
    out.extend_from_slice(&[ESCAPE, END_OF_FILE]);
}

/// Splits the wire into frames.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
}

/// The meaning of the next byte.
///
/// ```text
///   Text ◀──FF──▶ Code ──02──▶ Ended
///    ▲             └──03──▶ EndOfFile ──▶ Ended
///    └──────01─────┘
/// ```
#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Text,
    /// The second byte of an escape sequence.
    Code,
    /// No byte: the end of the last record is returned, that of the file is to be returned next.
    EndOfFile,
    /// No byte: the file has ended.
    Ended,
}

impl Decoder {
    /// Takes the next frame from the front of `input`; `None` if that is exhausted, or the file has
    /// ended.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Framed<'a>>, Malformed> {
        let (state, frame) = match self.state {
            State::Ended => return Ok(None),
            State::EndOfFile => (State::Ended, Framed::EndOfFile),
            State::Text => {
                let end = input.iter().position(|&byte| byte == ESCAPE);
                match end.unwrap_or(input.len()) {
                    0 if input.is_empty() => return Ok(None),
                    0 => {
                        take(input, 1);
                        self.state = State::Code;
                        return self.next(input);
                    }
                    length => (State::Text, Framed::Data(take(input, length))),
                }
            }
            State::Code => match take_byte(input) {
                None => return Ok(None),
                Some(END_OF_RECORD) => (State::Text, Framed::EndOfRecord),
                Some(END_OF_FILE) => (State::Ended, Framed::EndOfFile),
                Some(3) => (State::EndOfFile, Framed::EndOfRecord),
                Some(ESCAPE) => (State::Text, Framed::Run(ESCAPE, 1)),
                Some(_) => return Err(Malformed),
            },
        };
        self.state = state;
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::framing::testing::{Unframed, file_of_records, unframe};
    use proptest::prelude::*;

    fn decode(wire: &[u8], size: usize) -> Result<Unframed, Malformed> {
        let mut decoder = Decoder::default();
        unframe(wire, size, |input| decoder.next(input))
    }

    #[test]
    fn escape_sequences_are_decoded() {
        for (wire, pieces) in [
            (&b"ab\xff\x01c\xff\x02ignored"[..], "ab|c."),
            (b"a\xff\x03", "a|."),
            (b"\xff\xff\xff\x01", "\u{ff}|"),
            (b"a\xff", "a"),
        ] {
            assert_eq!(decode(wire, 2).unwrap().to_string(), pieces, "{wire:?}");
        }
        assert_eq!(decode(b"a\xff\x04", 2), Err(Malformed));
    }

    proptest! {
        #[test]
        fn records_round_trip_in_any_segmentation(
            records in file_of_records(),
            size in 1..20_usize,
        ) {
            let mut wire = Vec::new();
            for record in &records {
                write_data(record, &mut wire);
                write_end_of_record(&mut wire);
            }
            write_end_of_file(&mut wire);
            prop_assert_eq!(decode(&wire, size).unwrap(), Unframed::of(&records));
        }

        #[test]
        fn garbage_does_not_depend_on_segmentation(
            wire in proptest::collection::vec(prop_oneof![Just(255), 0..4_u8], 0..60),
            size in 1..9_usize,
        ) {
            prop_assert_eq!(decode(&wire, size), decode(&wire, wire.len().max(1)));
        }
    }
}
