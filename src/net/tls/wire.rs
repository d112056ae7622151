//! The socket as rustls reads and writes it.
//!
//! [`Wire`] passes calls on and remembers whether a read was short: then the socket is drained,
//! and nobody needs to ask it once more. [`Record`] reads one TLS record and not a byte more
//! (RFC 8446 §5.1), for the end of TLS on a connection that goes on in the clear.

use std::io::{self, IoSlice, Read, Write};

use crate::net::Stream;

/// A socket for one call.
pub(super) struct Wire<'a> {
    socket: &'a mut dyn Stream,
    was_short: bool,
}

impl<'a> Wire<'a> {
    pub(super) const fn over(socket: &'a mut dyn Stream) -> Self {
        Self {
            socket,
            was_short: false,
        }
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

/// A record that is coming in.
#[derive(Debug, Default)]
pub(super) struct Record {
    bytes: Vec<u8>,
}

impl Record {
    /// Reads on; a whole record, once it is there.
    ///
    /// # Errors
    /// `WouldBlock` until then; `UnexpectedEof`.
    pub(super) fn read_from(&mut self, socket: &mut dyn Stream) -> io::Result<Vec<u8>> {
        loop {
            let wanted = self.length();
            let had = self.bytes.len();
            if had == wanted {
                return Ok(std::mem::take(&mut self.bytes));
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

    /// Its length, or that of its header while that is not there.
    fn length(&self) -> usize {
        match self.bytes.as_slice() {
            [_, _, _, high, low, ..] => {
                HEADER_BYTES + usize::from(u16::from_be_bytes([*high, *low]))
            }
            _ => HEADER_BYTES,
        }
    }
}
