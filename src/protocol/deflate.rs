//! MODE Z: the stream of MODE S, compressed in the zlib format (draft-preston-ftpext-deflate §3,
//! RFC 1950).
//!
//! Adapts `flate2` to the interface of the other codecs: input segmented anywhere. A few bytes can
//! expand a thousandfold, so an [`Inflater`] returns at most [`ROOM`] bytes a call and is then
//! called again.

use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::framing::Malformed;

/// The maximum output of one call, in bytes.
pub const ROOM: usize = 16 * 1024;

/// The approximate memory of a compression in progress, in bytes.
pub const STATE_BYTES: usize = 330 * 1024;

/// The compression level, from 0 (none) to 9 (slowest).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(u8);

impl Level {
    /// The default of a session; `None` in a build without MODE Z.
    pub const DEFAULT: Option<Self> = Some(Self(6));

    /// Parses the argument of `OPTS MODE Z LEVEL`: one digit.
    pub const fn parse(text: &[u8]) -> Option<Self> {
        match text {
            [digit @ b'0'..=b'9'] => Some(Self(*digit - b'0')),
            _ => None,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Compresses a file for the wire.
#[derive(Debug)]
pub struct Deflater {
    engine: Compress,
}

impl Deflater {
    /// With this level.
    pub fn new(level: Level) -> Self {
        Self {
            engine: Compress::new(Compression::new(u32::from(level.0)), true),
        }
    }

    /// Compresses `bytes` and appends the output so far; some of it may be delayed.
    pub fn deflate(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            let before = self.engine.total_in();
            self.run(bytes, out, FlushCompress::None)?;
            let consumed = usize::try_from(self.engine.total_in() - before).unwrap_or(usize::MAX);
            debug_assert!(consumed <= bytes.len(), "consumed more than its input");
            bytes = bytes.get(consumed..).unwrap_or_default();
        }
        Ok(())
    }

    /// Appends the delayed output and the end of the stream.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        while self.run(b"", out, FlushCompress::Finish)? != Status::StreamEnd {}
        Ok(())
    }

    fn run(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        flush: FlushCompress,
    ) -> Result<Status, Malformed> {
        out.reserve(ROOM);
        let status = self.engine.compress_vec(bytes, out, flush);
        match status {
            Ok(Status::BufError) | Err(_) => Err(Malformed),
            Ok(status) => Ok(status),
        }
    }
}

/// Decompresses a file from the wire.
#[derive(Debug)]
pub struct Inflater {
    engine: Decompress,
    output: Vec<u8>,
}

/// The progress of an [`Inflater`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inflated {
    /// The input is exhausted.
    NeedsInput,
    /// The output buffer is full; call again with the rest of the input, which may be empty.
    Full,
    /// The compressed stream has ended, and its checksum is correct.
    Ended,
}

impl Inflater {
    /// At the beginning of a stream. The level is not needed; it proves that MODE Z is compiled in.
    pub fn new(_: Level) -> Self {
        Self {
            engine: Decompress::new(true),
            output: vec![0; ROOM],
        }
    }

    /// Consumes input from the front of `input` and returns at most [`ROOM`] bytes of output.
    pub fn inflate(&mut self, input: &mut &[u8]) -> Result<(&[u8], Inflated), Malformed> {
        let (in_before, out_before) = (self.engine.total_in(), self.engine.total_out());
        let engine = &mut self.engine;
        let status = engine.decompress(input, &mut self.output, FlushDecompress::None);
        let status = status.map_err(|_| Malformed)?;
        let consumed = usize::try_from(self.engine.total_in() - in_before).unwrap_or(usize::MAX);
        let produced = usize::try_from(self.engine.total_out() - out_before).unwrap_or(usize::MAX);
        debug_assert!(consumed <= input.len() && produced <= self.output.len());
        *input = input.get(consumed..).unwrap_or_default();
        let progress = match status {
            Status::StreamEnd => Inflated::Ended,
            _ if produced == self.output.len() => Inflated::Full,
            // No progress despite input: calling again would loop forever.
            _ if !input.is_empty() && consumed == 0 && produced == 0 => return Err(Malformed),
            _ if !input.is_empty() => Inflated::Full,
            _ => Inflated::NeedsInput,
        };
        Ok((self.output.get(..produced).unwrap_or_default(), progress))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn deflated(bytes: &[u8], size: usize, level: u8) -> Vec<u8> {
        let (mut deflater, mut wire) = (Deflater::new(Level(level)), Vec::new());
        for piece in bytes.chunks(size) {
            deflater.deflate(piece, &mut wire).unwrap();
        }
        deflater.finish(&mut wire).unwrap();
        wire
    }

    /// The whole output, and whether the end of the stream was reached.
    fn inflated(wire: &[u8], size: usize) -> Result<(Vec<u8>, bool), Malformed> {
        let (mut inflater, mut out) = (Inflater::new(Level(6)), Vec::new());
        for mut input in wire.chunks(size) {
            loop {
                let (bytes, progress) = inflater.inflate(&mut input)?;
                assert!(bytes.len() <= ROOM);
                out.extend_from_slice(bytes);
                match progress {
                    Inflated::Ended => return Ok((out, true)),
                    Inflated::Full => {}
                    Inflated::NeedsInput => break,
                }
            }
        }
        Ok((out, false))
    }

    #[test]
    fn levels_are_single_digits() {
        for (text, level) in [
            (&b"0"[..], Some(Level(0))),
            (b"9", Some(Level(9))),
            (b"10", None),
            (b"-1", None),
            (b"/", None),
            (b":", None),
            (b"", None),
        ] {
            assert_eq!(Level::parse(text), level, "{text:?}");
        }
    }

    #[test]
    fn decompression_bomb_is_returned_in_bounded_pieces() {
        let zeros = vec![0; 4 * 1024 * 1024];
        let wire = deflated(&zeros, zeros.len(), 9);
        assert!(wire.len() < zeros.len() / 500);
        assert_eq!(inflated(&wire, wire.len()), Ok((zeros, true)));
    }

    #[test]
    fn output_is_complete_around_the_buffer_size() {
        for length in [0, 1, ROOM - 1, ROOM, ROOM + 1] {
            let bytes = vec![b'x'; length];
            let wire = deflated(&bytes, 1000, 6);
            assert_eq!(inflated(&wire, 7), Ok((bytes, true)));
        }
    }

    #[test]
    fn truncated_or_damaged_stream_has_no_end() {
        let wire = deflated(b"some text, some text, some text", 9, 6);
        for cut in 0..wire.len() {
            assert!(matches!(inflated(&wire[..cut], 3), Ok((_, false))), "{cut}");
        }
        let mut damaged = wire;
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        assert_eq!(inflated(&damaged, 3), Err(Malformed));
        assert_eq!(inflated(b"plain text", 3), Err(Malformed));
    }

    proptest! {
        #[test]
        fn bytes_round_trip(
            bytes: Vec<u8>, cut in 1..20_usize, size in 1..20_usize, level in 0..=9_u8,
        ) {
            let wire = deflated(&bytes, cut, level);
            prop_assert_eq!(inflated(&wire, size), Ok((bytes, true)));
        }

        #[test]
        fn garbage_terminates(wire: Vec<u8>, size in 1..9_usize) {
            let _ = inflated(&[b"\x78\x9c", wire.as_slice()].concat(), size);
        }
    }
}
