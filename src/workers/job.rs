//! A job: blocking work with its result.
//!
//! [`Job::run`] is the same on a thread, inline, and in the simulator. A job that panics completes
//! as [`JobResult::Panicked`]; unwinding closes what it owned.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::auth::{Verification, Verified};
use crate::event_loop::Permit;
use crate::file_task::{FileTask, TaskStep};
use crate::metrics::{JobKind, JobTimes};
use crate::net::tls::Security;
use crate::protocol::entry::Entry;
use crate::storage::{Answer, Error, Operation, Result, Storage, VirtualPath, Wait};
use crate::transfer::{Listing, Opened, Plan, Scratch, SliceOutcome, Transfer, TransferSource};

/// Identifies a job to its submitter; opaque here, and returned with the completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobId {
    /// The connection.
    pub owner: usize,
    /// Counts the connection's operations.
    pub ticket: u32,
}

/// Work with the id of its submitter.
pub struct Job {
    /// Returned in the [`Completion`].
    pub id: JobId,
    /// The storage to work on.
    pub storage: Arc<dyn Storage>,
    /// What to do.
    pub work: Work,
    /// Returned in the [`Completion`].
    pub times: JobTimes,
}

/// The kinds of work.
pub enum Work {
    /// Verify a password: hash it, or check it with PAM.
    Verify(Verification),
    /// Compute a step of a TLS handshake.
    Handshake(Box<Security>),
    /// One query or modification.
    Operate(Operation),
    /// A slice of a file task.
    FileTask(Box<FileTask>),
    /// Close the files of a file task, and remove its temporary file.
    Drop(Box<FileTask>),
    /// Read one entry, for MLST.
    Entry(VirtualPath),
    /// Format a listing for a reply.
    Describe {
        /// What to list.
        listing: Listing,
        /// The most bytes of output.
        limit: usize,
    },
    /// Open the file side of a transfer.
    Open(Plan, Option<Permit>),
    /// Slices of a transfer.
    Slice(Box<Transfer>),
    /// Commit a complete upload: rename its temporary file.
    Commit(Box<Transfer>),
    /// Close the file side of a cut transfer: remove the temporary file, or commit what was received.
    Discard(TransferSource),
}

/// The result of a [`Work`].
pub enum JobResult {
    /// Of [`Work::Verify`].
    Verified(Verified),
    /// Of [`Work::Handshake`]: the TLS state, and whether the step has succeeded; `None` after a panic.
    Handshake(Option<(Box<Security>, io::Result<()>)>),
    /// Of [`Work::Operate`].
    Operated(Result<Answer>),
    /// Of [`Work::FileTask`].
    FileTask(Box<FileTask>, TaskStep),
    /// Of [`Work::Operate`] and [`Work::Open`]: the quota is still being counted. The work is
    /// returned, to be submitted again.
    NotCounted(Box<Work>),
    /// Of [`Work::Entry`].
    Entry(Result<Box<Entry>>),
    /// Of [`Work::Describe`]: lines that end in CRLF, and whether the listing is complete.
    Described(Result<(Vec<u8>, bool)>),
    /// Of [`Work::Open`].
    Opened(Result<(TransferSource, Opened)>),
    /// Of [`Work::Slice`] and [`Work::Commit`].
    Sliced(Box<Transfer>, SliceOutcome),
    /// Of [`Work::Discard`] and [`Work::Drop`]: the length of a partial upload that was committed.
    Discarded(Option<u64>),
    /// Of any work: a bug, contained.
    Panicked,
}

/// A finished job.
pub struct Completion {
    /// The id of the [`Job`].
    pub id: JobId,
    /// The result of its work.
    pub outcome: JobResult,
    /// Those of the [`Job`], and what its thread took.
    pub times: JobTimes,
}

impl Job {
    /// Does the work; may block on a device.
    ///
    /// A transfer goes on until it is over or has to wait, or until `may_go_on`, which is asked between two
    /// slices, says no. Only while it says yes a client is waited for, and for
    /// [`NETWORK_PATIENCE`](crate::limits::NETWORK_PATIENCE) at most.
    pub fn run(self, scratch: &mut Scratch, may_go_on: &mut dyn FnMut() -> bool) -> Completion {
        let Self {
            id,
            storage,
            work,
            times,
        } = self;
        let outcome = catch_unwind(AssertUnwindSafe(|| work.run(&storage, scratch, may_go_on)));
        Completion {
            id,
            outcome: outcome.unwrap_or(JobResult::Panicked),
            times,
        }
    }
}

impl Work {
    /// What it does, for statistics.
    pub const fn kind(&self) -> JobKind {
        match self {
            Self::Verify(_) => JobKind::Verify,
            Self::Handshake(_) => JobKind::Handshake,
            Self::Operate(_) => JobKind::Operate,
            Self::FileTask(_) => JobKind::FileTask,
            Self::Drop(_) => JobKind::Drop,
            Self::Entry(_) => JobKind::Entry,
            Self::Describe { .. } => JobKind::Describe,
            Self::Open(..) => JobKind::Open,
            Self::Slice(_) => JobKind::Slice,
            Self::Commit(_) => JobKind::Commit,
            Self::Discard(_) => JobKind::Discard,
        }
    }

    fn run(
        self,
        storage: &Arc<dyn Storage>,
        scratch: &mut Scratch,
        may_go_on: &mut dyn FnMut() -> bool,
    ) -> JobResult {
        match self {
            Self::Verify(verification) => {
                // A panic in a password hash, or in PAM's answer, is a failed login.
                let verified = catch_unwind(AssertUnwindSafe(|| verification.run()));
                JobResult::Verified(verified.unwrap_or(Verified::Rejected))
            }
            Self::Handshake(mut security) => {
                // The connection learns that its TLS state is gone.
                let computed = catch_unwind(AssertUnwindSafe(|| {
                    let computed = security.compute();
                    (security, computed)
                }));
                JobResult::Handshake(computed.ok())
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
            // The permit is released while the transfer waits for the count.
            Self::Open(plan, mut permit) => match plan.open(&mut permit, storage, Wait::Allowed) {
                Err(Error::NotCounted) => JobResult::NotCounted(Box::new(Self::Open(plan, None))),
                opened => JobResult::Opened(opened),
            },
            Self::Slice(transfer) => step(transfer, |transfer| {
                transfer.worker_turn(scratch, may_go_on)
            }),
            Self::Commit(transfer) => step(transfer, Transfer::commit),
            Self::Discard(source) => JobResult::Discarded(source.abandon()),
        }
    }
}

/// A step of a transfer. If it panics, the data connection is reset and not closed in order, so that
/// the client cannot take a partial file for a complete one.
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
