//! Work on files that takes long and needs no data connection: a digest (HASH), the size of a
//! tree (DSIZ), files put together (COMB).
//!
//! An [`FileTask`] is to such a command what a transfer is to RETR: it owns what it has open, is
//! done in bounded slices by whichever worker is free, and comes back after each. So a digest of a
//! whole disk delays nobody, and one that nobody waits for any more is dropped between two slices.

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

/// What is to be done, as plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskSpec {
    /// A digest of a file, or of a part of it.
    Digest {
        /// The file.
        path: VirtualPath,
        /// By which rule.
        algorithm: Algorithm,
        /// Which of its bytes; `None` is all.
        range: Option<ByteRange>,
    },
    /// The bytes of all files in and below a directory.
    Measure(VirtualPath),
    /// Files put together, one behind the other, into one; then they are removed.
    Combine {
        /// The new file; it may be one of the parts.
        target: VirtualPath,
        /// The files, in order.
        parts: Vec<VirtualPath>,
        /// Whether the target may be there, or must.
        placement: Placement,
        /// For a new file, instead of the process's own.
        umask: Option<Umask>,
    },
}

impl TaskSpec {
    /// Whether it keeps lists of paths, and so has to have a [`Permit`].
    pub const fn needs_permit(&self) -> bool {
        match self {
            Self::Digest { .. } => false,
            Self::Measure(_) | Self::Combine { .. } => true,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskResult {
    /// Of [`TaskSpec::Digest`].
    Digest {
        /// The digest, in its own order of bytes.
        value: Vec<u8>,
        /// The first byte of the file that is in it.
        first: u64,
        /// How many are.
        length: u64,
    },
    /// Of [`TaskSpec::Measure`].
    Size(u64),
    /// Of [`TaskSpec::Combine`].
    Combined,
}

/// What came of a slice.
#[derive(Debug, PartialEq, Eq)]
pub enum TaskStep {
    /// There is more to do.
    More,
    /// It is over.
    Over(Result<TaskResult>),
}

/// Something to be done, as far as it is.
///
/// ```text
///   Assigned ──first slice──▶ Digesting, Measuring, Combining ──▶ Over
/// ```
pub struct FileTask {
    state: State,
    /// Where the assignment needs one.
    permit: Option<Permit>,
}

enum State {
    NotStarted(TaskSpec),
    Digesting(Digesting),
    Measuring(Measuring),
    Combining(Box<Combining>),
    Over,
}

impl FileTask {
    /// Nothing is opened yet.
    pub const fn new(spec: TaskSpec, permit: Option<Permit>) -> Self {
        let state = State::NotStarted(spec);
        Self { state, permit }
    }

    /// Goes on by a bounded piece. Waits for the disk. After the end everything is closed.
    pub fn slice(&mut self, storage: &Arc<dyn Storage>, scratch: &mut Scratch) -> TaskStep {
        let step = self.advance(storage.as_ref(), scratch);
        match step {
            Ok(None) => TaskStep::More,
            Ok(Some(result)) => self.end(Ok(result)),
            Err(error) => self.end(Err(error)),
        }
    }

    fn end(&mut self, result: Result<TaskResult>) -> TaskStep {
        self.state = State::Over;
        self.permit = None;
        TaskStep::Over(result)
    }

    fn advance(
        &mut self,
        storage: &dyn Storage,
        scratch: &mut Scratch,
    ) -> Result<Option<TaskResult>> {
        match &mut self.state {
            State::NotStarted(spec) => {
                self.state = State::begin(spec, storage)?;
                Ok(None)
            }
            State::Digesting(digesting) => digesting.slice(scratch),
            State::Measuring(measuring) => measuring.slice(storage),
            State::Combining(combining) => combining.slice(storage, scratch),
            State::Over => Ok(None),
        }
    }
}

impl State {
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
                    // It may be one of the parts.
                    return Err(Error::Denied);
                }
                Self::Combining(Box::new(Combining::new(upload, target, parts)))
            }
        })
    }
}
