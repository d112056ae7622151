//! MODE C: run-length encoding. Literal strings, runs and filler, each with a leading byte that contains
//! its length; descriptors after a zero byte (RFC 959 §3.4.3).
//!
//! ```text
//!   0nnnnnnn  n bytes follow            10nnnnnn  the next byte, n times
//!   00000000  a descriptor follows      11nnnnnn  the filler, n times
//! ```
//!
//! The filler is a space in TYPE A and E, a zero in TYPE I and L. A descriptor applies to the string
//! after it. Some implementations apply it to the string before it, so the encoder writes it before an
//! empty string (zero times the filler), which is right for both.

use super::framing::{Descriptor, Framed, Frames, Malformed, Marker, Part, State};

/// The maximum length of a literal string.
const LITERAL_MAX: usize = 127;

/// The maximum length of a run.
const RUN_MAX: usize = 63;

const _: () = assert!(
    LITERAL_MAX < 0x80 && RUN_MAX < 0x40,
    "must fit the leading byte"
);

/// The minimum length of a run that is shorter than a literal, although it ends the string before it.
const RUN_MIN: usize = 4;

/// Encodes a file for the wire.
#[derive(Clone, Debug)]
pub struct Encoder {
    filler: u8,
}

impl Encoder {
    /// With the filler of the TYPE.
    pub const fn new(filler: u8) -> Self {
        Self { filler }
    }

    /// Appends a part of a file.
    pub fn write(&self, part: Part<'_>, out: &mut Vec<u8>) {
        let mut end = |of: Descriptor| out.extend_from_slice(&[0, of.byte(), 0xc0]);
        match part {
            Part::Data(bytes) => self.write_data(bytes, out),
            Part::EndOfRecord => end(Descriptor::END_OF_RECORD),
            Part::EndOfFile => end(Descriptor::END_OF_FILE),
            Part::Marker(marker) => {
                out.extend_from_slice(&[0, Descriptor::MARKER.byte()]);
                write_literal(marker.text(), out);
            }
        }
    }

    fn write_data(&self, bytes: &[u8], out: &mut Vec<u8>) {
        let (mut literal, mut at) = (0, 0);
        for run in bytes.chunk_by(|a, b| a == b) {
            if run.len() >= RUN_MIN {
                debug_assert!(literal <= at && at <= bytes.len());
                write_literal(bytes.get(literal..at).unwrap_or_default(), out);
                self.write_run(run, out);
                literal = at + run.len();
            }
            at += run.len();
        }
        // In range: at most the end of the last run.
        write_literal(bytes.get(literal..).unwrap_or_default(), out);
    }

    fn write_run(&self, run: &[u8], out: &mut Vec<u8>) {
        for piece in run.chunks(RUN_MAX) {
            // Fits: at most RUN_MAX.
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
        // Fits: at most LITERAL_MAX.
        out.push(u8::try_from(piece.len()).unwrap_or_default());
        out.extend_from_slice(piece);
    }
}

/// Splits the wire into frames.
#[derive(Debug)]
pub struct Decoder {
    filler: u8,
    frames: Frames<Header>,
}

/// The meaning of the next byte that is not literal. Descriptors are pending until the string after them.
///
/// ```text
///             ┌──0──▶ Descriptor ─┬──▶ Lead, with a pending descriptor
///             │                   └──▶ MarkerLead ──▶ (marker) ──▶ Lead
///   Lead ─────┼──0n─▶ (literal) ─┐
///    ▲        ├──10─▶ Run ───────┼──▶ Lead, or the end of the file
///    └────    └──11──────────────┘
/// ```
#[derive(Debug, Default)]
enum Header {
    /// The leading byte of a string, or the zero before a descriptor.
    #[default]
    Lead,
    Descriptor,
    /// The byte of a run, with its repeat count.
    Run(u8),
    /// The leading byte of a string that is a restart marker.
    MarkerLead,
}

impl Decoder {
    /// With the filler of the TYPE.
    pub fn new(filler: u8) -> Self {
        let frames = Frames::default();
        Self { filler, frames }
    }

    /// Takes the next frame from the front of `input`; `None` if that is exhausted, or the file has
    /// ended.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Framed<'a>>, Malformed> {
        let filler = self.filler;
        self.frames.next(input, |frames, header, byte| {
            let (state, run) = match (header, byte) {
                (Header::Descriptor, _) => match Descriptor::parse(byte)? {
                    Descriptor::MARKER => (State::Header(Header::MarkerLead), None),
                    flags => {
                        frames.pending = frames.pending.union(flags);
                        (State::Header(Header::Lead), None)
                    }
                },
                (Header::MarkerLead, 1..=0x7f) => {
                    let count = usize::from(byte);
                    (State::Marker(Marker::with_length(count)?, count), None)
                }
                (Header::MarkerLead, _) => return Err(Malformed),
                (Header::Run(times), _) => (State::End, Some((byte, times))),
                (Header::Lead, 0) => (State::Header(Header::Descriptor), None),
                (Header::Lead, 1..=0x7f) => (State::Data(usize::from(byte)), None),
                (Header::Lead, 0x80..=0xbf) => (State::Header(Header::Run(byte & 0x3f)), None),
                (Header::Lead, 0xc0..) => (State::End, Some((filler, byte & 0x3f))),
            };
            frames.state = state;
            let run = run.filter(|(_, times)| *times > 0);
            Ok(run.map(|(byte, times)| Framed::Run(byte, times)))
        })
    }

    /// Whether the connection may end here: an end of file is pending, and the string that it precedes
    /// has not begun.
    pub fn may_end(&self) -> bool {
        let mut pending = self.frames.pending;
        let is_last = std::iter::from_fn(|| pending.take_end()).any(|end| end == Framed::EndOfFile);
        is_last && matches!(self.frames.state, State::Header(Header::Lead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::framing::tests::Codec::RunLength;
    use crate::protocol::framing::tests::unframe;
    use proptest::prelude::*;

    fn encode(bytes: &[u8]) -> Vec<u8> {
        RunLength.encode(&[Part::Data(bytes)])
    }

    #[test]
    fn literals_runs_and_filler_are_encoded() {
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
    fn strings_are_split_at_their_maximum_length() {
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
    fn descriptor_applies_to_the_next_string() {
        for (wire, pieces) in [
            (&b"\x01a\0\x80\x01b\x01c\0\x40\x82d"[..], "ab|cdd."),
            (b"\0\xe0\x01a\x01b", "a|."),
            (b"\0\x80\0\x40\xc0", "|."),
            (b"\0\x80\xc1\0\x10\x0212\x01a", " |<12>a"),
            (b"\0\x80\x80z", "|"),
        ] {
            let found = RunLength.decode(wire, 3).unwrap().to_string();
            assert_eq!(found, pieces, "{wire:?}");
        }
    }

    #[test]
    fn connection_may_end_after_an_end_of_file() {
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
            assert_eq!(RunLength.decode(wire, 9), Err(Malformed), "{wire:?}");
        }
    }

    #[test]
    fn zeros_are_compressed_63_times() {
        let mut wire = Vec::new();
        Encoder::new(0).write(Part::Data(&[0; 63 * 100]), &mut wire);
        assert_eq!(wire.len(), 100);
    }

    proptest! {
        #[test]
        fn encoding_grows_by_at_most_one_percent(bytes in proptest::collection::vec(0..3_u8, 0..2000)) {
            prop_assert!(encode(&bytes).len() <= bytes.len() + bytes.len() / 100 + 1);
        }
    }
}
