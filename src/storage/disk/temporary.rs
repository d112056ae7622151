//! Temporary files, and the atomic rename over their target.
//!
//! It owns the descriptor of the directory, so a rename of the directory during the upload has no effect. A
//! temporary file is locked while it is open, so the sweep can tell it from a stale one. It does not write
//! the file.
//!
//! STOU reserves the final name by hashing it into the temporary file's name: `O_EXCL` on that name
//! detects a concurrent reservation. The final name appears only at the rename, and a crash leaves only
//! a temporary file, which the sweep removes.

use std::hash::{BuildHasher as _, RandomState};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, retry_on_intr};

use super::file_system::{FileSystem, Steps};
use super::parent::Parent;
use super::statx::stat_at;
use super::temporary_name::{random, stable_hash, temporary_name, trial_name};
use crate::storage::{Durability, Error, Metadata, Result, existing};

/// The longest name that is tried. With the rest around it, it fits into the 255 bytes of most file systems.
const TRIED_BYTES: usize = 200;

/// Attempts to find a free temporary name. More than one collision is an attack.
const ATTEMPTS: u64 = 16;

/// The largest number that STOU appends to a name.
const LAST_NUMBER: u32 = 9999;

/// A pending rename of a temporary file to its target.
pub(super) struct Replacement {
    directory: Parent,
    temporary: Vec<u8>,
    target: Vec<u8>,
    condition: TargetCondition,
    file_system: FileSystem,
}

/// The state of the target that the rename requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TargetCondition {
    Any,
    /// No file has the name.
    Absent,
    /// A file has the name.
    Present,
}

impl Replacement {
    /// Creates an empty temporary file in the directory of `target`.
    pub(super) fn create(
        directory: Parent,
        target: Vec<u8>,
        condition: TargetCondition,
    ) -> Result<(OwnedFd, Self)> {
        let keys = RandomState::new();
        let file_system = FileSystem::of(&directory);
        for attempt in 0..ATTEMPTS {
            let temporary = temporary_name(keys.hash_one(attempt));
            if let Some(file) = make_temporary(directory.as_fd(), &temporary)? {
                let replacement = Self {
                    directory,
                    temporary,
                    target,
                    condition,
                    file_system,
                };
                return replacement.with_allowed_name(file);
            }
        }
        Err(Error::Exists)
    }

    /// Creates an empty temporary file for a free name: `wanted`, or that with a number appended. The
    /// name is reserved among callers of this function only; at the rename it may be taken.
    pub(super) fn create_unique(directory: Parent, wanted: &[u8]) -> Result<(OwnedFd, Self)> {
        let mut replacement = Self {
            file_system: FileSystem::of(&directory),
            directory,
            temporary: Vec::new(),
            target: wanted.to_vec(),
            condition: TargetCondition::Absent,
        };
        for number in 0..=LAST_NUMBER {
            if number > 0 {
                replacement.target = [wanted, format!(".{number}").as_bytes()].concat();
            }
            if replacement.target_exists()? {
                continue;
            }
            replacement.temporary = temporary_name(stable_hash(&replacement.target));
            let made = make_temporary(replacement.directory.as_fd(), &replacement.temporary)?;
            let Some(file) = made else {
                continue;
            };
            // The previous holder of the reservation may have committed since the check above.
            match replacement.target_exists() {
                Ok(false) => return replacement.with_allowed_name(file),
                exists => {
                    replacement.discard();
                    exists?;
                }
            }
        }
        Err(Error::Exists)
    }

    /// Refuses a target that the file system does not allow, which it may say only at the rename.
    fn with_allowed_name(self, file: OwnedFd) -> Result<(OwnedFd, Self)> {
        let allows = self.file_system.allows(&self.target);
        if allows.unwrap_or_else(|| self.try_name()) {
            return Ok((file, self));
        }
        self.discard();
        Err(Error::BadName)
    }

