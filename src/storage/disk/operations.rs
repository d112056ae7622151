//! Operations that leave no file open. Each uses names relative to a directory's descriptor, never a path
//! that was checked before (TOCTOU).
//!
//! It maps an [`Operation`] to system calls and owns nothing. With [`Durability::Fsync`] a change of
//! names is synced before it returns. (DELE, MKD, RMD: RFC 959 §4.1.3; SIZE: RFC 3659 §4.)

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::lookup::Root;
use super::parent::Parent;
use super::upload::refuse_new_reserved;
use super::{attributes, refuse_reserved, rename, space};
use crate::storage::{
    Answer, Durability, Error, File, Operation, Policy, Result, Umask, VirtualPath, Wait,
};

/// Bytes read at a time to count line ends.
const COUNT_CHUNK: usize = 64 * 1024;

/// Performs one operation.
pub(super) fn perform(
    root: &Root,
    policy: Policy,
    operation: &Operation,
    wait: Wait,
) -> Result<Answer> {
    let durability = policy.durability;
    match (operation, wait) {
        (Operation::Metadata(path), wait) => {
            refuse_reserved(path)?;
            let found = root.find(path.from_root(), OFlags::PATH, wait)?;
            return Ok(Answer::Metadata(super::stat(found)?));
        }
        (Operation::EnterDirectory(path), wait) => {
            refuse_reserved(path)?;
            enter(root, path, OFlags::PATH, wait)?;
        }
        (_, Wait::Never) => return Err(Error::WouldWait),
        (Operation::AsciiSize { path, limit }, _) => {
            return ascii_size(root, path, *limit).map(Answer::Size);
        }
        (Operation::Space { path, .. }, _) => {
            return space::available(root, path, policy.free_space_floor).map(Answer::Size);
        }
        (Operation::SetAttributes(path, new), _) => attributes::set(root, path, *new)?,
        (Operation::MakeDirectory { path, umask }, _) => {
            make_directory(root, path, *umask, durability)?;
        }
        (Operation::RemoveDirectory(path), _) => {
            remove(root, path, AtFlags::REMOVEDIR, durability)?;
        }
        (Operation::RemoveFile(path), _) => {
            remove(root, path, AtFlags::empty(), durability)?;
        }
        (Operation::Rename { from, to, replace }, _) => {
            rename::rename(root, (from, to), *replace, durability)?;
        }
    }
    Ok(Answer::Done)
}

/// Opens a directory and checks that the server may search it.
pub(super) fn enter(root: &Root, path: &VirtualPath, flags: OFlags, wait: Wait) -> Result<OwnedFd> {
    // The lookup of `.` in it requires search permission for the effective user.
    let inside = [path.from_root(), b"/."].concat();
    root.find(&inside, flags | OFlags::DIRECTORY, wait)
}

fn make_directory(
    root: &Root,
    path: &VirtualPath,
    umask: Option<Umask>,
    durability: Durability,
) -> Result<()> {
    refuse_new_reserved(path)?;
    let (parent, name) = Parent::of(root, path, durability)?.ok_or(Error::Exists)?;
    let mode = umask.map_or(0o777, Umask::directory_mode);
    rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(mode))?;
    if umask.is_some() {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(&parent, name, flags, Mode::empty())?;
        attributes::set_permissions(directory.as_fd(), mode)?;
    }
    parent.sync()
}

fn remove(root: &Root, path: &VirtualPath, flags: AtFlags, durability: Durability) -> Result<()> {
    refuse_reserved(path)?;
    let (parent, name) = Parent::of(root, path, durability)?.ok_or(Error::Forbidden)?;
    match rustix::fs::unlinkat(&parent, name, flags) {
        // Some file systems return EEXIST for a directory that is not empty (rmdir(2)).
        Err(Errno::EXIST) => return Err(Error::NotEmpty),
        result => result?,
    }
    parent.sync()
}

/// The size of the file with each LF sent as CRLF (RFC 3659 §4.1).
fn ascii_size(root: &Root, path: &VirtualPath, limit: u64) -> Result<u64> {
    let (file, metadata) = super::open(root, path, Wait::Allowed)?;
    if metadata.size > limit {
        return Err(Error::TooLarge);
    }
    let mut chunk = vec![0; COUNT_CHUNK];
    let (mut offset, mut added, mut last) = (0_u64, 0_u64, 0_u8);
    loop {
        let length = file.read_at(&mut chunk, offset, Wait::Allowed)?;
        let Some(bytes @ [_, ..]) = chunk.get(..length) else {
            return Ok(offset.saturating_add(added));
        };
        for &byte in bytes {
            added += u64::from(byte == b'\n' && last != b'\r');
            last = byte;
        }
        offset = offset.saturating_add(length as u64);
        // It may have grown since it was opened.
        if offset > limit {
            return Err(Error::TooLarge);
        }
    }
}
