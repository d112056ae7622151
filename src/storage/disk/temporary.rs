//! The hidden name under which an upload grows, and what becomes of it.
//!
//! A target is replaced by one rename within one directory: whoever opens it finds the old
//! file or the whole new one. This file owns the reserved names and the directory's
//! descriptor for as long as the upload lasts, so that a directory renamed meanwhile is no
//! matter. A temporary file is locked as long as it is open, so that whoever clears up can tell
//! it from one that was left behind. It does not write the file.
//!
//! A new name is kept by the temporary file's own, which comes of it: nothing is seen of it before
//! the whole file is there, and nothing is left of it but what is cleared up anyway.

use std::hash::{BuildHasher as _, DefaultHasher, Hasher as _, RandomState};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, retry_on_intr};

use super::place::Parent;

use crate::storage::{Error, Metadata, Result};

const PREFIX: &[u8] = b".mioftpd-";
const SUFFIX: &[u8] = b".tmp";

/// Digits of the number between them.
const DIGITS: usize = 16;

/// How many names are tried before the directory is taken for a hostile one.
const ATTEMPTS: u64 = 16;

/// The last number that is put behind a name which is taken.
const LAST_NUMBER: u32 = 9999;

/// Whether only the server itself uses such a name.
pub(super) fn is_reserved(name: &[u8]) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Whether it is the name of a temporary file: of the reserved ones those that are used.
pub(super) fn is_temporary(name: &[u8]) -> bool {
    let number = name
        .strip_prefix(PREFIX)
        .and_then(|name| name.strip_suffix(SUFFIX));
    number.is_some_and(|number| {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        number.len() == DIGITS && number.iter().all(is_digit)
    })
}

/// A temporary file that is to take the place of another.
pub(super) struct Replacement {
    directory: Parent,
    temporary: Vec<u8>,
    target: Vec<u8>,
    condition: Condition,
}

/// What must be so of the target's name when the file takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    None,
    /// Nothing has it.
    Free,
    /// Something has it.
    Taken,
}

impl Replacement {
    /// Makes an empty file beside the `target` in `directory`.
    pub(super) fn begin(
        directory: Parent,
        target: Vec<u8>,
        condition: Condition,
    ) -> Result<(OwnedFd, Self)> {
        let keys = RandomState::new();
        for attempt in 0..ATTEMPTS {
            let temporary = temporary_name(keys.hash_one(attempt));
            if let Some(file) = make_temporary(&directory, &temporary)? {
                let replacement = Self {
                    directory,
                    temporary,
                    target,
                    condition,
                };
                return Ok((file, replacement));
            }
        }
        Err(Error::Exists)
    }

    /// Makes an empty file that is to have a name which nobody has, the `wanted` one or that with a
    /// number. Nobody else who looks for such a name gets this one; whoever just takes it has it.
    pub(super) fn begin_new(directory: Parent, wanted: &[u8]) -> Result<(OwnedFd, Self)> {
        let mut replacement = Self {
            directory,
            temporary: Vec::new(),
            target: wanted.to_vec(),
            condition: Condition::Free,
        };
        for number in 0..=LAST_NUMBER {
            if number > 0 {
                replacement.target = [wanted, format!(".{number}").as_bytes()].concat();
            }
            if replacement.is_taken()? {
                continue;
            }
            replacement.temporary = temporary_name(stable_hash(&replacement.target));
            let made = make_temporary(&replacement.directory, &replacement.temporary)?;
            let Some(file) = made else {
                continue;
            };
            // Who had the temporary name until now may have put a file there.
            match replacement.is_taken() {
                Ok(false) => return Ok((file, replacement)),
                taken => {
                    replacement.abandon();
                    taken?;
                }
            }
        }
        Err(Error::Exists)
    }

    /// The name that it is to have.
    pub(super) fn target(&self) -> &[u8] {
        &self.target
    }

    /// The temporary file takes its place.
    pub(super) fn carry_out(&self) -> Result<()> {
        let directory = self.directory.as_fd();
        let (from, to) = (&*self.temporary, &*self.target);
        match self.condition {
            Condition::Free => {
                let flags = RenameFlags::NOREPLACE;
                match rustix::fs::renameat_with(directory, from, directory, to, flags) {
                    Err(Errno::INVAL | Errno::NOSYS) => self.link(),
                    renamed => Ok(renamed?),
                }
            }
            // Whoever removes the file this moment might as well have done so a moment later.
            Condition::Taken if !self.is_taken()? => Err(Error::NotFound),
            Condition::Taken | Condition::None => self.rename(),
        }
    }

    /// See [`File::replace_nothing`](crate::storage::File::replace_nothing).
    pub(super) fn replace_nothing(&mut self) -> Result<()> {
        if self.condition == Condition::Taken || self.is_taken()? {
            return Err(Error::Exists);
        }
        self.condition = Condition::Free;
        Ok(())
    }

    fn rename(&self) -> Result<()> {
        let directory = self.directory.as_fd();
        let (from, to) = (&*self.temporary, &*self.target);
        Ok(rustix::fs::renameat(directory, from, directory, to)?)
    }

