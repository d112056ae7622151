//! RNTO (RFC 959 §4.1.3): a rename that replaces a file only if it may, and a directory never.
//!
//! It syncs what the durability and the file system require, and gives a name another letter case where the
//! file system takes both for one. Names are relative to descriptors of directories; it resolves no path.

use rustix::fs::{OFlags, RenameFlags};
use rustix::io::Errno;

use super::file_system::{FileSystem, Steps};
use super::lookup::Root;
use super::parent::{Parent, sync_or_all};
use super::refuse_reserved;
use super::statx::stat_at;
use super::upload::refuse_new_reserved;
use crate::storage::{Durability, Error, Kind, Result, VirtualPath, existing};

/// Appended to a new name until the old one is gone.
const BETWEEN: &[u8] = b".renaming";

/// Renames the first path to the second.
pub(super) fn rename(
    root: &Root,
    (from, to): (&VirtualPath, &VirtualPath),
    replace: bool,
    durability: Durability,
) -> Result<()> {
    refuse_reserved(from)?;
    refuse_new_reserved(to)?;
    let changes_parent = from.parent() != to.parent();
    let open = |path| Parent::of(root, path, durability)?.ok_or(Error::Forbidden);
    let (from, to) = (Name::new(open(from)?), Name::new(open(to)?));
    let steps = steps(&to, durability)?;
    if steps.before {
        from.sync()?;
    }
    match from.rename_if_absent(to.name, &to.parent) {
        // The target exists, or the file system does not support the flag.
        Err(Errno::EXIST | Errno::INVAL | Errno::NOSYS) if !changes_parent && from.is(&to)? => {
            from.change_case(&to)?;
        }
        Err(Errno::EXIST | Errno::INVAL | Errno::NOSYS) => from.replace(&to, replace)?,
        renamed => renamed.map_err(refusal)?,
    }
    if steps.after {
        to.sync()?;
    }
    // The new name first: a crash between the two leaves both names rather than none.
    to.sync_parent(steps)?;
    if changes_parent {
        from.sync_parent(steps)?;
    }
    Ok(())
}

/// What to sync around the rename, beside the names that the durability says.
fn steps(to: &Name<'_>, durability: Durability) -> Result<Steps> {
    Ok(match FileSystem::of(&to.parent) {
        FileSystem::Ordered | FileSystem::Fuse => Steps::default(),
        FileSystem::Delayed => FileSystem::Delayed.steps(durability, to.kind()?.is_some()),
        FileSystem::Fat => FileSystem::Fat.steps(durability, true),
    })
}

fn refusal(errno: Errno) -> Error {
    match errno {
        // A directory cannot replace a file, nor a file a directory.
        Errno::NOTDIR | Errno::ISDIR | Errno::NOTEMPTY => Error::Exists,
        // Across file systems.
        Errno::XDEV => Error::Forbidden,
        errno => errno.into(),
    }
}

/// A name in a directory.
struct Name<'a> {
    parent: Parent,
    name: &'a [u8],
}

