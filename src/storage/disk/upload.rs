//! Opening a file for writing: as a temporary file, at its end, from an offset, or under a unique name
//! (STOR, APPE, REST and STOU, RFC 959 §4.1.3).
//!
//! It decides which file an upload writes. To replace a file it follows links itself, so that a link
//! stays a link; a file that cannot be replaced is written in place. It knows neither how paths are
//! resolved ([`lookup`](super::lookup)) nor the temporary names ([`temporary`](super::temporary)).

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Access, AtFlags, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::file::{DiskUpload, PriorContents, SyncState, UploadState};
use super::in_place::{is_fixed, rename_obstacle};
use super::lookup::{Root, split};
use super::parent::Parent;
use super::statx::stat_at;
use super::temporary::{Replacement, TargetCondition, lock};
use super::temporary_name::is_reserved;
use super::{HARMLESS, refuse_reserved, space};
use crate::storage::{
    Durability, Error, InPlace, Kind, Placement, Policy, ReplaceFiles, Result, Umask, Upload,
    VirtualPath, Wait, existing,
};

/// The longest chain of links to the file that an upload replaces.
const MAX_LINKS: usize = 16;

/// What is to be opened for writing.
pub(super) struct UploadRequest<'a> {
    pub(super) root: &'a Root,
    pub(super) policy: Policy,
    pub(super) path: &'a VirtualPath,
    pub(super) umask: Option<Umask>,
}

impl UploadRequest<'_> {
    /// Opens the path.
    pub(super) fn create(&self, placement: Placement) -> Result<Upload> {
        refuse_new_reserved(self.path)?;
        if self.path.is_root() {
            return Err(Error::IsDirectory);
        }
        let existing = || self.open(OFlags::empty());
        match placement {
            Placement::Replace => self.replace(TargetCondition::Any),
            Placement::New => self.replace(TargetCondition::Absent),
            Placement::Over => self.replace(TargetCondition::Present),
            Placement::Unique => self.unique(),
            Placement::Append => self.append(),
            Placement::AppendExisting => self.in_place(existing()?, None, PriorContents::Kept),
            Placement::At(offset) => self.in_place(existing()?, Some(offset), PriorContents::Kept),
        }
    }

    fn replace(&self, condition: TargetCondition) -> Result<Upload> {
        let target = self.target()?;
        match (condition, target.mode) {
            (TargetCondition::Absent, Some(_)) => return Err(Error::Exists),
            (TargetCondition::Present, None) => return Err(Error::NotFound),
            _ => {}
        }
        let configured = self.policy.replace == ReplaceFiles::InPlace && target.mode.is_some();
        let configured = configured.then_some(InPlace::Configured);
        if let Some(why) = target.obstacle.or(configured) {
            return self.overwrite(&target, why);
        }
        self.refuse_full(&target.directory)?;
        match Replacement::create(target.directory, target.name, condition) {
            // The directory is not writable, but the file itself may be.
            Err(Error::Denied | Error::ReadOnly) if target.mode.is_some() => {
                self.overwrite(&self.target()?, InPlace::Directory)
            }
            created => self.pending(created?, target.mode, self.path.clone()),
        }
    }

    /// Opens a file that cannot be replaced, to be truncated at the first write.
    fn overwrite(&self, target: &Target, why: InPlace) -> Result<Upload> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | HARMLESS;
        let (directory, name) = (&target.directory, &*target.name);
        let open = || rustix::fs::openat(directory, name, flags, Mode::empty());
        let prior = |_| PriorContents::truncate_on_write();
        let upload = self.in_place(retry_on_intr(open)?, Some(0), prior)?;
        let in_place = Some(why);
        Ok(Upload { in_place, ..upload })
    }

    fn unique(&self) -> Result<Upload> {
        let parent = self.path.parent();
        let directory = Parent::open(self.root, parent.from_root(), self.policy.durability)?;
        self.refuse_full(&directory)?;
        let (descriptor, replacement) = Replacement::create_unique(directory, self.path.name())?;
        let Ok(path) = parent.join(replacement.target()) else {
            replacement.discard();
            return Err(Error::BadName);
        };
        self.pending((descriptor, replacement), None, path)
    }

    fn append(&self) -> Result<Upload> {
        match self.open(OFlags::empty()) {
            Err(Error::NotFound) => {
                // Check the free space before creating even an empty file.
                self.refuse_full(self.root.directory(self.path.parent().from_root())?)?;
                let descriptor = self.open(OFlags::CREATE)?;
                if let Some(mode) = self.new_mode() {
                    rustix::fs::fchmod(&descriptor, mode)?;
                }
                self.in_place(descriptor, None, |_| PriorContents::Created)
            }
            existing => self.in_place(existing?, None, PriorContents::Kept),
        }
    }

    fn open(&self, flags: OFlags) -> Result<OwnedFd> {
        let flags = OFlags::WRONLY | HARMLESS | flags;
        self.root.find(self.path.from_root(), flags, Wait::Allowed)
    }

    fn target(&self) -> Result<Target> {
        Target::resolve(self.root, self.path, self.policy.durability)
    }

    fn new_mode(&self) -> Option<Mode> {
        let mode = |umask: Umask| Mode::from_raw_mode(umask.file_mode());
        self.umask.map(mode)
    }

    fn refuse_full(&self, file: impl AsFd) -> Result<()> {
        space::refuse_full(file.as_fd(), self.policy.free_space_floor)
    }

    /// An upload to a temporary file, with the `mode` of the file that it replaces.
    fn pending(
        &self,
        (descriptor, replacement): (OwnedFd, Replacement),
        mode: Option<Mode>,
        path: VirtualPath,
    ) -> Result<Upload> {
        let state = UploadState::Pending(replacement, SyncState::Unsynced);
        let file = DiskUpload::new(descriptor, state, self.policy);
        if let Some(mode) = mode.or_else(|| self.new_mode()) {
            file.set_mode(mode)?;
        }
        Ok(Upload {
            file: Box::new(file),
            offset: 0,
            path,
            in_place: None,
        })
    }

    /// An upload in place from an offset, or else at the end; `prior` takes the size of the file. Until the
    /// file is closed, no other upload may write it in place: each would get a 226 for a mixture.
    fn in_place(
        &self,
        descriptor: OwnedFd,
        offset: Option<u64>,
        prior: impl FnOnce(u64) -> PriorContents,
    ) -> Result<Upload> {
        // Any other error: a file system without locks.
        if lock(descriptor.as_fd()) == Ok(false) {
            return Err(Error::InUse);
        }
        let metadata = super::stat(&descriptor)?;
        // From here on its drop releases the lock.
        let state = UploadState::InPlace(prior(metadata.size));
        let file = Box::new(DiskUpload::new(descriptor, state, self.policy));
        if metadata.kind != Kind::File {
            return Err(Error::NotRegular);
        }
        let offset = offset.unwrap_or(metadata.size);
        if offset > metadata.size {
            return Err(Error::BeyondEnd);
        }
        self.refuse_full(file.descriptor())?;
        Ok(Upload {
            file,
            offset,
            path: self.path.clone(),
            in_place: None,
        })
    }
}

