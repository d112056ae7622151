//! A blocking connection of the client, plain or over TLS, with the same interface for both.
//!
//! Over TLS, the socket is read in large pieces: without the small reads of rustls, the client's
//! overhead stays small beside the server's.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::net::TcpStream;

/// One end of a connection, whose form over TLS is `T`.
pub(crate) enum Either<T> {
    /// Without TLS.
    Plain(TcpStream),
    /// Over TLS; the handshake runs at the first read or write.
    Tls(Box<T>),
}

/// The client's end.
pub(crate) type Connection = Either<TlsStream>;

pub(crate) type TlsStream = rustls::StreamOwned<rustls::ClientConnection, Socket>;

impl Connection {
    /// The socket.
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.sock.0.get_ref(),
        }
    }

    /// Half-closes the connection for writing, over TLS with a `close_notify` before.
    pub(crate) fn end_output(&mut self) -> io::Result<()> {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        self.socket().shutdown(Shutdown::Write)
    }
}

impl<T: Read> Read for Either<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl<T: Write> Write for Either<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A socket with a read buffer below rustls.
pub(crate) struct Socket(io::BufReader<TcpStream>);

impl Socket {
    /// Wraps a connected socket.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(io::BufReader::with_capacity(64 * 1024, stream))
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

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
