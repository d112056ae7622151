//! MODE B: a file as a series of blocks, each behind a header of three bytes
//! (RFC 959 §3.4.2).
//!
//! ```text
//!   ┌────────────┬───────────────────┬──────────────────┐
//!   │ descriptor │ count, high first │ count bytes …    │
//!   └────────────┴───────────────────┴──────────────────┘
//! ```
//!
//! The descriptor says what ends with the block (a record, the file), or that its bytes are a
//! restart marker. The end of a file is a block that says so, never the end of the connection.

use super::framing::{Descriptor, Framed, Malformed, Marker, take, take_byte};

/// Appends bytes of the file as blocks.
pub fn write_data(bytes: &[u8], out: &mut Vec<u8>) {
    for block in bytes.chunks(usize::from(u16::MAX)) {
        write(Descriptor::NONE, block, out);
    }
}

/// Appends the end of a record: an empty block that says so, because the bytes before it are
/// on their way.
pub fn write_end_of_record(out: &mut Vec<u8>) {
    write(Descriptor::END_OF_RECORD, b"", out);
}

/// Appends the end of the file.
pub fn write_end_of_file(out: &mut Vec<u8>) {
    write(Descriptor::END_OF_FILE, b"", out);
}

/// Appends a restart marker.
pub fn write_marker(marker: &Marker, out: &mut Vec<u8>) {
    write(Descriptor::MARKER, marker.text(), out);
}

fn write(descriptor: Descriptor, bytes: &[u8], out: &mut Vec<u8>) {
    let count = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.push(descriptor.byte());
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// From the wire to the pieces of the file.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
}

/// What the next byte is.
///
/// ```text
///   Header ──▶ High ──▶ Low ─┬──▶ Bytes ──▶ Ends ─┬──▶ Header
///     ▲                      └──▶ Marking ──┐     └─end of file─▶ Over
///     └─────────────────────────────────────┘
/// ```
#[derive(Debug, Default)]
enum State {
    #[default]
    Header,
    /// Behind the descriptor.
    High(Descriptor),
    /// Behind the first byte of the count.
    Low(Descriptor, u8),
    /// So many bytes of the block are to come.
    Bytes(Descriptor, usize),
    /// So many bytes of a restart marker are to come.
    Marking(Marker, usize),
    /// No byte: what the descriptor says is to be told.
    Ends(Descriptor),
    /// The file has ended.
    Over,
}

impl Decoder {
    /// Takes the next piece from the front of `input`; `None` when that is used up, or the file
    /// has ended.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Framed<'a>>, Malformed> {
        loop {
            match std::mem::take(&mut self.state) {
                State::Bytes(descriptor, left) if left > 0 => {
                    let bytes = take(input, left);
                    self.state = State::Bytes(descriptor, left - bytes.len());
                    return Ok((!bytes.is_empty()).then_some(Framed::Data(bytes)));
                }
                State::Bytes(descriptor, _) => self.state = State::Ends(descriptor),
                State::Marking(marker, 0) => return Ok(Some(Framed::Marker(marker))),
                State::Marking(mut marker, left) => {
                    let left = marker.fill(input, left)?;
                    self.state = State::Marking(marker, left);
                    if left > 0 {
                        return Ok(None);
                    }
                }
                State::Ends(mut descriptor) => {
                    let end = descriptor.take_end();
                    self.state = match end {
                        None => State::Header,
                        Some(Framed::EndOfFile) => State::Over,
                        Some(_) => State::Ends(descriptor),
                    };
                    if end.is_some() {
                        return Ok(end);
                    }
                }
                State::Over => {
                    self.state = State::Over;
                    return Ok(None);
                }
                state => {
                    let Some(byte) = take_byte(input) else {
                        self.state = state;
                        return Ok(None);
                    };
                    self.state = read(&state, byte)?;
                }
            }
        }
    }
}

/// Where the next byte of a header leads.
fn read(state: &State, byte: u8) -> Result<State, Malformed> {
    match *state {
        State::High(descriptor) => Ok(State::Low(descriptor, byte)),
        State::Low(descriptor, high) => begin(descriptor, u16::from_be_bytes([high, byte])),
        _ => Ok(State::High(Descriptor::parse(byte)?)),
    }
}

fn begin(descriptor: Descriptor, count: u16) -> Result<State, Malformed> {
    let count = usize::from(count);
    Ok(if descriptor == Descriptor::MARKER {
        State::Marking(Marker::announced(count)?, count)
    } else {
        State::Bytes(descriptor, count)
    })
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
    fn a_header_says_what_its_block_is() {
        let mut wire = Vec::new();
        write_data(b"abc", &mut wire);
        write_marker(&Marker::of_offset(3), &mut wire);
        write_end_of_record(&mut wire);
        write_end_of_file(&mut wire);
        assert_eq!(wire, b"\0\0\x03abc\x10\0\x013\x80\0\0\x40\0\0");
        assert_eq!(decode(&wire, 5).unwrap().to_string(), "abc<3>|.");
    }

    #[test]
    fn what_ends_with_a_block_ends_behind_its_bytes() {
        let found = decode(b"\x80\0\x01a\xe0\0\x01bignored", 100).unwrap();
        assert_eq!(found.to_string(), "a|b|.");
    }

    #[test]
    fn blocks_are_as_long_as_the_count_allows() {
        for (length, blocks) in [(0xfffe, 1), (0xffff, 1), (0x1_0000, 2)] {
            let mut wire = Vec::new();
            write_data(&vec![7; length], &mut wire);
            assert_eq!(wire.len(), length + 3 * blocks);
            assert_eq!(decode(&wire, 4000).unwrap().bytes(), length);
        }
    }

    #[test]
    fn unknown_descriptors_and_bad_markers_are_malformed() {
        for wire in [
            &b"\x01\0\0"[..],
            b"\x50\0\x01a",
            b"\x10\0\0",
            b"\x10\0\x01 ",
        ] {
            assert_eq!(decode(wire, 9), Err(Malformed), "{wire:?}");
        }
        let long = [b"\x10\0\x41".as_slice(), &[b'1'; 65]].concat();
        assert_eq!(decode(&long, 9), Err(Malformed));
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
            wire in proptest::collection::vec(prop_oneof![Just(0), Just(1), Just(16), any::<u8>()], 0..60),
            size in 1..9_usize,
        ) {
            prop_assert_eq!(decode(&wire, size), decode(&wire, wire.len().max(1)));
        }
    }
}
