//! Removing what servers that were killed have left: temporary files that nobody writes.
//!
//! Whoever writes one holds a lock on it, which ends with its process; so what can be locked is
//! nobody's, whichever server it was of, and however many serve the same directory. The walk goes
//! from directory to directory by descriptors and single names, follows no link, and so needs no
//! path. It owns one open directory for each level.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, DirEntry, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::HARMLESS;
use super::lookup::Root;
use super::temporary::{is_temporary, lock};
use crate::limits::SWEEP_DEPTH;
use crate::storage::Wait;

/// A walk through all that is served, in steps.
pub struct Sweep {
    root: Arc<Root>,
    progress: Progress,
    swept: Swept,
}

/// ```text
///   Begun ──the root is open──▶ Within ──no directory left──▶ the end
/// ```
enum Progress {
    Begun,
    /// The directories from the root down to the one that is being read.
    Within(Vec<Dir>),
}

/// What has been done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Temporary files that were removed.
    pub removed: u64,
    /// Those that stay: in use, or not to be locked or removed by us.
    pub kept: u64,
    /// Directories that were not looked through: closed to us, failing, or too deep.
    pub passed_over: u64,
}

impl Sweep {
    pub(super) fn below(root: Arc<Root>) -> Self {
        Self {
            root,
            progress: Progress::Begun,
            swept: Swept::default(),
        }
    }

