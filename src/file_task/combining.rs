//! Concatenation of files (COMB), for clients that upload a large file in several parts.
//!
//! The new file is a temporary file, as in an upload: after an error the target and the parts are
//! unchanged. The parts are removed only after the commit.

use super::TaskResult;
use crate::limits::WORKER_SLICE_BYTES;
use crate::storage::{
    Answer, Error, File, Operation, Result, Storage, Upload, UploadFile, VirtualPath, Wait,
};
use crate::transfer::Scratch;

/// ```text
///   Copying: part open ──end of part──▶ none open ──▶ next part open
///                                           └──none left, commit──▶ Removing ──none left──▶ done
/// ```
pub(super) struct Combining {
    /// The parts to copy, or in `Removing` to remove; the next one is last.
    remaining: Vec<VirtualPath>,
    copied: Vec<VirtualPath>,
    target: VirtualPath,
    phase: CombinePhase,
}

enum CombinePhase {
    Copying {
        to: Box<dyn UploadFile>,
        /// The offset of the next byte in `to`.
        offset: u64,
        /// The open part, and the offset of its next byte.
        from: Option<(Box<dyn File>, u64)>,
    },
    Removing,
}

impl Combining {
    pub(super) fn new(upload: Upload, target: &VirtualPath, parts: &[VirtualPath]) -> Self {
        Self {
            remaining: parts.iter().rev().cloned().collect(),
            copied: Vec::new(),
            target: target.clone(),
            phase: CombinePhase::Copying {
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
        let CombinePhase::Copying { to, offset, from } = &mut self.phase else {
            return self.remove_one(storage);
        };
        if let Some((part, at)) = from {
            if copy(part.as_ref(), at, to.as_ref(), offset, scratch)? {
                *from = None;
            }
        } else if let Some(path) = self.remaining.pop() {
            let (part, _) = storage.open(&path, Wait::Allowed)?;
            *from = Some((part, 0));
            self.copied.push(path);
        } else {
            to.commit()?;
            self.remaining = std::mem::take(&mut self.copied);
            self.phase = CombinePhase::Removing;
        }
        Ok(None)
    }

    fn remove_one(&mut self, storage: &dyn Storage) -> Result<Option<TaskResult>> {
        let Some(path) = self.remaining.pop() else {
            return Ok(Some(TaskResult::Combined));
        };
        match (identity(storage, &path), identity(storage, &self.target)) {
            // The part is the new file itself, possibly under another name.
            (Ok(part), Ok(target)) if part == target => {}
            (Ok(_), _) => {
                storage.perform(&Operation::RemoveFile(path), Wait::Allowed)?;
            }
            // Listed twice, or removed by another client.
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

/// Copies up to [`WORKER_SLICE_BYTES`]. Returns true at the end of the part.
fn copy(
    part: &dyn File,
    at: &mut u64,
    to: &dyn UploadFile,
    offset: &mut u64,
    scratch: &mut Scratch,
) -> Result<bool> {
    let end = *at + WORKER_SLICE_BYTES as u64;
    while *at < end {
        let buffer = scratch.room(end - *at)?;
        let count = part.read_at(buffer, *at, Wait::Allowed)?;
        let Some(bytes @ [_, ..]) = buffer.get(..count) else {
            return Ok(true);
        };
        to.write_at(bytes, *offset)?;
        *at += count as u64;
        *offset += count as u64;
    }
    Ok(false)
}
