//! The wire's bytes on their way into a file: [`encoder`](super::encoder) backwards.
//!
//! Pure: bytes in, bytes appended. A little on the wire can be much in the file, so a call
//! gives about [`ROOM`] bytes at the most and says whether there is more; what it has not taken
//! of its input is for the next. What the MODE says is the end is the end: only where it says
//! nothing is it the connection's. RFC 959 §3.1 to §3.4.

use super::encoder::filler;
use super::representation::{DataType, Mode, Representation, Structure};
use crate::limits::CHUNK_BYTES;
use crate::protocol::deflate::{Inflated, Inflater};
use crate::protocol::framing::{Framed, Malformed, Marker};
use crate::protocol::{ascii, block, ebcdic, records, run_length};

/// What a call gives before it stops; one piece more than that is possible.
const ROOM: usize = CHUNK_BYTES;

/// How far a call has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// All input is used up.
    Hungry,
    /// The room is used up; there may be more, also where no input is left.
    Full,
    /// A restart marker. What was before it has been given.
    Marker(Marker),
    /// The file has its last byte.
    Ended,
}

/// A representation at work.
pub(super) struct Decoder {
    text: Text,
    framing: Framing,
}

struct Text {
    coding: Coding,
    structure: Structure,
}

enum Coding {
    AsIs,
    Ascii(ascii::Decoder),
    Ebcdic,
}

enum Framing {
    Stream,
    Records(records::Decoder),
    Block(block::Decoder),
    RunLength(run_length::Decoder),
    Packed(Box<Packed>),
    /// The records inside have ended; what packs them has not.
    Over,
}

/// What MODE S would send, compressed.
struct Packed {
    inner: Framing,
    inflater: Inflater,
}

impl Decoder {
    /// For a file; `None` where the wire is the file.
    pub(super) fn for_file(representation: Representation) -> Option<Self> {
        if representation.is_verbatim() {
            return None;
        }
        let structure = representation.structure;
        let coding = match (representation.data_type, structure) {
            (DataType::Image, _) | (DataType::Ascii(_), Structure::Record) => Coding::AsIs,
            (DataType::Ascii(_), Structure::File) => Coding::Ascii(ascii::Decoder::new()),
            (DataType::Ebcdic(_), _) => Coding::Ebcdic,
        };
        Some(Self {
            text: Text { coding, structure },
            framing: Framing::new(representation),
        })
    }

    /// Appends what the next bytes of the wire are in the file.
    pub(super) fn decode(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, Malformed> {
        match &mut self.framing {
            Framing::Packed(packed) => packed.unpack(input, &mut self.text, out),
            framing => framing.unframe(input, &mut self.text, out),
        }
    }

    /// The connection has ended: appends what was held back. Where the end of the file is said
    /// in the stream, and was not, this is not it.
    pub(super) fn close(&mut self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        match &self.framing {
            Framing::Stream => {}
            Framing::RunLength(decoder) if decoder.may_end() => {}
            _ => return Err(Malformed),
        }
        self.text.finish(out);
        Ok(())
    }

    /// Whether [`close`](Self::close) is an error wherever the end was not said before.
    pub(super) const fn announces_end(&self) -> bool {
        !matches!(self.framing, Framing::Stream | Framing::RunLength(_))
    }

    /// Whether a file with all that has been given could be taken up again there: not while a
    /// CR is held back.
    pub(super) const fn may_mark(&self) -> bool {
        !matches!(&self.text.coding, Coding::Ascii(decoder) if decoder.holds_return())
    }
}

impl Framing {
    fn new(representation: Representation) -> Self {
        let stream = match representation.structure {
            Structure::File => Self::Stream,
            Structure::Record => Self::Records(records::Decoder::default()),
        };
        match representation.mode {
            Mode::Stream => stream,
            Mode::Block => Self::Block(block::Decoder::default()),
            Mode::Compressed => {
                Self::RunLength(run_length::Decoder::new(filler(representation.data_type)))
            }
            Mode::Deflate(level) => Self::Packed(Box::new(Packed {
                inner: stream,
                inflater: Inflater::new(level),
            })),
        }
    }

    fn unframe(
        &mut self,
        input: &mut &[u8],
        text: &mut Text,
        out: &mut Vec<u8>,
    ) -> Result<Progress, Malformed> {
        while out.len() < ROOM {
            match self.next(input)? {
                None => return Ok(Progress::Hungry),
                Some(Framed::Data(bytes)) => text.decode(bytes, out),
                Some(Framed::Run(byte, times)) => {
                    let run = [byte; u8::MAX as usize];
                    text.decode(run.get(..usize::from(times)).unwrap_or_default(), out);
                }
                Some(Framed::EndOfRecord) => text.end_record(out),
                Some(Framed::Marker(marker)) => return Ok(Progress::Marker(marker)),
                Some(Framed::EndOfFile) => {
                    text.finish(out);
                    return Ok(Progress::Ended);
                }
            }
        }
        Ok(Progress::Full)
    }

    fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Framed<'a>>, Malformed> {
        match self {
            Self::Records(decoder) => decoder.next(input),
            Self::Block(decoder) => decoder.next(input),
            Self::RunLength(decoder) => decoder.next(input),
            Self::Over => {
                *input = &[];
                Ok(None)
            }
            // What is packed is unpacked first; inside it is a stream again.
            _ => {
                let bytes = std::mem::take(input);
                Ok((!bytes.is_empty()).then_some(Framed::Data(bytes)))
            }
        }
    }
}

impl Packed {
    fn unpack(
        &mut self,
        input: &mut &[u8],
        text: &mut Text,
        out: &mut Vec<u8>,
    ) -> Result<Progress, Malformed> {
        // Less than there is room for, so that all of it is unframed at once.
        const { assert!(crate::protocol::deflate::ROOM < ROOM) };
        let (mut bytes, inflated) = self.inflater.inflate(input)?;
        if self.inner.unframe(&mut bytes, text, out)? == Progress::Ended {
            self.inner = Framing::Over;
        }
        match (inflated, &self.inner) {
            (Inflated::Full, _) => Ok(Progress::Full),
            (Inflated::Hungry, _) => Ok(Progress::Hungry),
            // Only now is the checksum known to be right.
            (Inflated::Ended, Framing::Stream) => {
                text.finish(out);
                Ok(Progress::Ended)
            }
            (Inflated::Ended, Framing::Over) => Ok(Progress::Ended),
            (Inflated::Ended, _) => Err(Malformed),
        }
    }
}

