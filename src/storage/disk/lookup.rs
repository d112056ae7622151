//! The jail: every way from a name to a descriptor.
//!
//! It owns the descriptor of the root and nothing else in the storage opens a path. The
//! kernel keeps the jail (`openat2` with `RESOLVE_BENEATH`), so there is no check that a
//! rename could race; a kernel without that call gets a walk that follows no link at all.
//! Paths here are bytes relative to the root, and may contain `..` from a link's text.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::storage::{Error, Result, VirtualPath, Wait};

/// How often a lookup is repeated when renames elsewhere disturb it (openat2(2), `EAGAIN`).
const RACES: usize = 64;

/// How names are looked up within the root.
///
/// ```text
///   open_root ──probe──▶ Kernel   openat2 works: links that stay inside are followed
///                 │
///                 └────▶ Walk     it does not: part by part, no link is followed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// `openat2` (Linux 5.6).
    Kernel,
    /// One `openat` a part, with `O_NOFOLLOW`.
    Walk,
}

/// The directory that is served.
#[derive(Debug)]
pub(super) struct Root {
    directory: OwnedFd,
    lookup: Lookup,
}

impl Root {
    /// Opens the root; `None` finds out which lookup the kernel has.
    pub(super) fn open(path: &Path, lookup: Option<Lookup>) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
        let lookup = match lookup {
            Some(lookup) => lookup,
            None => probe(directory.as_fd())?,
        };
        Ok(Self { directory, lookup })
    }

    /// Opens a path. `flags` get `CLOEXEC`; a file made by `CREATE` has mode 0666 less the umask.
    pub(super) fn find(&self, path: &[u8], flags: OFlags, wait: Wait) -> Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        match (self.lookup, wait) {
            (Lookup::Kernel, Wait::Allowed) => self.find_waiting(path, flags),
            (Lookup::Kernel, Wait::Never) => {
                openat2(self, path, flags, ResolveFlags::CACHED).map_err(|errno| match errno {
                    // Before Linux 5.12 there was no RESOLVE_CACHED.
                    Errno::INVAL => Error::WouldWait,
                    errno => errno.into(),
                })
            }
            (Lookup::Walk, Wait::Allowed) => Ok(walk(self.as_fd(), path, flags)?),
            (Lookup::Walk, Wait::Never) => Err(Error::WouldWait),
        }
    }

    /// The directory that a new, old or vanishing name is in, and that name. The root has no
    /// name: `None`. Waits.
    pub(super) fn parent<'p>(&self, path: &'p VirtualPath) -> Result<Option<(OwnedFd, &'p [u8])>> {
        if path.is_root() {
            return Ok(None);
        }
        let parent = self.directory(path.parent().from_root())?;
        Ok(Some((parent, path.name())))
    }

    /// A directory to use names in; needs no permission to list it. Waits.
    pub(super) fn directory(&self, path: &[u8]) -> Result<OwnedFd> {
        self.find(path, OFlags::PATH | OFlags::DIRECTORY, Wait::Allowed)
    }

    /// Whether a link that stays inside leads anywhere.
    pub(super) fn follows_links(&self) -> bool {
        self.lookup == Lookup::Kernel
    }

    fn find_waiting(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd> {
        for _ in 0..RACES {
            match openat2(self, path, flags, ResolveFlags::empty()) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
        // Not a race any more: somebody holds a lease on the file (fcntl(2), F_SETLEASE).
        Err(Error::InUse)
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// Old kernels say `ENOSYS`; sandboxes refuse what they do not know with that or `EPERM`.
fn probe(root: BorrowedFd<'_>) -> io::Result<Lookup> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat2(&root, b".", flags, ResolveFlags::empty()) {
        Ok(_) => Ok(Lookup::Kernel),
        Err(Errno::NOSYS | Errno::PERM) => Ok(Lookup::Walk),
        Err(error) => Err(error.into()),
    }
}

fn openat2(
    root: &impl AsFd,
    path: &[u8],
    flags: OFlags,
    more: ResolveFlags,
) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | more;
    rustix::fs::openat2(root, path, flags, mode(flags), resolve)
}

/// Part by part, each within the directory before it. `..` never comes here: paths are normal,
/// and the text of a link is not followed.
fn walk(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let (parents, name) = match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => path.split_at(slash),
        None => (&[][..], path),
    };
    let mut directory: Option<OwnedFd> = None;
    for part in parents
        .split(|&byte| byte == b'/')
        .filter(|part| !part.is_empty())
    {
        let from = directory.as_ref().map_or(root, AsFd::as_fd);
        directory = Some(step(from, part, OFlags::PATH | OFlags::DIRECTORY)?);
    }
    let from = directory.as_ref().map_or(root, AsFd::as_fd);
    step(from, name.strip_prefix(b"/").unwrap_or(name), flags)
}

