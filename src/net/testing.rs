//! A stream and a file in memory, for the unit tests of this layer and of transfers.
//!
//! The stream returns the bytes that a test gives it, in pieces, and records what is written. The files
//! forward to another one, and limit or fail its reads and writes.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::stream::SystemStream;
use super::{Registration, Stream, Token};
use crate::storage::{self, CommitState, Error, File, Metadata, UploadFile, Wait};

/// The longest that a client's socket waits for bytes.
const DEADLINE: Duration = Duration::from_secs(10);

/// A socket in memory; it accepts all writes.
pub(crate) struct FakeStream {
    /// What the peer has sent.
    pub(crate) incoming: VecDeque<u8>,
    pub(crate) outgoing: Vec<u8>,
    /// The most bytes that one read returns.
    pub(crate) piece: usize,
    /// What a read returns when nothing is left of `incoming`.
    pub(crate) end: Result<usize, io::ErrorKind>,
    pub(crate) reads: usize,
    /// Whether the first shutdown would block.
    pub(crate) blocks_shutdown: bool,
    pub(crate) shutdowns: usize,
}

impl Default for FakeStream {
    fn default() -> Self {
        Self {
            incoming: VecDeque::new(),
            outgoing: Vec::new(),
            piece: usize::MAX,
            end: Err(io::ErrorKind::WouldBlock),
            reads: 0,
            blocks_shutdown: false,
            shutdowns: 0,
        }
    }
}

impl FakeStream {
    /// The peer has sent these bytes, and nothing more yet.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self {
            incoming: bytes.iter().copied().collect(),
            ..Self::default()
        }
    }
}

impl Stream for FakeStream {
    fn register(&mut self, _: Registration) -> io::Result<()> {
        Ok(())
    }

    fn registration(&self) -> Registration {
        Registration::None
    }

    fn rename(&mut self, _: Token) {}

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.incoming.is_empty() {
            return self.end.map_err(io::Error::from);
        }
        let count = buffer.len().min(self.piece);
        self.incoming.read(&mut buffer[..count])
    }

    fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return self.end.map_err(io::Error::from);
        }
        let bytes = self.incoming.iter().copied();
        let peeked = buffer.iter_mut().zip(bytes);
        Ok(peeked.map(|(to, byte)| *to = byte).count())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn send_file(&mut self, _: &dyn File, _: u64, _: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn connected(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::NotConnected.into())
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.shutdowns += 1;
        if self.blocks_shutdown && self.shutdowns == 1 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    }

    fn reset_on_close(&mut self) {
        assert_eq!(self.shutdowns, 0, "what was sent would be lost");
    }
}

/// Another file, with limited or failing reads, and without a descriptor.
pub(crate) struct FakeFile {
    pub(crate) file: Box<dyn File>,
    /// The most bytes that one read returns, or its error.
    pub(crate) reads: storage::Result<usize>,
}

impl File for FakeFile {
    fn read_at(&self, room: &mut [u8], offset: u64, wait: Wait) -> storage::Result<usize> {
        let count = room.len().min(self.reads?);
        self.file.read_at(&mut room[..count], offset, wait)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// Another upload, which cannot be written until its quota is counted.
pub(crate) struct FakeUpload {
    pub(crate) file: Box<dyn UploadFile>,
    pub(crate) is_counted: Arc<AtomicBool>,
}

impl UploadFile for FakeUpload {
    fn write_at(&self, bytes: &[u8], offset: u64) -> storage::Result<()> {
        if !self.is_counted.load(Ordering::Relaxed) {
            return Err(Error::NotCounted);
        }
        self.file.write_at(bytes, offset)
    }

    fn metadata(&self) -> storage::Result<Metadata> {
        self.file.metadata()
    }

    fn commit_state(&self) -> storage::Result<CommitState> {
        self.file.commit_state()
    }

    fn commit(&mut self) -> storage::Result<()> {
        self.file.commit()
    }

    fn forbid_replace(&mut self) -> storage::Result<()> {
        self.file.forbid_replace()
    }

    fn commit_truncated(&mut self, size: u64) -> storage::Result<()> {
        self.file.commit_truncated(size)
    }
}

/// A client's socket, and the server's stream to it.
pub(super) fn socket_pair() -> (TcpStream, SystemStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let (socket, _) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    (client, unpolled(socket))
}

/// A non-blocking socket as a stream, of which nobody polls events.
pub(super) fn unpolled(socket: TcpStream) -> SystemStream {
    let registry = mio::Poll::new().unwrap().registry().try_clone().unwrap();
    let socket = mio::net::TcpStream::from_std(socket);
    SystemStream::new(socket, Arc::new(registry), Token(0))
}
