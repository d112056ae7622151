//! One file sent again and again: to the server by STOR, or to the bare floor.
//!
//! Owns the sending side, which is the same for both, and sees to it that the receiver was done:
//! its 226, and the end of its side of the connection.

use std::io::{self, Read, Write};

use crate::download::{BUFFER, Way};

/// Who sends, and how.
pub(crate) struct Uploader {
    way: Way,
    length: usize,
    buffer: Vec<u8>,
}

impl Uploader {
    /// Sends `length` bytes in this way.
    pub(crate) fn new(way: Way, length: usize) -> Self {
        Self {
            way,
            length,
            buffer: vec![b'x'; BUFFER],
        }
    }

    /// Sends the file once.
    pub(crate) fn store(&mut self) -> io::Result<()> {
        let mut data = self.way.begin(b"STOR file\r\n")?;
        let mut missing = self.length;
        while missing > 0 {
            let piece = self.buffer.get(..missing).unwrap_or(&self.buffer);
            data.write_all(piece)?;
            missing -= piece.len();
        }
        data.end_output()?;
        while data.read(&mut [0; 256])? > 0 {}
        self.way.end()
    }
}