    /// Looks at up to so many names. Once all is done: what that came to. Waits.
    pub fn step(&mut self, entries: usize) -> Option<Swept> {
        for _ in 0..entries {
            match &mut self.progress {
                Progress::Begun => {
                    let flags = OFlags::RDONLY | OFlags::DIRECTORY | HARMLESS;
                    let root = self.root.find(b".", flags, Wait::Allowed);
                    self.progress = Progress::Within(Vec::new());
                    self.enter(root.ok());
                }
                Progress::Within(open) => {
                    let Some(directory) = open.last_mut() else {
                        return Some(self.swept);
                    };
                    match directory.read() {
                        Some(Ok(entry)) => self.examine(&entry),
                        Some(Err(_)) => {
                            open.pop();
                            self.swept.passed_over += 1;
                        }
                        None => {
                            open.pop();
                        }
                    }
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
            FileType::RegularFile | FileType::Unknown if is_temporary => self.consider(name),
            _ => {}
        }
    }

    fn here(&self) -> Option<BorrowedFd<'_>> {
        match &self.progress {
            Progress::Within(open) => open.last()?.fd().ok(),
            Progress::Begun => None,
        }
    }

    fn descend(&mut self, name: &CStr) {
        if matches!(name.to_bytes(), b"." | b"..") {
            return;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | HARMLESS;
        match self.here().map(|here| open_beside(here, name, flags)) {
            // No directory after all, or gone: there is nothing to look for.
            None | Some(Err(Errno::NOTDIR | Errno::LOOP | Errno::NOENT)) => {}
            Some(opened) => self.enter(opened.ok()),
        }
    }

    /// Goes on in a directory, unless it could not be opened.
    fn enter(&mut self, directory: Option<OwnedFd>) {
        let directory = directory.and_then(|directory| Dir::new(directory).ok());
        match (&mut self.progress, directory) {
            (Progress::Within(open), Some(directory)) if open.len() < SWEEP_DEPTH => {
                open.push(directory);
            }
            _ => self.swept.passed_over += 1,
        }
    }

    fn consider(&mut self, name: &CStr) {
        match self.here().map(|here| remove_unused(here, name)) {
            Some(Ok(true)) => self.swept.removed += 1,
            // Gone meanwhile: renamed to its target, or removed by another who clears up.
            None | Some(Err(Errno::NOENT)) => {}
            Some(Ok(false) | Err(_)) => self.swept.kept += 1,
        }
    }
}

/// Removes a temporary file that nobody writes. Whether it was one.
fn remove_unused(directory: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<bool> {
    // To write, although nothing is written: a network's file system locks nothing else so.
    let file = open_beside(directory, name, OFlags::WRONLY | HARMLESS)?;
    if !lock(file.as_fd())? {
        return Ok(false);
    }
    // Until the lock was ours it may have been renamed, and be somebody's file now.
    let opened = super::metadata(&rustix::fs::fstat(&file)?);
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    let named = super::metadata(&rustix::fs::statat(directory, name, flags)?);
    if opened.unique != named.unique {
        return Ok(false);
    }
    rustix::fs::unlinkat(directory, name, AtFlags::empty())?;
    Ok(true)
}

fn open_beside(
    directory: BorrowedFd<'_>,
    name: &CStr,
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::io::retry_on_intr(|| rustix::fs::openat(directory, name, flags, Mode::empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Disk, Placement, Storage as _, VirtualPath};
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    const LEFT: &str = ".mioftpd-0123456789abcdef.tmp";

    fn sweep(root: &Path) -> Swept {
        let mut sweep = Disk::open_root(root).unwrap().sweep();
        let mut steps = (0..100_000).filter_map(|_| sweep.step(3));
        steps.next().unwrap()
    }

    #[test]
    fn what_was_left_goes_wherever_it_is_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("root/a/b")).unwrap();
        fs::create_dir_all(at("root/many")).unwrap();
        fs::create_dir(at("outside")).unwrap();
        for folder in ["root", "root/a", "root/a/b", "outside"] {
            fs::write(at(folder).join(LEFT), "half").unwrap();
            fs::write(at(folder).join("file"), "whole").unwrap();
        }
        for number in 0..20 {
            fs::write(at(&format!("root/many/.mioftpd-{number:016x}.tmp")), "").unwrap();
        }
        fs::write(at("root/.mioftpd-notes.tmp"), "mine").unwrap();
        symlink("../outside", at("root/link")).unwrap();
        symlink("../file", at("root/a/b/.mioftpd-fedcba9876543210.tmp")).unwrap();
        fs::create_dir(at("root/many").join(LEFT)).unwrap();

        let swept = sweep(&at("root"));
        let expected = Swept {
            removed: 23,
            kept: 0,
            passed_over: 0,
        };
        assert_eq!(swept, expected);
        assert!(at("outside").join(LEFT).exists());
        assert!(at("root/many").join(LEFT).is_dir());
        assert!(at("root/.mioftpd-notes.tmp").exists());
        for folder in ["root", "root/a", "root/a/b"] {
            assert!(!at(folder).join(LEFT).exists());
            assert_eq!(fs::read(at(folder).join("file")).unwrap(), b"whole");
        }
        assert_eq!(sweep(&at("root")), Swept::default());
    }

    #[test]
    fn an_upload_of_another_server_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let other = Disk::open_root(directory.path()).unwrap();
        let path = VirtualPath::root().join(b"file").unwrap();
        let mut upload = other.create(&path, Placement::Replace, None).unwrap();
        upload.file.write_at(b"half", 0).unwrap();
        let kept = Swept {
            kept: 1,
            ..Swept::default()
        };
        assert_eq!(sweep(directory.path()), kept);
        upload.file.write_at(b" and half", 4).unwrap();
        upload.file.commit().unwrap();
        drop(upload);
        let file = fs::read(directory.path().join("file")).unwrap();
        assert_eq!(file, b"half and half");
        assert_eq!(sweep(directory.path()), Swept::default());
    }

    #[test]
    fn it_goes_so_deep_and_no_deeper() {
        let directory = tempfile::tempdir().unwrap();
        let mut here = directory.path().to_owned();
        let mut left = Vec::new();
        for _ in 0..=SWEEP_DEPTH {
            left.push(here.join(LEFT));
            fs::write(here.join(LEFT), "").unwrap();
            here.push("d");
            fs::create_dir(&here).unwrap();
        }
        let swept = sweep(directory.path());
        assert_eq!((swept.removed, swept.passed_over), (SWEEP_DEPTH as u64, 1));
        assert_eq!(left.iter().filter(|path| path.exists()).count(), 1);
    }
}
