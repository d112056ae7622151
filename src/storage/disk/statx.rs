//! What `statx` tells more than `stat`: when a file came to be (the create fact, RFC 3659 §7.5.3), and
//! whether another file can take its place.
//!
//! Only listings and uploads ask for it; an open file is asked by `fstat`, which is quicker. Where a
//! kernel or a sandbox has no `statx`, an entry has no such date, and no attributes.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType, Statx, StatxAttributes, StatxFlags};
use rustix::io::Errno;

use crate::storage::{Metadata, Result};

/// Of a name in a directory, links not followed; of the directory itself for the empty name.
pub(super) fn metadata_at(directory: impl AsFd, name: &[u8]) -> Result<Metadata> {
    Ok(found_at(directory, name)?.0)
}

/// The same, with its attributes.
pub(super) fn found_at(directory: impl AsFd, name: &[u8]) -> Result<(Metadata, StatxAttributes)> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    match rustix::fs::statx(&directory, name, flags, wanted) {
        Ok(found) => Ok((metadata(&found), found.stx_attributes)),
        Err(Errno::NOSYS | Errno::PERM) => {
            let found = rustix::fs::statat(directory, name, flags)?;
            Ok((super::metadata(&found), StatxAttributes::empty()))
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
    fn a_time_of_birth_is_told_where_the_file_system_knows_one() {
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