    /// As a rename that replaces nothing, where the file system has none.
    fn link(&self) -> Result<()> {
        let directory = self.directory.as_fd();
        let (from, to) = (&*self.temporary, &*self.target);
        match rustix::fs::linkat(directory, from, directory, to, AtFlags::empty()) {
            // Nor has it links.
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => self.rename_if_free(),
            linked => {
                linked?;
                self.unlink(from);
                Ok(())
            }
        }
    }

    /// Only here is there a moment between the look and the change.
    fn rename_if_free(&self) -> Result<()> {
        if self.is_taken()? {
            return Err(Error::Exists);
        }
        self.rename()
    }

    /// That it has taken its place reaches the disk.
    pub(super) fn sync_name(&self) -> Result<()> {
        self.directory.sync()
    }

    /// The temporary file goes, and with it whatever it kept.
    pub(super) fn abandon(&self) {
        // Nobody is left to be told of an error; what stays is hidden and does no harm.
        self.unlink(&self.temporary);
    }

    /// What has the target's name; a link is not followed.
    pub(super) fn replaced(&self) -> Result<Option<Metadata>> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        match rustix::fs::statat(&self.directory, &*self.target, flags) {
            Ok(stat) => Ok(Some(super::metadata(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn is_taken(&self) -> Result<bool> {
        Ok(self.replaced()?.is_some())
    }

    fn unlink(&self, name: &[u8]) {
        let _ = rustix::fs::unlinkat(&self.directory, name, AtFlags::empty());
    }
}

fn temporary_name(number: u64) -> Vec<u8> {
    let digits = format!("{number:0DIGITS$x}");
    [PREFIX, digits.as_bytes(), SUFFIX].concat()
}

/// The same in every process. Where it is not, of one built otherwise, a name may be promised twice:
/// who comes second to put a file there is told so.
fn stable_hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name);
    hasher.finish()
}

/// A new temporary file, unless there is one by that name. One that is cleared up before it is locked
/// is made again.
fn make_temporary(directory: &Parent, name: &[u8]) -> Result<Option<OwnedFd>> {
    for _ in 0..ATTEMPTS {
        match make_new(directory, name) {
            Ok(file) if keep(&file)? => return Ok(Some(file)),
            Ok(_) => {}
            Err(Errno::EXIST) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Locks a new file for as long as it is open. `false`: one who clears up was quicker, and has
/// removed it or is about to.
fn keep(file: &OwnedFd) -> Result<bool> {
    match lock(file.as_fd()) {
        Ok(true) => Ok(super::metadata(&rustix::fs::fstat(file)?).links > 0),
        Ok(false) => Ok(false),
        // A file system without locks. Nobody can clear up there either.
        Err(_) => Ok(true),
    }
}

/// Locks a file, unless another has. The system lets go of it when the file is closed, however
/// the process ends.
pub(super) fn lock(file: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    let exclusive = FlockOperation::NonBlockingLockExclusive;
    match retry_on_intr(|| rustix::fs::flock(file, exclusive)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A file without a name (`O_TMPFILE`) would leave nothing behind, but it cannot take another's
/// place without having a name first, and not every file system has such: what is left would have
/// to be looked for all the same.
fn make_new(directory: &impl AsFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o666);
    retry_on_intr(|| rustix::fs::openat(directory, name, flags, mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Durability;
    use crate::storage::disk::lookup::Root;
    use std::fs;

    #[test]
    fn what_has_a_new_name_meanwhile_keeps_it_however_the_file_gets_there() {
        for carry_out in [
            Replacement::carry_out,
            Replacement::link,
            Replacement::rename_if_free,
        ] {
            let directory = tempfile::tempdir().unwrap();
            let root = Root::open(directory.path(), None).unwrap();
            let parent = Parent::open(&root, b".", Durability::None).unwrap();
            let (_file, replacement) = Replacement::begin_new(parent, b"name").unwrap();
            let name = directory.path().join("name");
            fs::write(&name, "another's").unwrap();
            assert_eq!(carry_out(&replacement), Err(Error::Exists));
            assert_eq!(fs::read(&name).unwrap(), b"another's");
            fs::remove_file(&name).unwrap();
            assert_eq!(carry_out(&replacement), Ok(()));
            assert_eq!(fs::read(&name).unwrap(), b"");
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn reserved_names() {
        assert!(is_reserved(b".mioftpd-0123456789abcdef.tmp"));
        assert!(!is_reserved(b".mioftpd-0123456789abcdef"));
        assert!(!is_reserved(b"mioftpd-0123456789abcdef.tmp"));
        assert!(!is_reserved(b"x.tmp"));
        assert!(is_temporary(b".mioftpd-0123456789abcdef.tmp"));
        for other in [
            &b".mioftpd-.tmp"[..],
            b".mioftpd-notes.tmp",
            b".mioftpd-0123456789abcde.tmp",
            b".mioftpd-0123456789abcdef0.tmp",
            b".mioftpd-0123456789ABCDEF.tmp",
            b"0123456789abcdef",
        ] {
            assert!(!is_temporary(other));
        }
    }
}
