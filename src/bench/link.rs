//! A client's end of a connection, in the clear or with TLS, with what its socket is ready for.
//!
//! It owns the socket, the latch and the TLS of one control or data connection. It must not know what goes
//! over it.

use std::io;

use super::tls::Secured;
use crate::event_loop::{Interest, Latch};
use crate::net::Stream;

/// A connection.
pub(super) struct Link {
    socket: Box<dyn Stream>,
    tls: Option<Box<Secured>>,
    pub(super) ready: Latch,
}

impl Link {
    /// One that is connecting or connected, in the clear.
    pub(super) const fn new(socket: Box<dyn Stream>) -> Self {
        Self {
            socket,
            tls: None,
            ready: Latch::FRESH,
        }
    }

    /// TLS from now on; the handshake comes next.
    pub(super) fn secure(&mut self, tls: Secured) {
        debug_assert!(self.tls.is_none(), "TLS within TLS");
        self.tls = Some(Box::new(tls));
    }

    /// Whether a handshake has resumed a session.
    pub(super) fn is_resumed(&self) -> bool {
        self.tls.as_deref().is_some_and(Secured::is_resumed)
    }

    /// Whether the connection is established; `false` while it is not known.
    pub(super) fn connect(&mut self) -> io::Result<bool> {
        if !self.ready.writable {
            return Ok(false);
        }
        let connected = self.socket.connected();
        self.attempt(Interest::Writable, connected)
            .map(|done| done.is_some())
    }

    /// Whether the handshake can go on.
    pub(super) fn wants_handshake(&self) -> bool {
        if self.has_unsent() {
            self.ready.writable
        } else {
            self.ready.readable
        }
    }

    /// Whether the handshake is finished.
    pub(super) fn handshake(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else {
            return Ok(true);
        };
        match tls.handshake(self.socket.as_mut()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let waits_for = if tls.has_unsent() {
                    Interest::Writable
                } else {
                    Interest::Readable
                };
                self.ready.clear(waits_for);
                Ok(false)
            }
            done => done.map(|()| true),
        }
    }

    /// Reads; `None`: there is nothing yet. 0 is the end.
    #[inline]
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        if !self.ready.readable {
            return Ok(None);
        }
        let read = match &mut self.tls {
            None => {
                let read = self.socket.read(buffer);
                // A short read: the next bytes will be a new event, unless theirs was this one.
                if let Ok(count) = read
                    && count < buffer.len()
                    && !self.ready.drain
                {
                    self.ready.clear(Interest::Readable);
                }
                read
            }
            Some(tls) => tls.read(self.socket.as_mut(), buffer),
        };
        self.attempt(Interest::Readable, read)
    }

    /// Writes; returns how many bytes were taken.
    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.ready.writable {
            return Ok(0);
        }
        let written = match &mut self.tls {
            None => self.socket.write(bytes),
            Some(tls) => tls.write(self.socket.as_mut(), bytes),
        };
        let done = self.attempt(Interest::Writable, written)?;
        Ok(done.unwrap_or(0))
    }

    /// Whether TLS has records that wait for room.
    pub(super) fn has_unsent(&self) -> bool {
        self.tls.as_deref().is_some_and(Secured::has_unsent)
    }

    /// Sends the records of TLS that wait; whether none are left.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        let Some(tls) = self.tls.as_mut().filter(|tls| tls.has_unsent()) else {
            return Ok(true);
        };
        if !self.ready.writable {
            return Ok(false);
        }
        let flushed = tls.flush(self.socket.as_mut());
        self.attempt(Interest::Writable, flushed)
            .map(|done| done.is_some())
    }

    /// Nothing more is written: TLS announces it, and [`half_close`](Self::half_close) follows once that is
    /// sent.
    pub(super) fn announce_end(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.end();
        }
    }

    /// Ends this side of the connection.
    pub(super) fn half_close(&mut self) -> io::Result<()> {
        self.socket.shutdown()
    }

    fn attempt<T>(&mut self, interest: Interest, done: io::Result<T>) -> io::Result<Option<T>> {
        match done {
            Ok(done) => Ok(Some(done)),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.ready.clear(interest);
                    Ok(None)
                }
                io::ErrorKind::Interrupted => Ok(None),
                _ => Err(error),
            },
        }
    }
}
