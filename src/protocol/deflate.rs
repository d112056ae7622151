//! MODE Z: what MODE S would send, compressed in the zlib format
//! (draft-preston-ftpext-deflate §3, RFC 1950).
//!
//! The compression itself is `flate2`'s; here it gets the form of the other codecs: bytes in
//! pieces, cut anywhere. A few bytes can stand for a thousand times as many, so an
//! [`Inflater`] gives only as much at a time as it has room for, and goes on from there.

use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::framing::Malformed;

/// What one call gives at the most.
pub const ROOM: usize = 16 * 1024;

/// What a compression in progress keeps, in bytes: about.
pub const STATE_BYTES: usize = 330 * 1024;

/// How much work is spent to make it small: 0 none, 9 most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(u8);

impl Level {
    /// Where the client does not say; without MODE Z there is none.
    pub const DEFAULT: Option<Self> = Some(Self(6));

    /// What `OPTS MODE Z LEVEL` takes: one digit.
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

/// From the file to the wire.
#[derive(Debug)]
pub struct Deflater {
    engine: Compress,
}

impl Deflater {
    /// At this level.
    pub fn new(level: Level) -> Self {
        Self {
            engine: Compress::new(Compression::new(u32::from(level.0)), true),
        }
    }

    /// Appends what comes out of `bytes`; some of it may come later.
    pub fn deflate(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            let before = self.engine.total_in();
            self.run(bytes, out, FlushCompress::None)?;
            let taken = usize::try_from(self.engine.total_in() - before).unwrap_or(usize::MAX);
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Appends the rest, and the end.
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

/// From the wire to the file.
#[derive(Debug)]
pub struct Inflater {
    engine: Decompress,
    room: Vec<u8>,
}

/// How far an [`Inflater`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inflated {
    /// All that was given is used up.
    Hungry,
    /// The room is full, and there may be more.
    Full,
    /// The compressed stream has ended, and its checksum is right.
    Ended,
}

impl Inflater {
    /// For what was compressed at any level.
    pub fn new(_: Level) -> Self {
        Self {
            engine: Decompress::new(true),
            room: vec![0; ROOM],
        }
    }

    /// Takes what it can from the front of `input` and gives at most [`ROOM`] bytes.
    pub fn inflate(&mut self, input: &mut &[u8]) -> Result<(&[u8], Inflated), Malformed> {
        let (had, gave) = (self.engine.total_in(), self.engine.total_out());
        let engine = &mut self.engine;
        let status = engine.decompress(input, &mut self.room, FlushDecompress::None);
        let status = status.map_err(|_| Malformed)?;
        let taken = usize::try_from(self.engine.total_in() - had).unwrap_or(usize::MAX);
        let given = usize::try_from(self.engine.total_out() - gave).unwrap_or(usize::MAX);
        *input = input.get(taken..).unwrap_or_default();
        let progress = match status {
            Status::StreamEnd => Inflated::Ended,
            _ if given == self.room.len() => Inflated::Full,
            // What it neither takes nor makes anything of would be offered for ever.
            _ if !input.is_empty() && taken == 0 && given == 0 => return Err(Malformed),
            _ if !input.is_empty() => Inflated::Full,
            _ => Inflated::Hungry,
        };
        Ok((self.room.get(..given).unwrap_or_default(), progress))
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

    /// All that comes out, and whether the end was reached.
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
                    Inflated::Hungry => break,
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
    fn a_bomb_goes_off_in_small_pieces() {
        let zeros = vec![0; 4 * 1024 * 1024];
        let wire = deflated(&zeros, zeros.len(), 9);
        assert!(wire.len() < zeros.len() / 500);
        assert_eq!(inflated(&wire, wire.len()), Ok((zeros, true)));
    }

    #[test]
    fn room_is_given_exactly() {
        for length in [0, 1, ROOM - 1, ROOM, ROOM + 1] {
            let bytes = vec![b'x'; length];
            let wire = deflated(&bytes, 1000, 6);
            assert_eq!(inflated(&wire, 7), Ok((bytes, true)));
        }
    }

    #[test]
    fn a_cut_or_damaged_stream_has_no_end() {
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
        fn whatever_goes_out_comes_back(
            bytes: Vec<u8>, cut in 1..20_usize, size in 1..20_usize, level in 0..=9_u8,
        ) {
            let wire = deflated(&bytes, cut, level);
            prop_assert_eq!(inflated(&wire, size), Ok((bytes, true)));
        }

        #[test]
        fn garbage_ends_somehow(wire: Vec<u8>, size in 1..9_usize) {
            let _ = inflated(&[b"\x78\x9c", wire.as_slice()].concat(), size);
        }
    }
}
