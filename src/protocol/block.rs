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

use super::framing::{Descriptor, Framed, Frames, Malformed, Marker, Part, State};

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
pub struct Decoder(Frames<Header>);

/// The meaning of the next byte of a header.
#[derive(Debug, Default)]
enum Header {
    #[default]
    Descriptor,
    /// The high byte of the count.
    CountHigh(Descriptor),
    /// The low byte of the count; with the high byte.
    CountLow(Descriptor, u8),
}

impl Decoder {
    /// Takes the next frame from the front of `input`; `None` if that is exhausted, or the file has
    /// ended.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Framed<'a>>, Malformed> {
        self.0.next(input, |frames, header, byte| {
            frames.state = match header {
                Header::Descriptor => State::Header(Header::CountHigh(Descriptor::parse(byte)?)),
                Header::CountHigh(descriptor) => State::Header(Header::CountLow(descriptor, byte)),
                Header::CountLow(descriptor, high) => {
                    let count = usize::from(u16::from_be_bytes([high, byte]));
                    if descriptor == Descriptor::MARKER {
                        State::Marker(Marker::with_length(count)?, count)
                    } else {
                        frames.pending = descriptor;
                        State::Data(count)
                    }
                }
            };
            Ok(None)
        })
    }
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
