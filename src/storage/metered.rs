//! A storage with a quota: another one, of which every byte and file is counted.
//!
//! It asks before anything grows and notes what goes; the other storage does the work. What may be
//! there, and is, [`Usage`] knows. A replacement is measured without the file that it replaces,
//! and that one is untouched where there is no room.

use std::cell::Cell;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use super::usage::Amount;
use super::{
    Answer, Directory, Entry, Error, File, Kind, Metadata, Operation, Placement, Quota, Result,
    Standing, Storage, Umask, Upload, Usage, VirtualPath, Wait,
};

const ONE_FILE: Amount = Amount { bytes: 0, files: 1 };

/// A storage with a quota. Clones share it.
#[derive(Clone)]
pub struct Metered {
    inner: Arc<dyn Storage>,
    usage: Arc<Usage>,
    quota: Quota,
}

impl Metered {
    /// Counts in `usage`, which others may do too, and holds to a quota of its own.
    pub const fn new(inner: Arc<dyn Storage>, usage: Arc<Usage>, quota: Quota) -> Self {
        Self {
            inner,
            usage,
            quota,
        }
    }

    /// What an upload to this path replaces; links are followed, as it follows them.
    fn size(&self, path: &VirtualPath) -> Result<Option<u64>> {
        let question = Operation::Metadata(path.clone());
        match self.inner.perform(&question, Wait::Allowed) {
            Ok(Answer::Metadata(metadata)) => Ok(Some(metadata.size)),
            Ok(_) | Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is gone when this name is: a link has no size of its own.
    fn amount(&self, path: &VirtualPath) -> Amount {
        match self.inner.entry(path) {
            Ok(entry) if entry.metadata.kind == Kind::File => Amount {
                bytes: entry.metadata.size,
                files: 1,
            },
            _ => Amount::default(),
        }
    }

    /// Has something done by which a name's file goes.
    fn lose(&self, path: &VirtualPath, operation: &Operation) -> Result<Answer> {
        let lost = self.amount(path);
        let answer = self.inner.perform(operation, Wait::Allowed)?;
        self.usage.give(lost);
        Ok(answer)
    }
}

impl Storage for Metered {
    fn perform(&self, operation: &Operation, wait: Wait) -> Result<Answer> {
        match (operation, wait) {
            (Operation::RemoveFile(path), Wait::Allowed) => self.lose(path, operation),
            (Operation::Rename { from, to, .. }, Wait::Allowed) if from != to => {
                self.lose(to, operation)
            }
            (Operation::Space(_), _) => match self.inner.perform(operation, wait)? {
                Answer::Size(space) => Ok(Answer::Size(space.min(self.usage.left(self.quota)))),
                answer => Ok(answer),
            },
            _ => self.inner.perform(operation, wait),
        }
    }

    fn open(&self, path: &VirtualPath, wait: Wait) -> Result<(Box<dyn File>, Metadata)> {
        self.inner.open(path, wait)
    }

    fn create(
        &self,
        path: &VirtualPath,
        placement: Placement,
        umask: Option<Umask>,
    ) -> Result<Upload> {
        let existing = match placement {
            Placement::Unique => None,
            _ => self.size(path)?,
        };
        let taken = if existing.is_none() {
            ONE_FILE
        } else {
            Amount::default()
        };
        self.usage.take(self.quota, taken, 0)?;
        let upload = match self.inner.create(path, placement, umask) {
            Ok(upload) => upload,
            Err(error) => {
                self.usage.give(taken);
                return Err(error);
            }
        };
        let is_in_place = matches!(
            placement,
            Placement::Append | Placement::AppendExisting | Placement::At(_)
        );
        let fate = match placement {
            _ if is_in_place => Fate::InPlace,
            Placement::Unique => Fate::Unique,
            _ => Fate::Replaces,
        };
        let before = existing.unwrap_or(0);
        Ok(Upload {
            file: Box::new(MeteredFile {
                inner: upload.file,
                storage: self.clone(),
                path: upload.path.clone(),
                end: Cell::new(if is_in_place { before } else { 0 }),
                freed: if is_in_place { 0 } else { before },
                taken: Cell::new(taken),
                fate,
            }),
            ..upload
        })
    }

    fn list(&self, path: &VirtualPath) -> Result<Box<dyn Directory>> {
        self.inner.list(path)
    }

    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        self.inner.entry(path)
    }
}

/// What becomes of a file that is written, and so of what was taken for it.
///
/// ```text
///   Replaces, Unique ──commit──▶ InPlace: it stays taken
///        └── dropped: it is given back
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// What is written is there.
    InPlace,
    /// It will take the place of what has its name then.
    Replaces,
    /// It will take the place of nothing.
    Unique,
}

struct MeteredFile {
    inner: Box<dyn File>,
    storage: Metered,
    path: VirtualPath,
    /// Up to where it is taken.
    end: Cell<u64>,
    /// What goes when it is in its place.
    freed: u64,
    taken: Cell<Amount>,
    fate: Fate,
}

impl MeteredFile {
    /// It is in its place; what had its name until then is gone.
    fn settle(&mut self, replaced: Option<u64>) {
        let usage = &self.storage.usage;
        let taken = self.taken.get();
        match replaced {
            // Another has made it meanwhile.
            Some(bytes) => usage.give(Amount {
                bytes,
                files: taken.files,
            }),
            // Another has removed it meanwhile.
            None if taken.files == 0 => {
                let _ = usage.take(Quota::default(), ONE_FILE, 0);
            }
            None => {}
        }
        self.fate = Fate::InPlace;
    }

    fn commit_by(&mut self, commit: impl FnOnce(&mut dyn File) -> Result<()>) -> Result<()> {
        let replaced = match self.fate {
            Fate::InPlace => return commit(self.inner.as_mut()),
            Fate::Unique => None,
            Fate::Replaces => self.storage.size(&self.path)?,
        };
        commit(self.inner.as_mut())?;
        self.settle(replaced);
        Ok(())
    }
}

impl File for MeteredFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64, wait: Wait) -> Result<usize> {
        self.inner.read_at(buffer, offset, wait)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let end = offset.saturating_add(bytes.len() as u64);
        let growth = end.saturating_sub(self.end.get());
        if growth > 0 {
            let (usage, quota) = (&self.storage.usage, self.storage.quota);
            let more = Amount {
                bytes: growth,
                files: 0,
            };
            usage.take(quota, more, self.freed)?;
            let mut taken = self.taken.get();
            taken.bytes += growth;
            self.taken.set(taken);
            self.end.set(end);
        }
        self.inner.write_at(bytes, offset)
    }

    fn metadata(&self) -> Result<Metadata> {
        self.inner.metadata()
    }

    fn standing(&self) -> Result<Standing> {
        self.inner.standing()
    }

    fn prepare(&mut self) -> Result<()> {
        self.inner.prepare()
    }

    fn commit(&mut self) -> Result<()> {
        self.commit_by(|file| file.commit())
    }

    fn commit_first(&mut self, size: u64) -> Result<()> {
        let mut taken = self.taken.get();
        if self.fate != Fate::InPlace && taken.bytes > size {
            let bytes = taken.bytes - size;
            self.storage.usage.give(Amount { bytes, files: 0 });
            taken.bytes = size;
            self.taken.set(taken);
        }
        self.commit_by(|file| file.commit_first(size))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inner.descriptor()
    }
}

impl Drop for MeteredFile {
    fn drop(&mut self) {
        if self.fate != Fate::InPlace {
            self.storage.usage.give(self.taken.get());
        }
    }
}
