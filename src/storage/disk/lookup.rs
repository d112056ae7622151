//! The jail: resolves paths to file descriptors without path traversal.
//!
//! It owns the root, held open or found by its path; no other file of the storage opens a path. The kernel
//! confines the lookup (openat2(2) with `RESOLVE_BENEATH`), so there is no check that a rename could race
//! (TOCTOU).
//! Without openat2 the path is walked part by part from the root, and the text of a link takes the place of
//! the link. Paths are bytes relative to the root; they may contain `..` only from the text of a link.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::HARMLESS;
use crate::storage::{Error, Result, Wait};

/// Retries of a lookup that concurrent renames disturb (openat2(2), `EAGAIN`).
const RETRIES: usize = 64;

/// Walks of one lookup: the first, and one for each link and each `..` of their texts.
const WALKS: usize = 256;

/// How paths are resolved; probed when the root is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathLookup {
    /// openat2(2), since Linux 5.6. Links are followed unless they leave the root.
    Kernel,
    /// One openat(2) per part, with `O_NOFOLLOW`, and one walk more for each link and each `..` in its text.
    Walk,
}

/// The root of a storage.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    directory: RootDirectory,
    lookup: PathLookup,
}

/// How the directory at the root's path is found.
#[derive(Debug)]
enum RootDirectory {
    /// It stays open, whatever is at the path later, until it is opened again. A mount point is busy.
    Held(RwLock<Arc<OwnedFd>>),
    /// It is opened for each lookup.
    ByPath,
}

impl Root {
    /// Opens the root; `None` probes which lookup the kernel supports.
    pub(super) fn open(path: &Path, lookup: Option<PathLookup>) -> io::Result<Self> {
        let directory = open_root(path)?;
        let lookup = match lookup {
            Some(lookup) => lookup,
            None => probe(directory.as_fd())?,
        };
        Ok(Self {
            path: path.to_owned(),
            directory: RootDirectory::Held(RwLock::new(Arc::new(directory))),
            lookup,
        })
    }

