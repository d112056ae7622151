//! Opening a file for writing: as a temporary file, at its end, from an offset, or under a unique name
//! (STOR, APPE, REST and STOU, RFC 959 §4.1.3).
//!
//! It decides which file an upload writes. To replace a file it follows links itself, so that a link
//! stays a link; a file that cannot be replaced is written in place. It knows neither how paths are
//! resolved ([`lookup`](super::lookup)) nor the temporary names ([`temporary`](super::temporary)).

use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{Access, AtFlags, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::commit::Parent;
use super::file::{DiskFile, PriorContents};
use super::in_place::{is_fixed, rename_obstacle};
use super::lookup::Root;
use super::statx::stat_at;
use super::temporary::{Replacement, TargetCondition, is_reserved};
use super::{HARMLESS, refuse_reserved, space};
use crate::storage::{
    Durability, Error, InPlace, Kind, Placement, Policy, Result, Umask, Upload, VirtualPath, Wait,
};

/// The longest chain of links to the file that an upload replaces.
const MAX_LINKS: usize = 16;

/// Opens `path` for writing.
pub(super) fn create(
    root: &Root,
    policy: Policy,
    path: &VirtualPath,
    placement: Placement,
    umask: Option<Umask>,
) -> Result<Upload> {
    refuse_new_reserved(path)?;
    if path.is_root() {
        return Err(Error::IsDirectory);
    }
    match placement {
        Placement::Replace => replace(root, policy, path, TargetCondition::Any, umask),
        Placement::New => replace(root, policy, path, TargetCondition::Absent, umask),
        Placement::Over => replace(root, policy, path, TargetCondition::Present, umask),
        Placement::Unique => unique(root, policy, path, umask),
        Placement::Append => append(root, policy, path, umask),
        Placement::AppendExisting => {
            let descriptor = open(root, path, OFlags::empty())?;
            in_place(descriptor, policy, path, None, PriorContents::Kept)
        }
        Placement::At(offset) => {
            let descriptor = open(root, path, OFlags::empty())?;
            in_place(descriptor, policy, path, Some(offset), PriorContents::Kept)
        }
    }
}

/// Refuses to create a file under a reserved name.
pub(super) fn refuse_new_reserved(path: &VirtualPath) -> Result<()> {
    if is_reserved(path.name()) {
        return Err(Error::Forbidden);
    }
    refuse_reserved(path)
}

fn replace(
    root: &Root,
    policy: Policy,
    path: &VirtualPath,
    condition: TargetCondition,
    umask: Option<Umask>,
) -> Result<Upload> {
    let target = Target::resolve(root, path, policy.durability)?;
    match (condition, target.mode) {
        (TargetCondition::Absent, Some(_)) => return Err(Error::Exists),
        (TargetCondition::Present, None) => return Err(Error::NotFound),
        _ => {}
    }
    if let Some(why) = target.obstacle {
        return overwrite(&target, policy, path, why);
    }
    space::refuse_full(target.directory.as_fd(), policy.free_space_floor)?;
    let Target {
        directory,
        name,
        mode,
        ..
    } = target;
    let (descriptor, replacement) = match Replacement::create(directory, name, condition) {
        // The directory is not writable, but the file itself may be.
        Err(Error::Denied | Error::ReadOnly) if mode.is_some() => {
            let target = Target::resolve(root, path, policy.durability)?;
            return overwrite(&target, policy, path, InPlace::Directory);
        }
        created => created?,
    };
    let file = DiskFile::pending(descriptor, replacement, policy);
    if let Some(mode) = mode.or_else(|| umask.map(new_mode)) {
        file.set_mode(mode)?;
    }
    Ok(Upload {
        file: Box::new(file),
        offset: 0,
        path: path.clone(),
        in_place: None,
    })
}

/// Opens a file that cannot be replaced, to be truncated at the first write.
fn overwrite(target: &Target, policy: Policy, path: &VirtualPath, why: InPlace) -> Result<Upload> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | HARMLESS;
    let (directory, name) = (&target.directory, &*target.name);
    let open = || rustix::fs::openat(directory, name, flags, Mode::empty());
    let prior = PriorContents::truncate_on_write();
    let upload = in_place(retry_on_intr(open)?, policy, path, Some(0), prior)?;
    let in_place = Some(why);
    Ok(Upload { in_place, ..upload })
}

fn unique(root: &Root, policy: Policy, path: &VirtualPath, umask: Option<Umask>) -> Result<Upload> {
    let parent = path.parent();
    let directory = Parent::open(root, parent.from_root(), policy.durability)?;
    space::refuse_full(directory.as_fd(), policy.free_space_floor)?;
    let (descriptor, replacement) = Replacement::create_unique(directory, path.name())?;
    let unique = parent.join(replacement.target());
    let file = DiskFile::pending(descriptor, replacement, policy);
    if let Some(umask) = umask {
        file.set_mode(new_mode(umask))?;
    }
    Ok(Upload {
        file: Box::new(file),
        offset: 0,
        path: unique.map_err(|_| Error::BadName)?,
        in_place: None,
    })
}

