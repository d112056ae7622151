//! The storage interface: operations on files as plain data, and the traits [`Storage`], [`File`],
//! [`UploadFile`] and [`Directory`].
//!
//! [`Disk`] serves one directory and relies on the kernel against path traversal; [`Memory`] keeps a
//! tree in memory for tests and the simulator; [`QuotaStorage`] adds a quota. This module knows neither
//! sockets nor sessions.
//!
//! A call that may block says so ("Blocks."). Others take a [`Wait`]: on the event loop it is `Never`,
//! and a call that would block returns [`Error::WouldWait`]; on a worker it is `Allowed`.

mod disk;
mod error;
mod memory;
mod nothing;
mod operator_file;
mod policy;
#[cfg(feature = "quotas")]
mod quota;
mod umask;

use std::fmt;
use std::os::fd::BorrowedFd;

pub use disk::{Disk, PathLookup, Sweep, SweepResult};
pub use error::Error;
use error::existing;
pub use memory::Memory;
pub use nothing::EmptyStorage;
pub use operator_file::open_operator_file;
pub use policy::{CutUploads, Durability, Policy, ReplaceFiles};
#[cfg(feature = "quotas")]
pub use quota::{Quota, QuotaStorage, TreeUsage, UsageCounter};
pub use umask::{BadUmask, Umask};

pub use crate::protocol::entry::{Entry, Kind, Metadata, Special};
pub use crate::protocol::path::VirtualPath;

/// The result of a storage call.
pub type Result<T> = std::result::Result<T, Error>;

/// Whether a call may block on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// On the event loop: answer from the kernel's caches or return [`Error::WouldWait`].
    Never,
    /// On a worker.
    Allowed,
}

/// An operation that leaves no file open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Get the metadata of a file or directory; links are followed.
    Metadata(VirtualPath),
    /// Compute the size of a file as sent in TYPE A; [`Error::TooLarge`] if it has over `limit` bytes.
    AsciiSize {
        /// The file.
        path: VirtualPath,
        /// The most bytes to read.
        limit: u64,
    },
    /// Check that this is a directory with search permission.
    EnterDirectory(VirtualPath),
    /// Create a directory.
    MakeDirectory {
        /// The new directory.
        path: VirtualPath,
        /// Used instead of the process's umask.
        umask: Option<Umask>,
    },
    /// Remove an empty directory.
    RemoveDirectory(VirtualPath),
    /// Remove a file or link, not a directory.
    RemoveFile(VirtualPath),
    /// Rename; an existing directory is never replaced ([`Error::Exists`]).
    Rename {
        /// The old path.
        from: VirtualPath,
        /// The new path.
        to: VirtualPath,
        /// Whether an existing file may be replaced; if not: [`Error::Forbidden`].
        replace: bool,
    },
    /// Set attributes of a file or directory, all or none; links are followed.
    SetAttributes(VirtualPath, Attributes),
    /// Get the number of bytes that uploads can still add.
    Space {
        /// A path on the file system in question.
        path: VirtualPath,
        /// The bytes needed. If fewer seem available, a quota may be recounted first.
        wanted: u64,
    },
}

impl Operation {
    /// Whether it modifies the tree on success.
    pub const fn is_change(&self) -> bool {
        matches!(
            self,
            Self::MakeDirectory { .. }
                | Self::RemoveDirectory(_)
                | Self::RemoveFile(_)
                | Self::Rename { .. }
                | Self::SetAttributes(..)
        )
    }
}

/// The attributes that [`Operation::SetAttributes`] sets; `None` leaves one unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Modification time: seconds since 1970-01-01 UTC, and nanoseconds.
    pub modified: Option<(i64, u32)>,
    /// Permission bits, 0 to 0o777.
    pub mode: Option<u32>,
}

/// The result of an [`Operation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done, nothing to return.
    Done,
    /// Of [`Operation::Metadata`].
    Metadata(Metadata),
    /// Of [`Operation::AsciiSize`] and [`Operation::Space`], in bytes.
    Size(u64),
}

/// How a file is opened for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Write a temporary file, and rename it over the target at [`UploadFile::commit`]; the old file is
    /// untouched until then. If the target cannot be replaced, or the [`Policy`] says so, write it
    /// [in place](InPlace).
    Replace,
    /// As `Replace`, but the target must not exist, now or at the commit ([`Error::Exists`]).
    New,
    /// As `Replace`, but the target must exist ([`Error::NotFound`]).
    Over,
    /// Write in place, at the end; create the file if it is missing. As for each write in place on disk,
    /// [`Error::InUse`] while another upload writes it.
    Append,
    /// Write in place, at the end of an existing file.
    AppendExisting,
    /// Write in place, from an offset up to the file's size ([`Error::BeyondEnd`]).
    At(u64),
    /// As `New`, with a number appended to the name if it is taken. The name is reserved among
    /// `Unique` uploads, and not visible before the commit.
    Unique,
}