    /// Finds the directory by its path from now on, for each lookup.
    pub(super) fn by_path(self) -> Self {
        Self {
            directory: RootDirectory::ByPath,
            ..self
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a held directory again at its path. What is open below the old one stays open. Blocks.
    ///
    /// # Errors
    /// When it cannot be opened, or another directory is there that may not be listed, as in a sandbox, or
    /// that `is_worse` than the old one. The old one stays then.
    pub(super) fn reopen(
        &self,
        is_worse: impl FnOnce(BorrowedFd<'_>, BorrowedFd<'_>) -> bool,
    ) -> io::Result<()> {
        let RootDirectory::Held(held) = &self.directory else {
            return Ok(());
        };
        let opened = open_root(&self.path)?;
        let id = |directory: &OwnedFd| Ok::<_, Errno>(super::stat(directory)?.unique);
        let present = Arc::clone(&held.read().unwrap_or_else(PoisonError::into_inner));
        // The old one may be on a device that is gone.
        if id(&present).ok() != Some(id(&opened)?) {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | HARMLESS;
            rustix::fs::openat(&opened, ".", flags, Mode::empty())?;
            if is_worse(opened.as_fd(), present.as_fd()) {
                return Err(Errno::ACCESS.into());
            }
        }
        *held.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(opened);
        Ok(())
    }

    /// The descriptor of the root, opened with `O_PATH`.
    pub(super) fn descriptor(&self, wait: Wait) -> Result<Arc<OwnedFd>> {
        match (&self.directory, wait) {
            (RootDirectory::Held(held), _) => {
                let held = held.read().unwrap_or_else(PoisonError::into_inner);
                Ok(Arc::clone(&held))
            }
            (RootDirectory::ByPath, Wait::Allowed) => Ok(Arc::new(open_root(&self.path)?)),
            (RootDirectory::ByPath, Wait::Never) => {
                let cached = ResolveFlags::CACHED;
                let opened = rustix::fs::openat2(CWD, &self.path, ROOT, Mode::empty(), cached);
                opened.map(Arc::new).map_err(without_wait)
            }
        }
    }

    /// The lookup in use.
    pub(super) const fn lookup(&self) -> PathLookup {
        self.lookup
    }

    /// Opens a path. Adds `CLOEXEC` to `flags`; a file that `CREATE` makes has mode 0666 less the umask.
    pub(super) fn find(&self, path: &[u8], flags: OFlags, wait: Wait) -> Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        if let (PathLookup::Walk, Wait::Never) = (self.lookup, wait) {
            return Err(Error::WouldWait);
        }
        let root = self.descriptor(wait)?;
        match (self.lookup, wait) {
            (PathLookup::Walk, _) => Ok(resolve(root.as_fd(), path, flags)?),
            (PathLookup::Kernel, Wait::Allowed) => find_blocking(root.as_fd(), path, flags),
            (PathLookup::Kernel, Wait::Never) => {
                openat2(root.as_fd(), path, flags, ResolveFlags::CACHED).map_err(without_wait)
            }
        }
    }

    /// Opens a directory with `O_PATH`, which needs no read permission. Blocks.
    pub(super) fn directory(&self, path: &[u8]) -> Result<OwnedFd> {
        self.find(path, OFlags::PATH | OFlags::DIRECTORY, Wait::Allowed)
    }
}

const ROOT: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

fn open_root(path: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(CWD, path, ROOT, Mode::empty())
}

/// The error of a lookup in the kernel's caches. Before Linux 5.12 there was no `RESOLVE_CACHED`, before 5.6
/// no openat2.
fn without_wait(error: Errno) -> Error {
    match error {
        Errno::INVAL | Errno::NOSYS | Errno::PERM => Error::WouldWait,
        error => error.into(),
    }
}

fn find_blocking(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd> {
    for _ in 0..RETRIES {
        match openat2(root, path, flags, ResolveFlags::empty()) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
    // Not a rename: another process holds a lease on the file (fcntl(2), F_SETLEASE).
    Err(Error::InUse)
}

/// Without openat2 old kernels return `ENOSYS`, and seccomp filters `ENOSYS` or `EPERM`.
fn probe(root: BorrowedFd<'_>) -> io::Result<PathLookup> {
    match openat2(root, b".", ROOT, ResolveFlags::empty()) {
        Ok(_) => Ok(PathLookup::Kernel),
        Err(Errno::NOSYS | Errno::PERM) => Ok(PathLookup::Walk),
        Err(error) => Err(error.into()),
    }
}

fn openat2(
    root: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    more: ResolveFlags,
) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | more;
    rustix::fs::openat2(root, path, flags, mode(flags), resolve)
}

/// Walks to a path, each time with one link or one `..` less.
fn resolve(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let mut path = path.to_vec();
    for _ in 0..WALKS {
        match walk(root, &path, flags)? {
            Walked::Opened(found) => return Ok(found),
            Walked::Detour(other) => path = other,
        }
    }
    Err(Errno::LOOP)
}

/// Where a walk ends.
enum Walked {
    Opened(OwnedFd),
    /// At a link or at `..`: the path to walk instead, again from the root.
    Detour(Vec<u8>),
}

/// Opens each part relative to the one before it. `..` is never opened: it removes the part before it, which
/// is no link. So each descriptor is of the root or below, whatever is renamed meanwhile (TOCTOU).
fn walk(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> rustix::io::Result<Walked> {
    let mut directory: Option<OwnedFd> = None;
    let mut passed: Vec<&[u8]> = Vec::new();
    let mut parts = path.split(|&byte| byte == b'/');
    while let Some(part) = parts.next() {
        let mut behind = parts.clone();
        let is_last = behind.next().is_none();
        let link = match part {
            b"" | b"." if !is_last => continue,
            b".." => {
                passed.pop().ok_or(Errno::XDEV)?;
                b".".to_vec()
            }
            _ => {
                let from = directory.as_ref().map_or(root, AsFd::as_fd);
                let directories = OFlags::PATH | OFlags::DIRECTORY;
                match step(from, part, if is_last { flags } else { directories })? {
                    Step::Opened(found) if is_last => return Ok(Walked::Opened(found)),
                    Step::Opened(found) => {
                        directory = Some(found);
                        passed.push(part);
                        continue;
                    }
                    Step::Link(text) if text.starts_with(b"/") => return Err(Errno::XDEV),
                    Step::Link(text) => text,
                }
            }
        };
        passed.push(&link);
        passed.extend(parts);
        return Ok(Walked::Detour(passed.join(&b'/')));
    }
    // A split has a last part.
    debug_assert!(false, "a path has a last part");
    Err(Errno::NOENT)
}

/// Splits a relative path into the directory (`.` if there is none) and the last name.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = path.rsplitn(2, |&byte| byte == b'/');
    // There is always a last part, and it may be empty.
    let name = parts.next().unwrap_or_default();
    (parts.next().unwrap_or(b"."), name)
}

/// What a part is.
enum Step {
    Opened(OwnedFd),
    /// A link, with its text.
    Link(Vec<u8>),
}

/// Opens one part, which is not `..`.
fn step(directory: BorrowedFd<'_>, part: &[u8], flags: OFlags) -> rustix::io::Result<Step> {
    let part = if part.is_empty() { b"." } else { part };
    let open = |flags: OFlags| {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::io::retry_on_intr(|| rustix::fs::openat(directory, part, flags, mode(flags)))
    };
    if !flags.intersects(OFlags::PATH | OFlags::DIRECTORY) {
        match open(flags) {
            // Probably a link.
            Err(Errno::LOOP) => {}
            opened => return opened.map(Step::Opened),
        }
    }
    // O_PATH opens a link itself, and O_DIRECTORY calls it "not a directory". Check the type on the
    // descriptor, not on the name, which another process may rename (TOCTOU).
    let found = open(OFlags::PATH)?;
    match FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode) {
        FileType::Symlink => {
            let text = rustix::fs::readlinkat(&found, "", Vec::new())?;
            Ok(Step::Link(text.into_bytes()))
        }
        // It was a link a moment ago.
        _ if !flags.intersects(OFlags::PATH | OFlags::DIRECTORY) => Err(Errno::LOOP),
        FileType::Directory if flags.contains(OFlags::PATH) => Ok(Step::Opened(found)),
        FileType::Directory => {
            rustix::fs::openat(&found, ".", flags, Mode::empty()).map(Step::Opened)
        }
        _ if flags.contains(OFlags::DIRECTORY) => Err(Errno::NOTDIR),
        _ => Ok(Step::Opened(found)),
    }
}

/// openat2 requires mode 0 without `O_CREAT`.
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