    /// Whether a temporary file can be created whose name contains the target; it is removed. Under its own
    /// name it would be seen, or be an existing file.
    fn try_name(&self) -> bool {
        if self.target.len() > TRIED_BYTES {
            return true;
        }
        let tried = trial_name(&self.target);
        let made = make_temporary(self.directory.as_fd(), &tried);
        if made.is_ok() {
            self.unlink(&tried);
        }
        // exfat-fuse refuses a name as missing; the directory is not, as the temporary file is in it.
        !matches!(made, Err(Error::BadName | Error::NotFound))
    }

    /// The final name.
    pub(super) fn target(&self) -> &[u8] {
        &self.target
    }

    /// Renames the temporary file to its target.
    pub(super) fn rename_to_target(&self) -> Result<()> {
        let (directory, from, to) = self.names();
        match self.condition {
            TargetCondition::Absent => {
                let flags = RenameFlags::NOREPLACE;
                match rustix::fs::renameat_with(directory, from, directory, to, flags) {
                    Err(Errno::INVAL | Errno::NOSYS) => self.link(),
                    renamed => Ok(renamed?),
                }
            }
            // A removal between check and rename is harmless: it could as well come after the rename.
            TargetCondition::Present if !self.target_exists()? => Err(Error::NotFound),
            TargetCondition::Present | TargetCondition::Any => self.rename(),
        }
    }

    /// See [`UploadFile::forbid_replace`](crate::storage::UploadFile::forbid_replace).
    pub(super) fn forbid_replace(&mut self) -> Result<()> {
        if self.condition == TargetCondition::Present || self.target_exists()? {
            return Err(Error::Exists);
        }
        self.condition = TargetCondition::Absent;
        Ok(())
    }

    fn names(&self) -> (BorrowedFd<'_>, &[u8], &[u8]) {
        (self.directory.as_fd(), &self.temporary, &self.target)
    }

    fn rename(&self) -> Result<()> {
        let (directory, from, to) = self.names();
        Ok(rustix::fs::renameat(directory, from, directory, to)?)
    }

    /// Emulates `RENAME_NOREPLACE` by link(2) and unlink(2).
    fn link(&self) -> Result<()> {
        let (directory, from, to) = self.names();
        match rustix::fs::linkat(directory, from, directory, to, AtFlags::empty()) {
            // The file system has no hard links either.
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => self.rename_if_absent(),
            linked => {
                linked?;
                self.unlink(from);
                Ok(())
            }
        }
    }

    /// The last resort, with a race between the check and the rename (TOCTOU).
    fn rename_if_absent(&self) -> Result<()> {
        if self.target_exists()? {
            return Err(Error::Exists);
        }
        self.rename()
    }

    /// What is to be synced around the rename.
    pub(super) fn steps(&self, durability: Durability) -> Result<Steps> {
        let is_ordered = matches!(self.file_system, FileSystem::Ordered | FileSystem::Fuse);
        let replaces = !is_ordered && self.target_exists()?;
        Ok(self.file_system.steps(durability, replaces))
    }

    /// Syncs the final name.
    pub(super) fn sync_name(&self) -> Result<()> {
        self.directory.sync_always()
    }

    /// Removes the temporary file, and with it the reservation of a unique name.
    pub(super) fn discard(&self) {
        // An error is ignored: a temporary file that stays is hidden, and the sweep removes it.
        self.unlink(&self.temporary);
    }

    /// The metadata of the target, if it exists; a link is not followed.
    pub(super) fn current_target(&self) -> Result<Option<Metadata>> {
        let found = existing(stat_at(&self.directory, &self.target))?;
        Ok(found.map(|(metadata, _)| metadata))
    }

    fn target_exists(&self) -> Result<bool> {
        Ok(self.current_target()?.is_some())
    }

    fn unlink(&self, name: &[u8]) {
        let _ = rustix::fs::unlinkat(&self.directory, name, AtFlags::empty());
    }
}

