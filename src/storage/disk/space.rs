//! The free space for uploads: what the file system has available, less the floor (AVBL, ALLO, and 452
//! for an upload that would go below the floor).
//!
//! It asks the file system at intervals of [`SPACE_CHECK_BYTES`]. It knows no quota and no replies.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::OFlags;

use super::lookup::Root;
use super::refuse_reserved;
use crate::limits::SPACE_CHECK_BYTES;
use crate::storage::{Error, Result, VirtualPath, Wait};

/// The bytes available to uploads on the file system of `path`.
pub(super) fn available(root: &Root, path: &VirtualPath, floor: u64) -> Result<u64> {
    refuse_reserved(path)?;
    let file = root.find(path.from_root(), OFlags::PATH, Wait::Allowed)?;
    above_floor(file.as_fd(), floor)
}

/// Refuses an upload before its first byte if no space is available.
pub(super) fn refuse_full(file: BorrowedFd<'_>, floor: u64) -> Result<()> {
    if floor > 0 && above_floor(file, floor)? == 0 {
        return Err(Error::NoSpace);
    }
    Ok(())
}

/// The available bytes as in df(1), without root's reserve, less the floor.
fn above_floor(file: BorrowedFd<'_>, floor: u64) -> Result<u64> {
    let stat = rustix::fs::fstatvfs(file)?;
    let available = stat.f_bavail.saturating_mul(stat.f_frsize);
    Ok(available.saturating_sub(floor))
}

/// The bytes that one upload may write before it checks the file system again.
///
/// An allowance never exceeds the available space, so a single upload does not pass the floor.
/// Concurrent uploads may, by one allowance each.
pub(super) struct SpaceAllowance {
    floor: u64,
    left: Cell<u64>,
}

impl SpaceAllowance {
    /// With a floor of 0 the file system is never checked.
    pub(super) const fn new(floor: u64) -> Self {
        Self {
            floor,
            left: Cell::new(0),
        }
    }

    /// Takes `bytes` for a write to `file`. Blocks.
    pub(super) fn take(&self, file: BorrowedFd<'_>, bytes: u64) -> Result<()> {
        self.take_of(bytes, || above_floor(file, self.floor))
    }

    fn take_of(&self, bytes: u64, check: impl FnOnce() -> Result<u64>) -> Result<()> {
        if self.floor == 0 {
            return Ok(());
        }
        let mut allowance = self.left.get();
        if allowance < bytes {
            allowance = check()?.min(SPACE_CHECK_BYTES.max(bytes));
        }
        let left = allowance.checked_sub(bytes).ok_or(Error::NoSpace)?;
        self.left.set(left);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_without_floor_is_not_checked() {
        let allowance = SpaceAllowance::new(0);
        assert_eq!(allowance.take_of(u64::MAX, || panic!("checked")), Ok(()));
    }

    #[test]
    fn space_is_usable_down_to_the_floor() {
        let allowance = SpaceAllowance::new(1);
        let (free, checks) = (Cell::new(3 * SPACE_CHECK_BYTES + 10), Cell::new(0));
        let take = |bytes: u64| {
            let taken = allowance.take_of(bytes, || {
                checks.set(checks.get() + 1);
                Ok(free.get())
            });
            free.set(free.get() - taken.map_or(0, |()| bytes));
            taken
        };
        for _ in 0..3 * 4 {
            take(SPACE_CHECK_BYTES / 4).unwrap();
        }
        assert_eq!((free.get(), checks.get()), (10, 3));
        assert_eq!(take(11), Err(Error::NoSpace));
        assert_eq!(take(10), Ok(()));
        assert_eq!(take(1), Err(Error::NoSpace));
    }

    #[test]
    fn write_may_exceed_space_check_interval() {
        let allowance = SpaceAllowance::new(1);
        let large = SPACE_CHECK_BYTES + 1;
        assert_eq!(allowance.take_of(large, || Ok(large)), Ok(()));
        let refused = allowance.take_of(large, || Ok(large - 1));
        assert_eq!(refused, Err(Error::NoSpace));
    }
}
