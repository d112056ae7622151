//! A socket in memory, both ends in one hand: what has come, what has been written, and how much
//! of either goes in one call.
//!
//! It counts the calls, so that a test can tell who never stops asking.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mioftpd::net::Stream;
use mioftpd::storage::{File, Wait};

/// A record that is as long as it says, and whose key nobody has.
pub(crate) const FORGED: [u8; 45] = {
    let mut record = [7; 45];
    [record[0], record[1], record[2], record[3], record[4]] = [23, 3, 3, 0, 40];
    record
};

/// How the peer has ended its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Not yet.
    Open,
    /// A FIN.
    Fin,
    /// A reset, which comes once and is an end afterwards.
    Reset,
}

/// How the server closes its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Close {
    Orderly,
    Reset,
}

pub(crate) struct Wire {
    /// From the peer, and not read yet.
    pub(crate) inbound: VecDeque<u8>,
    pub(crate) end: End,
    /// Written, and not taken by the peer yet.
    pub(crate) outbound: Vec<u8>,
    /// The most that one read gives.
    pub(crate) gulp: usize,
    /// The most that one write takes.
    pub(crate) bite: usize,
    /// What can be written before there is no room.
    pub(crate) room: usize,
    pub(crate) is_shut: bool,
    /// How the server has closed it.
    pub(crate) closed: Option<Close>,
    /// Reads and writes.
    pub(crate) calls: usize,
}

/// A handle of it; the socket is another one.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Wire>>);

impl Shared {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Wire {
            inbound: VecDeque::new(),
            end: End::Open,
            outbound: Vec::new(),
            gulp: usize::MAX,
            bite: usize::MAX,
            room: usize::MAX,
            is_shut: false,
            closed: None,
            calls: 0,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Wire> {
        // A test that fails with it in hand still has sockets to drop.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has been written since the last time.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().outbound)
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
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.wire.lock();
        wire.calls += 1;
        let count = buffer.len().min(wire.inbound.len()).min(wire.gulp);
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
        let count = bytes.len().min(wire.bite).min(wire.room);
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
