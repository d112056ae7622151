//! A socket in memory, controlled by the test: the bytes to read, the bytes that were written, and how
//! many of either one call moves.
//!
//! It counts calls, so that a test can detect busy loops.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mioftpd::internals::net::{Readiness, Registration, Stream, Token};
use mioftpd::internals::storage::{File, Wait};

/// A record of valid length that no key decrypts.
pub(crate) const FORGED: [u8; 45] = {
    let mut record = [7; 45];
    [record[0], record[1], record[2], record[3], record[4]] = [23, 3, 3, 0, 40];
    record
};

/// Whether and how the peer has ended its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Not yet.
    Open,
    /// A FIN.
    Fin,
    /// A reset, which is reported once; later reads return 0.
    Reset,
}

/// How the server closes its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Close {
    Orderly,
    Reset,
}

pub(crate) struct Wire {
    /// Sent by the peer and not read yet.
    pub(crate) inbound: VecDeque<u8>,
    pub(crate) end: End,
    /// Written and not taken by the peer yet.
    pub(crate) outbound: Vec<u8>,
    /// The most bytes of one read.
    pub(crate) max_read: usize,
    /// The most bytes of one write.
    pub(crate) max_write: usize,
    /// Free space in the send buffer.
    pub(crate) room: usize,
    pub(crate) is_shut: bool,
    /// How the server has closed it.
    pub(crate) closed: Option<Close>,
    /// The number of reads and writes.
    pub(crate) calls: usize,
    /// What is reported of it.
    registration: Registration,
    /// Whether its readiness is to be reported by the next poll.
    edge: bool,
}

/// The test's handle of a wire; the socket is another.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Wire>>);

impl Shared {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Wire {
            inbound: VecDeque::new(),
            end: End::Open,
            outbound: Vec::new(),
            max_read: usize::MAX,
            max_write: usize::MAX,
            room: usize::MAX,
            is_shut: false,
            closed: None,
            calls: 0,
            registration: Registration::None,
            edge: false,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Wire> {
        // A failing test may hold the lock while its sockets are dropped.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the bytes written since the last call.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().outbound)
    }

    /// Its readiness has changed. Nothing is reported of a wire that is not registered.
    pub(crate) fn change(&self) {
        self.lock().edge = true;
    }

    /// Takes what epoll reports of it, once for each change.
    pub(crate) fn take_readiness(&self) -> Option<Readiness> {
        let mut wire = self.lock();
        if !std::mem::take(&mut wire.edge) {
            return None;
        }
        let is_over = wire.end != End::Open;
        let [reads, writes] = match wire.registration {
            Registration::None => [false; 2],
            Registration::Readable => [true, false],
            Registration::Writable => [false, true],
            Registration::Both => [true; 2],
        };
        let readiness = Readiness {
            readable: reads && (is_over || !wire.inbound.is_empty()),
            writable: writes && wire.room > 0,
            drain: reads && is_over,
        };
        (readiness != Readiness::default()).then_some(readiness)
    }

    pub(crate) fn socket(&self) -> Box<dyn Stream> {
        Box::new(Socket {
            wire: self.clone(),
            close: Close::Orderly,
        })
    }
}

struct Socket {
    wire: Shared,
    close: Close,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.wire.lock().closed = Some(self.close);
    }
}

impl Stream for Socket {
    fn register(&mut self, registration: Registration) -> io::Result<()> {
        let mut wire = self.wire.lock();
        wire.edge |= wire.registration != registration;
        wire.registration = registration;
        Ok(())
    }

    fn registration(&self) -> Registration {
        self.wire.lock().registration
    }

    fn rename(&mut self, _: Token) {}

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.wire.lock();
        wire.calls += 1;
        let count = buffer.len().min(wire.inbound.len()).min(wire.max_read);
        for (place, byte) in buffer.iter_mut().zip(wire.inbound.drain(..count)) {
            *place = byte;
        }
        match wire.end {
            _ if count > 0 || buffer.is_empty() => Ok(count),
            End::Open => Err(io::ErrorKind::WouldBlock.into()),
            End::Fin => Ok(0),
            End::Reset => {
                wire.end = End::Fin;
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut wire = self.wire.lock();
        wire.calls += 1;
        if wire.is_shut {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(wire.max_write).min(wire.room);
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        wire.room -= count;
        wire.outbound.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn send_file(&mut self, file: &dyn File, offset: u64, count: usize) -> io::Result<usize> {
        let mut bytes = vec![0; count];
        let length = file.read_at(&mut bytes, offset, Wait::Allowed).unwrap();
        self.write(&bytes[..length])
    }

    fn connected(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        Ok(([127, 0, 0, 1], 21).into())
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.wire.lock().is_shut = true;
        Ok(())
    }

    fn reset_on_close(&mut self) {
        self.close = Close::Reset;
    }
}
