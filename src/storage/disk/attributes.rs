//! Sets times and modes (MFMT, MFF, SITE CHMOD; draft-somers-ftp-mfxx).
//!
//! A path is resolved once, in the jail, and the changes are applied to the descriptor (no TOCTOU). The
//! descriptor is opened with `O_PATH`, because the owner of a file may change it without read permission.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;

use super::lookup::Root;
use super::statx::stat_at;
use super::{HARMLESS, refuse_reserved};
use crate::storage::{Attributes, Error, Kind, Result, VirtualPath, Wait};

/// The set-id and sticky bits, which a directory keeps when its permissions change, as with chmod(1).
/// Clients can only send the permission bits.
const DIRECTORY_BITS: u32 = 0o7000;

/// The seconds to which file systems round: 2 on FAT.
const COARSEST_TIME: u64 = 2;

/// Sets the attributes of a file or directory.
pub(super) fn set(root: &Root, path: &VirtualPath, attributes: Attributes) -> Result<()> {
    refuse_reserved(path)?;
    // The operator sets the mode of the root; a client could lock itself out.
    if path.is_root() && attributes.mode.is_some() {
        return Err(Error::Forbidden);
    }
    let found = root.find(path.from_root(), OFlags::PATH, Wait::Allowed)?;
    let metadata = super::stat(&found)?;
    let kept = match metadata.kind {
        Kind::File => 0,
        Kind::Directory => metadata.mode & DIRECTORY_BITS,
        Kind::Link | Kind::Other(_) => return Err(Error::NotRegular),
    };
    // Without /proc (a bare chroot), and on Linux before 5.8, the file has to be opened.
    let open = || root.find(path.from_root(), OFlags::RDONLY | HARMLESS, Wait::Allowed);
    if let Some(modified) = attributes.modified {
        let set = |time| -> Result<()> {
            match set_times(found.as_fd(), time) {
                Err(Errno::NOENT | Errno::INVAL) => {
                    Ok(rustix::fs::futimens(open()?, &timestamps(time))?)
                }
                result => Ok(result?),
            }
        };
        set(modified)?;
        let (stored, _) = stat_at(&found, b"")?;
        // The kernel takes the nearest time that the file system can store, without a word.
        if stored.modified.abs_diff(modified.0) > COARSEST_TIME {
            set((metadata.modified, metadata.modified_nanoseconds))?;
            return Err(Error::TooLarge);
        }
    }
    if let Some(mode) = attributes.mode {
        let mode = Mode::from_raw_mode(mode | kept);
        match set_mode(found.as_fd(), mode) {
            Err(Errno::NOENT | Errno::INVAL) => rustix::fs::fchmod(open()?, mode)?,
            result => result?,
        }
    }
    Ok(())
}

/// Sets the permissions of a new directory, unaffected by the process's umask.
pub(super) fn set_permissions(directory: BorrowedFd<'_>, mode: u32) -> Result<()> {
    let inherited = super::stat(directory)?.mode & DIRECTORY_BITS;
    Ok(set_mode(directory, Mode::from_raw_mode(mode | inherited))?)
}

fn set_times(found: BorrowedFd<'_>, modified: (i64, u32)) -> rustix::io::Result<()> {
    rustix::fs::utimensat(found, "", &timestamps(modified), AtFlags::EMPTY_PATH)
}

/// Sets the mode of the file of an `O_PATH` descriptor, by its name in /proc: fchmod(2) rejects such a
/// descriptor, and fchmodat2(2) needs Linux 6.6.
fn set_mode(found: BorrowedFd<'_>, mode: Mode) -> rustix::io::Result<()> {
    let name = format!("/proc/self/fd/{}", found.as_raw_fd());
    rustix::fs::chmodat(CWD, name, mode, AtFlags::empty())
}

