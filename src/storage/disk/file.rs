//! An open file: reads that need not block, complete writes, and the commit of an upload.
//!
//! It owns the descriptor and, for an upload, the pending replacement and the allowance of free space. It
//! does not know the path by which it was opened.

use std::cell::Cell;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::Mode;
use rustix::io::{Errno, ReadWriteFlags, retry_on_intr};

use super::commit::{CommitStep, run_steps, sync_file};
use super::space::SpaceAllowance;
use super::temporary::Replacement;
use crate::storage::{CommitState, Durability, Error, File, Metadata, Policy, Result, Wait};

/// A regular file.
pub(super) struct DiskFile {
    descriptor: OwnedFd,
    state: FileState,
    space: SpaceAllowance,
    durability: Durability,
}

/// ```text
///   InPlace ──commit──▶ Settled ◀──commit──┐
///   Pending ──commit──────▲                │
///      ├──prepare──▶ Prepared ─────────────┘
///      └──sync failed──▶ SyncFailed
///   Pending, Prepared, SyncFailed ──drop──▶ the temporary file is removed
/// ```
enum FileState {
    /// Read-only, or committed.
    Settled,
    /// Written under its final name.
    InPlace(PriorContents),
    /// A temporary file that replaces the target at the commit.
    Pending(Replacement),
    /// As `Pending`, and synced as the durability requires.
    Prepared(Replacement),
    /// The sync failed. The kernel reports that once and then considers the pages clean (fsync(2)): a
    /// retry would succeed, and replace a complete file by a damaged one.
    SyncFailed(Replacement),
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

impl DiskFile {
    pub(super) const fn read_only(descriptor: OwnedFd) -> Self {
        Self {
            descriptor,
            state: FileState::Settled,
            space: SpaceAllowance::new(0),
            durability: Durability::None,
        }
    }

    /// A file written under its final name.
    pub(super) const fn in_place(
        descriptor: OwnedFd,
        prior: PriorContents,
        policy: Policy,
    ) -> Self {
        Self {
            descriptor,
            state: FileState::InPlace(prior),
            space: SpaceAllowance::new(policy.free_space_floor),
            durability: policy.durability,
        }
    }

    /// A temporary file.
    pub(super) const fn pending(
        descriptor: OwnedFd,
        replacement: Replacement,
        policy: Policy,
    ) -> Self {
        Self {
            descriptor,
            state: FileState::Pending(replacement),
            space: SpaceAllowance::new(policy.free_space_floor),
            durability: policy.durability,
        }
    }

    /// Sets the permission bits, unaffected by the umask.
    pub(super) fn set_mode(&self, mode: Mode) -> Result<()> {
        Ok(rustix::fs::fchmod(&self.descriptor, mode)?)
    }

    fn commit_replacement(
        &mut self,
        replacement: Replacement,
        sync_bytes: impl Fn(BorrowedFd<'_>) -> Result<()>,
    ) -> Result<()> {
        let result = run_steps(self.durability, |step| match step {
            CommitStep::SyncFile => sync_bytes(self.descriptor.as_fd()),
            CommitStep::Rename => replacement.rename_to_target(),
            CommitStep::SyncName => replacement.sync_name(),
        });
        self.state = match result {
            Ok(()) | Err((CommitStep::SyncName, _)) => FileState::Settled,
            Err((CommitStep::SyncFile, _)) => FileState::SyncFailed(replacement),
            Err((CommitStep::Rename, _)) => FileState::Pending(replacement),
        };
        result.map_err(|(_, error)| error)
    }

    fn commit_in_place(&self, prior: &PriorContents) -> Result<()> {
        // Not truncated yet if the upload is empty.
        prior.truncate(self.descriptor.as_fd())?;
        match self.durability {
            Durability::None | Durability::Rename => Ok(()),
            Durability::Fsync if matches!(prior, PriorContents::Created) => {
                // The file may have been created through a link, in a directory not known here.
                sync_file(self.descriptor.as_fd())?;
                Ok(retry_on_intr(|| rustix::fs::syncfs(&self.descriptor))?)
            }
            Durability::Fsync => sync_file(self.descriptor.as_fd()),
        }
    }
}

impl File for DiskFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64, wait: Wait) -> Result<usize> {
        match wait {
            Wait::Never => read_cached(self.descriptor.as_fd(), buffer, offset),
            Wait::Allowed => {
                let read = || rustix::io::pread(&self.descriptor, &mut *buffer, offset);
                retry_on_intr(read).map_err(blocking_error)
            }
        }
    }

