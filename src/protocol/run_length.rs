//! MODE C: bytes as they are, repeated bytes, and filler, each behind one byte that says how
//! many; and descriptors behind a zero (RFC 959 §3.4.3).
//!
//! ```text
//!   0nnnnnnn  n bytes follow            10nnnnnn  the byte that follows, n times
//!   00000000  a descriptor follows      11nnnnnn  the filler, n times
//! ```
//!
//! The filler is a space in TYPE A and E, a zero in TYPE I and L. A descriptor is about the
//! string behind it. We write it before an empty one (no filler at all), because some take it
//! to be about what is before it: so it is right for both.

use super::framing::{Descriptor, Framed, Malformed, Marker, take, take_byte};

/// The most bytes of one string as they are.
const LITERAL_MAX: usize = 127;

/// The most of one repeated byte, or of filler.
const RUN_MAX: usize = 63;

/// Repeated bytes from which on it is shorter to say so, though it ends the string before.
const RUN_MIN: usize = 4;

/// From the file to the wire.
#[derive(Clone, Debug)]
pub struct Encoder {
    filler: u8,
}

impl Encoder {
    /// With the TYPE's filler.
    pub const fn new(filler: u8) -> Self {
        Self { filler }
    }

    /// Appends bytes of the file.
    pub fn write_data(&self, bytes: &[u8], out: &mut Vec<u8>) {
        let (mut literal, mut at) = (0, 0);
        for run in bytes.chunk_by(|a, b| a == b) {
            if run.len() >= RUN_MIN {
                write_literal(bytes.get(literal..at).unwrap_or_default(), out);
                self.write_run(run, out);
                literal = at + run.len();
            }
            at += run.len();
        }
        write_literal(bytes.get(literal..).unwrap_or_default(), out);
    }

    /// Appends the end of a record.
    pub fn write_end_of_record(out: &mut Vec<u8>) {
        out.extend_from_slice(&[0, Descriptor::END_OF_RECORD.byte(), 0xc0]);
    }

    /// Appends the end of the file.
    pub fn write_end_of_file(out: &mut Vec<u8>) {
        out.extend_from_slice(&[0, Descriptor::END_OF_FILE.byte(), 0xc0]);
    }

    /// Appends a restart marker.
    pub fn write_marker(marker: &Marker, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0, Descriptor::MARKER.byte()]);
        write_literal(marker.text(), out);
    }

    fn write_run(&self, run: &[u8], out: &mut Vec<u8>) {
        for piece in run.chunks(RUN_MAX) {
            let count = u8::try_from(piece.len()).unwrap_or_default();
            match piece.first() {
                Some(&byte) if byte == self.filler => out.push(0xc0 | count),
                Some(&byte) => out.extend_from_slice(&[0x80 | count, byte]),
                None => {}
            }
        }
    }
}

fn write_literal(bytes: &[u8], out: &mut Vec<u8>) {
    for piece in bytes.chunks(LITERAL_MAX) {
        out.push(u8::try_from(piece.len()).unwrap_or_default());
        out.extend_from_slice(piece);
    }
}

/// From the wire to the pieces of the file.
#[derive(Debug)]
pub struct Decoder {
    filler: u8,
    /// Said before the string that it is about.
    said: Descriptor,
    state: State,
}

/// What the next byte is.
///
/// ```text
///             ┌──0──▶ Escape ─┬──▶ Lead, with a descriptor said
///             │               └──▶ MarkerLead ──▶ Marking ──▶ Lead
///   Lead ─────┼──0n─▶ Literal ──┐
///    ▲        ├──10─▶ Repeat  ──┼──▶ Ends ──▶ Lead, or Over behind the end of the file
///    └────    └──11─────────────┘
/// ```
#[derive(Debug, Default)]
enum State {
    #[default]
    Lead,
    /// A descriptor.
    Escape,
    /// So many bytes as they are.
    Literal(usize),
    /// The byte that is repeated so many times.
    Repeat(u8),
    /// The lead of a string that is a restart marker.
    MarkerLead,
    /// So many bytes of a restart marker.
    Marking(Marker, usize),
    /// No byte: what was said is to be told.
    Ends,
    /// The file has ended.
    Over,
}

impl Decoder {
    /// With the TYPE's filler.
    pub const fn new(filler: u8) -> Self {
        Self {
            filler,
            said: Descriptor::NONE,
            state: State::Lead,
        }
    }

    /// Takes the next piece from the front of `input`; `None` when that is used up, or the file
    /// has ended.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Framed<'a>>, Malformed> {
        loop {
            let state = std::mem::take(&mut self.state);
            match state {
                State::Ends => {
                    let end = self.said.take_end();
                    self.state = match end {
                        None => State::Lead,
                        Some(Framed::EndOfFile) => State::Over,
                        Some(_) => State::Ends,
                    };
                    if end.is_some() {
                        return Ok(end);
                    }
                    self.said = Descriptor::NONE;
                }
                State::Literal(left) if left > 0 => {
                    let bytes = take(input, left);
                    self.state = State::Literal(left - bytes.len());
                    return Ok((!bytes.is_empty()).then_some(Framed::Data(bytes)));
                }
                State::Literal(_) => self.state = State::Ends,
                State::Marking(marker, 0) => return Ok(Some(Framed::Marker(marker))),
                State::Marking(mut marker, left) => {
                    let left = marker.fill(input, left)?;
                    self.state = State::Marking(marker, left);
                    if left > 0 {
                        return Ok(None);
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
                    if let Some(run) = self.read(state, byte)? {
                        return Ok(Some(run));
                    }
                }
            }
        }
    }

