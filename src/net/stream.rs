//! One TCP connection of the operating system's, behind [`Stream`].
//!
//! It owns the socket and adds nothing to what the system calls do: one call each, no buffer,
//! no state. It does not know what the bytes mean, nor who waits for them.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt;

use super::Stream;
use super::system::canonical;
use crate::storage::{File, Wait};

/// How much of a file without a descriptor is copied in one call.
const COPY_CHUNK: usize = 64 * 1024;

/// A non-blocking TCP socket.
pub(super) struct SystemStream {
    socket: mio::net::TcpStream,
}

impl SystemStream {
    /// Takes a socket that is registered already.
    pub(super) const fn new(socket: mio::net::TcpStream) -> Self {
        Self { socket }
    }

    /// For what the kernel cannot send itself: a file in memory, or on a file system
    /// without splice. A storage error comes back inside the [`io::Error`].
    fn copy_file(&mut self, file: &dyn File, offset: u64, count: usize) -> io::Result<usize> {
        let mut chunk = vec![0; count.min(COPY_CHUNK)];
        let length = file
            .read_at(&mut chunk, offset, Wait::Allowed)
            .map_err(io::Error::other)?;
        match chunk.get(..length) {
            None | Some([]) => Ok(0),
            Some(bytes) => self.write(bytes),
        }
    }
}

impl Stream for SystemStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.socket.read(buffer))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.socket.write(bytes))
    }

    fn send_file(&mut self, file: &dyn File, offset: u64, count: usize) -> io::Result<usize> {
        let Some(descriptor) = file.descriptor() else {
            return self.copy_file(file, offset, count);
        };
        match send_file(self.socket.as_fd(), descriptor, offset, count) {
            Err(Errno::INVAL | Errno::NOSYS) => self.copy_file(file, offset, count),
            result => Ok(result?),
        }
    }

    fn connected(&mut self) -> io::Result<()> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(error) => Err(error),
        }
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr().map(canonical)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    fn reset_on_close(&mut self) {
        // A socket that refuses this is gone already, and gone is what was asked for.
        let _ = sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
    }
}

fn send_file(
    socket: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    mut offset: u64,
    count: usize,
) -> rustix::io::Result<usize> {
    rustix::io::retry_on_intr(|| rustix::fs::sendfile(socket, file, Some(&mut offset), count))
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
