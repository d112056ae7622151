//! RETR: a file's bytes onto the data connection.
//!
//! What is sent as it is goes by `sendfile` where the disk may be waited for. On the loop only
//! a small file is sent, and only if the kernel has it cached: `sendfile` cannot be told not
//! to wait. Everything else is [`converting`](super::converting). RFC 959 §3.1.1.

use super::converting::{Converting, FileCursor};
use super::{Representation, Scratch, SliceOutcome};
use crate::limits::INLINE_BYTES;
use crate::net::Stream;
use crate::storage::{File, Wait};

pub(super) struct Outbound {
    file: FileCursor,
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
            file: FileCursor::new(file, offset, left),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Memory, Storage as _, VirtualPath};
    use crate::transfer::DataType;
    use std::io;
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
