//! Long-running commands without a data connection: digests (HASH), tree sizes (DSIZ), concatenation
//! (COMB).
//!
//! A [`FileTask`] owns its open files, runs in bounded slices on a worker, and returns to the event loop
//! after each. So a digest of a whole disk delays no other client, and dropping a task between two slices
//! cancels it. It knows neither sessions nor replies.

mod algorithm;
mod combining;
mod digesting;
mod measuring;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use algorithm::Algorithm;

use crate::event_loop::Permit;
use crate::protocol::byte_range::ByteRange;
use crate::storage::{Error, Placement, Result, Storage, Umask, VirtualPath};
use crate::transfer::Scratch;
use combining::Combining;
use digesting::Digesting;
use measuring::Measuring;

/// The specification of a task, as plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskSpec {
    /// Compute the digest of a file or of a range of it.
    Digest {
        /// The file.
        path: VirtualPath,
        /// The digest algorithm.
        algorithm: Algorithm,
        /// The bytes to digest; `None` is all.
        range: Option<ByteRange>,
    },
    /// Sum the bytes of all files in and below a directory.
    Measure(VirtualPath),
    /// Concatenate files into one, and remove them.
    Combine {
        /// The new file; it may be one of the parts.
        target: VirtualPath,
        /// The files, in order.
        parts: Vec<VirtualPath>,
        /// Whether the target may or must exist.
        placement: Placement,
        /// The umask for the new file; `None`: that of the process.
        umask: Option<Umask>,
    },
}

impl TaskSpec {
    /// Whether the task needs a [`Permit`], since it keeps lists of paths in memory.
    pub const fn needs_permit(&self) -> bool {
        match self {
            Self::Digest { .. } => false,
            Self::Measure(_) | Self::Combine { .. } => true,
        }
    }
}

/// The result of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskResult {
    /// The result of [`TaskSpec::Digest`].
    Digest {
        /// The digest; CRC32 is big-endian.
        value: Vec<u8>,
        /// The offset of the first byte digested.
        first: u64,
        /// The number of bytes digested.
        length: u64,
    },
    /// The result of [`TaskSpec::Measure`], in bytes.
    Size(u64),
    /// The result of [`TaskSpec::Combine`].
    Combined,
}

/// The outcome of a slice.
#[derive(Debug, PartialEq, Eq)]
pub enum TaskStep {
    /// Not finished.
    More,
    /// Finished or failed.
    Over(Result<TaskResult>),
}

/// A task and its progress.
///
/// ```text
///   NotStarted ──first slice──▶ Digesting, Measuring, Combining ──▶ Done
/// ```
pub struct FileTask {
    state: TaskState,
    /// Held until the end if [`TaskSpec::needs_permit`].
    permit: Option<Permit>,
}

enum TaskState {
    NotStarted(TaskSpec),
    Digesting(Digesting),
    Measuring(Measuring),
    Combining(Box<Combining>),
    Done,
}

impl FileTask {
    /// Creates a task; the first slice opens its files.
    pub const fn new(spec: TaskSpec, permit: Option<Permit>) -> Self {
        let state = TaskState::NotStarted(spec);
        Self { state, permit }
    }

    /// Runs one bounded slice. Blocks on the disk. After [`TaskStep::Over`] all files are closed.
    pub fn slice(&mut self, storage: &Arc<dyn Storage>, scratch: &mut Scratch) -> TaskStep {
        let Some(result) = self.advance(storage.as_ref(), scratch).transpose() else {
            return TaskStep::More;
        };
        self.state = TaskState::Done;
        self.permit = None;
        TaskStep::Over(result)
    }

    fn advance(
        &mut self,
        storage: &dyn Storage,
        scratch: &mut Scratch,
    ) -> Result<Option<TaskResult>> {
        match &mut self.state {
            TaskState::NotStarted(spec) => {
                self.state = TaskState::begin(spec, storage)?;
                Ok(None)
            }
            TaskState::Digesting(digesting) => digesting.slice(scratch),
            TaskState::Measuring(measuring) => measuring.slice(storage),
            TaskState::Combining(combining) => combining.slice(storage, scratch),
            TaskState::Done => Ok(None),
        }
    }
}

impl TaskState {
    fn begin(spec: &TaskSpec, storage: &dyn Storage) -> Result<Self> {
        Ok(match spec {
            TaskSpec::Digest {
                path,
                algorithm,
                range,
            } => Self::Digesting(Digesting::open(storage, path, *algorithm, *range)?),
            TaskSpec::Measure(path) => Self::Measuring(Measuring::open(storage, path)?),
            TaskSpec::Combine {
                target,
                parts,
                placement,
                umask,
            } => {
                let upload = storage.create(target, *placement, *umask)?;
                if upload.in_place.is_some() {
                    // The target may be one of the parts: writing in place would destroy it.
                    return Err(Error::Denied);
                }
                Self::Combining(Box::new(Combining::new(upload, target, parts)))
            }
        })
    }
}
