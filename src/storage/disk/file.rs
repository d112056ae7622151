//! Open files: reads that need not block, complete writes, and the commit of an upload.
//!
//! A commit syncs the bytes, renames, and syncs the name, as far as [`Durability`] says: in this order, so
//! that after a crash the name has either contents, complete. An upload owns the pending replacement and
//! the allowance of free space. Nothing here knows the path by which a file was opened.

use std::cell::Cell;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::Mode;
use rustix::io::{Errno, ReadWriteFlags, retry_on_intr};

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
/// ```
pub(super) enum UploadState {
    /// It has its final name, and is as durable as required.
    Committed,
    /// Written under its final name.
    InPlace(PriorContents),
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
    /// Kept, except where it is overwritten.
    Kept,
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
            Self::Created | Self::Kept | Self::Truncated(_) => Ok(()),
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

    /// Sets the permission bits, unaffected by the umask.
    pub(super) fn set_mode(&self, mode: Mode) -> Result<()> {
        Ok(rustix::fs::fchmod(&self.descriptor, mode)?)
    }

    fn commit_in_place(&self, prior: &PriorContents) -> Result<()> {
        // Not truncated yet if the upload is empty.
        prior.truncate(self.descriptor.as_fd())?;
        if self.durability == Durability::Fsync {
            sync(&self.descriptor)?;
            if matches!(prior, PriorContents::Created) {
                // It may have been created through a link, in a directory not known here.
                retry_on_intr(|| rustix::fs::syncfs(&self.descriptor))?;
            }
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
            let written = retry_on_intr(|| rustix::io::pwrite(&self.descriptor, bytes, offset))?;
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
            UploadState::Committed | UploadState::InPlace(_) => Ok(CommitState::InPlace),
            UploadState::Pending(replacement, _) => {
                Ok(CommitState::Uncommitted(replacement.current_target()?))
            }
        }
    }

    fn prepare(&mut self) -> Result<()> {
        match &mut self.state {
            UploadState::Pending(_, state)
                if self.durability != Durability::None && *state != SyncState::Failed =>
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
            UploadState::InPlace(prior) => self.commit_in_place(&prior),
            UploadState::Pending(replacement, sync) => {
                let renamed = match sync {
                    SyncState::Failed => Err(Error::Device),
                    SyncState::Unsynced | SyncState::Synced => replacement.rename_to_target(),
                };
                if renamed.is_err() {
                    self.state = UploadState::Pending(replacement, sync);
                    return renamed;
                }
                replacement.sync_name()
            }
        }
    }

