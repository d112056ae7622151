//! One piece of work that may wait for a device, and what comes of it.
//!
//! [`Job::run`] is the whole of it: the same on a thread, inline, and in the simulator. A job
//! that panics comes back as [`Outcome::Panicked`]; what it held is gone, closed by unwinding.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::auth::{Verification, Verified};
use crate::errand::{Errand, Step};
use crate::limits::WORKER_SLICE_BYTES;
use crate::protocol::entry::Entry;
use crate::storage::{Answer, Error, Operation, Result, Storage, VirtualPath, Wait};
use crate::transfer::{Listing, Opened, Place, Plan, Scratch, Source, Transfer, Verdict};

/// Whose job it is: given back with the completion, opaque here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Which connection.
    pub owner: usize,
    /// Which of its operations.
    pub ticket: u32,
}

/// A piece of work and its tag.
pub struct Job {
    /// Whose it is.
    pub tag: Tag,
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
    Errand(Box<Errand>),
    /// What an errand has open is closed, a temporary file removed.
    Drop(Box<Errand>),
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
    Open(Plan, Option<Place>),
    /// A slice of a transfer.
    Slice(Box<Transfer>),
    /// A received upload is put in its place.
    Commit(Box<Transfer>),
    /// The file side of a cut transfer is closed, a temporary file removed, or what stays of it
    /// put in its place.
    Discard(Source),
}

/// What came of it.
pub enum Outcome {
    /// Of [`Work::Verify`].
    Verified(Verified),
    /// Of [`Work::Operate`].
    Operated(Result<Answer>),
    /// Of [`Work::Errand`].
    Errand(Box<Errand>, Step),
    /// Of [`Work::Operate`] and [`Work::Open`], which come back: files are being counted, and it can be
    /// asked again.
    NotCounted(Box<Work>),
    /// Of [`Work::Entry`].
    Entry(Result<Box<Entry>>),
    /// Of [`Work::Describe`]: lines that end in CRLF, and whether that is all of them.
    Described(Result<(Vec<u8>, bool)>),
    /// Of [`Work::Open`].
    Opened(Result<(Source, Opened)>),
    /// Of [`Work::Slice`] and [`Work::Commit`].
    Sliced(Box<Transfer>, Verdict),
    /// Of [`Work::Discard`] and [`Work::Drop`]: how long a file is that has a part of an upload.
    Discarded(Option<u64>),
    /// Of any of them: a bug, contained.
    Panicked,
}

/// An outcome and the tag of its job.
pub struct Completion {
    /// Whose it was.
    pub tag: Tag,
    /// What came of it.
    pub outcome: Outcome,
}

impl Job {
    /// Does the work; may wait for a device, never for the network.
    pub fn run(self, scratch: &mut Scratch) -> Completion {
        let Self { tag, storage, work } = self;
        let outcome = catch_unwind(AssertUnwindSafe(|| work.run(&storage, scratch)));
        Completion {
            tag,
            outcome: outcome.unwrap_or(Outcome::Panicked),
        }
    }
}

impl Work {
    fn run(self, storage: &Arc<dyn Storage>, scratch: &mut Scratch) -> Outcome {
        match self {
            Self::Verify(verification) => {
                let verified = catch_unwind(AssertUnwindSafe(|| verification.run()));
                Outcome::Verified(verified.unwrap_or(Verified::Nobody))
            }
            Self::Operate(operation) => match storage.perform(&operation, Wait::Allowed) {
                Err(Error::NotCounted) => Outcome::NotCounted(Box::new(Self::Operate(operation))),
                answer => Outcome::Operated(answer),
            },
            Self::Errand(mut errand) => {
                let step = errand.slice(storage, scratch);
                Outcome::Errand(errand, step)
            }
            Self::Drop(errand) => {
                drop(errand);
                Outcome::Discarded(None)
            }
            Self::Entry(path) => Outcome::Entry(storage.entry(&path).map(Box::new)),
            Self::Describe { listing, limit } => {
                Outcome::Described(listing.describe(storage, limit))
            }
            // While it waits others may have its place.
            Self::Open(plan, mut place) => match plan.open(&mut place, storage, Wait::Allowed) {
                Err(Error::NotCounted) => Outcome::NotCounted(Box::new(Self::Open(plan, None))),
                opened => Outcome::Opened(opened),
            },
            Self::Slice(transfer) => step(transfer, |transfer| {
                transfer.slice(WORKER_SLICE_BYTES, Wait::Allowed, scratch)
            }),
            Self::Commit(transfer) => step(transfer, Transfer::commit),
            Self::Discard(source) => Outcome::Discarded(source.abandon()),
        }
    }
}

/// A step of a transfer. Where it panics, the data connection is reset and not ended: what the
/// client has of a file must not be taken for all of it.
fn step(mut transfer: Box<Transfer>, step: impl FnOnce(&mut Transfer) -> Verdict) -> Outcome {
    if let Ok(verdict) = catch_unwind(AssertUnwindSafe(|| step(&mut transfer))) {
        return Outcome::Sliced(transfer, verdict);
    }
    drop(transfer.cut());
    Outcome::Panicked
}