fn step(directory: BorrowedFd<'_>, part: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    if part == b".." {
        return Err(Errno::XDEV);
    }
    let open = |flags: OFlags| {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::io::retry_on_intr(|| rustix::fs::openat(directory, part, flags, mode(flags)))
    };
    if !flags.intersects(OFlags::PATH | OFlags::DIRECTORY) {
        return open(flags);
    }
    // With O_PATH a link itself is opened, and with O_DIRECTORY it is "not a directory":
    // what was opened, not its name, says which it is, or a rename could come between.
    let found = open(OFlags::PATH)?;
    match FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode) {
        FileType::Symlink => Err(Errno::LOOP),
        FileType::Directory if flags.contains(OFlags::PATH) => Ok(found),
        FileType::Directory => rustix::fs::openat(&found, ".", flags, Mode::empty()),
        _ if flags.contains(OFlags::DIRECTORY) => Err(Errno::NOTDIR),
        _ => Ok(found),
    }
}

/// openat2 refuses a mode where no file is made.
const fn mode(flags: OFlags) -> Mode {
    if flags.contains(OFlags::CREATE) {
        Mode::from_raw_mode(0o666)
    } else {
        Mode::empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(root: &Root, path: &str) -> Result<()> {
        root.find(path.as_bytes(), OFlags::PATH, Wait::Allowed)
            .map(drop)
    }

    #[test]
    fn the_kernel_follows_links_inside_only_and_the_walk_none() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("root/a/b")).unwrap();
        std::fs::write(at("outside"), "secret").unwrap();
        std::fs::write(at("root/a/file"), "").unwrap();
        for (link, target) in [
            ("root/inside", "a/../a/b"),
            ("root/a/up", "../a/file"),
            ("root/out", "../outside"),
            ("root/absolute", "/etc/passwd"),
            ("root/proc", "/proc/self/cwd"),
            ("root/loop", "loop"),
        ] {
            std::os::unix::fs::symlink(target, at(link)).unwrap();
        }
        let kernel = Root::open(&at("root"), Some(Lookup::Kernel)).unwrap();
        let walk = Root::open(&at("root"), Some(Lookup::Walk)).unwrap();
        for path in ["inside", "a/up", "inside/../file"] {
            assert_eq!(found(&kernel, path), Ok(()), "{path}");
            assert_eq!(found(&walk, path), Err(Error::NotFound), "{path}");
        }
        for root in [kernel, walk] {
            for path in [".", "a", "a/b", "a/file"] {
                assert_eq!(found(&root, path), Ok(()), "{path}");
            }
            for path in [
                "out",
                "absolute",
                "proc",
                "loop",
                "proc/x",
                "..",
                "a/../../outside",
            ] {
                assert_eq!(found(&root, path), Err(Error::NotFound), "{path}");
            }
            for flags in [OFlags::DIRECTORY, OFlags::PATH | OFlags::DIRECTORY] {
                let found = |path: &[u8]| root.find(path, flags, Wait::Allowed).map(drop);
                assert_eq!(found(b"a/b"), Ok(()));
                assert_eq!(found(b"a/file"), Err(Error::NotDirectory));
            }
            assert_eq!(found(&root, "a/file/x"), Err(Error::NotDirectory));
            assert_eq!(found(&root, "absent/x"), Err(Error::NotFound));
        }
    }

    #[test]
    fn what_is_cached_is_found_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path(), None).unwrap();
        let found = root.find(b".", OFlags::PATH, Wait::Never).map(drop);
        match root.lookup {
            Lookup::Kernel => assert!(matches!(found, Ok(()) | Err(Error::WouldWait))),
            Lookup::Walk => assert_eq!(found, Err(Error::WouldWait)),
        }
    }

    #[test]
    fn a_root_that_is_no_directory_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Root::open(file.path(), None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    }
}
