//! Repeated uploads of one file, to the server by STOR or to a floor.
//!
//! Owns the sending side, which is the same for both, and waits until the receiver is done: its
//! half-close, and the 226 of the server.

use std::io::{self, Read, Write};

use crate::download::{BUFFER, Peer};

/// A client that uploads a file.
pub(crate) struct Uploader {
    peer: Peer,
    length: usize,
    buffer: Vec<u8>,
}

impl Uploader {
    /// Uploads files of `length` bytes to this peer.
    pub(crate) fn new(peer: Peer, length: usize) -> Self {
        Self {
            peer,
            length,
            buffer: vec![b'x'; BUFFER],
        }
    }

    /// Uploads the file once.
    pub(crate) fn store(&mut self) -> io::Result<()> {
        let mut data = self.peer.begin(b"STOR file\r\n")?;
        let mut missing = self.length;
        while missing > 0 {
            let piece = self.buffer.get(..missing).unwrap_or(&self.buffer);
            data.write_all(piece)?;
            missing -= piece.len();
        }
        data.end_output()?;
        while data.read(&mut [0; 256])? > 0 {}
        self.peer.end()
    }
}
