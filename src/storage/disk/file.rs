//! An open file: reads that can be told not to wait, writes that are whole.
//!
//! It owns the descriptor and, for an upload, what is to become of the temporary name. It
//! does not know the path that it was opened by.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::Mode;
use rustix::io::{Errno, ReadWriteFlags, retry_on_intr};

use super::temporary::Replacement;
use crate::storage::{Error, File, Result, Wait};

/// A regular file.
pub(super) struct DiskFile {
    descriptor: OwnedFd,
    fate: Fate,
}

/// What the file's name will be when all is over.
///
/// ```text
///   Pending ──commit──▶ Settled
///      │ dropped
///      ▼
///   the temporary name is removed
/// ```
enum Fate {
    /// It has its name: read, written in place, or committed.
    Settled,
    /// It is to replace another.
    Pending(Replacement),
}

impl DiskFile {
    /// A file that keeps the name by which it was opened.
    pub(super) const fn in_place(descriptor: OwnedFd) -> Self {
        Self {
            descriptor,
            fate: Fate::Settled,
        }
    }

    /// A temporary file.
    pub(super) const fn pending(descriptor: OwnedFd, replacement: Replacement) -> Self {
        Self {
            descriptor,
            fate: Fate::Pending(replacement),
        }
    }

    /// Permission bits as they are, whatever the umask.
    pub(super) fn set_mode(&self, mode: Mode) -> Result<()> {
        Ok(rustix::fs::fchmod(&self.descriptor, mode)?)
    }

    /// Keeps a new name for a temporary file, and says which.
    pub(super) fn reserve(&mut self) -> Result<&[u8]> {
        match &mut self.fate {
            Fate::Pending(replacement) => replacement.reserve(),
            Fate::Settled => Err(Error::Exists),
        }
    }
}

impl File for DiskFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64, wait: Wait) -> Result<usize> {
        match wait {
            Wait::Never => read_cached(self.descriptor.as_fd(), buffer, offset),
            Wait::Allowed => {
                let read = || rustix::io::pread(&self.descriptor, &mut *buffer, offset);
                retry_on_intr(read).map_err(of_who_may_wait)
            }
        }
    }

    fn write_at(&self, mut bytes: &[u8], mut offset: u64) -> Result<()> {
        while !bytes.is_empty() {
            let written = retry_on_intr(|| rustix::io::pwrite(&self.descriptor, bytes, offset))?;
            match bytes.get(written..) {
                // A device that takes nothing and reports nothing must not hold a worker for ever.
                None => return Err(Error::Device),
                Some(_) if written == 0 => return Err(Error::Device),
                Some(rest) => bytes = rest,
            }
            offset = offset.saturating_add(written as u64);
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        if let Fate::Pending(replacement) = &self.fate {
            replacement.carry_out()?;
            self.fate = Fate::Settled;
        }
        Ok(())
    }

    fn commit_first(&mut self, size: u64) -> Result<()> {
        if let Fate::Pending(_) = &self.fate {
            retry_on_intr(|| rustix::fs::ftruncate(&self.descriptor, size))?;
        }
        self.commit()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.descriptor.as_fd())
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        if let Fate::Pending(replacement) = &self.fate {
            replacement.abandon();
        }
    }
}

/// Reads what the page cache has.
fn read_cached(file: BorrowedFd<'_>, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let read = || {
        let buffers = &mut [IoSliceMut::new(&mut *buffer)];
        rustix::io::preadv2(file, buffers, offset, ReadWriteFlags::NOWAIT)
    };
    match retry_on_intr(read) {
        // Some kernels (5.9, 5.10) answer 0 where they mean EAGAIN; taken for the end it
        // would cut the file short.
        Ok(0) if offset < size(file)? => Err(Error::WouldWait),
        Ok(length) => Ok(length),
        // EAGAIN, or a file system or kernel without the flag: a worker reads it.
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Err(Error::WouldWait),
        Err(error) => Err(error.into()),
    }
}

/// Some files cannot be read even by who may wait (`/proc/kmsg` has none, a network's file system
/// is cut off). That must not be tried again and again as what would only have to wait.
fn of_who_may_wait(errno: Errno) -> Error {
    match errno {
        Errno::AGAIN => Error::InUse,
        errno => errno.into(),
    }
}

fn size(file: BorrowedFd<'_>) -> Result<u64> {
    Ok(super::metadata(&rustix::fs::fstat(file)?).size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_wait_is_not_told_to_wait() {
        assert_eq!(of_who_may_wait(Errno::AGAIN), Error::InUse);
        assert_eq!(of_who_may_wait(Errno::IO), Error::Device);
    }
}
