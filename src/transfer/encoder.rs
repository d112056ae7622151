//! Converts a file to its representation on the wire: text, then records, then framing.
//!
//! ```text
//!   file ──▶ text ──────▶ structure ─────▶ framing ─────────────▶ wire
//!            as it is     bytes            stream, records (FF)
//!            CR LF        lines are        blocks, run lengths
//!            EBCDIC       records          deflate, of one of the first two
//! ```
//!
//! Pure functions on bytes, without I/O. The codecs are in [`protocol`](crate::protocol); a
//! [`Representation`] selects and combines them. RFC 959 §3.1 to §3.4.

use super::representation::{DataType, Mode, Representation, Structure};
use crate::protocol::deflate::Deflater;
use crate::protocol::framing::{Malformed, Marker, Part};
use crate::protocol::{ascii, block, ebcdic, records, run_length};

/// Encodes a file in one representation.
pub(super) struct WireEncoder {
    text: TextEncoder,
    /// The byte that ends a record in the encoded text; `None` without records.
    record_end: Option<u8>,
    framing: FrameEncoder,
}

enum TextEncoder {
    AsIs,
    Ascii(ascii::Encoder),
    Ebcdic,
}

enum FrameEncoder {
    Stream,
    Records,
    Block,
    RunLength(run_length::Encoder),
    Deflate(Box<DeflateEncoder>),
}

/// MODE Z: the MODE S stream, compressed.
struct DeflateEncoder {
    inner: FrameEncoder,
    framed: Vec<u8>,
    deflater: Deflater,
}

impl WireEncoder {
    /// For a file; `None` if it is sent as it is.
    pub(super) fn for_file(representation: Representation) -> Option<Self> {
        if representation.is_verbatim() {
            return None;
        }
        let (text, record_end) = match (representation.data_type, representation.structure) {
            (DataType::Image, _) => (TextEncoder::AsIs, None),
            (DataType::Ascii(_), Structure::Record) => (TextEncoder::AsIs, Some(b'\n')),
            (DataType::Ascii(_), Structure::File) => {
                (TextEncoder::Ascii(ascii::Encoder::default()), None)
            }
            (DataType::Ebcdic(_), Structure::File) => (TextEncoder::Ebcdic, None),
            (DataType::Ebcdic(_), Structure::Record) => {
                (TextEncoder::Ebcdic, Some(ebcdic::NEW_LINE))
            }
        };
        Some(Self {
            text,
            record_end,
            framing: FrameEncoder::new(representation),
        })
    }

    /// For a listing, to which TYPE and STRU do not apply; `None` in MODE S.
    pub(super) fn for_listing(mode: Mode) -> Option<Self> {
        Self::for_file(Representation {
            data_type: DataType::Image,
            structure: Structure::File,
            mode,
        })
    }

    /// Encodes the next bytes of the file and appends them to `out`: at most three times as many, for
    /// a file of empty lines. `text` is a scratch buffer.
    pub(super) fn encode(
        &mut self,
        bytes: &[u8],
        text: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        text.clear();
        let bytes = match (&mut self.text, &self.framing) {
            (TextEncoder::AsIs, _) => bytes,
            (TextEncoder::Ascii(encoder), FrameEncoder::Stream) => {
                encoder.encode(bytes, out);
                return Ok(());
            }
            (TextEncoder::Ascii(encoder), _) => {
                encoder.encode(bytes, text);
                text
            }
            (TextEncoder::Ebcdic, _) => {
                ebcdic::encode(bytes, text);
                text
            }
        };
        match self.record_end {
            None => self.framing.write(Part::Data(bytes), out),
            Some(record_end) => self.records(record_end, bytes, out),
        }
        self.framing.flush(out)
    }

    /// Appends a restart marker, except between CR and LF: a transfer resumed there would send
    /// another CR.
    pub(super) fn mark(&mut self, offset: u64, out: &mut Vec<u8>) {
        if matches!(&self.text, TextEncoder::Ascii(encoder) if encoder.is_after_return()) {
            return;
        }
        let marker = Marker::of_offset(offset);
        self.framing.write(Part::Marker(&marker), out);
    }

    /// Appends the end-of-file mark, if the representation has one.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        self.framing.end_of_file(out)
    }

    fn records(&mut self, end: u8, bytes: &[u8], out: &mut Vec<u8>) {
        for piece in bytes.split_inclusive(|&byte| byte == end) {
            let record = piece.strip_suffix(&[end]);
            self.framing.write(Part::Data(record.unwrap_or(piece)), out);
            if record.is_some() {
                self.framing.write(Part::EndOfRecord, out);
            }
        }
    }
}

impl FrameEncoder {
    fn new(representation: Representation) -> Self {
        let stream = match representation.structure {
            Structure::File => Self::Stream,
            Structure::Record => Self::Records,
        };
        match representation.mode {
            Mode::Stream => stream,
            Mode::Block => Self::Block,
            Mode::Compressed => {
                Self::RunLength(run_length::Encoder::new(filler(representation.data_type)))
            }
            Mode::Deflate(level) => Self::Deflate(Box::new(DeflateEncoder {
                inner: stream,
                framed: Vec::new(),
                deflater: Deflater::new(level),
            })),
        }
    }

    fn write(&mut self, part: Part<'_>, out: &mut Vec<u8>) {
        match (self, part) {
            (Self::Stream, Part::Data(bytes)) => out.extend_from_slice(bytes),
            (Self::Stream, _) => {}
            (Self::Records, _) => records::write(part, out),
            (Self::Block, _) => block::write(part, out),
            (Self::RunLength(encoder), _) => encoder.write(part, out),
            (Self::Deflate(deflate), _) => deflate.inner.write(part, &mut deflate.framed),
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        if let Self::Deflate(deflate) = self {
            deflate.deflater.deflate(&deflate.framed, out)?;
            deflate.framed.clear();
        }
        Ok(())
    }

    fn end_of_file(&mut self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        self.write(Part::EndOfFile, out);
        self.flush(out)?;
        match self {
            Self::Deflate(deflate) => deflate.deflater.finish(out),
            _ => Ok(()),
        }
    }
}

/// The filler byte of MODE C (RFC 959 §3.4.3).
pub(super) const fn filler(data_type: DataType) -> u8 {
    match data_type {
        DataType::Image => 0,
        DataType::Ascii(_) => b' ',
        DataType::Ebcdic(_) => ebcdic::SPACE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_marker_between_cr_and_lf() {
        let mut encoder = WireEncoder::for_file(Representation {
            mode: Mode::Block,
            ..Representation::default()
        })
        .unwrap();
        for (piece, offset, is_marked) in [(&b"a\r"[..], 2, false), (b"\nb", 4, true)] {
            encoder
                .encode(piece, &mut Vec::new(), &mut Vec::new())
                .unwrap();
            let mut marker = Vec::new();
            encoder.mark(offset, &mut marker);
            let expected = [&[16, 0, 1][..], offset.to_string().as_bytes()].concat();
            assert_eq!(marker, if is_marked { expected } else { Vec::new() });
        }
    }
}