/// A file opened for writing.
pub struct Upload {
    /// The file; if dropped before the commit, a temporary file is removed.
    pub file: Box<dyn UploadFile>,
    /// The offset of the first byte to write.
    pub offset: u64,
    /// The final path: differs from the requested one for [`Placement::Unique`].
    pub path: VirtualPath,
    /// Why the file is written in place instead of being replaced. The old contents are lost when the
    /// first byte is written, not before.
    pub in_place: Option<InPlace>,
}

/// Why a file is not replaced by a rename, but written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InPlace {
    /// The configuration says so: [`ReplaceFiles::InPlace`].
    Configured,
    /// The file is a mount point, as container runtimes make of single files.
    MountPoint,
    /// Permissions or attributes of the directory forbid changing its entries.
    Directory,
    /// The directory is sticky, and the file belongs to another user.
    Sticky,
}

impl fmt::Display for InPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configured => "storage.replace is \"in-place\"",
            Self::MountPoint => "it is a mount point",
            Self::Directory => "the server's user may not change its directory",
            Self::Sticky => "its directory is sticky and it belongs to another user",
        })
    }
}

/// Whether an open file is visible under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitState {
    /// It has its final name, unless it was removed since.
    InPlace,
    /// It is a temporary file; a commit replaces the file described here, if any.
    Uncommitted(Option<Metadata>),
}

/// A tree of files.
pub trait Storage: Send + Sync {
    /// Performs one operation. With [`Wait::Never`] only `Metadata` and `EnterDirectory` can succeed.
    fn perform(&self, operation: &Operation, wait: Wait) -> Result<Answer>;

    /// Opens a regular file for reading; otherwise [`Error::NotRegular`] or [`Error::IsDirectory`].
    fn open(&self, path: &VirtualPath, wait: Wait) -> Result<(Box<dyn File>, Metadata)>;

    /// Opens a file for writing; `umask` replaces the process's umask for a new file. Blocks.
    fn create(
        &self,
        path: &VirtualPath,
        placement: Placement,
        umask: Option<Umask>,
    ) -> Result<Upload>;

    /// Opens a directory for listing, or fails with [`Error::NotDirectory`]. Blocks.
    fn list(&self, path: &VirtualPath) -> Result<Box<dyn Directory>>;

    /// Returns one entry as [`list`](Self::list) of its parent would. Blocks.
    fn entry(&self, path: &VirtualPath) -> Result<Entry>;
}

/// A file open for reading.
pub trait File: Send {
    /// Reads up to the buffer's length; 0 is the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64, wait: Wait) -> Result<usize>;

    /// The file descriptor, for sendfile(2), if there is one.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
}

/// A file open for writing.
pub trait UploadFile: Send {
    /// Writes all of `bytes`. Blocks.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()>;

    /// The bytes that the quota allows to be written from `offset`. Does not block.
    fn room(&self, _offset: u64) -> u64 {
        u64::MAX
    }

    /// The current metadata; `links` is 0 once the file is removed. Blocks.
    fn metadata(&self) -> Result<Metadata>;

    /// Whether the file is visible now, taking concurrent renames into account. Blocks.
    fn commit_state(&self) -> Result<CommitState>;

    /// Does the slow part of a [`commit`](Self::commit) that other clients cannot observe, such as
    /// the sync. Optional. Blocks.
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    /// Makes an upload visible under its name, as durably as the [`Policy`] says. On error the target
    /// is unchanged, except in the case described at [`Durability::Fsync`]. Blocks.
    fn commit(&mut self) -> Result<()>;

    /// From now on, the commit fails if the target exists ([`Error::Exists`]). No effect on a file
    /// written in place. Blocks.
    fn forbid_replace(&mut self) -> Result<()>;

    /// Truncates an upload to `size` bytes and commits it. A file written in place is not truncated.
    /// Blocks.
    fn commit_truncated(&mut self, size: u64) -> Result<()>;
}

/// An open directory.
pub trait Directory: Send {
    /// Replaces `name` by the next name, unordered; false at the end. Skips `.`, `..` and temporary
    /// files. A name contains no slash. Blocks.
    fn next_name(&mut self, name: &mut Vec<u8>) -> Result<bool>;

    /// Fills in what belongs to the entry's name; false if that was removed since. What cannot be examined,
    /// such as a dead mount, is an empty file of 1970. Blocks.
    fn examine(&mut self, entry: &mut Entry) -> bool;

    /// Returns the next entry that can be examined; `None` at the end. Blocks.
    fn next_entry(&mut self) -> Result<Option<Entry>> {
        let mut entry = Entry::default();
        while self.next_name(&mut entry.name)? {
            if self.examine(&mut entry) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// From now on, entries carry the permissions that the file system gives the server.
    fn include_permissions(&mut self) {}
}
