//! A connection of the probe, in the clear or with TLS.
//!
//! It owns the socket. It must not know what the bytes are.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::timed_socket::TimedSocket;
use super::tls::Secured;

/// A connection.
#[derive(Debug)]
pub(super) enum Wire {
    /// In the clear.
    Clear(TimedSocket),
    /// With TLS.
    Secure(Box<Secured>),
}

impl Wire {
    /// The socket below.
    pub(super) const fn socket(&self) -> &TcpStream {
        match self {
            Self::Clear(timed) => timed.socket(),
            Self::Secure(secured) => secured.timed().socket(),
        }
    }

    /// From now on, all calls together may take this time.
    pub(super) fn allow(&mut self, time: Duration) {
        match self {
            Self::Clear(timed) => timed.allow(time),
            Self::Secure(secured) => secured.timed_mut().allow(time),
        }
    }

    /// The next call may take this time, which may be longer than the time-out.
    pub(super) fn allow_silence(&mut self, time: Duration) {
        match self {
            Self::Clear(timed) => timed.allow_silence(time),
            Self::Secure(secured) => secured.timed_mut().allow_silence(time),
        }
    }

    /// The socket below, for a TLS handshake.
    pub(super) fn into_clear(self) -> io::Result<TimedSocket> {
        match self {
            Self::Clear(timed) => Ok(timed),
            Self::Secure(_) => Err(io::Error::other("the connection has TLS already")),
        }
    }

    /// Ends what is sent, with `close_notify` if there is TLS.
    pub(super) fn end(&mut self) {
        if let Self::Secure(secured) = self {
            secured.end();
        }
        // The other end may be gone.
        let _ = self.socket().shutdown(Shutdown::Write);
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(timed) => timed.read(buffer),
            Self::Secure(secured) => secured.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(timed) => timed.write(bytes),
            Self::Secure(secured) => secured.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(timed) => timed.flush(),
            Self::Secure(secured) => secured.flush(),
        }
    }
}
