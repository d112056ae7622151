//! TLS over one non-blocking socket, the client's side.
//!
//! It owns the state machine of rustls and moves records between it and the socket. Bytes that are taken for
//! writing are sent when there is room: the caller flushes. It must not know what they are.

use std::io::{self, Read as _, Write as _};

use rustls::{ClientConnection, HandshakeKind};

use crate::net::Stream;

/// Reads of one call.
const READS: usize = 16;

/// A connection with TLS.
pub(in crate::bench) struct Secured {
    tls: ClientConnection,
}

/// A socket, borrowed for one call of rustls.
struct Wire<'a>(&'a mut dyn Stream);

impl io::Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl io::Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Secured {
    pub(super) fn new(tls: ClientConnection) -> Self {
        Self { tls }
    }

    /// Goes on with the handshake.
    ///
    /// # Errors
    /// `WouldBlock` until it is finished; otherwise it has failed.
    pub(in crate::bench) fn handshake(&mut self, socket: &mut dyn Stream) -> io::Result<()> {
        loop {
            self.flush(socket)?;
            if !self.tls.is_handshaking() {
                return Ok(());
            }
            self.receive(socket)?;
        }
    }

    /// Whether the handshake has resumed a session.
    pub(in crate::bench) fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Whether records wait for room.
    pub(in crate::bench) fn has_unsent(&self) -> bool {
        self.tls.wants_write()
    }

    /// Sends the records that wait.
    pub(in crate::bench) fn flush(&mut self, socket: &mut dyn Stream) -> io::Result<()> {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut Wire(socket))? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Reads plaintext; 0 is the end.
    pub(in crate::bench) fn read(
        &mut self,
        socket: &mut dyn Stream,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        for _ in 0..READS {
            match self.tls.reader().read(buffer) {
                // Servers that end without close_notify are many, and a client knows how long a file is.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.receive(socket)?,
                done => return done,
            }
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Takes bytes for sending and sends what there is room for. Returns how many were taken.
    pub(in crate::bench) fn write(
        &mut self,
        socket: &mut dyn Stream,
        bytes: &[u8],
    ) -> io::Result<usize> {
        self.flush(socket)?;
        let taken = self.tls.writer().write(bytes)?;
        match self.flush(socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    /// Nothing more is sent: announces the end.
    pub(in crate::bench) fn end(&mut self) {
        self.tls.send_close_notify();
    }

    fn receive(&mut self, socket: &mut dyn Stream) -> io::Result<()> {
        let count = self.tls.read_tls(&mut Wire(socket))?;
        if count == 0 && self.tls.is_handshaking() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Err(error) = self.tls.process_new_packets() {
            // The alert.
            let _ = self.flush(socket);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(())
    }
}
