//! Listing a directory, an entry at a time, in constant memory (LIST, MLSD; RFC 3659 §7).
//!
//! It owns the directory's descriptor and the kernel's last chunk of names. Each entry is
//! examined by name relative to that descriptor; only where a link leads is asked of the
//! jail. What an entry looks like on the wire is not known here.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{Dir, OFlags};

use super::allowed::{self, Changeable};
use super::lookup::Root;
use super::temporary::is_reserved;
use super::{HARMLESS, operations, statx};
use crate::protocol::permissions::Permissions;
use crate::storage::{Directory, Entry, Kind, Metadata, Result, VirtualPath, Wait};

/// A directory that is being listed.
pub(super) struct DiskDirectory {
    root: Arc<Root>,
    path: VirtualPath,
    names: Dir,
    /// Whose names may be changed in it, where that is to be told.
    changeable: Option<Changeable>,
}

impl DiskDirectory {
    /// Opens a directory whose entries may be read and examined.
    pub(super) fn open(root: &Arc<Root>, path: &VirtualPath) -> Result<Self> {
        let flags = OFlags::RDONLY | HARMLESS;
        let directory = operations::enter(root, path, flags, Wait::Allowed)?;
        Ok(Self {
            root: Arc::clone(root),
            path: path.clone(),
            names: Dir::new(directory)?,
            changeable: None,
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
            // One that is gone, or that its own file system does not let us see (a dead
            // mount), must not hide the others.
            let directory = self.names.fd()?;
            if let Ok(entry) = examine(&self.root, &self.path, directory, name, self.changeable) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    fn tell_allowed(&mut self) {
        self.changeable = self.names.fd().ok().map(Changeable::within);
    }
}

/// One entry as the listing of its directory would give it.
pub(super) fn entry(root: &Root, path: &VirtualPath) -> Result<Entry> {
    match root.parent(path)? {
        Some((parent, name)) => {
            let changeable = Changeable::within(parent.as_fd());
            examine(root, &path.parent(), parent, name, Some(changeable))
        }
        None => Ok(Entry {
            name: Vec::new(),
            metadata: statx::metadata_at(root, b"")?,
            target: None,
            followed: None,
            allowed: allowed::of_root(root.as_fd()),
        }),
    }
}

fn examine(
    root: &Root,
    path: &VirtualPath,
    directory: impl AsFd,
    name: &[u8],
    changeable: Option<Changeable>,
) -> Result<Entry> {
    let (metadata, attributes) = statx::found_at(&directory, name)?;
    let is_link = metadata.kind == Kind::Link;
    let mut entry = Entry {
        name: name.to_vec(),
        metadata,
        target: match is_link.then(|| rustix::fs::readlinkat(&directory, name, Vec::new())) {
            Some(text) => Some(text?.into_bytes()),
            None => None,
        },
        followed: is_link.then(|| followed(root, path, name)).flatten(),
        allowed: Permissions::UNLIMITED,
    };
    if let Some(changeable) = changeable {
        entry.allowed = allowed::of(directory.as_fd(), changeable, &entry, attributes);
    }
    Ok(entry)
}

/// What a link leads to, if that is inside and there.
fn followed(root: &Root, directory: &VirtualPath, name: &[u8]) -> Option<Metadata> {
    let path = [directory.from_root(), b"/", name].concat();
    let found: OwnedFd = root.find(&path, OFlags::PATH, Wait::Allowed).ok()?;
    statx::metadata_at(found, b"").ok()
}
