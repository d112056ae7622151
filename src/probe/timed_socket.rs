//! A blocking socket whose calls end in time.
//!
//! Each call waits for at most the time-out, and all calls together end at a deadline, so that a peer that
//! sends a byte now and then cannot hold the probe. A wait for silence has no other limit than its own. It
//! must not know what the bytes are.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::clock::Instant;

/// A socket whose calls end in time.
#[derive(Debug)]
pub(super) struct TimedSocket {
    socket: TcpStream,
    timeout: Duration,
    /// What one call may take.
    each: Duration,
    deadline: Instant,
}

impl TimedSocket {
    /// Waits for at most `timeout`, now and in each later call.
    pub(super) fn connect(address: SocketAddr, timeout: Duration) -> io::Result<Self> {
        Self::new(TcpStream::connect_timeout(&address, timeout)?, timeout)
    }

    /// Over a socket that is connected.
    pub(super) fn new(socket: TcpStream, timeout: Duration) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            timeout,
            each: timeout,
            deadline: Instant::now() + timeout,
        })
    }

    /// From now on, all calls together may take this time.
    pub(super) fn allow(&mut self, time: Duration) {
        self.deadline = Instant::now() + time;
        self.each = self.timeout;
    }

    /// The next call may take this time, which may be longer than the time-out.
    pub(super) fn allow_silence(&mut self, time: Duration) {
        self.deadline = Instant::now() + time;
        self.each = time;
    }

    pub(super) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// What the next call may take.
    fn left(&self) -> io::Result<Duration> {
        match self.deadline - Instant::now() {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(left.min(self.each)),
        }
    }
}

impl Read for TimedSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.left()?))?;
        self.socket.read(buffer).map_err(late)
    }
}

impl Write for TimedSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        self.socket.write(bytes).map_err(late)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A blocking socket says "would block" when its time is over.
fn late(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}
