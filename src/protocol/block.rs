//! MODE B: a file as a sequence of blocks, each with a header of three bytes (RFC 959 §3.4.2).
//!
//! ```text
//!   ┌────────────┬───────────────────┬──────────────────┐
//!   │ descriptor │ count, high first │ count bytes …    │
//!   └────────────┴───────────────────┴──────────────────┘
//! ```
//!
//! The descriptor marks the block as the end of a record or of the file, or its bytes as a restart
//! marker. The end of the connection without an end of file is an error.

use super::framing::{Descriptor, Framed, Malformed, Marker, Part, take, take_byte};

/// Appends a part of a file. An end has an empty block of its own: the bytes before it may be sent already.
pub fn write(part: Part<'_>, out: &mut Vec<u8>) {
    match part {
        Part::Data(bytes) => {
            for block in bytes.chunks(usize::from(u16::MAX)) {
                write_block(Descriptor::NONE, block, out);
            }
        }
        Part::EndOfRecord => write_block(Descriptor::END_OF_RECORD, b"", out),
        Part::Marker(marker) => write_block(Descriptor::MARKER, marker.text(), out),
        Part::EndOfFile => write_block(Descriptor::END_OF_FILE, b"", out),
    }
}

fn write_block(descriptor: Descriptor, bytes: &[u8], out: &mut Vec<u8>) {
    let count = u16::try_from(bytes.len());
    debug_assert!(count.is_ok(), "longer than a block");
    let count = count.unwrap_or(u16::MAX);
    out.push(descriptor.byte());
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Splits the wire into frames.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
}

/// The meaning of the next byte.
///
/// ```text
///   Descriptor ──▶ CountHigh ──▶ CountLow ─┬──▶ Data ──▶ BlockEnd ─┬──▶ Descriptor
///     ▲                                    └──▶ Marker ──┐         └─end of file─▶ Ended
///     └──────────────────────────────────────────────────┘
/// ```
#[derive(Debug, Default)]
enum State {
    #[default]
    Descriptor,
    /// The high byte of the count.
    CountHigh(Descriptor),
    /// The low byte of the count; with the high byte.
    CountLow(Descriptor, u8),
    /// Data, with the number of bytes left in the block.
    Data(Descriptor, usize),
    /// A restart marker, with the number of bytes left of it.
    Marker(Marker, usize),
    /// No byte: the ends in the descriptor are to be returned.
    BlockEnd(Descriptor),
    /// No byte: the file has ended.
    Ended,
}

impl Decoder {
    /// Takes the next frame from the front of `input`; `None` if that is exhausted, or the file has
    /// ended.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Framed<'a>>, Malformed> {
        loop {
            match std::mem::take(&mut self.state) {
                State::Data(descriptor, left) if left > 0 => {
                    let bytes = take(input, left);
                    self.state = State::Data(descriptor, left - bytes.len());
                    return Ok((!bytes.is_empty()).then_some(Framed::Data(bytes)));
                }
                State::Data(descriptor, _) => self.state = State::BlockEnd(descriptor),
                State::Marker(marker, 0) => return Ok(Some(Framed::Marker(marker))),
                State::Marker(mut marker, left) => {
                    let left = marker.fill(input, left)?;
                    self.state = State::Marker(marker, left);
                    if left > 0 {
                        return Ok(None);
                    }
                }
                State::BlockEnd(mut descriptor) => {
                    let end = descriptor.take_end();
                    self.state = match end {
                        None => State::Descriptor,
                        Some(Framed::EndOfFile) => State::Ended,
                        Some(_) => State::BlockEnd(descriptor),
                    };
                    if end.is_some() {
                        return Ok(end);
                    }
                }
                State::Ended => {
                    self.state = State::Ended;
                    return Ok(None);
                }
                state => {
                    let Some(byte) = take_byte(input) else {
                        self.state = state;
                        return Ok(None);
                    };
                    self.state = after_header_byte(&state, byte)?;
                }
            }
        }
    }
}

/// The state after a byte of the header.
fn after_header_byte(state: &State, byte: u8) -> Result<State, Malformed> {
    match *state {
        State::CountHigh(descriptor) => Ok(State::CountLow(descriptor, byte)),
        State::CountLow(descriptor, high) => {
            after_header(descriptor, u16::from_be_bytes([high, byte]))
        }
        _ => Ok(State::CountHigh(Descriptor::parse(byte)?)),
    }
}

fn after_header(descriptor: Descriptor, count: u16) -> Result<State, Malformed> {
    let count = usize::from(count);
    Ok(if descriptor == Descriptor::MARKER {
        State::Marker(Marker::with_length(count)?, count)
    } else {
        State::Data(descriptor, count)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::framing::tests::Codec::Block;

    #[test]
    fn headers_mark_data_markers_and_ends() {
        let marker = Marker::of_offset(3);
        let wire = Block.encode(&[
            Part::Data(b"abc"),
            Part::Marker(&marker),
            Part::EndOfRecord,
            Part::EndOfFile,
        ]);
        assert_eq!(wire, b"\0\0\x03abc\x10\0\x013\x80\0\0\x40\0\0");
        assert_eq!(Block.decode(&wire, 5).unwrap().to_string(), "abc<3>|.");
    }

    #[test]
    fn ends_follow_the_bytes_of_their_block() {
        let found = Block.decode(b"\x80\0\x01a\xe0\0\x01bignored", 100);
        assert_eq!(found.unwrap().to_string(), "a|b|.");
    }

    #[test]
    fn data_is_split_at_the_maximum_count() {
        for (length, blocks) in [(0xfffe, 1), (0xffff, 1), (0x1_0000, 2)] {
            let wire = Block.encode(&[Part::Data(&vec![7; length])]);
            assert_eq!(wire.len(), length + 3 * blocks);
            assert_eq!(Block.decode(&wire, 4000).unwrap().bytes(), length);
        }
    }

    #[test]
    fn unknown_descriptors_and_bad_markers_are_malformed() {
        let long = [b"\x10\0\x41".as_slice(), &[b'1'; 65]].concat();
        for wire in [
            &b"\x01\0\0"[..],
            b"\x50\0\x01a",
            b"\x10\0\0",
            b"\x10\0\x01 ",
            &long,
        ] {
            assert_eq!(Block.decode(wire, 9), Err(Malformed), "{wire:?}");
        }
    }
}
