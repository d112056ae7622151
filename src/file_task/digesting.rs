//! A digest of a file's bytes, a slice at a time (HASH, draft-bryan-ftpext-hash-02 §3).
//!
//! It is of as many bytes as the file had when it was opened: one that grows meanwhile does not
//! keep it going, and one that shrinks is an error.

use super::TaskResult;
use super::algorithm::{Algorithm, Hasher};
use crate::limits::WORKER_SLICE_BYTES;
use crate::protocol::byte_range::ByteRange;
use crate::storage::{Error, File, Result, Storage, VirtualPath, Wait};
use crate::transfer::Scratch;

pub(super) struct Digesting {
    file: Box<dyn File>,
    hasher: Hasher,
    first: u64,
    length: u64,
    /// Of `length`, how many bytes are in the digest.
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
            hasher: Hasher::new(algorithm).ok_or(Error::Forbidden)?,
            first,
            length,
            done: 0,
        })
    }

    pub(super) fn slice(&mut self, scratch: &mut Scratch) -> Result<Option<TaskResult>> {
        let enough = self.length.min(self.done + WORKER_SLICE_BYTES as u64);
        while self.done < enough {
            let room = scratch.room(enough - self.done);
            let count = self
                .file
                .read_at(room, self.first + self.done, Wait::Allowed)?;
            match room.get(..count) {
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
