//! STRU R in MODE S: the ends of records and of the file as codes of two bytes
//! (RFC 959 §3.4.1).
//!
//! ```text
//!   FF 01 a record ends     FF 03 both
//!   FF 02 the file ends     FF FF the byte FF
//! ```
//!
//! The end of the file is said; the end of the connection alone is none.

use super::framing::{Framed, Malformed, take, take_byte};

const ESCAPE: u8 = 0xff;
const END_OF_RECORD: u8 = 1;
const END_OF_FILE: u8 = 2;

/// Appends bytes of the file: at most twice as many.
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

/// From the wire to the pieces of the file.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
}

/// What the next byte is.
///
/// ```text
///   Text ◀──FF──▶ Code ──02──▶ Over
///    ▲             └──03──▶ Last ──▶ Over
///    └──────01─────┘
/// ```
#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Text,
    /// Behind an escape.
    Code,
    /// No byte: the last record has ended, the end of the file is to be told.
    Last,
    /// The file has ended.
    Over,
}

impl Decoder {
    /// Takes the next piece from the front of `input`; `None` when that is used up, or the file
    /// has ended.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Framed<'a>>, Malformed> {
        let (state, piece) = match self.state {
            State::Over => return Ok(None),
            State::Last => (State::Over, Framed::EndOfFile),
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
                Some(END_OF_FILE) => (State::Over, Framed::EndOfFile),
                Some(3) => (State::Last, Framed::EndOfRecord),
                Some(ESCAPE) => (State::Text, Framed::Run(ESCAPE, 1)),
                Some(_) => return Err(Malformed),
            },
        };
        self.state = state;
        Ok(Some(piece))
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
    fn codes_of_two_bytes() {
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
        fn what_was_written_comes_back_however_it_is_cut(
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
        fn garbage_is_the_same_garbage_however_it_is_cut(
            wire in proptest::collection::vec(prop_oneof![Just(255), 0..4_u8], 0..60),
            size in 1..9_usize,
        ) {
            prop_assert_eq!(decode(&wire, size), decode(&wire, wire.len().max(1)));
        }
    }
}
