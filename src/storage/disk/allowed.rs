//! What the system lets the server do with the entries of a directory: the perm fact, as far as it is
//! not the account's matter (RFC 3659 §7.5.5).
//!
//! It asks as the server's effective user (faccessat2(2)), one call an entry where everything is
//! allowed. Advice to clients and nothing else: each change is judged by the system when it is made.

use std::os::fd::BorrowedFd;

use rustix::fs::{Access, AtFlags, StatxAttributes};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::in_place::{is_fixed, is_sticky};
use super::statx::found_at;
use crate::protocol::permissions::Permissions;
use crate::storage::{Entry, Kind};

/// Which names of a directory may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changeable {
    All,
    /// Those of files that belong to this user.
    Own(u32),
    None,
}

impl Changeable {
    pub(super) fn within(directory: BorrowedFd<'_>) -> Self {
        match found_at(directory, b"") {
            Ok((_, attributes)) if is_fixed(attributes) => Self::None,
            Ok(_) if !may(directory, b".", Access::WRITE_OK | Access::EXEC_OK) => Self::None,
            Ok((metadata, _)) if is_sticky(&metadata) => Self::Own(geteuid().as_raw()),
            Ok(_) => Self::All,
            Err(_) => Self::None,
        }
    }
}

/// Of an entry of `directory`.
pub(super) fn of(
    directory: BorrowedFd<'_>,
    changeable: Changeable,
    entry: &Entry,
    attributes: StatxAttributes,
) -> Permissions {
    let is_held = is_fixed(attributes) || attributes.contains(StatxAttributes::MOUNT_ROOT);
    let has_name = !is_held
        && match changeable {
            Changeable::All => true,
            Changeable::Own(user) => entry.metadata.owner == user,
            Changeable::None => false,
        };
    let kind = entry
        .followed
        .map_or(entry.metadata.kind, |target| target.kind);
    let inside = match kind {
        Kind::File if attributes.contains(StatxAttributes::APPEND) => {
            of_file(directory, &entry.name).without(Permissions::OVERWRITE)
        }
        Kind::File => of_file(directory, &entry.name),
        Kind::Directory => of_directory(directory, &entry.name),
        Kind::Link | Kind::Other(_) => Permissions::UNLIMITED,
    };
    let by_name = match kind {
        _ if has_name => Permissions::NONE,
        // The letter for what is deleted in a directory is not its own name's.
        Kind::Directory => Permissions::RENAME | Permissions::REMOVE_DIRECTORIES,
        Kind::File | Kind::Link | Kind::Other(_) => Permissions::RENAME | Permissions::DELETE,
    };
    inside.without(by_name)
}

/// Of the directory that is served, which has no name.
pub(super) fn of_root(root: BorrowedFd<'_>) -> Permissions {
    of_directory(root, b".").without(Permissions::RENAME | Permissions::REMOVE_DIRECTORIES)
}

fn of_file(directory: BorrowedFd<'_>, name: &[u8]) -> Permissions {
    if may(directory, name, Access::READ_OK | Access::WRITE_OK) {
        return Permissions::UNLIMITED;
    }
    let mut allowed = Permissions::UNLIMITED;
    if !may(directory, name, Access::READ_OK) {
        allowed = allowed.without(Permissions::RETRIEVE);
    }
    if !may(directory, name, Access::WRITE_OK) {
        allowed = allowed.without(Permissions::OVERWRITE | Permissions::APPEND);
    }
    allowed
}

fn of_directory(directory: BorrowedFd<'_>, name: &[u8]) -> Permissions {
    if may(
        directory,
        name,
        Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK,
    ) {
        return Permissions::UNLIMITED;
    }
    let change = Permissions::CREATE | Permissions::MAKE_DIRECTORIES | Permissions::DELETE;
    let mut allowed = Permissions::UNLIMITED;
    if !may(directory, name, Access::EXEC_OK) {
        return allowed.without(change | Permissions::LIST | Permissions::ENTER);
    }
    if !may(directory, name, Access::READ_OK) {
        allowed = allowed.without(Permissions::LIST);
    }
    if !may(directory, name, Access::WRITE_OK) {
        allowed = allowed.without(change);
    }
    allowed
}

/// A link is followed. Linux before 5.8 cannot say it for the effective user.
fn may(directory: BorrowedFd<'_>, name: &[u8], access: Access) -> bool {
    let asked = rustix::fs::accessat(directory, name, access, AtFlags::EACCESS);
    matches!(asked, Ok(()) | Err(Errno::NOSYS))
}
