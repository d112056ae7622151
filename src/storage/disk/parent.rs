//! The order of sync and rename that makes a commit as durable as [`Durability`] says.
//!
//! It owns the order of the steps, and the descriptor of the directory whose names change, so that a lack
//! of descriptors or permissions fails before anything is changed. It does not know what is committed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::{Errno, retry_on_intr};

use super::lookup::Root;
use crate::storage::{Durability, Error, Result, VirtualPath, Wait};

/// A step of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommitStep {
    /// Sync the file's contents and metadata.
    SyncFile,
    /// Give it its final name.
    Rename,
    /// Sync the directory.
    SyncName,
}

/// Runs the steps up to the first that fails, which is returned with its error.
pub(super) fn run_steps(
    durability: Durability,
    mut run: impl FnMut(CommitStep) -> Result<()>,
) -> std::result::Result<(), (CommitStep, Error)> {
    use CommitStep::{Rename, SyncFile, SyncName};
    let steps: &[CommitStep] = match durability {
        Durability::None => &[Rename],
        Durability::Rename => &[SyncFile, Rename],
        Durability::Fsync => &[SyncFile, Rename, SyncName],
    };
    for &step in steps {
        run(step).map_err(|error| (step, error))?;
    }
    Ok(())
}

/// Syncs contents, length and mode.
pub(super) fn sync_file(file: BorrowedFd<'_>) -> Result<()> {
    Ok(retry_on_intr(|| rustix::fs::fsync(file))?)
}

/// A directory in which a name is created, removed or changed.
pub(super) struct Parent {
    directory: OwnedFd,
    sync: NameSync,
}

/// How names are synced.
enum NameSync {
    /// Not at all; the kernel writes back when it chooses.
    Deferred,
    /// By fsync(2) of the directory.
    Directory,
    /// By sync(2): a directory without read permission (a drop box) cannot be opened for fsync(2).
    System,
}

impl Parent {
    /// Opens a directory in order to change its entries. Blocks.
    pub(super) fn open(root: &Root, path: &[u8], durability: Durability) -> Result<Self> {
        if durability == Durability::Fsync {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            match root.find(path, flags, Wait::Allowed) {
                Err(Error::Denied) => return Self::open_path(root, path, NameSync::System),
                directory => {
                    return Ok(Self {
                        directory: directory?,
                        sync: NameSync::Directory,
                    });
                }
            }
        }
        Self::open_path(root, path, NameSync::Deferred)
    }

    /// Opens the parent of a path, and returns the last name; `None` for the root. Blocks.
    pub(super) fn of<'p>(
        root: &Root,
        path: &'p VirtualPath,
        durability: Durability,
    ) -> Result<Option<(Self, &'p [u8])>> {
        if path.is_root() {
            return Ok(None);
        }
        let parent = Self::open(root, path.parent().from_root(), durability)?;
        Ok(Some((parent, path.name())))
    }

    fn open_path(root: &Root, path: &[u8], sync: NameSync) -> Result<Self> {
        let directory = root.directory(path)?;
        Ok(Self { directory, sync })
    }

    /// Syncs its names, if the durability it was opened for says so.
    pub(super) fn sync(&self) -> Result<()> {
        match self.sync {
            NameSync::Deferred => Ok(()),
            NameSync::System => {
                rustix::fs::sync();
                Ok(())
            }
            NameSync::Directory => match retry_on_intr(|| rustix::fs::fsync(&self.directory)) {
                // Some file systems do not support fsync on directories, and write names through.
                Err(Errno::INVAL) => Ok(()),
                synced => Ok(synced?),
            },
        }
    }
}

impl AsFd for Parent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps that are run if the `failing` step fails.
    fn steps(durability: Durability, failing: Option<CommitStep>) -> Vec<CommitStep> {
        let mut steps = Vec::new();
        let result = run_steps(durability, |step| {
            steps.push(step);
            if Some(step) == failing {
                return Err(Error::Device);
            }
            Ok(())
        });
        match failing.filter(|step| steps.contains(step)) {
            Some(step) => assert_eq!(result, Err((step, Error::Device))),
            None => assert_eq!(result, Ok(())),
        }
        steps
    }

    #[test]
    fn file_is_synced_before_rename_and_name_after() {
        use CommitStep::{Rename, SyncFile, SyncName};
        assert_eq!(steps(Durability::None, None), [Rename]);
        assert_eq!(steps(Durability::Rename, None), [SyncFile, Rename]);
        let all = [SyncFile, Rename, SyncName];
        assert_eq!(steps(Durability::Fsync, None), all);
    }

    #[test]
    fn failed_sync_prevents_rename() {
        use CommitStep::{Rename, SyncFile};
        for durability in [Durability::Rename, Durability::Fsync] {
            assert_eq!(steps(durability, Some(SyncFile)), [SyncFile]);
        }
        let until = [SyncFile, Rename];
        assert_eq!(steps(Durability::Fsync, Some(Rename)), until);
    }

    #[test]
    fn parent_is_synced_with_fsync_only() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path(), None).unwrap();
        for durability in [Durability::None, Durability::Rename, Durability::Fsync] {
            let parent = Parent::open(&root, b".", durability).unwrap();
            let synced = matches!(parent.sync, NameSync::Directory);
            assert_eq!(synced, durability == Durability::Fsync);
            assert_eq!(parent.sync(), Ok(()));
        }
        // An O_PATH descriptor cannot be synced: the error proves that fsync is called.
        let unsyncable = Parent::open_path(&root, b".", NameSync::Directory).unwrap();
        assert_eq!(unsyncable.sync(), Err(Error::Device));
        let system = Parent::open_path(&root, b".", NameSync::System).unwrap();
        assert_eq!(system.sync(), Ok(()));
    }
}
