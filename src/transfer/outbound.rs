//! RETR: a file's bytes onto the data connection.
//!
//! What is sent as it is goes by `sendfile` where the disk may be waited for. On the loop only
//! a small file is sent, and only if the kernel has it cached: `sendfile` cannot be told not
//! to wait. Everything else is [`converting`](super::converting). RFC 959 §3.1.1.

use std::io;

use super::converting::Converting;
use super::{Failure, Interest, Representation, Scratch, Sent, SliceOutcome, send};
use crate::limits::INLINE_BYTES;
use crate::net::Stream;
use crate::storage::{Error, File, Wait};

pub(super) struct Outbound {
    file: Unsent,
    form: Form,
    /// Whether the loop may send it. The last of a large file is not for the loop either: who has
    /// a deleted one open frees all its blocks when it closes it, and waits for that.
    is_small: bool,
}

enum Form {
    /// TYPE I, STRU F, MODE S: the wire is the file.
    Image,
    /// Anything else.
    Converted(Box<Converting>),
}

/// What is to be sent of a file.
pub(super) struct Unsent {
    file: Box<dyn File>,
    offset: u64,
    /// Bytes of the file that are to be sent; it may have grown since, and we do not follow.
    left: u64,
}

impl Outbound {
    /// `left` bytes from `offset` of a file of this `size`.
    pub(super) fn new(
        file: Box<dyn File>,
        size: u64,
        representation: Representation,
        offset: u64,
        left: u64,
    ) -> Self {
        let converting = Converting::new(representation, offset);
        Self {
            file: Unsent { file, offset, left },
            form: converting.map_or(Form::Image, |form| Form::Converted(Box::new(form))),
            is_small: size <= INLINE_BYTES as u64,
        }
    }