/// Whether the process may not create files in this directory. access(2) ignores Landlock, so this creates
/// a temporary file and removes it.
pub(super) fn is_read_only(directory: BorrowedFd<'_>) -> bool {
    let name = temporary_name(random());
    let made = make_temporary(directory, &name);
    if let Ok(Some(_)) = made {
        let _ = rustix::fs::unlinkat(directory, &name, AtFlags::empty());
    }
    matches!(made, Err(Error::Denied))
}

/// Creates and locks a temporary file; `None` if the name is taken. Retries if a sweep removes the file
/// before it is locked.
///
/// `O_TMPFILE` would leave no stale file, but such a file needs a temporary name before it can replace
/// another, and not all file systems support it: the sweep would be needed all the same.
fn make_temporary(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Option<OwnedFd>> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o666);
    for _ in 0..ATTEMPTS {
        match retry_on_intr(|| rustix::fs::openat(directory, name, flags, mode)) {
            Ok(file) if lock_new(&file)? => return Ok(Some(file)),
            Ok(_) => {}
            Err(Errno::EXIST) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Locks a new file. Returns false if a sweep was faster and has removed it or is about to.
fn lock_new(file: &OwnedFd) -> Result<bool> {
    match lock(file.as_fd()) {
        Ok(true) => Ok(super::stat(file)?.links > 0),
        Ok(false) => Ok(false),
        // A file system without locks, where the sweep removes nothing.
        Err(_) => Ok(true),
    }
}

/// Locks a file; false if it is locked already. The kernel releases the lock when the file is closed,
/// also by a crash.
pub(super) fn lock(file: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    let exclusive = FlockOperation::NonBlockingLockExclusive;
    match retry_on_intr(|| rustix::fs::flock(file, exclusive)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Durability;
    use crate::storage::disk::lookup::Root;
    use std::fs;

    impl Replacement {
        /// As it would be on that file system.
        pub(in crate::storage::disk) fn on(self, file_system: FileSystem) -> Self {
            Self {
                file_system,
                ..self
            }
        }
    }

    #[test]
    fn unique_commit_never_replaces_existing_file() {
        for rename in [
            Replacement::rename_to_target,
            Replacement::link,
            Replacement::rename_if_absent,
        ] {
            let directory = tempfile::tempdir().unwrap();
            let root = Root::open(directory.path(), None).unwrap();
            let parent = Parent::open(&root, b".", Durability::None).unwrap();
            let (_file, replacement) = Replacement::create_unique(parent, b"name").unwrap();
            let name = directory.path().join("name");
            fs::write(&name, "another's").unwrap();
            assert_eq!(rename(&replacement), Err(Error::Exists));
            assert_eq!(fs::read(&name).unwrap(), b"another's");
            fs::remove_file(&name).unwrap();
            assert_eq!(rename(&replacement), Ok(()));
            assert_eq!(fs::read(&name).unwrap(), b"");
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn name_is_tried_where_only_the_file_system_knows() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path(), None).unwrap();
        let check = |name: &[u8]| {
            let parent = Parent::open(&root, b".", Durability::None).unwrap();
            let condition = TargetCondition::Any;
            let (file, made) = Replacement::create(parent, b"a".to_vec(), condition).unwrap();
            let target = name.to_vec();
            let made = Replacement { target, ..made };
            let (_, made) = made.on(FileSystem::Fuse).with_allowed_name(file)?;
            made.discard();
            Ok(())
        };
        // No file system allows a NUL.
        assert_eq!(check(b"a\0b"), Err(Error::BadName));
        let longest = [b':'; TRIED_BYTES];
        let too_long = [&longest[..], b"x"].concat();
        for name in [&b"a"[..], b"a:b", b"\xff", &longest, &too_long] {
            assert_eq!(check(name), Ok(()), "{name:?}");
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
