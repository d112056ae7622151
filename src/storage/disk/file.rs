//! An open file: reads that can be told not to wait, writes that are whole.
//!
//! It owns the descriptor and, for an upload, what is to become of the temporary name, and the
//! room that it may take. It does not know the path that it was opened by.

use std::cell::Cell;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::Mode;
use rustix::io::{Errno, ReadWriteFlags, retry_on_intr};

use super::place::{Step, place, sync_file};
use super::space::Room;
use super::temporary::Replacement;
use crate::storage::{Durability, Error, File, Metadata, Policy, Result, Standing, Wait};

/// A regular file.
pub(super) struct DiskFile {
    descriptor: OwnedFd,
    fate: Fate,
    room: Room,
    durability: Durability,
}

/// What the file's name will be when all is over.
///
/// ```text
///   InPlace ──commit──▶ Settled ◀──commit──┐
///   Pending ──commit──────▲                │
///      ├──prepare──▶ Prepared ─────────────┘
///      └──not synced──▶ Doomed
///   Pending, Prepared, Doomed ──dropped──▶ the temporary name is removed
/// ```
enum Fate {
    /// It has its name: read, or committed.
    Settled,
    /// It has its name, and is written under it.
    InPlace(Origin),
    /// It is to replace another.
    Pending(Replacement),
    /// As `Pending`, and its bytes are as lasting as they are to be.
    Prepared(Replacement),
    /// Its bytes did not reach the disk. The kernel says so once, and then takes them for written
    /// (fsync(2)): another attempt would succeed, and put a broken file in the place of a whole one.
    Doomed(Replacement),
}

/// What a file that is written in place was before.
pub(super) enum Origin {
    /// There was none: the name was made for it.
    Made,
    /// It was there, and what it holds stays as far as nothing is written over it.
    Found,
    /// It was there, and is to hold what is written and nothing else; whether what it held is there
    /// still: until the first byte comes.
    Old(Cell<bool>),
}

impl Origin {
    pub(super) const fn old() -> Self {
        Self::Old(Cell::new(true))
    }

    /// What the file held goes.
    fn clear(&self, file: BorrowedFd<'_>) -> Result<()> {
        match self {
            Self::Old(is_there) if is_there.replace(false) => {
                Ok(retry_on_intr(|| rustix::fs::ftruncate(file, 0))?)
            }
            Self::Made | Self::Found | Self::Old(_) => Ok(()),
        }
    }
}

impl DiskFile {
    /// A file that is only read.
    pub(super) const fn to_read(descriptor: OwnedFd) -> Self {
        Self {
            descriptor,
            fate: Fate::Settled,
            room: Room::above(0),
            durability: Durability::None,
        }
    }

    /// A file that is written under the name by which it was opened.
    pub(super) const fn in_place(descriptor: OwnedFd, origin: Origin, policy: Policy) -> Self {
        Self {
            descriptor,
            fate: Fate::InPlace(origin),
            room: Room::above(policy.free_space_floor),
            durability: policy.durability,
        }
    }

    /// A temporary file.
    pub(super) const fn pending(
        descriptor: OwnedFd,
        replacement: Replacement,
        policy: Policy,
    ) -> Self {
        Self {
            descriptor,
            fate: Fate::Pending(replacement),
            room: Room::above(policy.free_space_floor),
            durability: policy.durability,
        }
    }

    /// Permission bits as they are, whatever the umask.
    pub(super) fn set_mode(&self, mode: Mode) -> Result<()> {
        Ok(rustix::fs::fchmod(&self.descriptor, mode)?)
    }

