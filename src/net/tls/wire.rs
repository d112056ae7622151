//! The socket as rustls reads and writes it.
//!
//! [`Wire`] passes calls on and remembers whether a read was short: then the socket is drained,
//! and nobody needs to ask it once more. What a read began with tells why TLS has failed. [`Place`]
//! follows the records in what is read. [`Record`] reads one TLS record and not a byte more (RFC 8446
//! §5.1), for the end of TLS on a connection that goes on in the clear.

use std::io::{self, IoSlice, Read, Write};
use std::ops::RangeInclusive;

use super::failure::{Start, UNKNOWN};
use crate::net::Stream;

/// A socket for one call.
pub(super) struct Wire<'a> {
    socket: &'a mut dyn Stream,
    place: Option<&'a mut Place>,
    was_short: bool,
    start: Start,
}

impl<'a> Wire<'a> {
    pub(super) const fn over(socket: &'a mut dyn Stream) -> Self {
        Self {
            socket,
            place: None,
            was_short: false,
            start: UNKNOWN,
        }
    }

    /// Moves `place` on with what is read.
    pub(super) const fn following(socket: &'a mut dyn Stream, place: &'a mut Place) -> Self {
        Self {
            socket,
            place: Some(place),
            was_short: false,
            start: UNKNOWN,
        }
    }

    /// What the last read began with, where it gave as much.
    pub(super) const fn start(&self) -> Start {
        self.start
    }

    /// Whether a read gave less than was asked for.
    pub(super) const fn was_short(&self) -> bool {
        self.was_short
    }
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(buffer)?;
        self.was_short = count < buffer.len();
        let read = buffer.get(..count).unwrap_or_default();
        if let Some(place) = &mut self.place {
            place.follow(read);
        }
        self.start = read.first_chunk().copied().unwrap_or(UNKNOWN);
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

/// Where in the stream of records all that has come ends (RFC 8446 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind so many bytes of a header; what of the length has come.
    Header(usize, u16),
    /// So many bytes before the end of a record.
    Body(usize),
}

impl Default for Place {
    fn default() -> Self {
        Self::Header(0, 0)
    }
}

impl Place {
    pub(super) const fn is_between_records(self) -> bool {
        matches!(self, Self::Header(0, _))
    }

    /// So much more has come.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while let [first, rest @ ..] = bytes {
            *self = match *self {
                Self::Body(left) => {
                    let skipped = left.min(bytes.len());
                    bytes = bytes.get(skipped..).unwrap_or_default();
                    Self::in_body(left - skipped)
                }
                Self::Header(had, length) => {
                    bytes = rest;
                    // The last two bytes of the header are the length.
                    let length = length << 8 | u16::from(*first);
                    if had + 1 == HEADER_BYTES {
                        Self::in_body(length.into())
                    } else {
                        Self::Header(had + 1, length)
                    }
                }
            };
        }
    }

    fn in_body(left: usize) -> Self {
        match left {
            0 => Self::default(),
            left => Self::Body(left),
        }
    }
}

/// What a record begins with: from `change_cipher_spec` to `application_data`. No FTP command does.
const CONTENT_TYPES: RangeInclusive<u8> = 20..=23;

/// What has come.
pub(super) enum Incoming {
    Record(Vec<u8>),
    /// The first byte of clear text: the peer has ended TLS without a word.
    Text(u8),
}

/// A record that is coming in.
#[derive(Debug, Default)]
pub(super) struct Record {
    bytes: Vec<u8>,
}

impl Record {
    /// Reads on, to the end of the record, or to a first byte that begins none.
    ///
    /// # Errors
    /// `WouldBlock` until then; `UnexpectedEof`.
    pub(super) fn read_from(&mut self, socket: &mut dyn Stream) -> io::Result<Incoming> {
        loop {
            match self.bytes.as_slice() {
                [first, ..] if !CONTENT_TYPES.contains(first) => {
                    let first = *first;
                    self.bytes.clear();
                    return Ok(Incoming::Text(first));
                }
                _ => {}
            }
            let wanted = self.length();
            let had = self.bytes.len();
            if had == wanted {
                return Ok(Incoming::Record(std::mem::take(&mut self.bytes)));
            }
            self.bytes.resize(wanted, 0);
            let read = socket.read(self.bytes.get_mut(had..).unwrap_or_default());
            self.bytes
                .truncate(had + read.as_ref().map_or(0, |&count| count));
            if read? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Up to where to read: its end, that of its header while that is not there, and before
    /// everything its first byte.
    fn length(&self) -> usize {
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
    use crate::storage::File;

    #[test]
    fn place_is_known_however_the_bytes_are_cut() {
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
            let mut place = Place::default();
            let mut at = 0;
            for part in bytes.chunks(piece) {
                place.follow(part);
                at += part.len();
                assert_eq!(
                    place.is_between_records(),
                    ends.contains(&at),
                    "{piece} {at}"
                );
            }
        }
    }
    /// Gives at most so many bytes a read, and then would block.
    struct Pieces(Vec<u8>, usize);

    impl Stream for Pieces {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let count = room.len().min(self.1).min(self.0.len());
            if count == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            room[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn send_file(&mut self, _: &dyn File, _: u64, _: usize) -> io::Result<usize> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn connected(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn local_address(&self) -> io::Result<std::net::SocketAddr> {
            Err(io::ErrorKind::NotConnected.into())
        }

        fn shutdown(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn reset_on_close(&mut self) {}
    }

    #[test]
    fn behind_the_last_record_nothing_is_read_but_the_first_byte_of_text() {
        for kind in CONTENT_TYPES {
            let one = [&[kind, 3, 3, 1, 1][..], &[kind; 257]].concat();
            for piece in [1, 4, 5, 6, 300] {
                let mut socket = Pieces([&one[..], b"NOOP\r\n"].concat(), piece);
                let mut record = Record::default();
                assert!(
                    matches!(record.read_from(&mut socket), Ok(Incoming::Record(r)) if r == one)
                );
                let text = record.read_from(&mut socket);
                assert!(matches!(text, Ok(Incoming::Text(b'N'))), "{kind} {piece}");
                assert_eq!(socket.0, b"OOP\r\n");
            }
        }
        let mut begun = Pieces(vec![23, 3], 300);
        let waits = Record::default().read_from(&mut begun).map(drop);
        assert_eq!(waits.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
