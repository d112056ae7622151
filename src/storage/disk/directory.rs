//! Lists a directory entry by entry, in constant memory (LIST, MLSD; RFC 3659 §7).
//!
//! It owns the directory's descriptor and the buffer of getdents(2). Each entry is examined by name
//! relative to that descriptor; only the target of a link is resolved in the jail. It does not know how
//! an entry is formatted.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{Dir, OFlags};

use super::lookup::Root;
use super::parent::Parent;
use super::permissions::{self, RemovableNames};
use super::statx::stat_at;
use super::temporary::is_reserved;
use super::{HARMLESS, operations};
use crate::protocol::permissions::Permissions;
use crate::storage::{Directory, Durability, Entry, Kind, Metadata, Result, VirtualPath, Wait};

/// A directory being listed.
pub(super) struct DiskDirectory {
    root: Arc<Root>,
    path: VirtualPath,
    names: Dir,
    /// Set if entries carry permissions.
    removable: Option<RemovableNames>,
}

impl DiskDirectory {
    /// Opens a directory that is readable and searchable.
    pub(super) fn open(root: &Arc<Root>, path: &VirtualPath) -> Result<Self> {
        let flags = OFlags::RDONLY | HARMLESS;
        let directory = operations::enter(root, path, flags, Wait::Allowed)?;
        Ok(Self {
            root: Arc::clone(root),
            path: path.clone(),
            names: Dir::new(directory)?,
            removable: None,
        })
    }
}

impl Directory for DiskDirectory {
    fn next_entry(&mut self) -> Result<Option<Entry>> {
        while let Some(next) = self.names.read() {
            let next = next?;
            let name = next.file_name().to_bytes();
            if matches!(name, b"." | b"..") || is_reserved(name) {
                continue;
            }
            // Skip an entry that was removed or cannot be examined, such as a dead mount.
            let directory = self.names.fd()?;
            if let Ok(entry) = examine(&self.root, &self.path, directory, name, self.removable) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    fn include_permissions(&mut self) {
        self.removable = self.names.fd().ok().map(RemovableNames::within);
    }
}

/// Returns one entry as the listing of its directory would.
pub(super) fn entry(root: &Root, path: &VirtualPath) -> Result<Entry> {
    match Parent::of(root, path, Durability::None)? {
        Some((parent, name)) => {
            let removable = RemovableNames::within(parent.as_fd());
            examine(root, &path.parent(), parent, name, Some(removable))
        }
        None => Ok(Entry {
            name: Vec::new(),
            metadata: stat_at(root, b"")?.0,
            target: None,
            followed: None,
            allowed: permissions::of_root(root.as_fd()),
        }),
    }
}

fn examine(
    root: &Root,
    path: &VirtualPath,
    directory: impl AsFd,
    name: &[u8],
    removable: Option<RemovableNames>,
) -> Result<Entry> {
    let (metadata, attributes) = stat_at(&directory, name)?;
    let is_link = metadata.kind == Kind::Link;
    let target = is_link.then(|| rustix::fs::readlinkat(&directory, name, Vec::new()));
    let mut entry = Entry {
        name: name.to_vec(),
        metadata,
        target: target.transpose()?.map(CString::into_bytes),
        followed: is_link.then(|| followed(root, path, name)).flatten(),
        allowed: Permissions::UNLIMITED,
    };
    if let Some(removable) = removable {
        entry.allowed = permissions::of_entry(directory.as_fd(), removable, &entry, attributes);
    }
    Ok(entry)
}

/// The metadata of a link's target, if it exists within the root.
fn followed(root: &Root, directory: &VirtualPath, name: &[u8]) -> Option<Metadata> {
    let path = [directory.from_root(), b"/", name].concat();
    let found: OwnedFd = root.find(&path, OFlags::PATH, Wait::Allowed).ok()?;
    Some(stat_at(found, b"").ok()?.0)
}
