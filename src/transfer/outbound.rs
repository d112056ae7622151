//! RETR: a file's bytes onto the data connection.
//!
//! Binary goes by `sendfile` where the disk may be waited for. On the loop only a small rest
//! is sent, and only if the kernel has it cached: `sendfile` cannot be told not to wait.
//! TYPE A is converted through the scratch; what the connection did not take of a converted
//! chunk is kept, because its offset in the file is no longer known. RFC 959 §3.1.1.

use std::io;

use super::{Failure, Interest, Representation, Scratch, Sent, Verdict, send};
use crate::limits::INLINE_BYTES;
use crate::net::Stream;
use crate::protocol::ascii::Encoder;
use crate::storage::{Error, File, Wait};

pub(super) struct Outbound {
    file: Box<dyn File>,
    offset: u64,
    /// Bytes of the file that are to be sent; it may have grown since, and we do not follow.
    left: u64,
    form: Form,
}

enum Form {
    Image,
    Ascii {
        encoder: Encoder,
        /// Converted, and not taken yet by the connection.
        unsent: Vec<u8>,
    },
}

impl Outbound {
    pub(super) fn new(
        file: Box<dyn File>,
        representation: Representation,
        offset: u64,
        left: u64,
    ) -> Self {
        let form = match representation {
            Representation::Image => Form::Image,
            Representation::Ascii => Form::Ascii {
                encoder: Encoder::new(),
                unsent: Vec::new(),
            },
        };
        Self {
            file,
            offset,
            left,
            form,
        }
    }

    pub(super) fn slice(
        &mut self,
        stream: &mut dyn Stream,
        budget: usize,
        wait: Wait,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> Verdict {
        if wait == Wait::Never && self.left > INLINE_BYTES as u64 {
            return Verdict::WouldWait;
        }
        let enough = *moved + budget as u64;
        while *moved < enough {
            let step = match (&self.form, wait) {
                (Form::Image, Wait::Allowed) => self.send_file(stream, enough - *moved, moved),
                (Form::Image, Wait::Never) => self.send_cached(stream, scratch, moved),
                (Form::Ascii { .. }, _) => self.send_converted(stream, wait, scratch, moved),
            };
            if let Some(verdict) = step {
                return verdict;
            }
        }
        Verdict::Again
    }

    /// Straight from the file to the socket. `None` is progress.
    fn send_file(
        &mut self,
        stream: &mut dyn Stream,
        budget: u64,
        moved: &mut u64,
    ) -> Option<Verdict> {
        if self.left == 0 {
            return Some(Verdict::Done);
        }
        let count = usize::try_from(self.left.min(budget)).unwrap_or(usize::MAX);
        match stream.send_file(self.file.as_ref(), self.offset, count) {
            Ok(0) => Some(shorter_than_it_was()),
            Ok(count) => {
                self.advance(count);
                *moved += count as u64;
                None
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Some(Verdict::Waiting(Interest::Writable)),
                io::ErrorKind::Interrupted => None,
                _ => Some(Verdict::Failed(whose(&error))),
            },
        }
    }

    /// Through the scratch, from the kernel's cache or not at all. `None` is progress.
    fn send_cached(
        &mut self,
        stream: &mut dyn Stream,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> Option<Verdict> {
        if self.left == 0 {
            return Some(Verdict::Done);
        }
        let room = capped(&mut scratch.chunk, self.left);
        let count = match self.file.read_at(room, self.offset, Wait::Never) {
            Ok(0) => return Some(shorter_than_it_was()),
            Ok(count) => count,
            Err(Error::WouldWait) => return Some(Verdict::WouldWait),
            Err(error) => return Some(Verdict::Failed(Failure::Storage(error))),
        };
        let bytes = room.get(..count)?;
        match send(stream, bytes, moved) {
            Sent::All => {
                self.advance(count);
                None
            }
            Sent::Part(sent) => {
                self.advance(sent);
                Some(Verdict::Waiting(Interest::Writable))
            }
            Sent::Failed => Some(Verdict::Failed(Failure::Connection)),
        }
    }

    /// Converted to CRLF lines. `None` is progress.
    fn send_converted(
        &mut self,
        stream: &mut dyn Stream,
        wait: Wait,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> Option<Verdict> {
        let Form::Ascii { encoder, unsent } = &mut self.form else {
            return Some(Verdict::Done);
        };
        if unsent.is_empty() {
            if self.left == 0 {
                return Some(Verdict::Done);
            }
            let room = capped(&mut scratch.chunk, self.left);
            let count = match self.file.read_at(room, self.offset, wait) {
                Ok(0) => return Some(shorter_than_it_was()),
                Ok(count) => count,
                Err(Error::WouldWait) => return Some(Verdict::WouldWait),
                Err(error) => return Some(Verdict::Failed(Failure::Storage(error))),
            };
            scratch.converted.clear();
            encoder.encode(room.get(..count)?, &mut scratch.converted);
            self.offset += count as u64;
            self.left -= count as u64;
        } else {
            scratch.converted.clear();
            scratch.converted.append(unsent);
        }
        match send(stream, &scratch.converted, moved) {
            Sent::All => None,
            Sent::Part(sent) => {
                unsent.extend_from_slice(scratch.converted.get(sent..)?);
                Some(Verdict::Waiting(Interest::Writable))
            }
            Sent::Failed => Some(Verdict::Failed(Failure::Connection)),
        }
    }

    fn advance(&mut self, count: usize) {
        self.offset += count as u64;
        self.left = self.left.saturating_sub(count as u64);
    }
}

/// Whose fault it is that `send_file` failed: of the two descriptors, only the file's can have an
/// I/O error, and a copy in its stead says what the storage said.
fn whose(error: &io::Error) -> Failure {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    if let Some(error) = inner {
        return Failure::Storage(*error);
    }
    if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) {
        return Failure::Storage(Error::Device);
    }
    Failure::Connection
}

/// The size was promised in the 150: a file that ends before it is an error, never a 226.
const fn shorter_than_it_was() -> Verdict {
    Verdict::Failed(Failure::Storage(Error::BeyondEnd))
}

/// As much of `room` as `left` bytes need.
fn capped(room: &mut [u8], left: u64) -> &mut [u8] {
    let length = usize::try_from(left).map_or(room.len(), |left| left.min(room.len()));
    room.get_mut(..length).unwrap_or_default()
}