    fn forbid_replace(&mut self) -> Result<()> {
        match &mut self.state {
            UploadState::Committed | UploadState::InPlace(_) => Ok(()),
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

/// Maps `EAGAIN` of a blocking read (an empty `/proc/kmsg`, a disconnected network file system) to an
/// error that is not retried.
fn blocking_error(errno: Errno) -> Error {
    match errno {
        Errno::AGAIN => Error::InUse,
        errno => errno.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::lookup::Root;
    use crate::storage::disk::parent::Parent;
    use crate::storage::disk::temporary::TargetCondition;
    use rustix::fs::OFlags;
    use std::path::Path;

    #[test]
    fn blocking_read_never_returns_would_wait() {
        assert_eq!(blocking_error(Errno::AGAIN), Error::InUse);
        assert_eq!(blocking_error(Errno::IO), Error::Device);
    }

    /// An upload with an `O_PATH` descriptor: fsync(2) fails as on a broken device.
    fn unsyncable_upload(directory: &Path, durability: Durability) -> DiskUpload {
        let root = Root::open(directory, None).unwrap();
        let parent = Parent::open(&root, b".", durability).unwrap();
        let name = b"file".to_vec();
        let (_, replacement) = Replacement::create(parent, name, TargetCondition::Any).unwrap();
        let descriptor = root.find(b"file", OFlags::PATH, Wait::Allowed).unwrap();
        pending(descriptor, replacement, durability)
    }

    fn pending(file: OwnedFd, replacement: Replacement, durability: Durability) -> DiskUpload {
        let state = UploadState::Pending(replacement, SyncState::Unsynced);
        DiskUpload::new(file, state, policy(durability))
    }

    fn policy(durability: Durability) -> Policy {
        Policy {
            durability,
            free_space_floor: 0,
        }
    }

    #[test]
    fn failed_sync_of_the_name_follows_the_rename() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path(), None).unwrap();
        let (parent, name) = (Parent::unsyncable(&root).unwrap(), b"file".to_vec());
        let created = Replacement::create(parent, name, TargetCondition::Any);
        let (descriptor, replacement) = created.unwrap();
        let mut file = pending(descriptor, replacement, Durability::Fsync);
        file.write_at(b"new", 0).unwrap();
        assert_eq!(file.commit(), Err(Error::Device));
        assert_eq!(file.commit_state(), Ok(CommitState::InPlace));
        let path = directory.path().join("file");
        assert_eq!(std::fs::read(path).unwrap(), b"new");
    }

    #[test]
    fn failed_sync_is_never_committed_by_retry() {
        for durability in [Durability::None, Durability::Rename, Durability::Fsync] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("file");
            std::fs::write(&path, "old").unwrap();
            let mut file = unsyncable_upload(directory.path(), durability);
            if durability == Durability::None {
                assert_eq!(file.commit(), Ok(()));
                assert_eq!(std::fs::read(&path).unwrap(), b"");
                continue;
            }
            assert_eq!(file.commit(), Err(Error::Device));
            // A sync of this descriptor succeeds, as a second fsync(2) does.
            file.descriptor = tempfile::tempfile().unwrap().into();
            assert_eq!(file.commit(), Err(Error::Device));
            assert_eq!(file.commit_truncated(0), Err(Error::Device));
            drop(file);
            assert_eq!(std::fs::read(&path).unwrap(), b"old");
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn prepared_upload_is_synced_again_only_if_truncated() {
        let unsyncable = |directory: &Path| {
            let root = Root::open(directory, None).unwrap();
            root.find(b".", OFlags::PATH, Wait::Allowed).unwrap()
        };
        for durability in [Durability::Rename, Durability::Fsync] {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join("file"), "old").unwrap();
            let mut file = unsyncable_upload(directory.path(), durability);
            file.descriptor = tempfile::tempfile().unwrap().into();
            assert_eq!(file.prepare(), Ok(()));
            file.descriptor = unsyncable(directory.path());
            assert_eq!(file.commit(), Ok(()));
            assert_eq!(file.prepare(), Ok(()));

            let mut file = unsyncable_upload(directory.path(), durability);
            let own = tempfile::tempfile().unwrap();
            file.descriptor = own.try_clone().unwrap().into();
            file.write_at(b"12345", 0).unwrap();
            assert_eq!(file.prepare(), Ok(()));
            assert_eq!(file.commit_truncated(3), Ok(()));
            assert_eq!(own.metadata().unwrap().len(), 3);

            let mut file = unsyncable_upload(directory.path(), durability);
            assert_eq!(file.prepare(), Err(Error::Device));
            file.descriptor = own.into();
            assert_eq!(file.commit(), Err(Error::Device));
        }
    }

    #[test]
    fn in_place_file_is_synced_with_fsync_only() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path(), None).unwrap();
        for (durability, prior, committed) in [
            (Durability::None, PriorContents::Kept, Ok(())),
            (Durability::Rename, PriorContents::Created, Ok(())),
            (Durability::Fsync, PriorContents::Kept, Err(Error::Device)),
            (
                Durability::Fsync,
                PriorContents::Created,
                Err(Error::Device),
            ),
        ] {
            let unsyncable = root.find(b".", OFlags::PATH, Wait::Allowed).unwrap();
            let state = UploadState::InPlace(prior);
            let mut file = DiskUpload::new(unsyncable, state, policy(durability));
            assert_eq!(file.commit(), committed, "{durability:?}");
        }
    }
}
