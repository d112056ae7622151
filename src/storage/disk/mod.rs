//! The storage on disk: one directory, confined by the kernel.
//!
//! It owns the root. [`lookup`] resolves paths (the jail), [`operations`] changes
//! names, [`attributes`] changes times and modes, [`mod@file`] is an open file, [`upload`] opens one for
//! writing, [`temporary`] makes it appear complete or not at all, [`file_system`] says what is synced for
//! that, [`parent`] syncs names, [`space`] enforces the free space floor, [`sweep`] removes stale temporary
//! files, [`directory`] lists.

mod attributes;
mod directory;
mod file;
mod file_system;
mod in_place;
mod lookup;
mod operations;
mod parent;
mod permissions;
mod rename;
mod space;
mod statx;
mod sweep;
mod temporary;
mod temporary_name;
mod upload;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FileType, OFlags, Stat};

pub use self::lookup::PathLookup;
pub use self::sweep::{Sweep, SweepResult};

use self::directory::DiskDirectory;
use self::file::DiskFile;
use self::lookup::Root;
use self::temporary::is_read_only;
use self::upload::UploadRequest;
use super::{
    Answer, Directory, Entry, Error, File, Kind, Metadata, Operation, Placement, Policy, Result,
    Special, Storage, Umask, Upload, VirtualPath, Wait,
};

/// Flags of every open(2): a FIFO must not block it, a terminal must not become the controlling one.
const HARMLESS: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);

/// A directory of the file system, and the files below it.
#[derive(Clone, Debug)]
pub struct Disk {
    root: Arc<Root>,
    policy: Policy,
}

impl Disk {
    /// Opens `path`, with the best lookup that the kernel supports.
    pub fn open_root(path: &Path) -> io::Result<Self> {
        Ok(Self::new(Root::open(path, None)?))
    }

    /// Opens `path`, with the given lookup.
    pub fn with_lookup(path: &Path, lookup: PathLookup) -> io::Result<Self> {
        Ok(Self::new(Root::open(path, Some(lookup))?))
    }

    fn new(root: Root) -> Self {
        Self {
            root: Arc::new(root),
            policy: Policy::default(),
        }
    }

    /// As [`open_root`](Self::open_root), and opens `path` again for each access: what is mounted there
    /// later is seen, and a mount is not kept busy.
    pub fn by_path(path: &Path) -> io::Result<Self> {
        Ok(Self::new(Root::open(path, None)?.by_path()))
    }

    /// Replaces the policy.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// Opens the directory again at its path, for all clones. On an error the old one stays; where clients
    /// write (`is_written`), also if only the old one is writable. Blocks.
    pub fn reopen(&self, is_written: bool) -> io::Result<()> {
        let is_worse = |new: BorrowedFd<'_>, old: BorrowedFd<'_>| {
            is_written && is_read_only(new) && !is_read_only(old)
        };
        self.root.reopen(is_worse)
    }

    /// The path that it was opened by.
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// How paths are resolved.
    pub fn lookup(&self) -> PathLookup {
        self.root.lookup()
    }

    /// Device and inode of the root, to recognise one directory opened by different paths.
    pub fn identity(&self) -> io::Result<(u64, u64)> {
        let root = self.root.descriptor(Wait::Allowed);
        Ok(stat(root.map_err(io::Error::other)?)?.unique)
    }

    /// Starts a removal of the temporary files that killed servers have left.
    pub fn sweep(&self) -> Sweep {
        Sweep::new(Arc::clone(&self.root))
    }
}

impl Storage for Disk {
    fn perform(&self, operation: &Operation, wait: Wait) -> Result<Answer> {
        operations::perform(&self.root, self.policy, operation, wait)
    }

    fn open(&self, path: &VirtualPath, wait: Wait) -> Result<(Box<dyn File>, Metadata)> {
        let (file, metadata) = open(&self.root, path, wait)?;
        Ok((Box::new(file), metadata))
    }

    fn create(
        &self,
        path: &VirtualPath,
        placement: Placement,
        umask: Option<Umask>,
    ) -> Result<Upload> {
        let request = UploadRequest {
            root: &self.root,
            policy: self.policy,
            path,
            umask,
        };
        request.create(placement)
    }

    fn list(&self, path: &VirtualPath) -> Result<Box<dyn Directory>> {
        refuse_reserved(path)?;
        let directory = DiskDirectory::open(&self.root, path)?;
        Ok(Box::new(directory))
    }

    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        refuse_reserved(path)?;
        directory::entry(&self.root, path)
    }
}

/// Opens a regular file for reading.
fn open(root: &Root, path: &VirtualPath, wait: Wait) -> Result<(DiskFile, Metadata)> {
    refuse_reserved(path)?;
    let descriptor = root.find(path.from_root(), OFlags::RDONLY | HARMLESS, wait)?;
    let metadata = stat(&descriptor)?;
    match metadata.kind {
        Kind::File => Ok((DiskFile(descriptor), metadata)),
        Kind::Directory => Err(Error::IsDirectory),
        Kind::Link | Kind::Other(_) => Err(Error::NotRegular),
    }
}

/// Hides temporary files from clients.
fn refuse_reserved(path: &VirtualPath) -> Result<()> {
    if path.parts().any(temporary_name::is_reserved) {
        return Err(Error::NotFound);
    }
    Ok(())
}

/// The metadata of an open file.
fn stat(file: impl AsFd) -> rustix::io::Result<Metadata> {
    Ok(metadata(&rustix::fs::fstat(file)?))
}

#[allow(
    clippy::useless_conversion,
    reason = "the widths differ between processors"
)]
fn metadata(stat: &Stat) -> Metadata {
    Metadata {
        kind: kind(FileType::from_raw_mode(stat.st_mode)),
        // A broken file system may report a negative size or time.
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: i64::from(stat.st_mtime),
        modified_nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
        created: None,
        mode: u32::from(stat.st_mode) & 0o7777,
        links: u64::from(stat.st_nlink),
        owner: stat.st_uid,
        group: stat.st_gid,
        unique: (u64::from(stat.st_dev), u64::from(stat.st_ino)),
    }
}

const fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        FileType::Socket => Kind::Other(Special::Socket),
        FileType::CharacterDevice => Kind::Other(Special::CharacterDevice),
        FileType::BlockDevice => Kind::Other(Special::BlockDevice),
        FileType::Fifo | FileType::Unknown => Kind::Other(Special::Pipe),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_type_maps_to_kind() {
        for (type_bits, expected) in [
            (0o100_000, Kind::File),
            (0o040_000, Kind::Directory),
            (0o120_000, Kind::Link),
            (0o010_000, Kind::Other(Special::Pipe)),
            (0o140_000, Kind::Other(Special::Socket)),
            (0o020_000, Kind::Other(Special::CharacterDevice)),
            (0o060_000, Kind::Other(Special::BlockDevice)),
        ] {
            let file_type = FileType::from_raw_mode(type_bits | 0o644);
            assert_eq!(kind(file_type), expected, "{type_bits:o}");
        }
    }
}