/// The time of the last access becomes the present: file systems of FUSE that take only both times, such as
/// exfat-fuse, would report success and change neither.
const fn timestamps((seconds, nanoseconds): (i64, u32)) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        },
        last_modification: Timespec {
            tv_sec: seconds,
            tv_nsec: nanoseconds as _,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::space::available;
    use crate::storage::{Disk, Operation, PathLookup, Storage, Umask};
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    const NEW: Attributes = Attributes {
        modified: Some((1, 0)),
        mode: Some(0o600),
    };

    fn at(path: &str) -> VirtualPath {
        VirtualPath::root().join(path.as_bytes()).unwrap()
    }

    #[test]
    fn both_times_are_set_for_file_systems_that_take_no_single_one() {
        let directory = tempfile::tempdir().unwrap();
        let file = fs::File::create(directory.path().join("f")).unwrap();
        let old = Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        let times = Timestamps {
            last_access: old,
            last_modification: old,
        };
        rustix::fs::futimens(&file, &times).unwrap();
        let attributes = Attributes {
            modified: Some((2, 0)),
            mode: None,
        };
        let root = Root::open(directory.path(), None).unwrap();
        set(&root, &at("/f"), attributes).unwrap();
        let found = file.metadata().unwrap();
        assert_eq!(found.mtime(), 2);
        assert!(found.atime() > 2);
    }

    /// ext4 stores times up to 2446, FAT those from 1980 to 2107; the kernel clamps others.
    #[test]
    fn time_that_the_file_system_cannot_store_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        fs::write(&path, "").unwrap();
        let root = Root::open(directory.path(), None).unwrap();
        let set_time = |seconds| {
            let attributes = Attributes {
                modified: Some((seconds, 0)),
                mode: Some(0o600),
            };
            set(&root, &at("/f"), attributes)
        };
        set_time(1_600_000_001).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let year_2500 = 16_725_225_600;
        let answer = set_time(year_2500);
        let found = fs::metadata(&path).unwrap();
        if found.mtime() == year_2500 {
            return eprintln!("skipped: this file system can store the year 2500");
        }
        assert_eq!(answer, Err(Error::TooLarge));
        assert_eq!(
            (found.mtime(), found.mode() & 0o777),
            (1_600_000_001, 0o644)
        );
    }

    #[test]
    fn chmod_keeps_set_id_bits_of_directories_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("d")).unwrap();
        fs::write(path("f"), "").unwrap();
        for name in ["d", "f"] {
            rustix::fs::chmod(path(name), Mode::from_raw_mode(0o2770)).unwrap();
        }
        let disk = Disk::open_root(directory.path()).unwrap();
        let umask = Umask::new(0o027);
        let operation = Operation::MakeDirectory {
            path: at("/d/new"),
            umask,
        };
        disk.perform(&operation, Wait::Allowed).unwrap();
        for name in ["/d", "/f"] {
            disk.perform(&Operation::SetAttributes(at(name), NEW), Wait::Allowed)
                .unwrap();
        }
        let mode = |name: &str| fs::metadata(path(name)).unwrap().mode() & 0o7777;
        assert_eq!((mode("d"), mode("f")), (0o2600, 0o600));
        assert_eq!(mode("d/new"), 0o2750);
    }

    #[test]
    fn attributes_follow_links_within_root_and_refuse_devices() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("root")).unwrap();
        fs::write(path("outside"), "").unwrap();
        fs::write(path("root/file"), "").unwrap();
        symlink("../outside", path("root/out")).unwrap();
        symlink("file", path("root/in")).unwrap();
        let fifo = path("root/fifo");
        rustix::fs::mkfifoat(CWD, &fifo, Mode::from_raw_mode(0o644)).unwrap();
        fs::write(path("root/.mioftpd-0123456789abcdef.tmp"), "").unwrap();
        let before = fs::metadata(path("outside")).unwrap();

        for lookup in [PathLookup::Kernel, PathLookup::Walk] {
            let root = Root::open(&path("root"), Some(lookup)).unwrap();
            for (name, error) in [
                ("/out", Error::NotFound),
                ("/fifo", Error::NotRegular),
                ("/.mioftpd-0123456789abcdef.tmp", Error::NotFound),
            ] {
                assert_eq!(set(&root, &at(name), NEW), Err(error), "{name}");
            }
            assert_eq!(available(&root, &at("/out"), 0), Err(Error::NotFound));
        }
        let after = fs::metadata(path("outside")).unwrap();
        assert_eq!(
            (after.mtime(), after.mode()),
            (before.mtime(), before.mode())
        );

        let root = Root::open(&path("root"), Some(PathLookup::Kernel)).unwrap();
        set(&root, &at("/in"), NEW).unwrap();
        let file = fs::metadata(path("root/file")).unwrap();
        assert_eq!((file.mtime(), file.mode() & 0o777), (1, 0o600));
        assert!(fs::symlink_metadata(path("root/in")).unwrap().is_symlink());
    }
}