    fn put_in_place(
        &mut self,
        replacement: Replacement,
        sync_bytes: impl Fn(BorrowedFd<'_>) -> Result<()>,
    ) -> Result<()> {
        let placed = place(self.durability, |step| match step {
            Step::SyncFile => sync_bytes(self.descriptor.as_fd()),
            Step::Rename => replacement.carry_out(),
            Step::SyncName => replacement.sync_name(),
        });
        self.fate = match placed {
            Ok(()) | Err((Step::SyncName, _)) => Fate::Settled,
            Err((Step::SyncFile, _)) => Fate::Doomed(replacement),
            Err((Step::Rename, _)) => Fate::Pending(replacement),
        };
        placed.map_err(|(_, error)| error)
    }

    fn commit_in_place(&self, origin: &Origin) -> Result<()> {
        // Nothing has come: then nothing is what it is to hold.
        origin.clear(self.descriptor.as_fd())?;
        match self.durability {
            Durability::None | Durability::Rename => Ok(()),
            Durability::Fsync if matches!(origin, Origin::Made) => {
                // A link may have led to where it was made: that directory is not known here.
                sync_file(self.descriptor.as_fd())?;
                Ok(retry_on_intr(|| rustix::fs::syncfs(&self.descriptor))?)
            }
            Durability::Fsync => sync_file(self.descriptor.as_fd()),
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
        self.room
            .take(self.descriptor.as_fd(), bytes.len() as u64)?;
        if let Fate::InPlace(origin) = &self.fate {
            origin.clear(self.descriptor.as_fd())?;
        }
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

    fn metadata(&self) -> Result<Metadata> {
        Ok(super::metadata(&rustix::fs::fstat(&self.descriptor)?))
    }

    fn standing(&self) -> Result<Standing> {
        match &self.fate {
            Fate::Settled | Fate::InPlace(_) => Ok(Standing::InPlace),
            Fate::Pending(replacement)
            | Fate::Prepared(replacement)
            | Fate::Doomed(replacement) => Ok(Standing::Beside(replacement.replaced()?)),
        }
    }

    fn prepare(&mut self) -> Result<()> {
        if self.durability == Durability::None {
            return Ok(());
        }
        let (fate, prepared) = match std::mem::replace(&mut self.fate, Fate::Settled) {
            Fate::Pending(replacement) | Fate::Prepared(replacement) => {
                match sync_file(self.descriptor.as_fd()) {
                    Ok(()) => (Fate::Prepared(replacement), Ok(())),
                    Err(error) => (Fate::Doomed(replacement), Err(error)),
                }
            }
            fate => (fate, Ok(())),
        };
        self.fate = fate;
        prepared
    }

    fn commit(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.fate, Fate::Settled) {
            Fate::Settled => Ok(()),
            Fate::InPlace(origin) => self.commit_in_place(&origin),
            Fate::Pending(replacement) => self.put_in_place(replacement, sync_file),
            Fate::Prepared(replacement) => self.put_in_place(replacement, |_| Ok(())),
            doomed @ Fate::Doomed(_) => {
                self.fate = doomed;
                Err(Error::Device)
            }
        }
    }

    fn replace_nothing(&mut self) -> Result<()> {
        match &mut self.fate {
            Fate::Settled | Fate::InPlace(_) => Ok(()),
            Fate::Pending(replacement)
            | Fate::Prepared(replacement)
            | Fate::Doomed(replacement) => replacement.replace_nothing(),
        }
    }

    fn commit_first(&mut self, size: u64) -> Result<()> {
        self.fate = match std::mem::replace(&mut self.fate, Fate::Settled) {
            Fate::Pending(replacement) | Fate::Prepared(replacement) => Fate::Pending(replacement),
            fate => fate,
        };
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
        match &self.fate {
            Fate::Settled | Fate::InPlace(_) => {}
            Fate::Pending(replacement)
            | Fate::Prepared(replacement)
            | Fate::Doomed(replacement) => replacement.abandon(),
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
    use crate::storage::disk::lookup::Root;
    use crate::storage::disk::place::Parent;
    use crate::storage::disk::temporary::Condition;
    use rustix::fs::OFlags;
    use std::path::Path;

    #[test]
    fn who_may_wait_is_not_told_to_wait() {
        assert_eq!(of_who_may_wait(Errno::AGAIN), Error::InUse);
        assert_eq!(of_who_may_wait(Errno::IO), Error::Device);
    }

    /// An upload whose descriptor cannot be synced, as on a device that fails: one for nothing.
    fn broken(directory: &Path, durability: Durability) -> DiskFile {
        let root = Root::open(directory, None).unwrap();
        let parent = Parent::open(&root, b".", durability).unwrap();
        let name = b"file".to_vec();
        let (_, replacement) = Replacement::begin(parent, name, Condition::None).unwrap();
        let descriptor = root.find(b"file", OFlags::PATH, Wait::Allowed).unwrap();
        let policy = Policy {
            durability,
            free_space_floor: 0,
        };
        DiskFile::pending(descriptor, replacement, policy)
    }

    #[test]
    fn what_was_not_synced_takes_nobodys_place_then_or_later() {
        for durability in [Durability::None, Durability::Rename, Durability::Fsync] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("file");
            std::fs::write(&path, "old").unwrap();
            let mut file = broken(directory.path(), durability);
            if durability == Durability::None {
                assert_eq!(file.commit(), Ok(()));
                assert_eq!(std::fs::read(&path).unwrap(), b"");
                continue;
            }
            assert_eq!(file.commit(), Err(Error::Device));
            // The next attempt would find nothing left to be synced.
            file.descriptor = tempfile::tempfile().unwrap().into();
            assert_eq!(file.commit(), Err(Error::Device));
            assert_eq!(file.commit_first(0), Err(Error::Device));
            drop(file);
            assert_eq!(std::fs::read(&path).unwrap(), b"old");
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn what_is_prepared_is_not_synced_again_unless_it_is_cut() {
        let unsyncable = |directory: &Path| {
            let root = Root::open(directory, None).unwrap();
            root.find(b".", OFlags::PATH, Wait::Allowed).unwrap()
        };
        for durability in [Durability::Rename, Durability::Fsync] {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join("file"), "old").unwrap();
            let mut file = broken(directory.path(), durability);
            file.descriptor = tempfile::tempfile().unwrap().into();
            assert_eq!(file.prepare(), Ok(()));
            file.descriptor = unsyncable(directory.path());
            assert_eq!(file.commit(), Ok(()));
            assert_eq!(file.prepare(), Ok(()));

            let mut file = broken(directory.path(), durability);
            let own = tempfile::tempfile().unwrap();
            file.descriptor = own.try_clone().unwrap().into();
            file.write_at(b"12345", 0).unwrap();
            assert_eq!(file.prepare(), Ok(()));
            assert_eq!(file.commit_first(3), Ok(()));
            assert_eq!(own.metadata().unwrap().len(), 3);

            let mut file = broken(directory.path(), durability);
            assert_eq!(file.prepare(), Err(Error::Device));
            file.descriptor = own.into();
            assert_eq!(file.commit(), Err(Error::Device));
        }
    }

    #[test]
    fn what_is_written_in_place_is_synced_only_where_a_reply_is_for_good() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path(), None).unwrap();
        for (durability, made, committed) in [
            (Durability::None, false, Ok(())),
            (Durability::Rename, true, Ok(())),
            (Durability::Fsync, false, Err(Error::Device)),
            (Durability::Fsync, true, Err(Error::Device)),
        ] {
            let policy = Policy {
                durability,
                free_space_floor: 0,
            };
            let unsyncable = root.find(b".", OFlags::PATH, Wait::Allowed).unwrap();
            let origin = if made { Origin::Made } else { Origin::Found };
            let mut file = DiskFile::in_place(unsyncable, origin, policy);
            assert_eq!(file.commit(), committed, "{durability:?}");
        }
    }
}