impl Text {
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match &mut self.coding {
            Coding::AsIs => out.extend_from_slice(bytes),
            Coding::Ascii(decoder) => decoder.decode(bytes, out),
            Coding::Ebcdic => ebcdic::decode(bytes, out),
        }
    }

    /// The end of a record is the end of a line; in STRU F it means nothing.
    fn end_record(&self, out: &mut Vec<u8>) {
        if self.structure == Structure::Record {
            out.push(b'\n');
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if let Coding::Ascii(decoder) = &mut self.coding {
            decoder.finish(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::deflate::Level;
    use crate::transfer::encoder::Encoder;
    use crate::transfer::representation::FormatControl;
    use proptest::prelude::*;

    fn representations() -> Vec<Representation> {
        let mut all = Vec::new();
        let format = FormatControl::NonPrint;
        for data_type in [
            DataType::Image,
            DataType::Ascii(format),
            DataType::Ebcdic(format),
        ] {
            for structure in [Structure::File, Structure::Record] {
                let deflate = Level::DEFAULT.map(Mode::Deflate);
                let modes = [Mode::Stream, Mode::Block, Mode::Compressed];
                for mode in modes.into_iter().chain(deflate) {
                    let representation = Representation {
                        data_type,
                        structure,
                        mode,
                    };
                    if representation.is_served() && !representation.is_verbatim() {
                        all.push(representation);
                    }
                }
            }
        }
        all
    }

    fn encoded(representation: Representation, file: &[u8], size: usize) -> Vec<u8> {
        let mut encoder = Encoder::for_file(representation).unwrap();
        let (mut text, mut wire, mut offset) = (Vec::new(), Vec::new(), 0);
        for piece in file.chunks(size) {
            encoder.encode(piece, &mut text, &mut wire).unwrap();
            offset += piece.len() as u64;
            encoder.mark(offset, &mut wire);
        }
        encoder.finish(&mut wire).unwrap();
        wire
    }

    /// The file, and whether its end was reached; each marker must be where it says.
    fn decoded(representation: Representation, wire: &[u8], size: usize) -> (Vec<u8>, bool) {
        let mut decoder = Decoder::for_file(representation).unwrap();
        let mut file = Vec::new();
        for mut input in wire.chunks(size) {
            loop {
                let mut out = Vec::new();
                let progress = decoder.decode(&mut input, &mut out).unwrap();
                file.extend(out);
                match progress {
                    Progress::Hungry => break,
                    Progress::Full => {}
                    Progress::Marker(marker) => {
                        assert!(decoder.may_mark());
                        assert_eq!(marker.text(), file.len().to_string().as_bytes());
                    }
                    Progress::Ended => return (file, true),
                }
            }
        }
        let ended = decoder.close(&mut file).is_ok();
        (file, ended)
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_however_both_are_cut(
            file in proptest::collection::vec(prop_oneof![
                Just(b'\n'), Just(b' '), Just(0), Just(255), any::<u8>(),
            ], 0..300),
            cut in 1..100_usize,
            size in 1..100_usize,
        ) {
            // In TYPE A the file's CR LF and LF are the same on the wire.
            let text: Vec<u8> = file.iter().copied().filter(|&byte| byte != b'\r').collect();
            for representation in representations() {
                let is_ascii = matches!(representation.data_type, DataType::Ascii(_));
                let file = if is_ascii { &text } else { &file };
                let wire = encoded(representation, file, cut);
                let (found, ended) = decoded(representation, &wire, size);
                prop_assert!(ended, "{}", representation);
                prop_assert_eq!(&found, file, "{}", representation);
            }
        }

        #[test]
        fn garbage_is_no_panic(wire: Vec<u8>, size in 1..9_usize) {
            for representation in representations() {
                let mut decoder = Decoder::for_file(representation).unwrap();
                'wire: for mut input in wire.chunks(size) {
                    loop {
                        match decoder.decode(&mut input, &mut Vec::new()) {
                            Ok(Progress::Hungry) => break,
                            Ok(Progress::Ended) | Err(Malformed) => break 'wire,
                            Ok(_) => {}
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn where_the_end_is_said_the_end_of_the_connection_is_none() {
        for representation in representations() {
            let mut wire = encoded(representation, b"one\ntwo\n", 3);
            let says_nothing =
                representation.mode == Mode::Stream && representation.structure == Structure::File;
            // MODE C ends in an empty string, which may be missing.
            let is_compressed = representation.mode == Mode::Compressed;
            wire.truncate(wire.len() - 1 - usize::from(is_compressed));
            let (_, ended) = decoded(representation, &wire, 100);
            assert_eq!(ended, says_nothing, "{representation}");
        }
    }

    /// What is held back is not in the file yet, so nobody can go on behind it.
    #[test]
    fn no_marker_counts_between_the_two_bytes_of_an_end_of_line() {
        let representation = Representation {
            mode: Mode::Block,
            ..Representation::default()
        };
        for (before, may_mark) in [(&b"\0\0\x02a\r"[..], false), (b"\0\0\x02ab", true)] {
            let mut decoder = Decoder::for_file(representation).unwrap();
            let wire = [before, b"\x10\0\x01m", b"\0\0\x01\n"].concat();
            let (mut input, mut out) = (wire.as_slice(), Vec::new());
            let progress = decoder.decode(&mut input, &mut out).unwrap();
            assert!(matches!(progress, Progress::Marker(_)), "{progress:?}");
            assert_eq!(decoder.may_mark(), may_mark);
            decoder.decode(&mut input, &mut out).unwrap();
            assert!(decoder.may_mark());
        }
    }

    #[test]
    fn a_call_gives_about_its_room_and_goes_on() {
        let (format, structure) = (FormatControl::NonPrint, Structure::File);
        for data_type in [DataType::Image, DataType::Ascii(format)] {
            let mode = Mode::Compressed;
            let mut decoder = Decoder::for_file(Representation {
                data_type,
                structure,
                mode,
            })
            .unwrap();
            let wire = vec![0xff; 10_000];
            let (mut input, mut total) = (wire.as_slice(), 0);
            loop {
                let mut out = Vec::new();
                let progress = decoder.decode(&mut input, &mut out).unwrap();
                assert!(out.len() <= ROOM + 63);
                total += out.len();
                if progress == Progress::Hungry {
                    break;
                }
            }
            assert_eq!(total, 63 * wire.len());
        }
    }

    /// The compressed stream may be whole where the file in it is not: cut by who compressed it.
    #[cfg(feature = "mode-z")]
    #[test]
    fn a_compressed_stream_that_ends_before_its_file_does_is_malformed() {
        let level = Level::DEFAULT.unwrap();
        let representation = Representation {
            data_type: DataType::Image,
            structure: Structure::Record,
            mode: Mode::Deflate(level),
        };
        let decoded = |records: &[u8]| {
            let mut wire = Vec::new();
            let mut deflater = crate::protocol::deflate::Deflater::new(level);
            deflater.deflate(records, &mut wire).unwrap();
            deflater.finish(&mut wire).unwrap();
            let mut decoder = Decoder::for_file(representation).unwrap();
            decoder.decode(&mut wire.as_slice(), &mut Vec::new())
        };
        assert_eq!(decoded(b"one\xff\x01two"), Err(Malformed));
        assert_eq!(decoded(b"one\xff\x01two\xff\x03"), Ok(Progress::Ended));
    }
}
