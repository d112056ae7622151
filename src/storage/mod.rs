//! The storage seam: what can be done to files, in plain data and three small traits.
//!
//! [`Disk`] confines every lookup to one directory with the kernel's help; [`Memory`] keeps
//! a tree in memory for tests and the simulator. Nothing here knows sockets or sessions.
//!
//! A [`Wait`] travels with each call: on the loop it is `Never`, and a call that would have
//! to wait for a device answers [`Error::WouldWait`]; on a worker it is `Allowed`.

mod counter;
mod disk;
mod error;
mod ledger;
mod memory;
mod metered;
mod nothing;
mod operator_file;
mod policy;
mod tally;
mod umask;
mod usage;

use std::fmt;
use std::os::fd::BorrowedFd;

pub use counter::Counter;
pub use disk::{Disk, Lookup, Sweep, Swept};
pub use error::Error;
pub use memory::Memory;
pub use metered::Metered;
pub use nothing::Nothing;
pub use operator_file::open_operator_file;
pub use policy::{CutUploads, Durability, Policy};
pub use umask::{BadUmask, Umask};
pub use usage::{Quota, Usage};

pub use crate::protocol::entry::{Entry, Kind, Metadata, Special};
pub use crate::protocol::path::VirtualPath;

/// What a storage call answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Whether a call may wait for a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// On the loop: answer from the kernel's caches or say [`Error::WouldWait`].
    Never,
    /// On a worker.
    Allowed,
}

/// One change or question that needs no open file afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// What is there (links followed).
    Metadata(VirtualPath),
    /// The size that a file would have sent in TYPE A; [`Error::TooLarge`] past `limit` bytes.
    AsciiSize {
        /// The file.
        path: VirtualPath,
        /// How many bytes may be read to find out.
        limit: u64,
    },
    /// Whether it is a directory that one may enter.
    EnterDirectory(VirtualPath),
    /// A new directory.
    MakeDirectory {
        /// Its name.
        path: VirtualPath,
        /// Instead of the process's own.
        umask: Option<Umask>,
    },
    /// An empty directory goes.
    RemoveDirectory(VirtualPath),
    /// A file or link goes; not a directory.
    RemoveFile(VirtualPath),
    /// A new name; an existing directory under it is not replaced ([`Error::Exists`]).
    Rename {
        /// The old name.
        from: VirtualPath,
        /// The new name.
        to: VirtualPath,
        /// Whether an existing file under it is: else [`Error::Forbidden`].
        replace: bool,
    },
    /// Other attributes for a file or directory (links followed): all of them or an error.
    SetAttributes(VirtualPath, Attributes),
    /// How many bytes an upload could still put where this is.
    Space {
        /// The place.
        path: VirtualPath,
        /// How many are needed: where there seem to be less, it may be looked at more closely.
        wanted: u64,
    },
}

impl Operation {
    /// Whether it changes anything, where it succeeds.
    pub const fn is_change(&self) -> bool {
        match self {
            Self::MakeDirectory { .. }
            | Self::RemoveDirectory(_)
            | Self::RemoveFile(_)
            | Self::Rename { .. }
            | Self::SetAttributes(..) => true,
            Self::Metadata(_)
            | Self::AsciiSize { .. }
            | Self::EnterDirectory(_)
            | Self::Space { .. } => false,
        }
    }
}

/// What an [`Operation::SetAttributes`] changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Last modification: seconds since 1970-01-01 UTC, and nanoseconds.
    pub modified: Option<(i64, u32)>,
    /// Permission bits, 0 to 0o777.
    pub mode: Option<u32>,
}

/// What an [`Operation`] found or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// What is there.
    Metadata(Metadata),
    /// The number asked for.
    Size(u64),
}

/// How a file is opened for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Written beside the target and renamed over it by [`File::commit`]; the old file is
    /// untouched until then. Where that cannot be, [in place](InPlace).
    Replace,
    /// As `Replace`, only where nothing has the name ([`Error::Exists`]), nor will until the
    /// commit.
    New,
    /// As `Replace`, only where a file has the name ([`Error::NotFound`]).
    Over,
    /// In place, at the end; the file is made where it is missing.
    Append,
    /// In place, at the end of a file that is there.
    AppendExisting,
    /// In place, from an offset no greater than the file's size ([`Error::BeyondEnd`]).
    At(u64),
    /// As `New`, under a name that nothing has: the given one, or that one with a number behind it.
    /// Nobody sees it before the commit, and nobody else who looks for such a name gets it.
    Unique,
}