fn append(root: &Root, policy: Policy, path: &VirtualPath, umask: Option<Umask>) -> Result<Upload> {
    match open(root, path, OFlags::empty()) {
        Err(Error::NotFound) => {
            // Check the free space before creating even an empty file.
            let parent = root.directory(path.parent().from_root())?;
            space::refuse_full(parent.as_fd(), policy.free_space_floor)?;
            let descriptor = open(root, path, OFlags::CREATE)?;
            if let Some(umask) = umask {
                rustix::fs::fchmod(&descriptor, new_mode(umask))?;
            }
            in_place(descriptor, policy, path, None, PriorContents::Created)
        }
        existing => in_place(existing?, policy, path, None, PriorContents::Kept),
    }
}

fn open(root: &Root, path: &VirtualPath, flags: OFlags) -> Result<OwnedFd> {
    let flags = OFlags::WRONLY | HARMLESS | flags;
    root.find(path.from_root(), flags, Wait::Allowed)
}

fn new_mode(umask: Umask) -> Mode {
    Mode::from_raw_mode(umask.file_mode())
}

fn in_place(
    descriptor: OwnedFd,
    policy: Policy,
    path: &VirtualPath,
    offset: Option<u64>,
    prior: PriorContents,
) -> Result<Upload> {
    let metadata = super::metadata(&rustix::fs::fstat(&descriptor)?);
    if metadata.kind != Kind::File {
        return Err(Error::NotRegular);
    }
    let offset = offset.unwrap_or(metadata.size);
    if offset > metadata.size {
        return Err(Error::BeyondEnd);
    }
    space::refuse_full(descriptor.as_fd(), policy.free_space_floor)?;
    Ok(Upload {
        file: Box::new(DiskFile::in_place(descriptor, prior, policy)),
        offset,
        path: path.clone(),
        in_place: None,
    })
}

/// The name that an upload will get, and the file that has it now.
struct Target {
    directory: Parent,
    name: Vec<u8>,
    /// The permission bits to keep; `None` if there is no file.
    mode: Option<Mode>,
    /// Why a rename cannot replace the file.
    obstacle: Option<InPlace>,
}

impl Target {
    fn resolve(root: &Root, path: &VirtualPath, durability: Durability) -> Result<Self> {
        let mut path = path.from_root().to_vec();
        for _ in 0..=MAX_LINKS {
            let (parent, name) = split(&path);
            if matches!(name, b"" | b"." | b"..") {
                return Err(Error::IsDirectory);
            }
            let directory = Parent::open(root, parent, durability)?;
            let existing = match stat_at(&directory, name) {
                Err(Error::NotFound) => None,
                existing => Some(existing?),
            };
            let (mode, obstacle) = match existing {
                None => (None, None),
                Some((file, attributes)) => match file.kind {
                    Kind::File if is_fixed(attributes) => return Err(Error::Denied),
                    Kind::File => {
                        check_writable(&directory, name)?;
                        // Without the set-id bits, which were granted to the old contents.
                        let mode = Mode::from_raw_mode(file.mode & 0o777);
                        (Some(mode), rename_obstacle(&directory, &file, attributes)?)
                    }
                    Kind::Directory => return Err(Error::IsDirectory),
                    Kind::Link => {
                        path = follow(root, parent, &directory, name)?;
                        continue;
                    }
                    Kind::Other(_) => return Err(Error::NotRegular),
                },
            };
            let name = name.to_vec();
            return Ok(Self {
                directory,
                name,
                mode,
                obstacle,
            });
        }
        Err(Error::NotFound)
    }
}

/// The target of a link, as a path relative to the root. Its `..` are left to the kernel, because behind
/// another link the text alone does not determine the directory.
fn follow(root: &Root, parent: &[u8], directory: &Parent, name: &[u8]) -> Result<Vec<u8>> {
    let text = rustix::fs::readlinkat(directory, name, Vec::new())?;
    let text = text.as_bytes();
    if text.starts_with(b"/") || !root.follows_links() {
        return Err(Error::NotFound);
    }
    Ok([parent, b"/", text].concat())
}

/// Splits a relative path into the directory (`.` if there is none) and the last name.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = path.iter().rposition(|&byte| byte == b'/');
    let parts = slash.and_then(|slash| path.split_at_checked(slash));
    parts.map_or((b".", path), |(parent, name)| {
        debug_assert!(name.starts_with(b"/"), "split at a slash");
        (parent, name.strip_prefix(b"/").unwrap_or(name))
    })
}

/// Refuses a write-protected file, as a rename over it checks only the directory.
fn check_writable(directory: &Parent, name: &[u8]) -> Result<()> {
    match rustix::fs::accessat(directory, name, Access::WRITE_OK, AtFlags::EACCESS) {
        // Linux before 5.8 has no check for the effective user.
        Ok(()) | Err(Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
