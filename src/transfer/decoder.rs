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
mod tests;
