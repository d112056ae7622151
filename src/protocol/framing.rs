//! Shared parts of MODE B and MODE C: descriptor codes, restart markers, and the frames of a stream
//! (RFC 959 §3.4.2, §3.4.3 and §3.5).
//!
//! [`block`](super::block), [`run_length`](super::run_length) and [`records`](super::records) encode the
//! [`Part`]s of a file; they take the bytes of the wire, segmented anywhere, and return [`Framed`] values
//! one by one. None of them knows the TYPE of the data, or files.

/// The maximum length of a restart marker in bytes. RFC 959 has no limit; our own have up to 20 digits.
pub const MARKER_MAX: usize = 64;

/// The next frame of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framed<'a> {
    /// Literal bytes.
    Data(&'a [u8]),
    /// A byte and its repeat count.
    Run(u8, u8),
    /// The end of a record.
    EndOfRecord,
    /// A position from which the sender can restart the transfer, in the sender's notation.
    Marker(Marker),
    /// The end of the file; bytes after it are ignored.
    EndOfFile,
}

/// A part of a file, to be encoded.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Bytes of the file.
    Data(&'a [u8]),
    /// The end of a record.
    EndOfRecord,
    /// A position from which this transfer can be restarted.
    Marker(&'a Marker),
    /// The end of the file.
    EndOfFile,
}

/// The stream does not conform to MODE and STRU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A descriptor code: the flags of a block, or of a string in MODE C.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor(u8);

impl Descriptor {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// The block is a restart marker; valid only without other flags.
    pub const MARKER: Self = Self(16);
    /// The sender suspects errors in the data (a worn tape, say); accepted and ignored.
    pub const SUSPECT: Self = Self(32);
    /// The block ends the file.
    pub const END_OF_FILE: Self = Self(64);
    /// The block ends a record.
    pub const END_OF_RECORD: Self = Self(128);

    /// Parses a descriptor; unknown flags, and a marker with other flags, are malformed.
    pub const fn parse(byte: u8) -> Result<Self, Malformed> {
        match byte {
            16 => Ok(Self::MARKER),
            _ if byte.trailing_zeros() > 4 => Ok(Self(byte)),
            _ => Err(Malformed),
        }
    }

    /// The flags of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The wire format.
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// Removes and returns the next end after the bytes: first that of the record, then of the file.
    pub const fn take_end(&mut self) -> Option<Framed<'static>> {
        if self.0 & Self::END_OF_RECORD.0 != 0 {
            self.0 &= !Self::END_OF_RECORD.0;
            return Some(Framed::EndOfRecord);
        }
        if self.0 & Self::END_OF_FILE.0 != 0 {
            self.0 = 0;
            return Some(Framed::EndOfFile);
        }
        None
    }
}

/// The text of a restart marker: printable and without spaces, so that it is valid in a reply and as
/// an argument of REST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker(Vec<u8>);

impl Marker {
    /// An empty marker to be filled with this number of bytes; malformed if 0 or above [`MARKER_MAX`].
    pub fn with_length(length: usize) -> Result<Self, Malformed> {
        if length == 0 || length > MARKER_MAX {
            return Err(Malformed);
        }
        Ok(Self(Vec::with_capacity(length)))
    }

    /// The marker of an offset in the file, in decimal.
    pub fn of_offset(offset: u64) -> Self {
        Self(offset.to_string().into_bytes())
    }

    /// The text.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// Takes up to `left` bytes from the front of `input`; returns the number of bytes that are still
    /// missing.
    pub(super) fn fill(&mut self, input: &mut &[u8], left: usize) -> Result<usize, Malformed> {
        let part = take(input, left);
        if !part.iter().all(u8::is_ascii_graphic) {
            return Err(Malformed);
        }
        self.0.extend_from_slice(part);
        Ok(left - part.len())
    }
}

/// The meaning of the next byte in MODE B and MODE C; `Header` is that in a header.
///
/// ```text
///   Header ─┬──▶ Data ──▶ End ─┬──▶ Header
///     ▲     └──▶ Marker ──┐    └─end of file─▶ Ended
///     └───────────────────┘
/// ```
#[derive(Debug)]
pub(super) enum State<Header> {
    Header(Header),
    /// Data, with the number of bytes left of it.
    Data(usize),
    /// A restart marker, with the number of bytes left of it.
    Marker(Marker, usize),
    /// No byte: the ends in the pending descriptor are to be returned.
    End,
    /// No byte: the file has ended.
    Ended,
}

impl<Header: Default> Default for State<Header> {
    fn default() -> Self {
        Self::Header(Header::default())
    }
}

/// Splits the wire of MODE B and MODE C into frames.
#[derive(Debug, Default)]
pub(super) struct Frames<Header: Default> {
    /// The flags whose ends follow the data.
    pub(super) pending: Descriptor,
    pub(super) state: State<Header>,
}

impl<Header: Default> Frames<Header> {
    /// Takes the next frame from the front of `input`; `None` if that is exhausted, or the file has
    /// ended. `after_byte` updates the state after a byte of a header; it returns a run that the byte
    /// completes.
    pub(super) fn next<'a>(
        &mut self,
        input: &mut &'a [u8],
        after_byte: impl Fn(&mut Self, Header, u8) -> Result<Option<Framed<'static>>, Malformed>,
    ) -> Result<Option<Framed<'a>>, Malformed> {
        loop {
            match std::mem::take(&mut self.state) {
                State::Header(header) => {
                    let Some(byte) = take_byte(input) else {
                        self.state = State::Header(header);
                        return Ok(None);
                    };
                    if let Some(run) = after_byte(self, header, byte)? {
                        return Ok(Some(run));
                    }
                }
                State::Data(0) => self.state = State::End,
                State::Data(left) => {
                    let bytes = take(input, left);
                    self.state = State::Data(left - bytes.len());
                    return Ok((!bytes.is_empty()).then_some(Framed::Data(bytes)));
                }
                State::Marker(marker, 0) => return Ok(Some(Framed::Marker(marker))),
                State::Marker(mut marker, left) => {
                    let left = marker.fill(input, left)?;
                    self.state = State::Marker(marker, left);
                    if left > 0 {
                        return Ok(None);
                    }
                }
                State::End => match self.pending.take_end() {
                    None => self.pending = Descriptor::NONE,
                    end => {
                        let is_last = end == Some(Framed::EndOfFile);
                        self.state = if is_last { State::Ended } else { State::End };
                        return Ok(end);
                    }
                },
                State::Ended => {
                    self.state = State::Ended;
                    return Ok(None);
                }
            }
        }
    }
}

/// Takes up to `count` bytes from the front of `input`.
pub(super) fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (front, rest) = input.split_at_checked(count).unwrap_or((input, &[]));
    *input = rest;
    front
}

/// Takes one byte from the front of `input`.
pub(super) fn take_byte(input: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = input.split_first()?;
    *input = rest;
    Some(*byte)
}

#[cfg(test)]
pub(super) mod tests;
