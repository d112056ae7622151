//! Files put together into one, as clients want it that upload a large file in several streams
//! (COMB).
//!
//! The new file grows under a temporary name, as an upload does: if anything fails, the target and
//! the parts are as they were. Only when it is in its place are the parts removed.

use super::TaskResult;
use crate::limits::WORKER_SLICE_BYTES;
use crate::storage::{Answer, Error, File, Operation, Result, Storage, Upload, VirtualPath, Wait};
use crate::transfer::Scratch;

/// ```text
///   a part open ──its end──▶ none open ──▶ the next part open
///                               └──no part left──▶ Removing ──none left──▶ over
/// ```
pub(super) struct Combining {
    /// Parts to be copied, or in `Removing` to be removed, the next one last.
    left: Vec<VirtualPath>,
    copied: Vec<VirtualPath>,
    target: VirtualPath,
    phase: Phase,
}

enum Phase {
    Copying {
        to: Box<dyn File>,
        /// Where the next byte goes.
        offset: u64,
        /// The part that is being copied, and where its next byte is.
        from: Option<(Box<dyn File>, u64)>,
    },
    Removing,
}

impl Combining {
    pub(super) fn new(upload: Upload, target: &VirtualPath, parts: &[VirtualPath]) -> Self {
        Self {
            left: parts.iter().rev().cloned().collect(),
            copied: Vec::new(),
            target: target.clone(),
            phase: Phase::Copying {
                to: upload.file,
                offset: upload.offset,
                from: None,
            },
        }
    }

    pub(super) fn slice(
        &mut self,
        storage: &dyn Storage,
        scratch: &mut Scratch,
    ) -> Result<Option<TaskResult>> {
        let Phase::Copying { to, offset, from } = &mut self.phase else {
            return self.remove_one(storage);
        };
        if let Some((part, at)) = from {
            if copy(part.as_ref(), at, to.as_ref(), offset, scratch)? {
                *from = None;
            }
        } else if let Some(path) = self.left.pop() {
            let (part, _) = storage.open(&path, Wait::Allowed)?;
            *from = Some((part, 0));
            self.copied.push(path);
        } else {
            to.commit()?;
            self.left = std::mem::take(&mut self.copied);
            self.phase = Phase::Removing;
        }
        Ok(None)
    }

    fn remove_one(&mut self, storage: &dyn Storage) -> Result<Option<TaskResult>> {
        let Some(path) = self.left.pop() else {
            return Ok(Some(TaskResult::Combined));
        };
        match (identity(storage, &path), identity(storage, &self.target)) {
            // Under another name, by way of a link, a part may be what was just made.
            (Ok(part), Ok(target)) if part == target => {}
            (Ok(_), _) => {
                storage.perform(&Operation::RemoveFile(path), Wait::Allowed)?;
            }
            // Named twice, or removed by another: it is gone, which is what was wanted.
            (Err(Error::NotFound), _) => {}
            (Err(error), _) => return Err(error),
        }
        Ok(None)
    }
}

fn identity(storage: &dyn Storage, path: &VirtualPath) -> Result<Option<(u64, u64)>> {
    match storage.perform(&Operation::Metadata(path.clone()), Wait::Allowed)? {
        Answer::Metadata(metadata) => Ok(Some(metadata.unique)),
        _ => Ok(None),
    }
}

/// Copies a bounded number of bytes. Whether that was the last of them.
fn copy(
    part: &dyn File,
    at: &mut u64,
    to: &dyn File,
    offset: &mut u64,
    scratch: &mut Scratch,
) -> Result<bool> {
    let enough = *at + WORKER_SLICE_BYTES as u64;
    while *at < enough {
        let room = scratch.room(enough - *at);
        let count = part.read_at(room, *at, Wait::Allowed)?;
        let Some(bytes @ [_, ..]) = room.get(..count) else {
            return Ok(true);
        };
        to.write_at(bytes, *offset)?;
        *at += count as u64;
        *offset += count as u64;
    }
    Ok(false)
}
