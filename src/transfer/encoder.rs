//! A file's bytes on their way to the wire: text, records and framing, one behind the other.
//!
//! ```text
//!   file ──▶ text ──────▶ structure ─────▶ framing ─────────────▶ wire
//!            as it is     bytes            stream, records (FF)
//!            CR LF        lines are        blocks, run lengths
//!            EBCDIC       records          deflate, of one of the first two
//! ```
//!
//! Pure: bytes in, bytes appended. The codecs are [`protocol`](crate::protocol)'s; here they
//! are put together as a [`Representation`] has it. RFC 959 §3.1 to §3.4.

use super::representation::{DataType, Mode, Representation, Structure};
use crate::protocol::deflate::Deflater;
use crate::protocol::framing::{Malformed, Marker};
use crate::protocol::{ascii, block, ebcdic, records, run_length};

/// A representation at work.
pub(super) struct Encoder {
    text: Text,
    /// The byte at which a record ends, once it is text for the wire.
    record_end: Option<u8>,
    framing: Framing,
}

enum Text {
    AsIs,
    Ascii(ascii::Encoder),
    Ebcdic,
}

enum Framing {
    Stream,
    Records,
    Block,
    RunLength(run_length::Encoder),
    Packed(Box<Packed>),
}

/// What MODE S would send, compressed.
struct Packed {
    inner: Framing,
    framed: Vec<u8>,
    deflater: Deflater,
}

impl Encoder {
    /// For a file; `None` where the wire is the file.
    pub(super) fn for_file(representation: Representation) -> Option<Self> {
        if representation.is_verbatim() {
            return None;
        }
        let (text, record_end) = match (representation.data_type, representation.structure) {
            (DataType::Image, _) => (Text::AsIs, None),
            (DataType::Ascii(_), Structure::Record) => (Text::AsIs, Some(b'\n')),
            (DataType::Ascii(_), Structure::File) => (Text::Ascii(ascii::Encoder::new()), None),
            (DataType::Ebcdic(_), Structure::File) => (Text::Ebcdic, None),
            (DataType::Ebcdic(_), Structure::Record) => (Text::Ebcdic, Some(ebcdic::NEW_LINE)),
        };
        Some(Self {
            text,
            record_end,
            framing: Framing::new(representation),
        })
    }

    /// For a listing, which is lines of ASCII already, whatever the TYPE and STRU; `None` where
    /// its MODE sends it as it is.
    pub(super) fn for_listing(representation: Representation) -> Option<Self> {
        Self::for_file(Representation {
            data_type: DataType::Image,
            structure: Structure::File,
            mode: representation.mode,
        })
    }

    /// Appends the wire form of the next bytes of the file: at most three times as many, for a
    /// file of empty lines. `text` is room to work in.
    pub(super) fn encode(
        &mut self,
        bytes: &[u8],
        text: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        text.clear();
        let bytes = match (&mut self.text, &self.framing) {
            (Text::AsIs, _) => bytes,
            (Text::Ascii(encoder), Framing::Stream) => {
                encoder.encode(bytes, out);
                return Ok(());
            }
            (Text::Ascii(encoder), _) => {
                encoder.encode(bytes, text);
                text
            }
            (Text::Ebcdic, _) => {
                ebcdic::encode(bytes, text);
                text
            }
        };
        match self.record_end {
            None => self.framing.data(bytes, out),
            Some(record_end) => self.records(record_end, bytes, out),
        }
        self.framing.flush(out)
    }

    /// Appends a restart marker, unless the file could not be taken up here: between a CR and
    /// its LF it would get another CR.
    pub(super) fn mark(&self, offset: u64, out: &mut Vec<u8>) {
        if matches!(&self.text, Text::Ascii(encoder) if encoder.is_behind_return()) {
            return;
        }
        let marker = Marker::of_offset(offset);
        match &self.framing {
            Framing::Block => block::write_marker(&marker, out),
            Framing::RunLength(_) => run_length::Encoder::write_marker(&marker, out),
            _ => {}
        }
    }

    /// Appends the end of the file, where it is said at all.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        self.framing.end_of_file(out)
    }

    fn records(&mut self, end: u8, bytes: &[u8], out: &mut Vec<u8>) {
        for piece in bytes.split_inclusive(|&byte| byte == end) {
            match piece.strip_suffix(&[end]) {
                Some(record) => {
                    self.framing.data(record, out);
                    self.framing.end_of_record(out);
                }
                None => self.framing.data(piece, out),
            }
        }
    }
}

impl Framing {
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
            Mode::Deflate(level) => Self::Packed(Box::new(Packed {
                inner: stream,
                framed: Vec::new(),
                deflater: Deflater::new(level),
            })),
        }
    }

    fn data(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Stream => out.extend_from_slice(bytes),
            Self::Records => records::write_data(bytes, out),
            Self::Block => block::write_data(bytes, out),
            Self::RunLength(encoder) => encoder.write_data(bytes, out),
            Self::Packed(packed) => packed.inner.data(bytes, &mut packed.framed),
        }
    }

    fn end_of_record(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Stream => {}
            Self::Records => records::write_end_of_record(out),
            Self::Block => block::write_end_of_record(out),
            Self::RunLength(_) => run_length::Encoder::write_end_of_record(out),
            Self::Packed(packed) => packed.inner.end_of_record(&mut packed.framed),
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        match self {
            Self::Packed(packed) => {
                packed.deflater.deflate(&packed.framed, out)?;
                packed.framed.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end_of_file(&mut self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        match self {
            Self::Stream => {}
            Self::Records => records::write_end_of_file(out),
            Self::Block => block::write_end_of_file(out),
            Self::RunLength(_) => run_length::Encoder::write_end_of_file(out),
            Self::Packed(packed) => {
                packed.inner.end_of_file(&mut packed.framed)?;
                packed.deflater.deflate(&packed.framed, out)?;
                packed.framed.clear();
                packed.deflater.finish(out)?;
            }
        }
        Ok(())
    }
}

/// What MODE C takes for filler (RFC 959 §3.4.3).
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
    use crate::transfer::representation::{DataType, FormatControl, Structure};

    /// Whoever goes on behind the CR would send another with the LF.
    #[test]
    fn no_marker_comes_between_cr_and_lf() {
        let mut encoder = Encoder::for_file(Representation {
            data_type: DataType::Ascii(FormatControl::NonPrint),
            structure: Structure::File,
            mode: Mode::Block,
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
