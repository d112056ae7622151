//! The permissions that the file system gives the server, for the perm fact of entries (RFC 3659 §7.5.5).
//!
//! They are checked for the effective user by faccessat2(2): one call per entry if everything is allowed,
//! none if an entry like it was checked. They are advice for clients only: the kernel checks each change
//! when it is made. The permissions of the account are not known here.

use std::os::fd::BorrowedFd;

use rustix::fs::{Access, AtFlags, StatxAttributes};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::in_place::{is_fixed, is_sticky};
use super::statx::stat_at;
use crate::protocol::permissions::Permissions;
use crate::storage::{Entry, Kind, Metadata};

/// The entries of a directory that may be renamed and removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RemovableNames {
    All,
    /// Those of files that belong to the effective user.
    Own,
    None,
}

impl RemovableNames {
    fn within(directory: BorrowedFd<'_>) -> Self {
        match stat_at(directory, b"") {
            Ok((_, attributes)) if is_fixed(attributes) => Self::None,
            Ok(_) if !may(directory, b".", Access::WRITE_OK | Access::EXEC_OK) => Self::None,
            Ok((metadata, _)) if is_sticky(&metadata) => Self::Own,
            Ok(_) => Self::All,
            Err(_) => Self::None,
        }
    }
}

/// The permissions of the entries of one directory.
pub(super) struct NameAccess {
    removable: RemovableNames,
    /// The effective user.
    user: u32,
    /// The last file and the last directory of this user that were checked.
    checked: [Option<Checked>; 2],
}

/// The owner's access depends on the mode alone, and not on an access control list (acl(5)). A read-only
/// mount is common to the entries of a directory. A file server may decide by the group, too.
#[derive(Clone, Copy)]
struct Checked {
    mode: u32,
    group: u32,
    contents: Permissions,
}

impl NameAccess {
    pub(super) fn within(directory: BorrowedFd<'_>) -> Self {
        Self {
            removable: RemovableNames::within(directory),
            user: geteuid().as_raw(),
            checked: [None; 2],
        }
    }

    /// The permissions of an entry of `directory`.
    pub(super) fn of_entry(
        &mut self,
        directory: BorrowedFd<'_>,
        entry: &Entry,
        attributes: StatxAttributes,
    ) -> Permissions {
        let is_pinned = is_fixed(attributes) || attributes.contains(StatxAttributes::MOUNT_ROOT);
        let is_own = entry.metadata.owner == self.user;
        let is_removable = !is_pinned
            && match self.removable {
                RemovableNames::All => true,
                RemovableNames::Own => is_own,
                RemovableNames::None => false,
            };
        let kind = entry
            .followed
            .map_or(entry.metadata.kind, |target| target.kind);
        let checked = match entry.metadata.kind {
            Kind::File if is_own && !is_pinned => self.checked.first_mut(),
            Kind::Directory if is_own && !is_pinned => self.checked.last_mut(),
            _ => None,
        };
        let contents = match checked {
            Some(checked) => Checked::contents(checked, &entry.metadata, || {
                of_contents(directory, &entry.name, kind)
            }),
            None => of_contents(directory, &entry.name, kind),
        };
        let contents = if attributes.contains(StatxAttributes::APPEND) && kind == Kind::File {
            contents.without(Permissions::OVERWRITE)
        } else {
            contents
        };
        let denied = match kind {
            _ if is_removable => Permissions::NONE,
            // DELETE of a directory is about the files in it.
            Kind::Directory => Permissions::RENAME | Permissions::REMOVE_DIRECTORIES,
            Kind::File | Kind::Link | Kind::Other(_) => Permissions::RENAME | Permissions::DELETE,
        };
        contents.without(denied)
    }
}

impl Checked {
    /// The permissions of the last one if this one is like it; otherwise checks.
    fn contents(
        last: &mut Option<Self>,
        metadata: &Metadata,
        check: impl FnOnce() -> Permissions,
    ) -> Permissions {
        let (mode, group) = (metadata.mode, metadata.group);
        if let Some(last) = last
            && (last.mode, last.group) == (mode, group)
        {
            return last.contents;
        }
        let contents = check();
        *last = Some(Self {
            mode,
            group,
            contents,
        });
        contents
    }
}

fn of_contents(directory: BorrowedFd<'_>, name: &[u8], kind: Kind) -> Permissions {
    match kind {
        Kind::File => of_file(directory, name),
        Kind::Directory => of_directory(directory, name),
        Kind::Link | Kind::Other(_) => Permissions::UNLIMITED,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_with_one_mode_and_group_are_checked_once() {
        const READ: Permissions = Permissions::READ;
        const ALL: Permissions = Permissions::ALL;
        let (mut last, mut checks) = (None, 0);
        let mut contents = |mode, group, found| {
            let metadata = Metadata {
                mode,
                group,
                ..Metadata::default()
            };
            let check = || {
                checks += 1;
                found
            };
            let contents = Checked::contents(&mut last, &metadata, check);
            (contents, checks)
        };
        for (mode, group, found, expected) in [
            (0o644, 1, ALL, (ALL, 1)),
            (0o644, 1, READ, (ALL, 1)),
            (0o444, 1, READ, (READ, 2)),
            (0o444, 2, ALL, (ALL, 3)),
            (0o644, 1, ALL, (ALL, 4)),
        ] {
            assert_eq!(contents(mode, group, found), expected, "{mode:o} {group}");
        }
    }
}