    pub(super) fn slice(
        &mut self,
        stream: &mut dyn Stream,
        budget: usize,
        wait: Wait,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> SliceOutcome {
        if wait == Wait::Never && !self.is_small {
            return SliceOutcome::WouldWait;
        }
        if let Form::Converted(converting) = &mut self.form {
            return converting.slice(&mut self.file, stream, budget, wait, scratch, moved);
        }
        let enough = *moved + budget as u64;
        while *moved < enough {
            let step = match wait {
                Wait::Allowed => self.file.send_file(stream, enough - *moved, moved),
                Wait::Never => self
                    .file
                    .send_cached(stream, enough - *moved, scratch, moved),
            };
            if let Some(outcome) = step {
                return outcome;
            }
        }
        SliceOutcome::Again
    }
}

impl Unsent {
    /// Where the next byte is in the file.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes are to be sent.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// Reads the next bytes; they count as sent.
    pub(super) fn read<'a>(
        &mut self,
        room: &'a mut [u8],
        wait: Wait,
    ) -> Result<&'a [u8], SliceOutcome> {
        let bytes = self.peek(room, wait)?;
        self.advance(bytes.len());
        Ok(bytes)
    }

    /// Straight from the file to the socket. `None` is progress.
    fn send_file(
        &mut self,
        stream: &mut dyn Stream,
        budget: u64,
        moved: &mut u64,
    ) -> Option<SliceOutcome> {
        if self.left == 0 {
            return Some(SliceOutcome::Done);
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
                io::ErrorKind::WouldBlock => Some(SliceOutcome::Waiting(Interest::Writable)),
                io::ErrorKind::Interrupted => None,
                _ => Some(SliceOutcome::Failed(whose(&error))),
            },
        }
    }

    /// Through the scratch, from the kernel's cache or not at all. `None` is progress.
    fn send_cached(
        &mut self,
        stream: &mut dyn Stream,
        budget: u64,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> Option<SliceOutcome> {
        if self.left == 0 {
            return Some(SliceOutcome::Done);
        }
        let bytes = match self.peek(scratch.room(budget), Wait::Never) {
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
            Sent::Failed => Some(SliceOutcome::Failed(Failure::Connection)),
        }
    }

    fn peek<'a>(&self, room: &'a mut [u8], wait: Wait) -> Result<&'a [u8], SliceOutcome> {
        let room = capped(room, self.left);
        match self.file.read_at(room, self.offset, wait) {
            Ok(0) => Err(shorter_than_it_was()),
            Ok(count) => Ok(room.get(..count).unwrap_or_default()),
            Err(Error::WouldWait) => Err(SliceOutcome::WouldWait),
            Err(error) => Err(SliceOutcome::Failed(Failure::Storage(error))),
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
const fn shorter_than_it_was() -> SliceOutcome {
    SliceOutcome::Failed(Failure::Storage(Error::BeyondEnd))
}

/// As much of `room` as `left` bytes need.
fn capped(room: &mut [u8], left: u64) -> &mut [u8] {
    let length = usize::try_from(left).map_or(room.len(), |left| left.min(room.len()));
    room.get_mut(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Memory, Storage as _, VirtualPath};
    use crate::transfer::DataType;
    use std::net::SocketAddr;

    /// Takes everything.
    struct Sink;

    impl Stream for Sink {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn send_file(&mut self, _: &dyn File, _: u64, count: usize) -> io::Result<usize> {
            Ok(count)
        }

        fn connected(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn local_address(&self) -> io::Result<SocketAddr> {
            Err(io::ErrorKind::NotConnected.into())
        }

        fn shutdown(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn reset_on_close(&mut self) {}
    }

    #[test]
    fn the_loop_sends_small_files_and_no_end_of_a_large_one() {
        let path = VirtualPath::root().join(b"f").unwrap();
        let representation = Representation {
            data_type: DataType::Image,
            ..Representation::default()
        };
        for (size, expected) in [
            (INLINE_BYTES - 1, SliceOutcome::Done),
            (INLINE_BYTES, SliceOutcome::Done),
            (INLINE_BYTES + 1, SliceOutcome::WouldWait),
        ] {
            let memory = Memory::new().with_file("/f", &vec![b'x'; size]);
            let (file, metadata) = memory.open(&path, Wait::Allowed).unwrap();
            let (size, offset) = (metadata.size, metadata.size - 1);
            let mut outbound = Outbound::new(file, size, representation, offset, 1);
            let mut scratch = Scratch::new(INLINE_BYTES);
            let budget = INLINE_BYTES;
            let outcome = outbound.slice(&mut Sink, budget, Wait::Never, &mut scratch, &mut 0);
            assert_eq!(outcome, expected, "{size}");
        }
    }

    #[test]
    fn a_file_is_converted_in_pieces_that_fit_a_small_scratch() {
        let path = VirtualPath::root().join(b"f").unwrap();
        let memory = Memory::new().with_file("/f", &vec![b'\n'; 3000]);
        let (file, metadata) = memory.open(&path, Wait::Allowed).unwrap();
        let size = metadata.size;
        let representation = Representation::default();
        let mut outbound = Outbound::new(file, size, representation, 0, size);
        let (mut scratch, mut moved) = (Scratch::new(1000), 0);
        let budget = INLINE_BYTES;
        let outcome = outbound.slice(&mut Sink, budget, Wait::Allowed, &mut scratch, &mut moved);
        assert_eq!((outcome, moved), (SliceOutcome::Done, 6000));
    }

    /// Text is converted by the loop, too; what costs far more than its copying is not.
    #[test]
    fn the_loop_converts_what_is_converted_fast() {
        let memory = Memory::new().with_file("/f", b"a\nb\n");
        let path = VirtualPath::root().join(b"f").unwrap();
        let (file, metadata) = memory.open(&path, Wait::Allowed).unwrap();
        let representation = Representation::default();
        assert!(!representation.is_slow() && !representation.is_verbatim());
        let mut outbound = Outbound::new(file, metadata.size, representation, 0, 4);
        let (mut scratch, mut moved) = (Scratch::new(INLINE_BYTES), 0);
        let outcome = outbound.slice(
            &mut Sink,
            INLINE_BYTES,
            Wait::Never,
            &mut scratch,
            &mut moved,
        );
        assert_eq!((outcome, moved), (SliceOutcome::Done, 6));
    }
}
