//! Metadata by statx(2): with the creation time (the create fact, RFC 3659 §7.5.3) and the attributes that
//! tell whether a file can be replaced.
//!
//! Used by listings and uploads; for open files fstat(2) is faster. Without statx in the kernel or the
//! sandbox, it falls back to stat(2), and creation time and attributes are missing.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType, Statx, StatxAttributes, StatxFlags};
use rustix::io::Errno;

use crate::storage::{Metadata, Result};

/// The metadata and attributes of a name in a directory, links not followed; an empty name is the
/// directory itself.
pub(super) fn stat_at(directory: impl AsFd, name: &[u8]) -> Result<(Metadata, StatxAttributes)> {
    // Only where it is needed: with it, the kernel reads the name once more.
    let flags = if name.is_empty() {
        AtFlags::EMPTY_PATH
    } else {
        AtFlags::SYMLINK_NOFOLLOW
    };
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    match rustix::fs::statx(&directory, name, flags, wanted) {
        Ok(stat) => Ok((metadata(&stat), stat.stx_attributes)),
        Err(Errno::NOSYS | Errno::PERM) => {
            let stat = rustix::fs::statat(directory, name, flags)?;
            Ok((super::metadata(&stat), StatxAttributes::empty()))
        }
        Err(error) => Err(error.into()),
    }
}

fn metadata(found: &Statx) -> Metadata {
    let knows_birth = found.stx_mask & StatxFlags::BTIME.bits() != 0;
    Metadata {
        kind: super::kind(FileType::from_raw_mode(found.stx_mode.into())),
        size: found.stx_size,
        modified: found.stx_mtime.tv_sec,
        modified_nanoseconds: found.stx_mtime.tv_nsec,
        created: knows_birth.then_some(found.stx_btime.tv_sec),
        mode: u32::from(found.stx_mode) & 0o7777,
        links: found.stx_nlink.into(),
        owner: found.stx_uid,
        group: found.stx_gid,
        unique: (
            rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor),
            found.stx_ino,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;

    #[test]
    fn creation_time_is_set_only_if_supported() {
        let Ok(mut found) = rustix::fs::statx(CWD, ".", AtFlags::empty(), StatxFlags::ALL) else {
            return;
        };
        found.stx_btime.tv_sec = 5;
        found.stx_mask |= StatxFlags::BTIME.bits();
        assert_eq!(metadata(&found).created, Some(5));
        found.stx_mask &= !StatxFlags::BTIME.bits();
        assert_eq!(metadata(&found).created, None);
        assert_eq!(metadata(&found).kind, super::super::Kind::Directory);
    }
}
