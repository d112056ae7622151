//! Times and modes: what is changed of a file that keeps its name and its bytes (MFMT, MFF,
//! SITE CHMOD; draft-somers-ftp-mfxx).
//!
//! A path is looked up once, in the jail; what follows is done to the descriptor found, so that
//! nothing can come between. The descriptor is opened for nothing (`O_PATH`), because a file
//! that one may not read may still be one's own.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use super::lookup::Root;
use super::{HARMLESS, refuse_reserved};
use crate::storage::{Attributes, Error, Kind, Result, VirtualPath, Wait};

/// What a directory keeps when its permissions change, as chmod(1) has it: whose group its new
/// files get, and who may remove them. Clients cannot say these bits, and do not mean them.
const DIRECTORY_BITS: u32 = 0o7000;

/// Gives a file or directory other attributes.
pub(super) fn set(root: &Root, path: &VirtualPath, attributes: Attributes) -> Result<()> {
    refuse_reserved(path)?;
    // Whoever serves a directory decides who may enter it; a client could lock itself out.
    if path.is_root() && attributes.mode.is_some() {
        return Err(Error::Forbidden);
    }
    let found = root.find(path.from_root(), OFlags::PATH, Wait::Allowed)?;
    let metadata = super::metadata(&rustix::fs::fstat(&found)?);
    let kept = match metadata.kind {
        Kind::File => 0,
        Kind::Directory => metadata.mode & DIRECTORY_BITS,
        Kind::Link | Kind::Other(_) => return Err(Error::NotRegular),
    };
    if let Some(mode) = attributes.mode {
        let mode = Mode::from_raw_mode(mode | kept);
        change(
            || set_mode(found.as_fd(), mode),
            || {
                let open = root.find(path.from_root(), OFlags::RDONLY | HARMLESS, Wait::Allowed)?;
                Ok(rustix::fs::fchmod(open, mode)?)
            },
        )?;
    }
    if let Some(modified) = attributes.modified {
        let times = timestamps(modified);
        change(
            || rustix::fs::utimensat(&found, "", &times, AtFlags::EMPTY_PATH),
            || {
                let open = root.find(path.from_root(), OFlags::RDONLY | HARMLESS, Wait::Allowed)?;
                Ok(rustix::fs::futimens(open, &times)?)
            },
        )?;
    }
    Ok(())
}

/// Gives a new directory its permissions, whatever the process's own mask has taken away.
pub(super) fn set_permissions(directory: BorrowedFd<'_>, mode: u32) -> Result<()> {
    let inherited = super::metadata(&rustix::fs::fstat(directory)?).mode & DIRECTORY_BITS;
    Ok(set_mode(directory, Mode::from_raw_mode(mode | inherited))?)
}

/// Sets the mode of what an `O_PATH` descriptor stands for.
///
/// `fchmod` refuses such a descriptor, and its successor that does not is new (Linux 6.6); the
/// name that the kernel has for the descriptor is as old as `O_PATH`.
fn set_mode(found: BorrowedFd<'_>, mode: Mode) -> rustix::io::Result<()> {
    let name = format!("/proc/self/fd/{}", found.as_raw_fd());
    rustix::fs::chmodat(CWD, name, mode, AtFlags::empty())
}

/// The second way is for systems without /proc (a bare chroot) and kernels before 5.8.
fn change(
    by_path: impl FnOnce() -> rustix::io::Result<()>,
    by_opening: impl FnOnce() -> Result<()>,
) -> Result<()> {
    match by_path() {
        Err(Errno::NOENT | Errno::INVAL) => by_opening(),
        result => Ok(result?),
    }
}

const fn timestamps((seconds, nanoseconds): (i64, u32)) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
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
    use crate::storage::{Disk, Lookup, Operation, Storage, Umask};
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    const NEW: Attributes = Attributes {
        modified: Some((1, 0)),
        mode: Some(0o600),
    };

    fn at(path: &str) -> VirtualPath {
        VirtualPath::root().join(path.as_bytes()).unwrap()
    }

    #[test]
    fn a_directory_keeps_the_bits_that_a_client_cannot_say_and_a_file_does_not() {
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
    fn links_are_followed_inside_only_and_devices_not_touched() {
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

        for lookup in [Lookup::Kernel, Lookup::Walk] {
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

        let root = Root::open(&path("root"), Some(Lookup::Kernel)).unwrap();
        set(&root, &at("/in"), NEW).unwrap();
        let file = fs::metadata(path("root/file")).unwrap();
        assert_eq!((file.mtime(), file.mode() & 0o777), (1, 0o600));
        assert!(fs::symlink_metadata(path("root/in")).unwrap().is_symlink());
    }
}
