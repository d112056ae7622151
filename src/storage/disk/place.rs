//! The order in which a file is synced, named, and its name synced ([`Durability`]).
//!
//! It owns the order, and the descriptors of directories whose names change, so that whatever
//! could fail for want of a descriptor or of a permission fails before anything is changed. What
//! the steps are done to is not known here.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::{Errno, retry_on_intr};

use super::lookup::Root;
use crate::storage::{Durability, Error, Result, VirtualPath, Wait};

/// One of the steps by which a file takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Its bytes, length and mode reach the disk.
    SyncFile,
    /// It gets its name.
    Rename,
    /// The name reaches the disk.
    SyncName,
}

/// Takes the steps, until one fails: which, and why.
pub(super) fn place(
    durability: Durability,
    mut take: impl FnMut(Step) -> Result<()>,
) -> std::result::Result<(), (Step, Error)> {
    let steps: &[Step] = match durability {
        Durability::None => &[Step::Rename],
        Durability::Rename => &[Step::SyncFile, Step::Rename],
        Durability::Fsync => &[Step::SyncFile, Step::Rename, Step::SyncName],
    };
    for &step in steps {
        take(step).map_err(|error| (step, error))?;
    }
    Ok(())
}

/// Bytes, length and mode reach the disk.
pub(super) fn sync_file(file: BorrowedFd<'_>) -> Result<()> {
    Ok(retry_on_intr(|| rustix::fs::fsync(file))?)
}

/// A directory in which a name comes, goes or changes.
pub(super) struct Parent {
    directory: OwnedFd,
    names: Names,
}

/// How the names reach the disk.
enum Names {
    /// When the kernel sees fit.
    Sometime,
    /// When the directory is synced.
    Synced,
    /// The directory may be written and not read (a drop box), and what may not be read cannot be
    /// opened to be synced alone.
    WithAll,
}

impl Parent {
    /// Opens a directory to use names in. Waits.
    pub(super) fn open(root: &Root, path: &[u8], durability: Durability) -> Result<Self> {
        if durability == Durability::Fsync {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            match root.find(path, flags, Wait::Allowed) {
                Err(Error::Denied) => return Self::found(root, path, Names::WithAll),
                directory => {
                    return Ok(Self {
                        directory: directory?,
                        names: Names::Synced,
                    });
                }
            }
        }
        Self::found(root, path, Names::Sometime)
    }

    /// The directory of a name, and the name; the root has none. Waits.
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

    fn found(root: &Root, path: &[u8], names: Names) -> Result<Self> {
        let directory = root.directory(path)?;
        Ok(Self { directory, names })
    }

    /// Its names reach the disk, where it was opened for that.
    pub(super) fn sync(&self) -> Result<()> {
        match self.names {
            Names::Sometime => Ok(()),
            Names::WithAll => {
                rustix::fs::sync();
                Ok(())
            }
            Names::Synced => match retry_on_intr(|| rustix::fs::fsync(&self.directory)) {
                // Some file systems have no such thing, and name what they hold when they hold it.
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

    /// What is done, where the `failing` step fails.
    fn taken(durability: Durability, failing: Option<Step>) -> Vec<Step> {
        let mut taken = Vec::new();
        let placed = place(durability, |step| {
            taken.push(step);
            if Some(step) == failing {
                return Err(Error::Device);
            }
            Ok(())
        });
        match failing.filter(|step| taken.contains(step)) {
            Some(step) => assert_eq!(placed, Err((step, Error::Device))),
            None => assert_eq!(placed, Ok(())),
        }
        taken
    }

    #[test]
    fn bytes_before_the_name_and_the_name_before_the_reply() {
        use Step::{Rename, SyncFile, SyncName};
        assert_eq!(taken(Durability::None, None), [Rename]);
        assert_eq!(taken(Durability::Rename, None), [SyncFile, Rename]);
        let all = [SyncFile, Rename, SyncName];
        assert_eq!(taken(Durability::Fsync, None), all);
    }

    #[test]
    fn nothing_is_renamed_that_was_not_synced() {
        for durability in [Durability::Rename, Durability::Fsync] {
            let failing = Some(Step::SyncFile);
            assert_eq!(taken(durability, failing), [Step::SyncFile]);
        }
        let failing = Some(Step::Rename);
        let until = [Step::SyncFile, Step::Rename];
        assert_eq!(taken(Durability::Fsync, failing), until);
    }

    #[test]
    fn a_directory_is_synced_where_that_was_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path(), None).unwrap();
        for durability in [Durability::None, Durability::Rename, Durability::Fsync] {
            let parent = Parent::open(&root, b".", durability).unwrap();
            let synced = matches!(parent.names, Names::Synced);
            assert_eq!(synced, durability == Durability::Fsync);
            assert_eq!(parent.sync(), Ok(()));
        }
        // Were it not synced, this one, which cannot be, would not be noticed.
        let unsyncable = Parent::found(&root, b".", Names::Synced).unwrap();
        assert_eq!(unsyncable.sync(), Err(Error::Device));
        assert_eq!(
            Parent::found(&root, b".", Names::WithAll).unwrap().sync(),
            Ok(())
        );
    }
}