/// Refuses to create a file under a reserved name.
pub(super) fn refuse_new_reserved(path: &VirtualPath) -> Result<()> {
    if is_reserved(path.name()) {
        return Err(Error::Forbidden);
    }
    refuse_reserved(path)
}

/// The name that an upload will get, and the file that has it now.
struct Target {
    directory: Parent,
    name: Vec<u8>,
    /// The permission bits to keep; `None` if there is no file.
    mode: Option<Mode>,
    /// Why a rename cannot replace the file.
    obstacle: Option<InPlace>,
}

impl Target {
    fn resolve(root: &Root, path: &VirtualPath, durability: Durability) -> Result<Self> {
        let mut path = path.from_root().to_vec();
        for _ in 0..=MAX_LINKS {
            let (parent, name) = split(&path);
            if matches!(name, b"" | b"." | b"..") {
                return Err(Error::IsDirectory);
            }
            let directory = Parent::open(root, parent, durability)?;
            let (mode, obstacle) = match existing(stat_at(&directory, name))? {
                None => (None, None),
                Some((file, attributes)) => match file.kind {
                    Kind::File if is_fixed(attributes) => return Err(Error::Denied),
                    Kind::File => {
                        check_writable(&directory, name)?;
                        // Without the set-id bits, which were granted to the old contents.
                        let mode = Mode::from_raw_mode(file.mode & 0o777);
                        (Some(mode), rename_obstacle(&directory, &file, attributes)?)
                    }
                    Kind::Directory => return Err(Error::IsDirectory),
                    Kind::Link => {
                        path = follow(parent, &directory, name)?;
                        continue;
                    }
                    Kind::Other(_) => return Err(Error::NotRegular),
                },
            };
            let name = name.to_vec();
            return Ok(Self {
                directory,
                name,
                mode,
                obstacle,
            });
        }
        Err(Error::NotFound)
    }
}

/// The target of a link, as a path relative to the root. Its `..` are left to the lookup, because behind
/// another link the text alone does not determine the directory.
fn follow(parent: &[u8], directory: &Parent, name: &[u8]) -> Result<Vec<u8>> {
    let text = rustix::fs::readlinkat(directory, name, Vec::new())?;
    let text = text.as_bytes();
    if text.starts_with(b"/") {
        return Err(Error::NotFound);
    }
    Ok([parent, b"/", text].concat())
}

/// Refuses a write-protected file, as a rename over it checks only the directory.
fn check_writable(directory: &Parent, name: &[u8]) -> Result<()> {
    match rustix::fs::accessat(directory, name, Access::WRITE_OK, AtFlags::EACCESS) {
        // Linux before 5.8 has no check for the effective user.
        Ok(()) | Err(Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