    /// Whether the connection may end here: the file's end is said, and so is all of the string
    /// that it is about, unless there is none.
    pub fn may_end(&self) -> bool {
        let mut said = self.said;
        let is_last = std::iter::from_fn(|| said.take_end()).any(|end| end == Framed::EndOfFile);
        is_last && matches!(self.state, State::Lead)
    }

    fn read(&mut self, state: State, byte: u8) -> Result<Option<Framed<'static>>, Malformed> {
        let count = usize::from(byte);
        match (state, byte) {
            (State::Escape, _) => match Descriptor::parse(byte)? {
                Descriptor::MARKER => self.state = State::MarkerLead,
                said => self.said = self.said.and(said),
            },
            (State::MarkerLead, 1..=0x7f) => {
                self.state = State::Marking(Marker::announced(count)?, count);
            }
            (State::MarkerLead, _) => return Err(Malformed),
            (State::Repeat(times), _) => {
                self.state = State::Ends;
                return Ok((times > 0).then_some(Framed::Run(byte, times)));
            }
            (_, 0) => self.state = State::Escape,
            (_, 1..=0x7f) => self.state = State::Literal(count),
            (_, 0x80..=0xbf) => self.state = State::Repeat(byte & 0x3f),
            (_, 0xc0..) => {
                self.state = State::Ends;
                let times = byte & 0x3f;
                return Ok((times > 0).then_some(Framed::Run(self.filler, times)));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::framing::testing::{Unframed, file_of_records, unframe};
    use proptest::prelude::*;

    fn decode(wire: &[u8], size: usize) -> Result<Unframed, Malformed> {
        let mut decoder = Decoder::new(b' ');
        unframe(wire, size, |input| decoder.next(input))
    }

    fn encode(bytes: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        Encoder::new(b' ').write_data(bytes, &mut wire);
        wire
    }

    #[test]
    fn strings_repetitions_and_filler() {
        for (bytes, wire) in [
            (&b"abc"[..], &b"\x03abc"[..]),
            (b"aaa", b"\x03aaa"),
            (b"aaaa", b"\x84a"),
            (b"    ", b"\xc4"),
            (b"xaaaay", b"\x01x\x84a\x01y"),
            (b"", b""),
        ] {
            assert_eq!(encode(bytes), wire, "{bytes:?}");
        }
    }

    #[test]
    fn strings_are_cut_at_what_their_count_can_say() {
        let text: Vec<u8> = (0..128).collect();
        for (length, size) in [(126, 127), (127, 128), (128, 130)] {
            assert_eq!(encode(&text[..length]).len(), size);
        }
        for (length, size) in [(62, 2), (63, 2), (64, 4)] {
            assert_eq!(encode(&vec![b'a'; length]).len(), size);
            assert_eq!(encode(&vec![b' '; length]).len(), size / 2);
        }
    }

    #[test]
    fn a_descriptor_is_about_the_string_behind_it() {
        for (wire, pieces) in [
            (&b"\x01a\0\x80\x01b\x01c\0\x40\x82d"[..], "ab|cdd."),
            (b"\0\xe0\x01a\x01b", "a|."),
            (b"\0\x80\0\x40\xc0", "|."),
            (b"\0\x80\xc1\0\x10\x0212\x01a", " |<12>a"),
            (b"\0\x80\x80z", "|"),
        ] {
            assert_eq!(decode(wire, 3).unwrap().to_string(), pieces, "{wire:?}");
        }
    }

    #[test]
    fn the_connection_may_end_behind_the_word_of_the_end() {
        for (wire, may) in [
            (&b""[..], false),
            (b"\x01a", false),
            (b"\0", false),
            (b"\0\x80", false),
            (b"\0\x40", true),
            (b"\0\xc0", true),
            (b"\0\x40\x02a", false),
        ] {
            let mut decoder = Decoder::new(0);
            unframe(wire, 1, |input| decoder.next(input)).unwrap();
            assert_eq!(decoder.may_end(), may, "{wire:?}");
        }
    }

    #[test]
    fn unknown_descriptors_and_bad_markers_are_malformed() {
        for wire in [
            &b"\0\x01"[..],
            b"\0\x50",
            b"\0\x10\xc0",
            b"\0\x10\0",
            b"\0\x10\x01\n",
        ] {
            assert_eq!(decode(wire, 9), Err(Malformed), "{wire:?}");
        }
    }

    #[test]
    fn zeros_shrink_to_a_sixtieth() {
        let mut wire = Vec::new();
        Encoder::new(0).write_data(&[0; 63 * 100], &mut wire);
        assert_eq!(wire.len(), 100);
    }

    proptest! {
        #[test]
        fn what_was_written_comes_back_however_it_is_cut(
            records in file_of_records(),
            size in 1..20_usize,
        ) {
            let mut wire = Vec::new();
            for record in &records {
                Encoder::new(b' ').write_data(record, &mut wire);
                Encoder::write_end_of_record(&mut wire);
            }
            Encoder::write_end_of_file(&mut wire);
            prop_assert_eq!(decode(&wire, size).unwrap(), Unframed::of(&records));
        }

        #[test]
        fn it_never_grows_by_more_than_a_hundredth(bytes in proptest::collection::vec(0..3_u8, 0..2000)) {
            prop_assert!(encode(&bytes).len() <= bytes.len() + bytes.len() / 100 + 1);
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
