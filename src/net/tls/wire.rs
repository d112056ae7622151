//! Adapters between a socket and rustls.
//!
//! [`Wire`] forwards reads and writes; it records whether a read was short (the socket is drained),
//! whether it gives rustls something to do, and its first bytes (to diagnose failures).
//! [`RecordPosition`] tracks record boundaries in the received bytes. [`RecordReader`] reads one TLS
//! record and not a byte more (RFC 8446 §5.1), for a connection that continues in the clear.

use std::io::{self, IoSlice, Read, Write};
use std::ops::RangeInclusive;

use super::failure::{FirstBytes, UNKNOWN};
use crate::net::Stream;

/// A socket, borrowed for one call of rustls.
pub(super) struct Wire<'a> {
    socket: &'a mut dyn Stream,
    position: Option<&'a mut RecordPosition>,
    was_short: bool,
    is_computable: bool,
    first_bytes: FirstBytes,
}

impl<'a> Wire<'a> {
    pub(super) const fn over(socket: &'a mut dyn Stream) -> Self {
        Self {
            socket,
            position: None,
            was_short: false,
            is_computable: false,
            first_bytes: UNKNOWN,
        }
    }

    /// As [`over`](Self::over), and advances `position` by the bytes that are read.
    pub(super) const fn tracking(
        socket: &'a mut dyn Stream,
        position: &'a mut RecordPosition,
    ) -> Self {
        Self {
            position: Some(position),
            ..Self::over(socket)
        }
    }

    /// The first bytes of the last read.
    pub(super) const fn first_bytes(&self) -> FirstBytes {
        self.first_bytes
    }

    /// Whether the last read ended a record or its header. Before that rustls can do nothing.
    pub(super) const fn is_computable(&self) -> bool {
        self.is_computable
    }

    /// Whether the last read returned less than requested.
    pub(super) const fn was_short(&self) -> bool {
        self.was_short
    }
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(buffer)?;
        self.was_short = count < buffer.len();
        debug_assert!(count <= buffer.len());
        let read = buffer.get(..count).unwrap_or_default();
        if let Some(position) = &mut self.position {
            self.is_computable = position.advance(read);
        }
        self.first_bytes = read.first_chunk().copied().unwrap_or(UNKNOWN);
        Ok(count)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const HEADER_BYTES: usize = 5;

/// A position in the stream of records (RFC 8446 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordPosition {
    /// After this many bytes of a header; the part of the length that was received.
    Header(usize, u16),
    /// This many bytes before the end of a record.
    Body(usize),
}

impl Default for RecordPosition {
    fn default() -> Self {
        Self::Header(0, 0)
    }
}

impl RecordPosition {
    pub(super) const fn is_between_records(self) -> bool {
        matches!(self, Self::Header(0, _))
    }

    /// Moves past the received bytes. Returns whether the end of a record or of a header is among them.
    pub(super) fn advance(&mut self, mut bytes: &[u8]) -> bool {
        let mut has_end = false;
        while let [first, rest @ ..] = bytes {
            *self = match *self {
                Self::Body(left) => {
                    if let Some(next) = bytes.get(left..) {
                        bytes = next;
                        has_end = true;
                        Self::default()
                    } else {
                        let left = left - bytes.len();
                        bytes = &[];
                        Self::Body(left)
                    }
                }
                Self::Header(had, length) => {
                    bytes = rest;
                    // The last two bytes of the header are the length.
                    let length = length << 8 | u16::from(*first);
                    if had + 1 == HEADER_BYTES {
                        has_end = true;
                        Self::in_body(length.into())
                    } else {
                        Self::Header(had + 1, length)
                    }
                }
            };
        }
        has_end
    }

    fn in_body(left: usize) -> Self {
        match left {
            0 => Self::default(),
            left => Self::Body(left),
        }
    }
}

