//! The hidden name under which an upload grows, and what becomes of it.
//!
//! A target is replaced by one rename within one directory: whoever opens it finds the old
//! file or the whole new one. This file owns the reserved names and the directory's
//! descriptor for as long as the upload lasts, so that a directory renamed meanwhile is no
//! matter. A temporary file is locked as long as it is open, so that whoever clears up can tell
//! it from one that was left behind. It does not write the file.

use std::hash::{BuildHasher as _, RandomState};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, retry_on_intr};

use super::place::Parent;

use crate::storage::{Error, Result};

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
    reservation: Option<Reservation>,
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

/// Device and inode of an empty file that keeps a new name free for us.
type Reservation = (u64, u64);

impl Replacement {
    /// Makes an empty file beside the `target` in `directory`.
    pub(super) fn begin(
        directory: Parent,
        target: Vec<u8>,
        condition: Condition,
    ) -> Result<(OwnedFd, Self)> {
        let keys = RandomState::new();
        for attempt in 0..ATTEMPTS {
            let mut temporary = PREFIX.to_vec();
            temporary.extend(format!("{:0DIGITS$x}", keys.hash_one(attempt)).bytes());
            temporary.extend(SUFFIX);
            match make_new(&directory, &temporary) {
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
                Ok(file) if !keep(&file)? => {}
                Ok(file) => {
                    let replacement = Self {
                        directory,
                        temporary,
                        target,
                        condition,
                        reservation: None,
                    };
                    return Ok((file, replacement));
                }
            }
        }
        Err(Error::Exists)
    }

    /// Moves the target to a name that nobody has, the given one or that with a number, and
    /// keeps it with an empty file: the client is told the name before the first byte.
    pub(super) fn reserve(&mut self) -> Result<&[u8]> {
        let wanted = self.target.clone();
        for number in 0..=LAST_NUMBER {
            if number > 0 {
                self.target.clone_from(&wanted);
                self.target.extend(format!(".{number}").bytes());
            }
            match make_new(&self.directory, &self.target) {
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
                Ok(file) => {
                    let stat = rustix::fs::fstat(&file)?;
                    self.reservation = Some(super::metadata(&stat).unique);
                    return Ok(&self.target);
                }
            }
        }
        Err(Error::Exists)
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
            Condition::Taken if self.holder().is_none() => Err(Error::NotFound),
            Condition::Taken | Condition::None => {
                Ok(rustix::fs::renameat(directory, from, directory, to)?)
            }
        }
    }

    /// As a rename that replaces nothing, where the file system has none.
    fn link(&self) -> Result<()> {
        let directory = self.directory.as_fd();
        let (from, to) = (&*self.temporary, &*self.target);
        rustix::fs::linkat(directory, from, directory, to, AtFlags::empty())?;
        self.unlink(from);
        Ok(())
    }

    /// That it has taken its place reaches the disk.
    pub(super) fn sync_name(&self) -> Result<()> {
        self.directory.sync()
    }

    /// The temporary file goes, and so does the reservation.
    pub(super) fn abandon(&self) {
        // Nobody is left to be told of an error; what stays is hidden and does no harm.
        self.unlink(&self.temporary);
        if self.reservation.is_some() && self.reservation == self.holder() {
            self.unlink(&self.target);
        }
    }

    /// Who has the target's name: another client may have put a file there meanwhile.
    fn holder(&self) -> Option<Reservation> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let stat = rustix::fs::statat(&self.directory, &*self.target, flags).ok()?;
        Some(super::metadata(&stat).unique)
    }

    fn unlink(&self, name: &[u8]) {
        let _ = rustix::fs::unlinkat(&self.directory, name, AtFlags::empty());
    }
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
