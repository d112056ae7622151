//! RETR: sends a file over the data connection. RFC 959 §3.1.1.
//!
//! A worker sends with `sendfile`. The event loop sends only small files, and only bytes that are in
//! the page cache, since `sendfile` cannot be told not to wait for the disk. A representation that
//! needs conversion is left to [`converting`](super::converting).

use super::converting::{Converting, FileCursor};
use super::{Representation, Scratch, SliceOutcome};
use crate::limits::INLINE_BYTES;
use crate::net::Stream;
use crate::storage::{File, Wait};

pub(super) struct Outbound {
    file: FileCursor,
    /// `None` for TYPE I, STRU F, MODE S: the wire is the file.
    converting: Option<Box<Converting>>,
    /// Whether a slice may wait for the disk, or compute for longer than a command takes. That holds for
    /// the end of a large file, too: closing the last descriptor of a deleted file frees its blocks.
    needs_worker: bool,
}

impl Outbound {
    /// Sends `left` bytes from `offset` of a file of this `size`.
    pub(super) fn new(
        file: Box<dyn File>,
        size: u64,
        representation: Representation,
        offset: u64,
        left: u64,
    ) -> Self {
        Self {
            file: FileCursor::new(file, offset, left),
            converting: Converting::new(representation, offset).map(Box::new),
            needs_worker: size > INLINE_BYTES as u64 || representation.is_slow(),
        }
    }

    pub(super) const fn needs_worker(&self) -> bool {
        self.needs_worker
    }

    pub(super) fn slice(
        &mut self,
        stream: &mut dyn Stream,
        budget: usize,
        wait: Wait,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> SliceOutcome {
        if let Some(converting) = &mut self.converting {
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

    /// Accepts all writes.
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
    fn large_files_need_a_worker() {
        let path = VirtualPath::root().join(b"f").unwrap();
        let representation = Representation {
            data_type: DataType::Image,
            ..Representation::default()
        };
        for (size, needs_worker) in [
            (INLINE_BYTES - 1, false),
            (INLINE_BYTES, false),
            (INLINE_BYTES + 1, true),
        ] {
            let memory = Memory::new().with_file("/f", &vec![b'x'; size]);
            let (file, metadata) = memory.open(&path, Wait::Allowed).unwrap();
            let (size, offset) = (metadata.size, metadata.size - 1);
            let mut outbound = Outbound::new(file, size, representation, offset, 1);
            assert_eq!(outbound.needs_worker(), needs_worker, "{size}");
            if !needs_worker {
                let mut scratch = Scratch::new(INLINE_BYTES);
                let budget = INLINE_BYTES;
                let outcome = outbound.slice(&mut Sink, budget, Wait::Never, &mut scratch, &mut 0);
                assert_eq!(outcome, SliceOutcome::Done, "{size}");
            }
        }
    }

    #[test]
    fn conversion_works_with_small_scratch_buffer() {
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

    #[test]
    fn cheap_conversion_needs_no_worker() {
        let memory = Memory::new().with_file("/f", b"a\nb\n");
        let path = VirtualPath::root().join(b"f").unwrap();
        let (file, metadata) = memory.open(&path, Wait::Allowed).unwrap();
        let representation = Representation::default();
        assert!(!representation.is_slow() && !representation.is_verbatim());
        let mut outbound = Outbound::new(file, metadata.size, representation, 0, 4);
        assert!(!outbound.needs_worker());
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
