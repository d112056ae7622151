//! One connection of the client's, in the clear or secured: blocking, and the same to whoever
//! reads and writes.
//!
//! Secured, it reads the socket in large pieces: what takes the client's time is decryption and
//! not rustls' small reads, so that it is the server that is measured.

use std::io::{self, Read, Write};
#[cfg(feature = "tls")]
use std::net::Shutdown;
use std::net::TcpStream;

/// A connection.
pub(crate) enum Connection {
    /// In the clear.
    Clear(TcpStream),
    /// By TLS; the handshake comes with the first byte.
    #[cfg(feature = "tls")]
    Secured(Box<Secured>),
}

#[cfg(feature = "tls")]
pub(crate) type Secured = rustls::StreamOwned<rustls::ClientConnection, Socket>;

impl Connection {
    /// The socket.
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Clear(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.sock.0.get_ref(),
        }
    }

    /// Says that no more is sent, by TLS too.
    #[cfg(feature = "tls")]
    pub(crate) fn end_output(&mut self) -> io::Result<()> {
        if let Self::Secured(secured) = self {
            secured.conn.send_close_notify();
            secured.flush()?;
        }
        self.socket().shutdown(Shutdown::Write)
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.read(buffer),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.write(bytes),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(socket) => socket.flush(),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.flush(),
        }
    }
}

/// A socket that is read ahead of rustls.
#[cfg(feature = "tls")]
pub(crate) struct Socket(io::BufReader<TcpStream>);

#[cfg(feature = "tls")]
impl Socket {
    /// Over a connected one.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(io::BufReader::with_capacity(64 * 1024, stream))
    }
}

#[cfg(feature = "tls")]
impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

#[cfg(feature = "tls")]
impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.get_mut().write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
