//! STRU R in MODE S: the ends of records and of the file as two-byte escape sequences
//! (RFC 959 §3.4.1).
//!
//! ```text
//!   FF 01 end of record     FF 03 both
//!   FF 02 end of file       FF FF the byte FF
//! ```
//!
//! The end of the file is explicit: the end of the connection without it is an error.

use super::framing::{Framed, Malformed, Part, take, take_byte};

const ESCAPE: u8 = 0xff;
const END_OF_RECORD: u8 = 1;
const END_OF_FILE: u8 = 2;

/// Appends a part of a file: at most twice as many bytes. MODE S has no markers.
pub fn write(part: Part<'_>, out: &mut Vec<u8>) {
    match part {
        Part::Data(bytes) => {
            for piece in bytes.split_inclusive(|&byte| byte == ESCAPE) {
                out.extend_from_slice(piece);
                if piece.last() == Some(&ESCAPE) {
                    out.push(ESCAPE);
                }
            }
        }
        Part::EndOfRecord => out.extend_from_slice(&[ESCAPE, END_OF_RECORD]),
        Part::EndOfFile => out.extend_from_slice(&[ESCAPE, END_OF_FILE]),
        Part::Marker(_) => {}
    }
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
    use crate::protocol::framing::tests::Codec::Records;

    #[test]
    fn escape_sequences_are_decoded() {
        for (wire, pieces) in [
            (&b"ab\xff\x01c\xff\x02ignored"[..], "ab|c."),
            (b"a\xff\x03", "a|."),
            (b"\xff\xff\xff\x01", "\u{ff}|"),
            (b"a\xff", "a"),
        ] {
            let found = Records.decode(wire, 2).unwrap().to_string();
            assert_eq!(found, pieces, "{wire:?}");
        }
        assert_eq!(Records.decode(b"a\xff\x04", 2), Err(Malformed));
    }
}
