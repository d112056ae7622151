//! Open files: reads that need not block, complete writes, and the commit of an upload.
//!
//! A commit syncs the bytes, renames, and syncs the name, as far as [`Durability`] and the file system
//! require ([`file_system`](super::file_system)): in this order, so that after a crash the name has either
//! contents, complete. An upload owns the pending replacement and
//! the allowance of free space. Nothing here knows the path by which a file was opened.

use std::cell::Cell;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FlockOperation, Mode};
use rustix::io::{Errno, ReadWriteFlags, retry_on_intr};

use super::file_system::Steps;
use super::space::SpaceAllowance;
use super::temporary::Replacement;
use crate::storage::{
    CommitState, Durability, Error, File, Metadata, Policy, Result, UploadFile, Wait,
};

/// A regular file that is read.
pub(super) struct DiskFile(pub(super) OwnedFd);

impl File for DiskFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64, wait: Wait) -> Result<usize> {
        match wait {
            Wait::Never => read_cached(self.0.as_fd(), buffer, offset),
            Wait::Allowed => {
                let read = || rustix::io::pread(&self.0, &mut *buffer, offset);
                retry_on_intr(read).map_err(blocking_error)
            }
        }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }
}

/// A regular file that is written.
pub(super) struct DiskUpload {
    descriptor: OwnedFd,
    state: UploadState,
    space: SpaceAllowance,
    durability: Durability,
}

/// ```text
///   InPlace ──commit──▶ Committed ◀──commit── Pending ──drop──▶ the temporary file is removed
///      └──commit failed──▶ Lost
/// ```
pub(super) enum UploadState {
    /// It has its final name, and is as durable as required.
    Committed,
    /// Written under its final name.
    InPlace(PriorContents),
    /// As `InPlace`, but a commit has failed, and so does each later one: the kernel reports a failed sync
    /// once.
    Lost(Error),
    /// A temporary file that replaces the target at the commit.
    Pending(Replacement, SyncState),
}

/// Whether the bytes of a temporary file are synced, where the durability requires it.
///
/// ```text
///   Unsynced ──sync──▶ Synced ──truncate──▶ Unsynced
///      └──sync failed──▶ Failed
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SyncState {
    Unsynced,
    Synced,
    /// The kernel reports a failure once and then considers the pages clean (fsync(2)): a retry would
    /// succeed, and replace a complete file by a damaged one.
    Failed,
}

/// The contents that a file written in place had before.
pub(super) enum PriorContents {
    /// None: the file was created.
    Created,
    /// This many bytes, kept except where they are overwritten.
    Kept(u64),
    /// Truncated at the first write or the commit; true until then.
    Truncated(Cell<bool>),
}

impl PriorContents {
    pub(super) const fn truncate_on_write() -> Self {
        Self::Truncated(Cell::new(true))
    }

    /// Truncates the file if that is still to be done.
    fn truncate(&self, file: BorrowedFd<'_>) -> Result<()> {
        match self {
            Self::Truncated(is_pending) if is_pending.replace(false) => {
                Ok(retry_on_intr(|| rustix::fs::ftruncate(file, 0))?)
            }
            Self::Created | Self::Kept(_) | Self::Truncated(_) => Ok(()),
        }
    }

    /// Removes the bytes of an upload whose sync failed: a client that resumes behind them would get a 226
    /// for bytes that are not on the disk. Those that it wrote over others stay.
    fn discard(&self, file: BorrowedFd<'_>) {
        let size = match self {
            Self::Created | Self::Truncated(_) => 0,
            Self::Kept(size) => *size,
        };
        // Another program may have truncated it meanwhile. The upload has failed already.
        if super::stat(file).is_ok_and(|found| found.size > size) {
            let _ = retry_on_intr(|| rustix::fs::ftruncate(file, size));
        }
    }
}

impl DiskUpload {
    pub(super) const fn new(descriptor: OwnedFd, state: UploadState, policy: Policy) -> Self {
        Self {
            descriptor,
            state,
            space: SpaceAllowance::new(policy.free_space_floor),
            durability: policy.durability,
        }
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Sets the permission bits, unaffected by the umask.
    pub(super) fn set_mode(&self, mode: Mode) -> Result<()> {
        Ok(rustix::fs::fchmod(&self.descriptor, mode)?)
    }

    fn sync_renamed(&self, replacement: &Replacement, steps: Steps) -> Result<()> {
        if steps.after {
            sync(&self.descriptor)?;
        }
        if steps.names {
            replacement.sync_name()?;
        }
        Ok(())
    }

    fn commit_in_place(&self, prior: &PriorContents) -> Result<()> {
        // Not truncated yet if the upload is empty.
        prior.truncate(self.descriptor.as_fd())?;
        if self.durability == Durability::Fsync {
            self.sync_in_place(prior)
                .inspect_err(|_| prior.discard(self.descriptor.as_fd()))?;
        }
        // A client may have removed or replaced it meanwhile.
        match super::stat(&self.descriptor)?.links {
            0 => Err(Error::NotFound),
            _ => Ok(()),
        }
    }

    fn sync_in_place(&self, prior: &PriorContents) -> Result<()> {
        sync(&self.descriptor)?;
        if matches!(prior, PriorContents::Created) {
            // It may have been created through a link, in a directory not known here.
            retry_on_intr(|| rustix::fs::syncfs(&self.descriptor))?;
        }
        Ok(())
    }
}

impl UploadFile for DiskUpload {
    fn write_at(&self, mut bytes: &[u8], mut offset: u64) -> Result<()> {
        self.space
            .take(self.descriptor.as_fd(), bytes.len() as u64)?;
        if let UploadState::InPlace(prior) = &self.state {
            prior.truncate(self.descriptor.as_fd())?;
        }
        while !bytes.is_empty() {
            let write = || rustix::io::pwrite(&self.descriptor, bytes, offset);
            let written = retry_on_intr(write).map_err(blocking_error)?;
            match bytes.get(written..) {
                // A device that accepts no bytes without an error must not keep a worker in a loop.
                None => return Err(Error::Device),
                Some(_) if written == 0 => return Err(Error::Device),
                Some(rest) => bytes = rest,
            }
            offset = offset.saturating_add(written as u64);
        }
        Ok(())
    }

