//! Metadata of files: the plain data behind LIST, MLSD, SIZE and MDTM.
//!
//! The storage fills it in; [`listing`](super::listing) and [`facts`](super::facts) format it. It owns
//! no file descriptor and knows no file system.

use super::permissions::Permissions;

/// The type of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    #[default]
    File,
    /// A directory.
    Directory,
    /// A symbolic link, not followed.
    Link,
    /// A special file: listed, never opened.
    Other(Special),
}

/// The type of a special file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// A FIFO.
    Pipe,
    /// A Unix domain socket.
    Socket,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
}

/// The metadata of one file or directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The type.
    pub kind: Kind,
    /// In bytes.
    pub size: u64,
    /// Last modification: seconds since 1970-01-01 UTC.
    pub modified: i64,
    /// Last modification: nanoseconds, 0 to 999,999,999.
    pub modified_nanoseconds: u32,
    /// Creation: seconds since 1970-01-01 UTC; `None` if the file system does not record it, or outside
    /// of an [`Entry`].
    pub created: Option<i64>,
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
    /// The number of hard links.
    pub links: u64,
    /// The user id of the owner.
    pub owner: u32,
    /// The group id.
    pub group: u32,
    /// Device and inode: equal for two names of one file.
    pub unique: (u64, u64),
}

/// One directory entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The name, as bytes, without a slash.
    pub name: Vec<u8>,
    /// The metadata of the entry itself: symbolic links are not followed.
    pub metadata: Metadata,
    /// The target of a symbolic link, as stored in it.
    pub target: Option<Vec<u8>>,
    /// The metadata of a symbolic link's target, if that is below the served root.
    pub followed: Option<Metadata>,
    /// The access that the operating system grants to the server process; [`Permissions::UNLIMITED`]
    /// unless it was queried.
    pub allowed: Permissions,
}

impl Entry {
    /// The effective permissions: those of the account that the operating system allows too.
    #[must_use]
    pub fn permits(&self, account: Permissions) -> Permissions {
        (account | Permissions::ENTER).and(self.allowed)
    }
}

#[cfg(test)]
impl Entry {
    /// An entry whose numbers all differ.
    pub(super) fn for_test(name: &[u8], kind: Kind) -> Self {
        Self {
            name: name.to_vec(),
            metadata: Metadata {
                kind,
                size: 1234,
                modified: 0,
                modified_nanoseconds: 0,
                created: Some(1),
                mode: 0o640,
                links: 0,
                owner: 1000,
                group: 100,
                unique: (0x801, 0),
            },
            target: None,
            followed: None,
            allowed: Permissions::UNLIMITED,
        }
    }
}
