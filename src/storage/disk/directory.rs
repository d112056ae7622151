//! Lists a directory entry by entry, in constant memory (LIST, MLSD; RFC 3659 §7).
//!
//! It owns the directory's descriptor and the names of the last getdents(2). Each entry is examined by
//! name relative to that descriptor; only the target of a link is resolved in the jail. It does not know
//! how an entry is formatted.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{OFlags, RawDir};
use rustix::io::Errno;

use super::lookup::Root;
use super::parent::Parent;
use super::permissions::{self, NameAccess};
use super::statx::stat_at;
use super::temporary_name::is_reserved;
use super::{HARMLESS, operations};
use crate::protocol::permissions::Permissions;
use crate::storage::{
    Directory, Durability, Entry, Error, Kind, Metadata, Result, VirtualPath, Wait,
};

/// Bytes that one getdents(2) returns: some 400 entries, which take longer to examine than the call.
const NAMES_BYTES: usize = 16 * 1024;

/// A directory being listed.
pub(super) struct DiskDirectory {
    root: Arc<Root>,
    path: VirtualPath,
    directory: OwnedFd,
    /// The names of the last getdents(2), each behind its length, a `u16`.
    names: Vec<u8>,
    /// The bytes of `names` that were returned.
    returned: usize,
    /// Set if entries carry permissions.
    access: Option<NameAccess>,
}

impl DiskDirectory {
    /// Opens a directory that is readable and searchable.
    pub(super) fn open(root: &Arc<Root>, path: &VirtualPath) -> Result<Self> {
        let flags = OFlags::RDONLY | HARMLESS;
        Ok(Self {
            root: Arc::clone(root),
            path: path.clone(),
            directory: operations::enter(root, path, flags, Wait::Allowed)?,
            names: Vec::new(),
            returned: 0,
            access: None,
        })
    }

    /// Reads further names until there is a visible one, or none at all.
    fn read_names(&mut self) -> Result<()> {
        self.names.clear();
        self.returned = 0;
        let room = self.names.try_reserve_exact(NAMES_BYTES);
        room.map_err(|_| Error::Exhausted)?;
        let mut buffer = [MaybeUninit::uninit(); NAMES_BYTES];
        let mut entries = RawDir::new(&self.directory, &mut buffer);
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) => add_visible(&mut self.names, entry.file_name().to_bytes()),
                Err(Errno::INTR) => {}
                // The directory was removed.
                Err(Errno::NOENT) => break,
                Err(error) => return Err(error.into()),
            }
            if entries.is_buffer_empty() && !self.names.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

impl Directory for DiskDirectory {
    fn next_name(&mut self, name: &mut Vec<u8>) -> Result<bool> {
        if self.returned == self.names.len() {
            self.read_names()?;
        }
        let rest = self.names.get(self.returned..).unwrap_or_default();
        let Some((length, rest)) = rest.split_first_chunk() else {
            return Ok(false);
        };
        let length = usize::from(u16::from_ne_bytes(*length));
        name.clear();
        name.extend_from_slice(rest.get(..length).unwrap_or_default());
        self.returned += size_of::<u16>() + length;
        Ok(true)
    }

    fn examine(&mut self, entry: &mut Entry) -> bool {
        let access = self.access.as_mut();
        match examine(&self.root, &self.path, &self.directory, entry, access) {
            Ok(()) => true,
            Err(Error::NotFound) => false,
            Err(_) => {
                let name = std::mem::take(&mut entry.name);
                *entry = Entry {
                    name,
                    ..Entry::default()
                };
                true
            }
        }
    }

    fn include_permissions(&mut self) {
        self.access = Some(NameAccess::within(self.directory.as_fd()));
    }
}

/// Adds a name behind its length, unless it is hidden.
fn add_visible(names: &mut Vec<u8>, name: &[u8]) {
    if matches!(name, b"." | b"..") || is_reserved(name) {
        return;
    }
    // Always: getdents(2) has 16 bits for the length of a record.
    if let Ok(length) = u16::try_from(name.len()) {
        names.extend_from_slice(&length.to_ne_bytes());
        names.extend_from_slice(name);
    }
}

/// Returns one entry as the listing of its directory would.
pub(super) fn entry(root: &Root, path: &VirtualPath) -> Result<Entry> {
    let Some((parent, name)) = Parent::of(root, path, Durability::None)? else {
        let root = root.descriptor(Wait::Allowed)?;
        return Ok(Entry {
            metadata: stat_at(&root, b"")?.0,
            allowed: permissions::of_root(root.as_fd()),
            ..Entry::default()
        });
    };
    let mut access = NameAccess::within(parent.as_fd());
    let mut entry = Entry {
        name: name.to_vec(),
        ..Entry::default()
    };
    examine(root, &path.parent(), parent, &mut entry, Some(&mut access))?;
    Ok(entry)
}

/// Fills in an entry of `directory`, which has this path.
fn examine(
    root: &Root,
    path: &VirtualPath,
    directory: impl AsFd,
    entry: &mut Entry,
    access: Option<&mut NameAccess>,
) -> Result<()> {
    let (metadata, attributes) = stat_at(&directory, &entry.name)?;
    entry.metadata = metadata;
    (entry.target, entry.followed) = (None, None);
    entry.allowed = Permissions::UNLIMITED;
    if metadata.kind == Kind::Link {
        let target = rustix::fs::readlinkat(&directory, &*entry.name, Vec::new())?;
        entry.target = Some(CString::into_bytes(target));
        entry.followed = followed(root, path, &entry.name);
    }
    if let Some(access) = access {
        entry.allowed = access.of_entry(directory.as_fd(), entry, attributes);
    }
    Ok(())
}

/// The metadata of a link's target, if it exists within the root.
fn followed(root: &Root, directory: &VirtualPath, name: &[u8]) -> Option<Metadata> {
    let path = [directory.from_root(), b"/", name].concat();
    let found: OwnedFd = root.find(&path, OFlags::PATH, Wait::Allowed).ok()?;
    Some(stat_at(found, b"").ok()?.0)
}
