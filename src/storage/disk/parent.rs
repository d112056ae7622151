//! A directory whose names change, and the sync of its names.
//!
//! It owns the descriptor, which is opened first, so that a lack of descriptors or permissions fails before
//! anything is changed. It does not know what is changed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::HARMLESS;
use super::lookup::Root;
use crate::storage::{Durability, Error, Result, VirtualPath, Wait};

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
        if durability != Durability::Fsync {
            return Self::open_path(root, path, NameSync::Deferred);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        match root.find(path, flags, Wait::Allowed) {
            Err(Error::Denied) => Self::open_path(root, path, NameSync::System),
            directory => Ok(Self {
                directory: directory?,
                sync: NameSync::Directory,
            }),
        }
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

    /// The root as a directory whose sync fails: its `O_PATH` descriptor cannot be synced.
    #[cfg(test)]
    pub(super) fn unsyncable(root: &Root) -> Result<Self> {
        Self::open_path(root, b".", NameSync::Directory)
    }

    /// Syncs its names, if the durability it was opened for says so.
    pub(super) fn sync(&self) -> Result<()> {
        match self.sync {
            NameSync::Deferred => Ok(()),
            NameSync::System | NameSync::Directory => self.sync_always(),
        }
    }

    /// Syncs its names, whatever durability it was opened for.
    pub(super) fn sync_always(&self) -> Result<()> {
        match self.sync {
            NameSync::Directory => sync_directory(&self.directory),
            NameSync::Deferred => sync_or_all(self, b".", OFlags::DIRECTORY),
            NameSync::System => {
                rustix::fs::sync();
                Ok(())
            }
        }
    }
}

/// Syncs a file or directory of `directory`, or everything if it cannot be opened for that.
pub(super) fn sync_or_all(directory: impl AsFd, name: &[u8], flags: OFlags) -> Result<()> {
    let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | HARMLESS;
    let opened = retry_on_intr(|| rustix::fs::openat(&directory, name, flags, Mode::empty()));
    if let Ok(found) = opened {
        return sync_directory(&found);
    }
    rustix::fs::sync();
    Ok(())
}

fn sync_directory(directory: &OwnedFd) -> Result<()> {
    match retry_on_intr(|| rustix::fs::fsync(directory)) {
        // Some file systems do not support fsync on directories, and write names through.
        Err(Errno::INVAL) => Ok(()),
        synced => Ok(synced?),
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

    #[test]
    fn parent_is_synced_with_fsync_only() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path(), None).unwrap();
        for durability in [Durability::None, Durability::Rename, Durability::Fsync] {
            let parent = Parent::open(&root, b".", durability).unwrap();
            let synced = matches!(parent.sync, NameSync::Directory);
            assert_eq!(synced, durability == Durability::Fsync);
            assert_eq!(parent.sync(), Ok(()));
            assert_eq!(parent.sync_always(), Ok(()));
        }
        // The error proves that fsync is called.
        let unsyncable = Parent::unsyncable(&root).unwrap();
        assert_eq!(unsyncable.sync(), Err(Error::Device));
        let system = Parent::open_path(&root, b".", NameSync::System).unwrap();
        assert_eq!(system.sync(), Ok(()));
    }
}