impl<'a> Name<'a> {
    fn new((parent, name): (Parent, &'a [u8])) -> Self {
        Self { parent, name }
    }

    fn kind(&self) -> Result<Option<Kind>> {
        let found = existing(stat_at(&self.parent, self.name))?;
        Ok(found.map(|(found, _)| found.kind))
    }

    /// Whether the other name finds this very entry, as where letter case makes no difference: no other
    /// hard link of the file.
    fn is(&self, other: &Self) -> Result<bool> {
        if self.name == other.name {
            return Ok(false);
        }
        let (own, _) = stat_at(&self.parent, self.name)?;
        let is_single = own.kind == Kind::Directory || own.links == 1;
        let found = existing(stat_at(&other.parent, other.name))?;
        Ok(is_single && found.is_some_and(|(found, _)| found.unique == own.unique))
    }

    /// Whether both names are hard links of one file: rename(2) then does nothing and succeeds. One entry,
    /// also by two paths, is no link of itself.
    fn is_link_of(&self, other: &Self) -> Result<bool> {
        let (own, _) = stat_at(&self.parent, self.name)?;
        let (found, _) = stat_at(&other.parent, other.name)?;
        if own.links == 1 || own.unique != found.unique {
            return Ok(false);
        }
        let directory = |parent: &Parent| Ok::<_, Error>(stat_at(parent, b"")?.0.unique);
        Ok(self.name != other.name || directory(&self.parent)? != directory(&other.parent)?)
    }

    /// Fails if the new name exists, or with `INVAL` or `NOSYS` if the file system or the kernel cannot
    /// check that.
    fn rename_if_absent(&self, to: &[u8], to_parent: &Parent) -> rustix::io::Result<()> {
        let flags = RenameFlags::NOREPLACE;
        rustix::fs::renameat_with(&self.parent, self.name, to_parent, to, flags)
    }

    /// Renames, and replaces a file if that is allowed. Where `RENAME_NOREPLACE` is missing, the check races
    /// with other processes (TOCTOU).
    fn replace(&self, to: &Self, may_replace: bool) -> Result<()> {
        match to.kind()? {
            Some(Kind::Directory) => return Err(Error::Exists),
            Some(_) if !may_replace => return Err(Error::Forbidden),
            Some(_) if self.is_link_of(to)? => return Err(Error::Exists),
            _ => {}
        }
        let renamed = rustix::fs::renameat(&self.parent, self.name, &to.parent, to.name);
        renamed.map_err(refusal)
    }

    /// By a third name: rename(2) does nothing where both names are one. A crash in between leaves the third.
    fn change_case(&self, to: &Self) -> Result<()> {
        let (parent, third) = (&self.parent, [to.name, BETWEEN].concat());
        match self.rename_if_absent(&third, parent) {
            Err(Errno::INVAL | Errno::NOSYS) => {
                if existing(stat_at(parent, &third))?.is_some() {
                    return Err(Error::Exists);
                }
                rustix::fs::renameat(parent, self.name, parent, &third)?;
            }
            renamed => renamed?,
        }
        let renamed = rustix::fs::renameat(parent, &third, parent, to.name);
        if renamed.is_err() {
            // Best effort: the file is visible by either name.
            let _ = rustix::fs::renameat(parent, &third, parent, self.name);
        }
        Ok(renamed?)
    }

    fn sync(&self) -> Result<()> {
        match self.kind()? {
            // Opening a device may have effects.
            Some(Kind::File | Kind::Directory) => {
                sync_or_all(&self.parent, self.name, OFlags::empty())
            }
            _ => Ok(()),
        }
    }

    fn sync_parent(&self, steps: Steps) -> Result<()> {
        if steps.names {
            self.parent.sync_always()
        } else {
            self.parent.sync()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn name<'a>(root: &Root, name: &'a [u8]) -> Name<'a> {
        let parent = Parent::open(root, b".", Durability::None).unwrap();
        Name::new((parent, name))
    }

    /// Without a file system that ignores the case: the steps alone.
    #[test]
    fn case_changes_by_a_third_name_that_is_free() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path(), None).unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("file"), "1").unwrap();
        assert_eq!(
            name(&root, b"file").change_case(&name(&root, b"FILE")),
            Ok(())
        );
        assert_eq!(fs::read(path("FILE")).unwrap(), b"1");
        fs::write(path("file.renaming"), "2").unwrap();
        let taken = name(&root, b"FILE").change_case(&name(&root, b"file"));
        assert_eq!(taken, Err(Error::Exists));
        assert_eq!(fs::read(path("FILE")).unwrap(), b"1");
        assert_eq!(fs::read(path("file.renaming")).unwrap(), b"2");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn hard_links_are_not_one_name() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path(), None).unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("file"), "").unwrap();
        fs::hard_link(path("file"), path("FILE")).unwrap();
        fs::write(path("other"), "").unwrap();
        for (one, other) in [("file", "FILE"), ("other", "other"), ("other", "absent")] {
            let (one, other) = (name(&root, one.as_bytes()), name(&root, other.as_bytes()));
            assert_eq!(one.is(&other), Ok(false));
        }
    }
}