/// A file opened for writing.
pub struct Upload {
    /// The file; dropped without a commit, a temporary one is removed.
    pub file: Box<dyn File>,
    /// Where its first byte goes.
    pub offset: u64,
    /// The name that it will have: another than asked for with [`Placement::Unique`].
    pub path: VirtualPath,
    /// Why the file is written in place although it was to be replaced: the old contents are there
    /// until the first byte is written, and not afterwards.
    pub in_place: Option<InPlace>,
}

/// Why no other file can take the place of one, which may be written itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InPlace {
    /// Something is mounted there: the one file, as containers have it.
    MountPoint,
    /// Names in its directory cannot be changed: by its permissions or attributes.
    Directory,
    /// Its directory is sticky, and the file another user's.
    Sticky,
}

impl fmt::Display for InPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MountPoint => "it is a mount point",
            Self::Directory => "the server's user may not change its directory",
            Self::Sticky => "its directory is sticky and it belongs to another user",
        })
    }
}

/// Where an open file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Under its name, if it still has one.
    InPlace,
    /// Beside its target: a commit puts it in the place of this, or in a free one.
    Beside(Option<Metadata>),
}

/// A tree of files.
pub trait Storage: Send + Sync {
    /// Carries out one operation. With [`Wait::Never`] only `Metadata` and `EnterDirectory` can succeed.
    fn perform(&self, operation: &Operation, wait: Wait) -> Result<Answer>;

    /// Opens a regular file to read; anything else is [`Error::NotRegular`] or [`Error::IsDirectory`].
    fn open(&self, path: &VirtualPath, wait: Wait) -> Result<(Box<dyn File>, Metadata)>;

    /// Opens a file to write; a new one gets what `umask` leaves, or else the process's own.
    /// Waits.
    fn create(
        &self,
        path: &VirtualPath,
        placement: Placement,
        umask: Option<Umask>,
    ) -> Result<Upload>;

    /// Opens a directory to list. Waits. [`Error::NotDirectory`] where it is something else.
    fn list(&self, path: &VirtualPath) -> Result<Box<dyn Directory>>;

    /// One entry as [`list`](Self::list) of its parent would give it. Waits.
    fn entry(&self, path: &VirtualPath) -> Result<Entry>;
}

/// An open file.
pub trait File: Send {
    /// Reads up to the buffer's length; 0 is the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64, wait: Wait) -> Result<usize>;

    /// Writes all of `bytes`. Waits.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()>;

    /// How many bytes may be written from there, as far as is known without looking at the device.
    fn room(&self, _offset: u64) -> u64 {
        u64::MAX
    }

    /// What is so of it now; one that has lost its name has no links. Waits.
    fn metadata(&self) -> Result<Metadata>;

    /// Where it stands now, whatever has been renamed meanwhile. Waits.
    fn standing(&self) -> Result<Standing>;

    /// Does what of a [`commit`](Self::commit) takes long and nobody sees, if there is such: what is
    /// left of it is short. Waits.
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    /// Puts an upload in its place, under its name, as lasting as the [`Policy`] says. Waits. After
    /// an error the target is as it was, but for the one that [`Durability::Fsync`] speaks of.
    fn commit(&mut self) -> Result<()>;

    /// From now on an upload takes its place only where nothing has the name ([`Error::Exists`]); what
    /// is written in place is not concerned. Waits.
    fn replace_nothing(&mut self) -> Result<()>;

    /// Puts the first `size` bytes of an upload in its place, as [`commit`](Self::commit) does with
    /// all of them; what is written in place stays there, and all of it. Waits.
    fn commit_first(&mut self, size: u64) -> Result<()>;

    /// The descriptor behind it, for `sendfile`, where there is one.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
}

/// An open directory.
pub trait Directory: Send {
    /// The next entry, in no order; `None` at the end. `.` and `..` are not entries, nor are
    /// uploads in progress; an entry that vanishes meanwhile is left out. Waits.
    fn next_entry(&mut self) -> Result<Option<Entry>>;

    /// From now on entries say what the system lets the server do with them, where it knows users.
    fn tell_allowed(&mut self) {}
}
