//! The digest of a file or of a range of it, in bounded slices (HASH, draft-bryan-ftpext-hash-02 §3).
//!
//! The length is fixed when the file is opened: bytes appended later are ignored, and a file that
//! shrinks is an error.

use super::TaskResult;
use super::algorithm::{Algorithm, Hasher, hasher};
use crate::limits::WORKER_SLICE_BYTES;
use crate::protocol::byte_range::ByteRange;
use crate::storage::{Error, File, Result, Storage, VirtualPath, Wait};
use crate::transfer::Scratch;

pub(super) struct Digesting {
    file: Box<dyn File>,
    hasher: Box<dyn Hasher>,
    first: u64,
    length: u64,
    /// The bytes digested so far, up to `length`.
    done: u64,
}

impl Digesting {
    pub(super) fn open(
        storage: &dyn Storage,
        path: &VirtualPath,
        algorithm: Algorithm,
        range: Option<ByteRange>,
    ) -> Result<Self> {
        let (file, metadata) = storage.open(path, Wait::Allowed)?;
        let size = metadata.size;
        let (first, length) = range.map_or((0, size), |range| range.within(size));
        if first > size {
            return Err(Error::BeyondEnd);
        }
        Ok(Self {
            file,
            hasher: hasher(algorithm).ok_or(Error::Forbidden)?,
            first,
            length,
            done: 0,
        })
    }

    pub(super) fn slice(&mut self, scratch: &mut Scratch) -> Result<Option<TaskResult>> {
        let end = self.length.min(self.done + WORKER_SLICE_BYTES as u64);
        while self.done < end {
            let buffer = scratch.room(end - self.done)?;
            let offset = self.first + self.done;
            let count = self.file.read_at(buffer, offset, Wait::Allowed)?;
            match buffer.get(..count) {
                Some(bytes @ [_, ..]) => self.hasher.update(bytes),
                _ => return Err(Error::BeyondEnd),
            }
            self.done += count as u64;
        }
        Ok((self.done == self.length).then(|| TaskResult::Digest {
            value: self.hasher.finish(),
            first: self.first,
            length: self.length,
        }))
    }
}