    fn metadata(&self) -> Result<Metadata> {
        Ok(super::stat(&self.descriptor)?)
    }

    fn commit_state(&self) -> Result<CommitState> {
        match &self.state {
            UploadState::Committed | UploadState::InPlace(_) | UploadState::Lost(_) => {
                Ok(CommitState::InPlace)
            }
            UploadState::Pending(replacement, _) => {
                Ok(CommitState::Uncommitted(replacement.current_target()?))
            }
        }
    }

    fn prepare(&mut self) -> Result<()> {
        match &mut self.state {
            UploadState::Pending(replacement, state)
                if *state != SyncState::Failed && replacement.steps(self.durability)?.before =>
            {
                let synced = sync(&self.descriptor);
                *state = match synced {
                    Ok(()) => SyncState::Synced,
                    Err(_) => SyncState::Failed,
                };
                synced
            }
            _ => Ok(()),
        }
    }

    fn commit(&mut self) -> Result<()> {
        if let UploadState::Pending(_, SyncState::Unsynced) = &self.state {
            self.prepare()?;
        }
        match std::mem::replace(&mut self.state, UploadState::Committed) {
            UploadState::Committed => Ok(()),
            UploadState::InPlace(prior) => {
                let committed = self.commit_in_place(&prior);
                if let Err(error) = committed {
                    self.state = UploadState::Lost(error);
                }
                committed
            }
            UploadState::Lost(error) => {
                self.state = UploadState::Lost(error);
                Err(error)
            }
            UploadState::Pending(replacement, synced) => {
                let renamed = match synced {
                    SyncState::Failed => Err(Error::Device),
                    SyncState::Unsynced | SyncState::Synced => {
                        let steps = replacement.steps(self.durability);
                        steps.and_then(|steps| replacement.rename_to_target().map(|()| steps))
                    }
                };
                match renamed {
                    Ok(steps) => self.sync_renamed(&replacement, steps),
                    Err(error) => {
                        self.state = UploadState::Pending(replacement, synced);
                        Err(error)
                    }
                }
            }
        }
    }

    fn forbid_replace(&mut self) -> Result<()> {
        match &mut self.state {
            UploadState::Committed | UploadState::InPlace(_) | UploadState::Lost(_) => Ok(()),
            UploadState::Pending(replacement, _) => replacement.forbid_replace(),
        }
    }

    fn commit_truncated(&mut self, size: u64) -> Result<()> {
        match &mut self.state {
            UploadState::Pending(_, sync) if *sync != SyncState::Failed => {
                *sync = SyncState::Unsynced;
                retry_on_intr(|| rustix::fs::ftruncate(&self.descriptor, size))?;
            }
            _ => {}
        }
        self.commit()
    }
}

impl Drop for DiskUpload {
    fn drop(&mut self) {
        if let UploadState::Pending(replacement, _) = &self.state {
            replacement.discard();
        }
        // Not left to the close: a process that this program is starting has a copy of the descriptor until
        // it executes, and the next upload after the 226 would be refused. After an error nothing was locked.
        let _ = rustix::fs::flock(&self.descriptor, FlockOperation::Unlock);
    }
}

/// Syncs contents, length and mode.
fn sync(file: &OwnedFd) -> Result<()> {
    Ok(retry_on_intr(|| rustix::fs::fsync(file))?)
}

/// Reads from the page cache, or returns [`Error::WouldWait`].
fn read_cached(file: BorrowedFd<'_>, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let read = || {
        let buffers = &mut [IoSliceMut::new(&mut *buffer)];
        rustix::io::preadv2(file, buffers, offset, ReadWriteFlags::NOWAIT)
    };
    match retry_on_intr(read) {
        // Linux 5.9 and 5.10 may return 0 instead of EAGAIN, which is not the end of the file.
        Ok(0) if offset < super::stat(file)?.size => Err(Error::WouldWait),
        Ok(length) => Ok(length),
        // Not cached, or RWF_NOWAIT is not supported: a worker reads it.
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Err(Error::WouldWait),
        Err(error) => Err(error.into()),
    }
}

/// Maps `EAGAIN` of a blocking call (an empty `/proc/kmsg`, a disconnected network file system) to an
/// error that is not retried, and `EINVAL` to one that is not about a name.
fn blocking_error(errno: Errno) -> Error {
    match errno {
        Errno::AGAIN => Error::InUse,
        Errno::INVAL => Error::Device,
        errno => errno.into(),
    }
}

#[cfg(test)]
mod tests;