/// The first byte of a record: from `change_cipher_spec` to `application_data`. No FTP command begins
/// with one of them.
const CONTENT_TYPES: RangeInclusive<u8> = 20..=23;

/// The next thing that was received.
pub(super) enum RecordOrText {
    Record(Vec<u8>),
    /// The first byte of clear text: the peer has ended TLS without `close_notify`.
    Text(u8),
}

/// Reads one record, which may arrive in several parts.
#[derive(Debug, Default)]
pub(super) struct RecordReader {
    bytes: Vec<u8>,
}

impl RecordReader {
    /// Continues to read up to the end of the record, or a first byte that cannot begin one.
    ///
    /// # Errors
    /// `WouldBlock` until then; `UnexpectedEof`.
    pub(super) fn read_from(&mut self, socket: &mut dyn Stream) -> io::Result<RecordOrText> {
        loop {
            match self.bytes.as_slice() {
                [first, ..] if !CONTENT_TYPES.contains(first) => {
                    let first = *first;
                    self.bytes.clear();
                    return Ok(RecordOrText::Text(first));
                }
                _ => {}
            }
            let wanted = self.next_boundary();
            let had = self.bytes.len();
            if had == wanted {
                return Ok(RecordOrText::Record(std::mem::take(&mut self.bytes)));
            }
            debug_assert!(had < wanted);
            self.bytes.resize(wanted, 0);
            let read = socket.read(self.bytes.get_mut(had..).unwrap_or_default());
            self.bytes
                .truncate(had + read.as_ref().map_or(0, |&count| count));
            if read? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The length to read up to: the first byte, then the header, then the whole record.
    fn next_boundary(&self) -> usize {
        match self.bytes.as_slice() {
            [] => 1,
            [_, _, _, high, low, ..] => {
                HEADER_BYTES + usize::from(u16::from_be_bytes([*high, *low]))
            }
            _ => HEADER_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::testing::FakeStream;

    #[test]
    fn record_position_is_right_for_any_split() {
        let lengths = [1_u16, 0, 5, 255, 256, 300];
        let mut bytes = Vec::new();
        let mut ends = vec![0];
        for length in lengths {
            bytes.extend([23, 3, 3]);
            bytes.extend(length.to_be_bytes());
            bytes.extend(vec![0xff; length.into()]);
            ends.push(bytes.len());
        }
        for piece in [1, 2, 3, 4, 5, 6, 7, 100, bytes.len()] {
            let mut position = RecordPosition::default();
            let mut at = 0;
            for part in bytes.chunks(piece) {
                let before = at;
                at += part.len();
                let is_end = |end: usize| end > before && end <= at;
                let has_end = ends
                    .iter()
                    .any(|&end| is_end(end) || is_end(end + HEADER_BYTES));
                assert_eq!(position.advance(part), has_end, "{piece} {at}");
                assert_eq!(
                    position.is_between_records(),
                    ends.contains(&at),
                    "{piece} {at}"
                );
            }
        }
    }

    #[test]
    fn record_reader_reads_one_byte_past_last_record() {
        for kind in CONTENT_TYPES {
            let one = [&[kind, 3, 3, 1, 1][..], &[kind; 257]].concat();
            for piece in [1, 4, 5, 6, 300] {
                let mut socket = FakeStream::of(&[&one[..], b"NOOP\r\n"].concat());
                socket.piece = piece;
                let mut record = RecordReader::default();
                assert!(
                    matches!(record.read_from(&mut socket), Ok(RecordOrText::Record(r)) if r == one)
                );
                let text = record.read_from(&mut socket);
                assert!(
                    matches!(text, Ok(RecordOrText::Text(b'N'))),
                    "{kind} {piece}"
                );
                assert_eq!(socket.incoming, b"OOP\r\n");
            }
        }
        let mut begun = FakeStream::of(&[23, 3]);
        let waits = RecordReader::default().read_from(&mut begun).map(drop);
        assert_eq!(waits.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
