//! [`Stream`] over a non-blocking TCP socket of the operating system.
//!
//! It owns the socket and adds nothing to the system calls: one call each, no buffer, and no state but what
//! the poller reports of it. It knows neither the protocol nor the event loop.

use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use mio::{Interest, Registry};
use rustix::io::Errno;
use rustix::net::sockopt;

use super::sockets::canonical;
use super::{Registration, Stream, Token};
use crate::storage::{File, Wait};

/// Bytes copied by one call for a file without a descriptor.
const COPY_CHUNK: usize = 64 * 1024;

/// A non-blocking TCP socket.
pub(super) struct SystemStream {
    socket: mio::net::TcpStream,
    registry: Arc<Registry>,
    token: Token,
    registration: Registration,
}

impl SystemStream {
    /// Wraps a socket that is not registered with the poller yet.
    pub(super) const fn new(
        socket: mio::net::TcpStream,
        registry: Arc<Registry>,
        token: Token,
    ) -> Self {
        Self {
            socket,
            registry,
            token,
            registration: Registration::None,
        }
    }

    /// Fallback for files that `sendfile` does not support: in memory, or on a file system
    /// without splice. A storage error is wrapped in the [`io::Error`].
    fn copy_file(&mut self, file: &dyn File, offset: u64, count: usize) -> io::Result<usize> {
        let mut chunk = vec![0; count.min(COPY_CHUNK)];
        let length = file
            .read_at(&mut chunk, offset, Wait::Allowed)
            .map_err(io::Error::other)?;
        debug_assert!(length <= chunk.len());
        match chunk.get(..length) {
            None | Some([]) => Ok(0),
            Some(bytes) => self.write(bytes),
        }
    }
}

/// What the poller is asked for; `None` if for nothing.
fn interests(registration: Registration) -> Option<Interest> {
    match registration {
        Registration::None => None,
        Registration::Readable => Some(Interest::READABLE),
        Registration::Writable => Some(Interest::WRITABLE),
        Registration::Both => Some(Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY),
    }
}

impl Stream for SystemStream {
    fn register(&mut self, registration: Registration) -> io::Result<()> {
        let before = std::mem::replace(&mut self.registration, registration);
        if before == registration {
            return Ok(());
        }
        let (registry, socket) = (&self.registry, &mut self.socket);
        let Some(interests) = interests(registration) else {
            return registry.deregister(socket);
        };
        let token = self.token.into();
        let registered = if before == Registration::None {
            registry.register(socket, token, interests)
        } else {
            registry.reregister(socket, token, interests)
        };
        if registered.is_err() {
            self.registration = before;
        }
        registered
    }

    fn registration(&self) -> Registration {
        self.registration
    }

    fn rename(&mut self, token: Token) {
        debug_assert_eq!(self.registration, Registration::None);
        self.token = token;
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.socket.read(buffer))
    }

    fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.socket.peek(buffer))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.socket.write(bytes))
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        uninterrupted(|| self.socket.write_vectored(pieces))
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
        // Fails only on a socket that is already dead.
        let _ = sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::sockets::new_socket;
    use crate::net::testing::{FakeFile, socket_pair, unpolled};
    use crate::storage::{Disk, Error, Memory, Storage, VirtualPath};

    fn open(storage: &dyn Storage) -> Box<dyn File> {
        let path = VirtualPath::root().join(b"file").unwrap();
        storage.open(&path, Wait::Allowed).unwrap().0
    }

    #[test]
    fn send_file_starts_at_offset_and_reports_end() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "0123456789").unwrap();
        let disk = Disk::open_root(directory.path()).unwrap();
        let memory = Memory::new().with_file("/file", b"0123456789");
        for file in [open(&disk), open(&memory)] {
            let (mut client, mut stream) = socket_pair();
            for (offset, count, sent) in [(0, 3, 3), (3, 100, 7), (10, 1, 0), (1 << 40, 1, 0)] {
                assert_eq!(stream.send_file(&*file, offset, count).unwrap(), sent);
            }
            stream.shutdown().unwrap();
            let mut received = String::new();
            client.read_to_string(&mut received).unwrap();
            assert_eq!(received, "0123456789");
        }
    }

    #[test]
    fn send_file_would_block_when_peer_does_not_read() {
        let memory = Memory::new().with_file("/file", &vec![0; 1 << 20]);
        let (_client, mut stream) = socket_pair();
        let file = open(&memory);
        let full = loop {
            match stream.send_file(&*file, 0, 1 << 20) {
                Ok(sent) => assert!((1..=COPY_CHUNK).contains(&sent)),
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn storage_error_is_distinguishable_from_network_error() {
        let (_client, mut stream) = socket_pair();
        let broken = FakeFile {
            file: open(&Memory::new().with_file("/file", b"")),
            reads: Err(Error::Device),
        };
        let error = stream.send_file(&broken, 0, 1).unwrap_err();
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        assert_eq!(inner, Some(&Error::Device));
    }

    #[test]
    fn reset_is_not_an_orderly_end() {
        let (mut client, mut stream) = socket_pair();
        stream.write(b"half").unwrap();
        stream.reset_on_close();
        drop(stream);
        let read = client.read_to_end(&mut Vec::new());
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn unconnected_socket_and_empty_read_would_block() {
        let (client, mut stream) = socket_pair();
        stream.connected().unwrap();
        assert_eq!(stream.local_address().unwrap(), client.peer_addr().unwrap());
        let socket = new_socket(client.peer_addr().unwrap()).unwrap();
        let mut unconnected = unpolled(socket.into());
        let waiting = unconnected.connected().unwrap_err();
        assert_eq!(waiting.kind(), io::ErrorKind::WouldBlock);

        let mut buffer = [0; 1];
        let nothing = stream.read(&mut buffer).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    }
}