    fn write_at(&self, mut bytes: &[u8], mut offset: u64) -> Result<()> {
        self.space
            .take(self.descriptor.as_fd(), bytes.len() as u64)?;
        if let FileState::InPlace(prior) = &self.state {
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
        Ok(super::metadata(&rustix::fs::fstat(&self.descriptor)?))
    }

    fn commit_state(&self) -> Result<CommitState> {
        match &self.state {
            FileState::Settled | FileState::InPlace(_) => Ok(CommitState::InPlace),
            FileState::Pending(replacement)
            | FileState::Prepared(replacement)
            | FileState::SyncFailed(replacement) => {
                Ok(CommitState::Uncommitted(replacement.current_target()?))
            }
        }
    }

    fn prepare(&mut self) -> Result<()> {
        if self.durability == Durability::None {
            return Ok(());
        }
        let (state, prepared) = match std::mem::replace(&mut self.state, FileState::Settled) {
            FileState::Pending(replacement) | FileState::Prepared(replacement) => {
                match sync_file(self.descriptor.as_fd()) {
                    Ok(()) => (FileState::Prepared(replacement), Ok(())),
                    Err(error) => (FileState::SyncFailed(replacement), Err(error)),
                }
            }
            state => (state, Ok(())),
        };
        self.state = state;
        prepared
    }

    fn commit(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.state, FileState::Settled) {
            FileState::Settled => Ok(()),
            FileState::InPlace(prior) => self.commit_in_place(&prior),
            FileState::Pending(replacement) => self.commit_replacement(replacement, sync_file),
            FileState::Prepared(replacement) => self.commit_replacement(replacement, |_| Ok(())),
            failed @ FileState::SyncFailed(_) => {
                self.state = failed;
                Err(Error::Device)
            }
        }
    }

    fn forbid_replace(&mut self) -> Result<()> {
        match &mut self.state {
            FileState::Settled | FileState::InPlace(_) => Ok(()),
            FileState::Pending(replacement)
            | FileState::Prepared(replacement)
            | FileState::SyncFailed(replacement) => replacement.forbid_replace(),
        }
    }

    fn commit_truncated(&mut self, size: u64) -> Result<()> {
        self.state = match std::mem::replace(&mut self.state, FileState::Settled) {
            FileState::Pending(replacement) | FileState::Prepared(replacement) => {
                FileState::Pending(replacement)
            }
            state => state,
        };
        if let FileState::Pending(_) = &self.state {
            retry_on_intr(|| rustix::fs::ftruncate(&self.descriptor, size))?;
        }
        self.commit()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.descriptor.as_fd())
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        match &self.state {
            FileState::Settled | FileState::InPlace(_) => {}
            FileState::Pending(replacement)
            | FileState::Prepared(replacement)
            | FileState::SyncFailed(replacement) => replacement.discard(),
        }
    }
}

/// Reads from the page cache, or returns [`Error::WouldWait`].
fn read_cached(file: BorrowedFd<'_>, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let read = || {
        let buffers = &mut [IoSliceMut::new(&mut *buffer)];
        rustix::io::preadv2(file, buffers, offset, ReadWriteFlags::NOWAIT)
    };
    match retry_on_intr(read) {
        // Linux 5.9 and 5.10 may return 0 instead of EAGAIN, which is not the end of the file.
        Ok(0) if offset < size(file)? => Err(Error::WouldWait),
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

fn size(file: BorrowedFd<'_>) -> Result<u64> {
    Ok(super::metadata(&rustix::fs::fstat(file)?).size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::commit::Parent;
    use crate::storage::disk::lookup::Root;
    use crate::storage::disk::temporary::TargetCondition;
    use rustix::fs::OFlags;
    use std::path::Path;

    #[test]
    fn blocking_read_never_returns_would_wait() {
        assert_eq!(blocking_error(Errno::AGAIN), Error::InUse);
        assert_eq!(blocking_error(Errno::IO), Error::Device);
    }

    /// An upload with an `O_PATH` descriptor: fsync(2) fails as on a broken device.
    fn unsyncable_upload(directory: &Path, durability: Durability) -> DiskFile {
        let root = Root::open(directory, None).unwrap();
        let parent = Parent::open(&root, b".", durability).unwrap();
        let name = b"file".to_vec();
        let (_, replacement) = Replacement::create(parent, name, TargetCondition::Any).unwrap();
        let descriptor = root.find(b"file", OFlags::PATH, Wait::Allowed).unwrap();
        let policy = Policy {
            durability,
            free_space_floor: 0,
        };
        DiskFile::pending(descriptor, replacement, policy)
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
        for (durability, created, committed) in [
            (Durability::None, false, Ok(())),
            (Durability::Rename, true, Ok(())),
            (Durability::Fsync, false, Err(Error::Device)),
            (Durability::Fsync, true, Err(Error::Device)),
        ] {
            let policy = Policy {
                durability,
                free_space_floor: 0,
            };
            let unsyncable = root.find(b".", OFlags::PATH, Wait::Allowed).unwrap();
            let prior = if created {
                PriorContents::Created
            } else {
                PriorContents::Kept
            };
            let mut file = DiskFile::in_place(unsyncable, prior, policy);
            assert_eq!(file.commit(), committed, "{durability:?}");
        }
    }
}
