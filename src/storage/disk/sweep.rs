//! The sweep: removes stale temporary files, which killed servers have left.
//!
//! The writer of a temporary file holds a lock that ends with its process, so a file that can be locked
//! is stale, even if several servers share the directory. The walk opens each directory by name relative
//! to its parent's descriptor and follows no link, so it needs no path and cannot leave the root. It owns
//! one open directory per level.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, DirEntry, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::HARMLESS;
use super::lookup::Root;
use super::temporary::lock;
use super::temporary_name::is_temporary;
use crate::limits::SWEEP_DEPTH;
use crate::storage::Wait;

/// A walk of the whole tree, in steps.
pub struct Sweep {
    root: Arc<Root>,
    /// The open directories from the root down to the current one; `None` before the first step.
    open: Option<Vec<Dir>>,
    swept: SweepResult,
}

/// The result of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepResult {
    /// Temporary files removed.
    pub removed: u64,
    /// Temporary files kept: in use, or they could not be locked or removed.
    pub kept: u64,
    /// Directories skipped: not readable, failing, or too deep.
    pub skipped_directories: u64,
}

impl Sweep {
    pub(super) const fn new(root: Arc<Root>) -> Self {
        Self {
            root,
            open: None,
            swept: SweepResult {
                removed: 0,
                kept: 0,
                skipped_directories: 0,
            },
        }
    }

    /// Examines up to `entries` entries. Returns the result at the end of the walk. Blocks.
    pub fn step(&mut self, entries: usize) -> Option<SweepResult> {
        for _ in 0..entries {
            let Some(open) = &mut self.open else {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | HARMLESS;
                let root = self.root.find(b".", flags, Wait::Allowed);
                self.open = Some(Vec::new());
                self.push(root.ok());
                continue;
            };
            let Some(directory) = open.last_mut() else {
                return Some(self.swept);
            };
            match directory.read() {
                Some(Ok(entry)) => self.examine(&entry),
                end => {
                    open.pop();
                    self.swept.skipped_directories += u64::from(end.is_some());
                }
            }
        }
        None
    }

    fn examine(&mut self, entry: &DirEntry) {
        let name = entry.file_name();
        let is_temporary = is_temporary(name.to_bytes());
        match entry.file_type() {
            FileType::Directory | FileType::Unknown if !is_temporary => self.descend(name),
            FileType::RegularFile | FileType::Unknown if is_temporary => self.remove_stale(name),
            _ => {}
        }
    }

    fn current(&self) -> Option<BorrowedFd<'_>> {
        self.open.as_ref()?.last()?.fd().ok()
    }

    fn descend(&mut self, name: &CStr) {
        if matches!(name.to_bytes(), b"." | b"..") {
            return;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | HARMLESS;
        match self.current().map(|current| open_at(current, name, flags)) {
            // Not a directory, or removed since.
            None | Some(Err(Errno::NOTDIR | Errno::LOOP | Errno::NOENT)) => {}
            Some(opened) => self.push(opened.ok()),
        }
    }

    /// Continues in this directory; counts it as skipped if it could not be opened or is too deep.
    fn push(&mut self, directory: Option<OwnedFd>) {
        let directory = directory.and_then(|directory| Dir::new(directory).ok());
        match (&mut self.open, directory) {
            (Some(open), Some(directory)) if open.len() < SWEEP_DEPTH => {
                open.push(directory);
            }
            _ => self.swept.skipped_directories += 1,
        }
    }

    fn remove_stale(&mut self, name: &CStr) {
        match self.current().map(|current| remove_unlocked(current, name)) {
            Some(Ok(true)) => self.swept.removed += 1,
            // Renamed to its target, or removed by another sweep.
            None | Some(Err(Errno::NOENT)) => {}
            Some(Ok(false) | Err(_)) => self.swept.kept += 1,
        }
    }
}

/// Removes a temporary file unless it is locked. Returns whether it was removed.
fn remove_unlocked(directory: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<bool> {
    // Opened for writing, as NFS requires for an exclusive lock.
    let file = open_at(directory, name, OFlags::WRONLY | HARMLESS)?;
    if !lock(file.as_fd())? {
        return Ok(false);
    }
    // Before it was locked it may have been committed; then the name is gone or another file's (TOCTOU).
    let opened = super::stat(&file)?;
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    let named = super::metadata(&rustix::fs::statat(directory, name, flags)?);
    if opened.unique != named.unique {
        return Ok(false);
    }
    rustix::fs::unlinkat(directory, name, AtFlags::empty())?;
    Ok(true)
}

fn open_at(directory: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::io::retry_on_intr(|| rustix::fs::openat(directory, name, flags, Mode::empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Disk;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    const STALE: &str = ".mioftpd-0123456789abcdef.tmp";

    fn sweep(root: &Path) -> SweepResult {
        let mut sweep = Disk::open_root(root).unwrap().sweep();
        let mut steps = (0..100_000).filter_map(|_| sweep.step(3));
        steps.next().unwrap()
    }

    #[test]
    fn sweep_removes_stale_temporary_files_only() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("root/a/b")).unwrap();
        fs::create_dir_all(at("root/many")).unwrap();
        fs::create_dir(at("outside")).unwrap();
        for folder in ["root", "root/a", "root/a/b", "outside"] {
            fs::write(at(folder).join(STALE), "half").unwrap();
            fs::write(at(folder).join("file"), "whole").unwrap();
        }
        for number in 0..20 {
            fs::write(at(&format!("root/many/.mioftpd-{number:016x}.tmp")), "").unwrap();
        }
        fs::write(at("root/.mioftpd-notes.tmp"), "mine").unwrap();
        symlink("../outside", at("root/link")).unwrap();
        symlink("../file", at("root/a/b/.mioftpd-fedcba9876543210.tmp")).unwrap();
        fs::create_dir(at("root/many").join(STALE)).unwrap();

        let swept = sweep(&at("root"));
        let expected = SweepResult {
            removed: 23,
            kept: 0,
            skipped_directories: 0,
        };
        assert_eq!(swept, expected);
        assert!(at("outside").join(STALE).exists());
        assert!(at("root/many").join(STALE).is_dir());
        assert!(at("root/.mioftpd-notes.tmp").exists());
        for folder in ["root", "root/a", "root/a/b"] {
            assert!(!at(folder).join(STALE).exists());
            assert_eq!(fs::read(at(folder).join("file")).unwrap(), b"whole");
        }
        assert_eq!(sweep(&at("root")), SweepResult::default());
    }

    #[test]
    fn sweep_depth_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let mut current = directory.path().to_owned();
        let mut stale = Vec::new();
        for _ in 0..=SWEEP_DEPTH {
            stale.push(current.join(STALE));
            fs::write(current.join(STALE), "").unwrap();
            current.push("d");
            fs::create_dir(&current).unwrap();
        }
        let swept = sweep(directory.path());
        assert_eq!(
            (swept.removed, swept.skipped_directories),
            (SWEEP_DEPTH as u64, 1)
        );
        assert_eq!(stale.iter().filter(|path| path.exists()).count(), 1);
    }
}
