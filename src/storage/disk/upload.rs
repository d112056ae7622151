//! Opening a file to write: beside its target, at its end, from an offset, under a new name
//! (STOR, APPE, REST and STOU, RFC 959 §4.1.3).
//!
//! It decides which file an upload is about, following links itself where the target is to be
//! replaced, so that a link stays a link; where it cannot be, it is written in place. Looking up is
//! [`lookup`](super::lookup)'s, the temporary name [`temporary`](super::temporary)'s.

use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{Access, AtFlags, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::file::{DiskFile, Origin};
use super::in_place::{is_fixed, obstacle};
use super::lookup::Root;
use super::place::Parent;
use super::statx::found_at;
use super::temporary::{Condition, Replacement, is_reserved};
use super::{HARMLESS, refuse_reserved, space};
use crate::storage::{
    Durability, Error, InPlace, Kind, Placement, Policy, Result, Umask, Upload, VirtualPath, Wait,
};

/// How many links in a row are followed to the file that an upload replaces.
const LINKS: usize = 16;

/// Opens `path` to write.
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
        Placement::Replace => replace(root, policy, path, Condition::None, umask),
        Placement::New => replace(root, policy, path, Condition::Free, umask),
        Placement::Over => replace(root, policy, path, Condition::Taken, umask),
        Placement::Unique => unique(root, policy, path, umask),
        Placement::Append => append(root, policy, path, umask),
        Placement::AppendExisting => {
            let descriptor = find(root, path, OFlags::empty())?;
            in_place(descriptor, policy, path, None, Origin::Found)
        }
        Placement::At(offset) => {
            let descriptor = find(root, path, OFlags::empty())?;
            in_place(descriptor, policy, path, Some(offset), Origin::Found)
        }
    }
}

/// A name that a client would give to something new must not be one of the hidden ones.
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
    condition: Condition,
    umask: Option<Umask>,
) -> Result<Upload> {
    let target = Target::resolve(root, path, policy.durability)?;
    match (condition, target.mode) {
        (Condition::Free, Some(_)) => return Err(Error::Exists),
        (Condition::Taken, None) => return Err(Error::NotFound),
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
    let (descriptor, replacement) = match Replacement::begin(directory, name, condition) {
        // No name can be made there, and so none can be replaced; the file itself may be written.
        Err(Error::Denied | Error::ReadOnly) if mode.is_some() => {
            let target = Target::resolve(root, path, policy.durability)?;
            return overwrite(&target, policy, path, InPlace::Directory);
        }
        begun => begun?,
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

/// Opens a file that cannot be replaced: its old contents are there until the first byte comes.
fn overwrite(target: &Target, policy: Policy, path: &VirtualPath, why: InPlace) -> Result<Upload> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | HARMLESS;
    let (directory, name) = (&target.directory, &*target.name);
    let open = || rustix::fs::openat(directory, name, flags, Mode::empty());
    let upload = in_place(retry_on_intr(open)?, policy, path, Some(0), Origin::old())?;
    let in_place = Some(why);
    Ok(Upload { in_place, ..upload })
}

fn unique(root: &Root, policy: Policy, path: &VirtualPath, umask: Option<Umask>) -> Result<Upload> {
    let parent = path.parent();
    let directory = Parent::open(root, parent.from_root(), policy.durability)?;
    space::refuse_full(directory.as_fd(), policy.free_space_floor)?;
    let (descriptor, replacement) = Replacement::begin_new(directory, path.name())?;
    let found = parent.join(replacement.target());
    let file = DiskFile::pending(descriptor, replacement, policy);
    if let Some(umask) = umask {
        file.set_mode(new_mode(umask))?;
    }
    Ok(Upload {
        file: Box::new(file),
        offset: 0,
        path: found.map_err(|_| Error::BadName)?,
        in_place: None,
    })
}

fn append(root: &Root, policy: Policy, path: &VirtualPath, umask: Option<Umask>) -> Result<Upload> {
    match find(root, path, OFlags::empty()) {
        Err(Error::NotFound) => {
            // Not even an empty file is made where there is no room.
            let parent = root.directory(path.parent().from_root())?;
            space::refuse_full(parent.as_fd(), policy.free_space_floor)?;
            let descriptor = find(root, path, OFlags::CREATE)?;
            if let Some(umask) = umask {
                rustix::fs::fchmod(&descriptor, new_mode(umask))?;
            }
            in_place(descriptor, policy, path, None, Origin::Made)
        }
        existing => in_place(existing?, policy, path, None, Origin::Found),
    }
}

fn find(root: &Root, path: &VirtualPath, flags: OFlags) -> Result<OwnedFd> {
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
    at: Option<u64>,
    origin: Origin,
) -> Result<Upload> {
    let metadata = super::metadata(&rustix::fs::fstat(&descriptor)?);
    if metadata.kind != Kind::File {
        return Err(Error::NotRegular);
    }
    let offset = at.unwrap_or(metadata.size);
    if offset > metadata.size {
        return Err(Error::BeyondEnd);
    }
    space::refuse_full(descriptor.as_fd(), policy.free_space_floor)?;
    Ok(Upload {
        file: Box::new(DiskFile::in_place(descriptor, origin, policy)),
        offset,
        path: path.clone(),
        in_place: None,
    })
}

/// The file that is to be replaced, or the free place for it.
struct Target {
    directory: Parent,
    name: Vec<u8>,
    /// Permission bits to keep.
    mode: Option<Mode>,
    /// Why it cannot be replaced.
    obstacle: Option<InPlace>,
}

impl Target {
    fn resolve(root: &Root, path: &VirtualPath, durability: Durability) -> Result<Self> {
        let mut path = path.from_root().to_vec();
        for _ in 0..=LINKS {
            let (parent, name) = split(&path);
            if matches!(name, b"" | b"." | b"..") {
                return Err(Error::IsDirectory);
            }
            let directory = Parent::open(root, parent, durability)?;
            let found = match found_at(&directory, name) {
                Err(Error::NotFound) => None,
                found => Some(found?),
            };
            let (mode, obstacle) = match found {
                None => (None, None),
                Some((file, attributes)) => match file.kind {
                    Kind::File if is_fixed(attributes) => return Err(Error::Denied),
                    Kind::File => {
                        check_writable(&directory, name)?;
                        // Not the set-id bits: they were for the old contents.
                        let mode = Mode::from_raw_mode(file.mode & 0o777);
                        (Some(mode), obstacle(&directory, &file, attributes)?)
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

/// Where a link leads, as a path for the jail to judge: the kernel walks its `..`, because
/// behind another link the text alone does not say where that is.
fn follow(root: &Root, parent: &[u8], directory: &Parent, name: &[u8]) -> Result<Vec<u8>> {
    let text = rustix::fs::readlinkat(directory, name, Vec::new())?;
    let text = text.as_bytes();
    if text.starts_with(b"/") || !root.follows_links() {
        return Err(Error::NotFound);
    }
    Ok([parent, b"/", text].concat())
}

/// The directory's part of a relative path, `.` where there is none, and the last name.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = path.iter().rposition(|&byte| byte == b'/');
    let parts = slash.and_then(|slash| path.split_at_checked(slash));
    parts.map_or((b".", path), |(parent, name)| {
        (parent, name.strip_prefix(b"/").unwrap_or(name))
    })
}

/// A rename asks the directory only; that the file itself is protected must count too.
fn check_writable(directory: &Parent, name: &[u8]) -> Result<()> {
    match rustix::fs::accessat(directory, name, Access::WRITE_OK, AtFlags::EACCESS) {
        // Linux before 5.8 cannot say it for the effective user.
        Ok(()) | Err(Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
