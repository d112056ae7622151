//! Converts the wire representation to the bytes of a file: the reverse of
//! [`encoder`](super::encoder).
//!
//! Pure functions on bytes, without I/O. Few bytes on the wire can expand to many in the file, so a
//! call stops after about [`ROOM`] bytes and leaves the rest of its input for the next call. The end of
//! the file is the one that the MODE marks; the end of the connection counts only without such a mark.
//! RFC 959 §3.1 to §3.4.

use super::encoder::filler;
use super::representation::{DataType, Mode, Representation, Structure};
use crate::limits::CHUNK_BYTES;
use crate::protocol::deflate::{Inflated, Inflater};
use crate::protocol::framing::{Framed, Malformed, Marker};
use crate::protocol::{ascii, block, ebcdic, records, run_length};

/// The output after which a call stops; it may exceed this by one piece.
const ROOM: usize = CHUNK_BYTES;

/// Why a call stopped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DecodeProgress {
    /// All input is consumed.
    NeedsInput,
    /// The output limit is reached; there may be more, even without input.
    OutputFull,
    /// A restart marker; all data before it was appended.
    Marker(Marker),
    /// The end of the file.
    Ended,
}

/// Decodes a file in one representation.
pub(super) struct WireDecoder {
    text: TextDecoder,
    framing: FrameDecoder,
}

struct TextDecoder {
    coding: TextCoding,
    structure: Structure,
}

enum TextCoding {
    AsIs,
    Ascii(ascii::Decoder),
    Ebcdic,
}

enum FrameDecoder {
    Stream,
    Records(records::Decoder),
    Block(block::Decoder),
    RunLength(run_length::Decoder),
    Deflate(Box<DeflateDecoder>),
    /// The records inside MODE Z have ended; the compressed stream has not.
    Over,
}

/// MODE Z: the MODE S stream, compressed.
struct DeflateDecoder {
    inner: FrameDecoder,
    inflater: Inflater,
}

impl WireDecoder {
    /// For a file; `None` if it is sent as it is.
    pub(super) fn for_file(representation: Representation) -> Option<Self> {
        if representation.is_verbatim() {
            return None;
        }
        let structure = representation.structure;
        let coding = match (representation.data_type, structure) {
            (DataType::Image, _) | (DataType::Ascii(_), Structure::Record) => TextCoding::AsIs,
            (DataType::Ascii(_), Structure::File) => TextCoding::Ascii(ascii::Decoder::default()),
            (DataType::Ebcdic(_), _) => TextCoding::Ebcdic,
        };
        Some(Self {
            text: TextDecoder { coding, structure },
            framing: FrameDecoder::new(representation),
        })
    }

    /// Decodes the next bytes and appends them to `out`.
    pub(super) fn decode(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<DecodeProgress, Malformed> {
        match &mut self.framing {
            FrameDecoder::Deflate(deflate) => deflate.inflate(input, &mut self.text, out),
            framing => framing.unframe(input, &mut self.text, out),
        }
    }

    /// The connection has ended: appends what was held back.
    ///
    /// # Errors
    /// If the representation marks the end of a file, and the mark was not received.
    pub(super) fn close(&mut self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        match &self.framing {
            FrameDecoder::Stream => {}
            FrameDecoder::RunLength(decoder) if decoder.may_end() => {}
            _ => return Err(Malformed),
        }
        self.text.finish(out);
        Ok(())
    }

    /// Whether the representation marks the end of a file, so that [`close`](Self::close) without the
    /// mark is an error.
    pub(super) const fn announces_end(&self) -> bool {
        !matches!(
            self.framing,
            FrameDecoder::Stream | FrameDecoder::RunLength(_)
        )
    }

    /// Whether an upload can be resumed after the bytes decoded so far: not while a CR is held back.
    pub(super) const fn may_mark(&self) -> bool {
        !matches!(&self.text.coding, TextCoding::Ascii(decoder) if decoder.holds_return())
    }
}

impl FrameDecoder {
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
            Mode::Deflate(level) => Self::Deflate(Box::new(DeflateDecoder {
                inner: stream,
                inflater: Inflater::new(level),
            })),
        }
    }

    fn unframe(
        &mut self,
        input: &mut &[u8],
        text: &mut TextDecoder,
        out: &mut Vec<u8>,
    ) -> Result<DecodeProgress, Malformed> {
        while out.len() < ROOM {
            match self.next(input)? {
                None => return Ok(DecodeProgress::NeedsInput),
                Some(Framed::Data(bytes)) => text.decode(bytes, out),
                Some(Framed::Run(byte, times)) => {
                    // As long as a run can be, so that `times` is in range.
                    let run = [byte; u8::MAX as usize];
                    text.decode(run.get(..usize::from(times)).unwrap_or_default(), out);
                }
                Some(Framed::EndOfRecord) => text.end_record(out),
                Some(Framed::Marker(marker)) => return Ok(DecodeProgress::Marker(marker)),
                Some(Framed::EndOfFile) => {
                    text.finish(out);
                    return Ok(DecodeProgress::Ended);
                }
            }
        }
        Ok(DecodeProgress::OutputFull)
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
            // A plain stream. MODE Z is inflated first, and contains one.
            _ => {
                let bytes = std::mem::take(input);
                Ok((!bytes.is_empty()).then_some(Framed::Data(bytes)))
            }
        }
    }
}

impl DeflateDecoder {
    fn inflate(
        &mut self,
        input: &mut &[u8],
        text: &mut TextDecoder,
        out: &mut Vec<u8>,
    ) -> Result<DecodeProgress, Malformed> {
        // One inflated piece fits the output limit, so that it is unframed completely.
        const { assert!(crate::protocol::deflate::ROOM < ROOM) };
        let (mut bytes, inflated) = self.inflater.inflate(input)?;
        if self.inner.unframe(&mut bytes, text, out)? == DecodeProgress::Ended {
            self.inner = FrameDecoder::Over;
        }
        match (inflated, &self.inner) {
            (Inflated::Full, _) => Ok(DecodeProgress::OutputFull),
            (Inflated::NeedsInput, _) => Ok(DecodeProgress::NeedsInput),
            // Inflater has verified the checksum.
            (Inflated::Ended, FrameDecoder::Stream) => {
                text.finish(out);
                Ok(DecodeProgress::Ended)
            }
            (Inflated::Ended, FrameDecoder::Over) => Ok(DecodeProgress::Ended),
            (Inflated::Ended, _) => Err(Malformed),
        }
    }
}

impl TextDecoder {
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match &mut self.coding {
            TextCoding::AsIs => out.extend_from_slice(bytes),
            TextCoding::Ascii(decoder) => decoder.decode(bytes, out),
            TextCoding::Ebcdic => ebcdic::decode(bytes, out),
        }
    }

    /// The end of a record becomes a newline; in STRU F it is ignored.
    fn end_record(&self, out: &mut Vec<u8>) {
        if self.structure == Structure::Record {
            out.push(b'\n');
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if let TextCoding::Ascii(decoder) = &mut self.coding {
            decoder.finish(out);
        }
    }
}

#[cfg(test)]
mod tests;