    /// A path of a client has no `..`; the text of a link may have it.
    #[test]
    fn parts_above_the_root_are_not_found() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("root/a/b")).unwrap();
        std::fs::write(at("outside"), "secret").unwrap();
        std::fs::write(at("root/a/file"), "").unwrap();
        std::os::unix::fs::symlink("a/../a/b", at("root/inside")).unwrap();
        std::os::unix::fs::symlink("./loop", at("root/loop")).unwrap();
        for lookup in [PathLookup::Kernel, PathLookup::Walk] {
            let root = Root::open(&at("root"), Some(lookup)).unwrap();
            for (path, expected) in [
                (&b"."[..], Ok(())),
                (b"a/b", Ok(())),
                (b"a/file/x", Err(Error::NotDirectory)),
                (b"absent/x", Err(Error::NotFound)),
                (b"..", Err(Error::NotFound)),
                (b"a/../../outside", Err(Error::NotFound)),
                (b"inside/../file", Ok(())),
                (b"inside/..", Ok(())),
                (b"inside/../..", Ok(())),
                (b"inside/../../..", Err(Error::NotFound)),
                (b"a/file/", Err(Error::NotDirectory)),
                (b"a//b/", Ok(())),
                (b"loop", Err(Error::NotFound)),
                (b"loop/x", Err(Error::NotFound)),
            ] {
                let found = root.find(path, OFlags::PATH, Wait::Allowed).map(drop);
                assert_eq!(found, expected, "{}", path.escape_ascii());
            }
            for flags in [OFlags::DIRECTORY, OFlags::PATH | OFlags::DIRECTORY] {
                let found = |path: &[u8]| root.find(path, flags, Wait::Allowed).map(drop);
                assert_eq!(found(b"a/b"), Ok(()));
                assert_eq!(found(b"a/file"), Err(Error::NotDirectory));
            }
        }
    }

    #[test]
    fn find_without_wait_uses_cache_or_would_wait() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path(), None).unwrap();
        let found = root.find(b".", OFlags::PATH, Wait::Never).map(drop);
        match root.lookup {
            PathLookup::Kernel => assert!(matches!(found, Ok(()) | Err(Error::WouldWait))),
            PathLookup::Walk => assert_eq!(found, Err(Error::WouldWait)),
        }
    }
}
