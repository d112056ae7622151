//! The part of a file that is still to be sent: its offset, and how many bytes are left.
//!
//! A [`FileCursor`] owns the open file and moves forward by the bytes that were read or sent. It
//! knows no representation: its callers send the bytes as they are or convert them.

use std::io;

use crate::net::Stream;
use crate::storage::{Error, File, Wait};
use crate::transfer::scratch::capped;
use crate::transfer::{Interest, Scratch, Sent, SliceOutcome, TransferFailure, send};

/// A range of an open file, from the next byte to send to the last.
pub(in crate::transfer) struct FileCursor {
    file: Box<dyn File>,
    offset: u64,
    /// Bytes left to send. Fixed when the file is opened: bytes that are appended later are not sent.
    left: u64,
}

impl FileCursor {
    /// `left` bytes of the file, from `offset`.
    pub(in crate::transfer) const fn new(file: Box<dyn File>, offset: u64, left: u64) -> Self {
        Self { file, offset, left }
    }

    /// The offset of the next byte in the file.
    pub(in crate::transfer) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of bytes left to send.
    pub(in crate::transfer) const fn left(&self) -> u64 {
        self.left
    }

    /// Reads the next bytes and moves past them.
    pub(in crate::transfer) fn read<'a>(
        &mut self,
        room: &'a mut [u8],
        wait: Wait,
    ) -> Result<&'a [u8], SliceOutcome> {
        let bytes = self.peek(room, wait)?;
        self.advance(bytes.len());
        Ok(bytes)
    }

    /// Sends by `sendfile`, without a copy through this process. `None` is progress.
    pub(in crate::transfer) fn send_file(
        &mut self,
        stream: &mut dyn Stream,
        budget: u64,
        moved: &mut u64,
    ) -> Option<SliceOutcome> {
        if self.left == 0 {
            return Some(SliceOutcome::Done);
        }
        // Saturates where usize has 32 bits.
        let count = usize::try_from(self.left.min(budget)).unwrap_or(usize::MAX);
        match stream.send_file(self.file.as_ref(), self.offset, count) {
            Ok(0) => Some(file_truncated()),
            Ok(count) => {
                self.advance(count);
                *moved += count as u64;
                None
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Some(SliceOutcome::Waiting(Interest::Writable)),
                io::ErrorKind::Interrupted => None,
                _ => Some(SliceOutcome::Failed(send_file_failure(&error))),
            },
        }
    }

    /// Sends through the scratch buffer, only what the page cache holds. `None` is progress.
    pub(in crate::transfer) fn send_cached(
        &mut self,
        stream: &mut dyn Stream,
        budget: u64,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> Option<SliceOutcome> {
        if self.left == 0 {
            return Some(SliceOutcome::Done);
        }
        let room = match scratch.room(budget) {
            Ok(room) => room,
            Err(error) => return Some(SliceOutcome::Failed(TransferFailure::Storage(error))),
        };
        let bytes = match self.peek(room, Wait::Never) {
            Ok(bytes) => bytes,
            Err(outcome) => return Some(outcome),
        };
        match send(stream, bytes, moved) {
            Sent::All => {
                self.advance(bytes.len());
                None
            }
            Sent::Part(sent) => {
                self.advance(sent);
                Some(SliceOutcome::Waiting(Interest::Writable))
            }
            Sent::Failed => Some(SliceOutcome::Failed(TransferFailure::Connection)),
        }
    }

    fn peek<'a>(&self, room: &'a mut [u8], wait: Wait) -> Result<&'a [u8], SliceOutcome> {
        let room = capped(room, self.left);
        match self.file.read_at(room, self.offset, wait) {
            Ok(0) => Err(file_truncated()),
            Ok(count) => {
                debug_assert!(count <= room.len());
                Ok(room.get(..count).unwrap_or_default())
            }
            Err(Error::WouldWait) => Err(SliceOutcome::WouldWait),
            Err(error) => Err(SliceOutcome::Failed(TransferFailure::Storage(error))),
        }
    }

    fn advance(&mut self, count: usize) {
        self.offset += count as u64;
        self.left = self.left.saturating_sub(count as u64);
    }
}

/// Attributes an error of `send_file` to the file or to the connection. EIO can only come from the
/// file; the fallback that copies wraps the storage's own error.
fn send_file_failure(error: &io::Error) -> TransferFailure {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    if let Some(error) = inner {
        return TransferFailure::Storage(*error);
    }
    if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) {
        return TransferFailure::Storage(Error::Device);
    }
    TransferFailure::Connection
}

/// The 150 reply promised a size: a file that ends before it fails the transfer.
const fn file_truncated() -> SliceOutcome {
    SliceOutcome::Failed(TransferFailure::Storage(Error::BeyondEnd))
}
