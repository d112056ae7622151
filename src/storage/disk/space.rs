//! How much room there is for uploads: what is free, less the floor that is left to others
//! (AVBL, ALLO, and 452 for what would go below it).
//!
//! It asks the file system, and remembers for a while. What is refused, and with which words, is
//! not known here.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::OFlags;

use super::lookup::Root;
use super::refuse_reserved;
use crate::limits::SPACE_CHECK_BYTES;
use crate::storage::{Error, Result, VirtualPath, Wait};

/// What an upload could still put where `path` is.
pub(super) fn available(root: &Root, path: &VirtualPath, floor: u64) -> Result<u64> {
    refuse_reserved(path)?;
    let found = root.find(path.from_root(), OFlags::PATH, Wait::Allowed)?;
    above(found.as_fd(), floor)
}

/// Refuses what there is no room for, before its first byte.
pub(super) fn refuse_full(place: BorrowedFd<'_>, floor: u64) -> Result<()> {
    if floor > 0 && above(place, floor)? == 0 {
        return Err(Error::NoSpace);
    }
    Ok(())
}

/// What `df` calls available (root's reserve is not counted), less the floor.
fn above(place: BorrowedFd<'_>, floor: u64) -> Result<u64> {
    let about = rustix::fs::fstatvfs(place)?;
    let available = about.f_bavail.saturating_mul(about.f_frsize);
    Ok(available.saturating_sub(floor))
}

/// The room that one upload may use before it asks again.
///
/// It asks for no more than there is: the last megabytes above the floor are given out byte by
/// byte, and one upload alone does not pass it. Several at once may, by one allowance each.
pub(super) struct Room {
    floor: u64,
    allowance: Cell<u64>,
}

impl Room {
    /// Room above a floor; with none (0) nothing is ever asked.
    pub(super) const fn above(floor: u64) -> Self {
        Self {
            floor,
            allowance: Cell::new(0),
        }
    }

    /// Takes room for so many bytes, where `file` is. Waits.
    pub(super) fn take(&self, file: BorrowedFd<'_>, bytes: u64) -> Result<()> {
        self.take_of(bytes, || above(file, self.floor))
    }

    fn take_of(&self, bytes: u64, ask: impl FnOnce() -> Result<u64>) -> Result<()> {
        if self.floor == 0 {
            return Ok(());
        }
        let mut allowance = self.allowance.get();
        if allowance < bytes {
            allowance = ask()?.min(SPACE_CHECK_BYTES.max(bytes));
        }
        let left = allowance.checked_sub(bytes).ok_or(Error::NoSpace)?;
        self.allowance.set(left);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_floor_nothing_is_asked() {
        let room = Room::above(0);
        assert_eq!(room.take_of(u64::MAX, || panic!("asked")), Ok(()));
    }

    #[test]
    fn the_last_bytes_above_the_floor_are_given_out_and_no_more() {
        let room = Room::above(1);
        let (free, asked) = (Cell::new(3 * SPACE_CHECK_BYTES + 10), Cell::new(0));
        let take = |bytes: u64| {
            let taken = room.take_of(bytes, || {
                asked.set(asked.get() + 1);
                Ok(free.get())
            });
            free.set(free.get() - taken.map_or(0, |()| bytes));
            taken
        };
        for _ in 0..3 * 4 {
            take(SPACE_CHECK_BYTES / 4).unwrap();
        }
        assert_eq!((free.get(), asked.get()), (10, 3));
        assert_eq!(take(11), Err(Error::NoSpace));
        assert_eq!(take(10), Ok(()));
        assert_eq!(take(1), Err(Error::NoSpace));
    }

    #[test]
    fn a_write_may_be_larger_than_an_allowance() {
        let room = Room::above(1);
        let large = SPACE_CHECK_BYTES + 1;
        assert_eq!(room.take_of(large, || Ok(large)), Ok(()));
        assert_eq!(room.take_of(large, || Ok(large - 1)), Err(Error::NoSpace));
    }
}
