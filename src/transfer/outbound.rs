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
    use crate::net::testing::FakeStream;
    use crate::storage::{Memory, Storage as _, VirtualPath};
    use crate::transfer::DataType;

    /// Sends a file of these bytes from an offset to its end.
    fn outbound(bytes: &[u8], representation: Representation, offset: u64) -> Outbound {
        let path = VirtualPath::root().join(b"f").unwrap();
        let memory = Memory::new().with_file("/f", bytes);
        let (file, metadata) = memory.open(&path, Wait::Allowed).unwrap();
        let size = metadata.size;
        Outbound::new(file, size, representation, offset, size - offset)
    }

    /// The outcome of one slice, and the bytes that it moved.
    fn slice(outbound: &mut Outbound, wait: Wait, scratch: usize) -> (SliceOutcome, u64) {
        let (mut stream, mut moved) = (FakeStream::default(), 0);
        let mut scratch = Scratch::new(scratch);
        let outcome = outbound.slice(&mut stream, INLINE_BYTES, wait, &mut scratch, &mut moved);
        (outcome, moved)
    }

    #[test]
    fn large_files_need_a_worker() {
        let representation = Representation {
            data_type: DataType::Image,
            ..Representation::default()
        };
        for (size, needs_worker) in [
            (INLINE_BYTES - 1, false),
            (INLINE_BYTES, false),
            (INLINE_BYTES + 1, true),
        ] {
            let bytes = vec![b'x'; size];
            let mut outbound = outbound(&bytes, representation, bytes.len() as u64 - 1);
            assert_eq!(outbound.needs_worker(), needs_worker, "{size}");
            if !needs_worker {
                let sent = slice(&mut outbound, Wait::Never, INLINE_BYTES);
                assert_eq!(sent, (SliceOutcome::Done, 1), "{size}");
            }
        }
    }

    #[test]
    fn conversion_works_with_small_scratch_buffer() {
        let mut outbound = outbound(&[b'\n'; 3000], Representation::default(), 0);
        let sent = slice(&mut outbound, Wait::Allowed, 1000);
        assert_eq!(sent, (SliceOutcome::Done, 6000));
    }

    #[test]
    fn cheap_conversion_needs_no_worker() {
        let representation = Representation::default();
        assert!(!representation.is_slow() && !representation.is_verbatim());
        let mut outbound = outbound(b"a\nb\n", representation, 0);
        assert!(!outbound.needs_worker());
        let sent = slice(&mut outbound, Wait::Never, INLINE_BYTES);
        assert_eq!(sent, (SliceOutcome::Done, 6));
    }
}
