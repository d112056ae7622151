//! What FTP tells of a file: the plain data behind LIST, MLSD, SIZE and MDTM.
//!
//! Filled by the storage, printed by [`listing`](super::listing). It owns no handle and
//! knows no file system.

use super::permissions::Permissions;

/// What kind of thing a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, not followed.
    Link,
    /// Anything else: shown, never opened.
    Other(Special),
}

/// What is neither file nor directory nor link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// A FIFO.
    Pipe,
    /// A socket of this host.
    Socket,
    /// A device that is read byte by byte.
    CharacterDevice,
    /// A device that is read block by block.
    BlockDevice,
}

/// What is known of one file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// Last modification: seconds since 1970-01-01 UTC.
    pub modified: i64,
    /// Last modification: nanoseconds, 0 to 999,999,999.
    pub modified_nanoseconds: u32,
    /// When it came to be: seconds since 1970-01-01 UTC, where the file system knows and an
    /// [`Entry`] was asked for.
    pub created: Option<i64>,
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Hard links.
    pub links: u64,
    /// Numeric owner.
    pub owner: u32,
    /// Numeric group.
    pub group: u32,
    /// Device and inode: the same for two names of one file.
    pub unique: (u64, u64),
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, as bytes, without a slash.
    pub name: Vec<u8>,
    /// Of the entry itself: links are not followed.
    pub metadata: Metadata,
    /// Of a symbolic link: where it points, as it is written.
    pub target: Option<Vec<u8>>,
    /// Of a symbolic link whose target lies within what is served: the target's own.
    pub followed: Option<Metadata>,
    /// What the system lets the server do with it, where that was asked for.
    pub allowed: Permissions,
}

impl Entry {
    /// What may be done with it, by the system and by these permissions of an account.
    #[must_use]
    pub fn permits(&self, account: Permissions) -> Permissions {
        (account | Permissions::ENTER).and(self.allowed)
    }
}
