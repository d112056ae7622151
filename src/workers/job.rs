//! One piece of work that may wait for a device, and what comes of it.
//!
//! [`Job::run`] is the whole of it: the same on a thread, inline, and in the simulator. A job
//! that panics comes back as [`JobResult::Panicked`]; what it held is gone, closed by unwinding.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::auth::{Verification, Verified};
use crate::event_loop::Permit;
use crate::file_task::{FileTask, TaskStep};
use crate::limits::WORKER_SLICE_BYTES;
use crate::protocol::entry::Entry;
use crate::storage::{Answer, Error, Operation, Result, Storage, VirtualPath, Wait};
use crate::transfer::{Listing, Opened, Plan, Scratch, SliceOutcome, Transfer, TransferSource};

/// Whose job it is: given back with the completion, opaque here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobId {
    /// Which connection.
    pub owner: usize,
    /// Which of its operations.
    pub ticket: u32,
}

/// A piece of work and its tag.
pub struct Job {
    /// Whose it is.
    pub id: JobId,
    /// The files that it works on.
    pub storage: Arc<dyn Storage>,
    /// What is to be done.
    pub work: Work,
}

/// What is to be done.
pub enum Work {
    /// A password is hashed, or PAM asked about it.
    Verify(Verification),
    /// A question or a change.
    Operate(Operation),
    /// A slice of an errand.
    FileTask(Box<FileTask>),
    /// What an errand has open is closed, a temporary file removed.
    Drop(Box<FileTask>),
    /// One entry, for MLST.
    Entry(VirtualPath),
    /// A listing for a reply, of at most `limit` bytes.
    Describe {
        /// What to list.
        listing: Listing,
        /// Bytes after which it ends.
        limit: usize,
    },
    /// The file side of a transfer is opened, in its place.
    Open(Plan, Option<Permit>),
    /// A slice of a transfer.
    Slice(Box<Transfer>),
    /// A received upload is put in its place.
    Commit(Box<Transfer>),
    /// The file side of a cut transfer is closed, a temporary file removed, or what stays of it
    /// put in its place.
    Discard(TransferSource),
}

/// What came of it.
pub enum JobResult {
    /// Of [`Work::Verify`].
    Verified(Verified),
    /// Of [`Work::Operate`].
    Operated(Result<Answer>),
    /// Of [`Work::FileTask`].
    FileTask(Box<FileTask>, TaskStep),
    /// Of [`Work::Operate`] and [`Work::Open`], which come back: files are being counted, and it can be
    /// asked again.
    NotCounted(Box<Work>),
    /// Of [`Work::Entry`].
    Entry(Result<Box<Entry>>),
    /// Of [`Work::Describe`]: lines that end in CRLF, and whether that is all of them.
    Described(Result<(Vec<u8>, bool)>),
    /// Of [`Work::Open`].
    Opened(Result<(TransferSource, Opened)>),
    /// Of [`Work::Slice`] and [`Work::Commit`].
    Sliced(Box<Transfer>, SliceOutcome),
    /// Of [`Work::Discard`] and [`Work::Drop`]: how long a file is that has a part of an upload.
    Discarded(Option<u64>),
    /// Of any of them: a bug, contained.
    Panicked,
}

/// An outcome and the tag of its job.
pub struct Completion {
    /// Whose it was.
    pub id: JobId,
    /// What came of it.
    pub outcome: JobResult,
}

impl Job {
    /// Does the work; may wait for a device, never for the network.
    pub fn run(self, scratch: &mut Scratch) -> Completion {
        let Self { id, storage, work } = self;
        let outcome = catch_unwind(AssertUnwindSafe(|| work.run(&storage, scratch)));
        Completion {
            id,
            outcome: outcome.unwrap_or(JobResult::Panicked),
        }
    }
}

impl Work {
    fn run(self, storage: &Arc<dyn Storage>, scratch: &mut Scratch) -> JobResult {
        match self {
            Self::Verify(verification) => {
                let verified = catch_unwind(AssertUnwindSafe(|| verification.run()));
                JobResult::Verified(verified.unwrap_or(Verified::Nobody))
            }
            Self::Operate(operation) => match storage.perform(&operation, Wait::Allowed) {
                Err(Error::NotCounted) => JobResult::NotCounted(Box::new(Self::Operate(operation))),
                answer => JobResult::Operated(answer),
            },
            Self::FileTask(mut file_task) => {
                let step = file_task.slice(storage, scratch);
                JobResult::FileTask(file_task, step)
            }
            Self::Drop(file_task) => {
                drop(file_task);
                JobResult::Discarded(None)
            }
            Self::Entry(path) => JobResult::Entry(storage.entry(&path).map(Box::new)),
            Self::Describe { listing, limit } => {
                JobResult::Described(listing.describe(storage, limit))
            }
            // While it waits others may have its place.
            Self::Open(plan, mut permit) => match plan.open(&mut permit, storage, Wait::Allowed) {
                Err(Error::NotCounted) => JobResult::NotCounted(Box::new(Self::Open(plan, None))),
                opened => JobResult::Opened(opened),
            },
            Self::Slice(transfer) => step(transfer, |transfer| {
                transfer.slice(WORKER_SLICE_BYTES, Wait::Allowed, scratch)
            }),
            Self::Commit(transfer) => step(transfer, Transfer::commit),
            Self::Discard(source) => JobResult::Discarded(source.abandon()),
        }
    }
}

/// A step of a transfer. Where it panics, the data connection is reset and not ended: what the
/// client has of a file must not be taken for all of it.
fn step(
    mut transfer: Box<Transfer>,
    step: impl FnOnce(&mut Transfer) -> SliceOutcome,
) -> JobResult {
    if let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| step(&mut transfer))) {
        return JobResult::Sliced(transfer, outcome);
    }
    drop(transfer.cut());
    JobResult::Panicked
}
