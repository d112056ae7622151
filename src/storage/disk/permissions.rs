//! The permissions that the file system gives the server, for the perm fact of entries (RFC 3659 §7.5.5).
//!
//! They are checked for the effective user by faccessat2(2): one call per entry if everything is allowed.
//! They are advice for clients only: the kernel checks each change when it is made. The permissions of
//! the account are not known here.

use std::os::fd::BorrowedFd;

use rustix::fs::{Access, AtFlags, StatxAttributes};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::in_place::{is_fixed, is_sticky};
use super::statx::stat_at;
use crate::protocol::permissions::Permissions;
use crate::storage::{Entry, Kind};

/// The entries of a directory that may be renamed and removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RemovableNames {
    All,
    /// Those of files that belong to this user.
    Own(u32),
    None,
}

impl RemovableNames {
    pub(super) fn within(directory: BorrowedFd<'_>) -> Self {
        match stat_at(directory, b"") {
            Ok((_, attributes)) if is_fixed(attributes) => Self::None,
            Ok(_) if !may(directory, b".", Access::WRITE_OK | Access::EXEC_OK) => Self::None,
            Ok((metadata, _)) if is_sticky(&metadata) => Self::Own(geteuid().as_raw()),
            Ok(_) => Self::All,
            Err(_) => Self::None,
        }
    }
}

/// The permissions of an entry of `directory`.
pub(super) fn of_entry(
    directory: BorrowedFd<'_>,
    removable: RemovableNames,
    entry: &Entry,
    attributes: StatxAttributes,
) -> Permissions {
    let is_pinned = is_fixed(attributes) || attributes.contains(StatxAttributes::MOUNT_ROOT);
    let is_removable = !is_pinned
        && match removable {
            RemovableNames::All => true,
            RemovableNames::Own(user) => entry.metadata.owner == user,
            RemovableNames::None => false,
        };
    let kind = entry
        .followed
        .map_or(entry.metadata.kind, |target| target.kind);
    let contents = match kind {
        Kind::File if attributes.contains(StatxAttributes::APPEND) => {
            of_file(directory, &entry.name).without(Permissions::OVERWRITE)
        }
        Kind::File => of_file(directory, &entry.name),
        Kind::Directory => of_directory(directory, &entry.name),
        Kind::Link | Kind::Other(_) => Permissions::UNLIMITED,
    };
    let denied = match kind {
        _ if is_removable => Permissions::NONE,
        // DELETE of a directory is about the files in it.
        Kind::Directory => Permissions::RENAME | Permissions::REMOVE_DIRECTORIES,
        Kind::File | Kind::Link | Kind::Other(_) => Permissions::RENAME | Permissions::DELETE,
    };
    contents.without(denied)
}

/// The permissions of the root, which cannot be renamed or removed.
pub(super) fn of_root(root: BorrowedFd<'_>) -> Permissions {
    of_directory(root, b".").without(Permissions::RENAME | Permissions::REMOVE_DIRECTORIES)
}

fn of_file(directory: BorrowedFd<'_>, name: &[u8]) -> Permissions {
    let needs = [
        (Access::READ_OK, Permissions::RETRIEVE),
        (
            Access::WRITE_OK,
            Permissions::OVERWRITE | Permissions::APPEND,
        ),
    ];
    allowed(directory, name, &needs)
}

fn of_directory(directory: BorrowedFd<'_>, name: &[u8]) -> Permissions {
    let change = Permissions::CREATE | Permissions::MAKE_DIRECTORIES | Permissions::DELETE;
    let needs = [
        (Access::READ_OK, Permissions::LIST),
        (Access::WRITE_OK, change),
        (
            Access::EXEC_OK,
            change | Permissions::LIST | Permissions::ENTER,
        ),
    ];
    allowed(directory, name, &needs)
}

/// All permissions but those that need an access which is denied.
fn allowed(directory: BorrowedFd<'_>, name: &[u8], needs: &[(Access, Permissions)]) -> Permissions {
    let all = needs
        .iter()
        .fold(Access::empty(), |all, (one, _)| all | *one);
    let mut allowed = Permissions::UNLIMITED;
    if !may(directory, name, all) {
        for (access, permissions) in needs {
            if !may(directory, name, *access) {
                allowed = allowed.without(*permissions);
            }
        }
    }
    allowed
}

/// Checks access; a link is followed. True on Linux before 5.8, which has no check for the effective user.
fn may(directory: BorrowedFd<'_>, name: &[u8], access: Access) -> bool {
    let result = rustix::fs::accessat(directory, name, access, AtFlags::EACCESS);
    matches!(result, Ok(()) | Err(Errno::NOSYS))
}
