//! A storage with a quota: another one, of which every byte and file is counted.
//!
//! It asks before anything grows, and looks at what goes when it goes; the other storage does the work.
//! What is charged for what, and what may be there, [`Usage`] knows. An upload may be as long as what
//! it replaces and what is left together, and the old file is untouched where it is longer. Where a
//! count of the tree is under way that may find room, nothing is refused for good: the answer is
//! [`Error::NotCounted`] until the count is over.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use super::usage::{NamespaceLock, Reservation};
use super::{
    Answer, Counter, Directory, Entry, Error, File, Kind, Metadata, Operation, Placement, Quota,
    Result, Standing, Storage, Umask, Upload, Usage, VirtualPath, Wait,
};

/// A storage with a quota. Clones share it.
#[derive(Clone)]
pub struct Metered {
    inner: Arc<dyn Storage>,
    usage: Arc<Usage>,
    limit: Limit,
}

/// How much may be there.
#[derive(Clone)]
struct Limit {
    quota: Quota,
    /// Is asked before something is refused.
    counter: Option<Arc<Counter>>,
}

impl Limit {
    /// Asks for something that may be too much.
    fn ask<T>(&self, ask: impl Fn(Quota) -> Result<T>) -> Result<T> {
        let (refused, counter) = match (ask(self.quota), &self.counter) {
            (Err(error @ (Error::QuotaExceeded | Error::NotCounted)), Some(counter)) => {
                (error, counter)
            }
            (asked, _) => return asked,
        };
        if counter.may_find_room() {
            return Err(Error::NotCounted);
        }
        // A count may have ended since.
        ask(self.quota).map_err(|_| refused)
    }

    /// As [`ask`](Self::ask), where it cannot be asked again later.
    fn ask_once<T>(&self, ask: impl Fn(Quota) -> Result<T>) -> Result<T> {
        let asked = self.ask(ask);
        asked.map_err(|error| match error {
            Error::NotCounted => Error::QuotaExceeded,
            error => error,
        })
    }
}

impl Metered {
    /// Counts in `usage`, which others may do too, and holds to a quota of its own.
    pub const fn new(inner: Arc<dyn Storage>, usage: Arc<Usage>, quota: Quota) -> Self {
        let limit = Limit {
            quota,
            counter: None,
        };
        Self {
            inner,
            usage,
            limit,
        }
    }

    /// As [`new`](Self::new), and before it refuses something it has the files counted again.
    pub fn recounting(inner: Arc<dyn Storage>, counter: Arc<Counter>, quota: Quota) -> Self {
        let mut metered = Self::new(inner, Arc::clone(counter.usage()), quota);
        metered.limit.counter = Some(counter);
        metered
    }

    /// What an upload to this path is about; links are followed, as it follows them.
    fn target(&self, path: &VirtualPath) -> Result<Option<Metadata>> {
        let question = Operation::Metadata(path.clone());
        match self.inner.perform(&question, Wait::Allowed) {
            Ok(Answer::Metadata(metadata)) => Ok(Some(metadata)),
            Ok(_) | Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The file that is gone when this name is: a link has no size of its own.
    fn file(&self, path: &VirtualPath) -> Result<Option<Metadata>> {
        match self.inner.entry(path) {
            Ok(entry) => Ok(Some(entry.metadata).filter(|found| found.kind == Kind::File)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Has something done by which a name's file goes, another taking its place or none. Of two links
    /// to one file none takes the other's place. Where it has failed it is seen whether it has: what
    /// could not be synced is done all the same.
    fn lose(
        &self,
        path: &VirtualPath,
        other: Option<&VirtualPath>,
        operation: &Operation,
    ) -> Result<Answer> {
        let names = self.usage.names();
        let before = self.file(path)?;
        names.moves(|| self.inner.entry(other.unwrap_or(path)));
        let other = match other {
            Some(other) if before.is_some() => self.file(other)?,
            _ => None,
        };
        let answer = self.inner.perform(operation, Wait::Allowed);
        if let Some(before) = before {
            let is_before = |found: Metadata| found.unique == before.unique;
            let stays = match &answer {
                Ok(_) => other.is_some_and(is_before),
                Err(_) => match self.file(path) {
                    Ok(after) => after.is_some_and(is_before),
                    Err(_) => true,
                },
            };
            if !stays {
                names.gone(&before);
            }
        }
        answer
    }

    fn in_place(
        &self,
        path: &VirtualPath,
        placement: Placement,
        create: impl FnOnce() -> Result<Upload>,
    ) -> Result<Upload> {
        let names = self.usage.names();
        if placement == Placement::Append && self.target(path)?.is_none() {
            return self.make(&names, path, create);
        }
        let upload = create()?;
        let metadata = upload.file.metadata()?;
        let share = self.limit.ask(|quota| names.opened(quota, &metadata))?;
        Ok(self.metered(upload, share))
    }

    fn make(
        &self,
        names: &NamespaceLock<'_>,
        path: &VirtualPath,
        create: impl FnOnce() -> Result<Upload>,
    ) -> Result<Upload> {
        let share = self.limit.ask(|quota| self.usage.begin(quota, None))?;
        let created = create();
        // What cannot be opened then may have been made all the same.
        let made = match &created {
            Ok(upload) => upload.file.metadata().map(Some),
            Err(_) => self.target(path),
        };
        if let Ok(Some(made)) = made {
            names.placed(&share, &made);
        }
        Ok(self.metered(created?, share))
    }

    /// How many bytes are left; `wanted` may be too many.
    fn left(&self, wanted: u64) -> Result<u64> {
        let left = |quota| self.usage.left(quota);
        let asked = self.limit.ask(|quota| match left(quota)? {
            left if left < wanted => Err(Error::QuotaExceeded),
            left => Ok(left),
        });
        match asked {
            Err(Error::QuotaExceeded) => left(self.limit.quota),
            asked => asked,
        }
    }

    fn metered(&self, upload: Upload, share: Reservation) -> Upload {
        Upload {
            file: Box::new(MeteredFile {
                inner: upload.file,
                share,
                limit: self.limit.clone(),
            }),
            ..upload
        }
    }
}

impl Storage for Metered {
    fn perform(&self, operation: &Operation, wait: Wait) -> Result<Answer> {
        match (operation, wait) {
            (Operation::RemoveFile(path), Wait::Allowed) => self.lose(path, None, operation),
            (Operation::Rename { from, to, .. }, Wait::Allowed) if from != to => {
                self.lose(to, Some(from), operation)
            }
            (Operation::Space { wanted, .. }, _) => match self.inner.perform(operation, wait)? {
                Answer::Size(space) => self.left(*wanted).map(|left| Answer::Size(space.min(left))),
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
        let create = || self.inner.create(path, placement, umask);
        let instead = match placement {
            Placement::Append | Placement::AppendExisting | Placement::At(_) => {
                return self.in_place(path, placement, create);
            }
            Placement::Unique => None,
            Placement::Replace | Placement::New | Placement::Over => self.target(path)?,
        };
        let begin = |quota| self.usage.begin(quota, instead.as_ref());
        let mut share = self.limit.ask(begin)?;
        let upload = create()?;
        if upload.in_place.is_some() {
            drop(share);
            let names = self.usage.names();
            let metadata = upload.file.metadata()?;
            share = self.limit.ask(|quota| names.opened(quota, &metadata))?;
        }
        Ok(self.metered(upload, share))
    }

    fn list(&self, path: &VirtualPath) -> Result<Box<dyn Directory>> {
        self.inner.list(path)
    }

    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        self.inner.entry(path)
    }
}

/// A file of which every byte is charged before it is written.
struct MeteredFile {
    inner: Box<dyn File>,
    /// Dropped when the file is closed, and what was temporary is removed.
    share: Reservation,
    limit: Limit,
}

impl MeteredFile {
    fn commit_by(&mut self, commit: impl FnOnce(&mut dyn File) -> Result<()>) -> Result<()> {
        let names = self.share.names();
        let Standing::Beside(replaced) = self.inner.standing()? else {
            drop(names);
            return commit(self.inner.as_mut());
        };
        let metadata = self.inner.metadata()?;
        let confirm = |quota| names.confirm(&self.share, quota, replaced.as_ref());
        self.limit.ask_once(confirm)?;
        let committed = commit(self.inner.as_mut());
        // What could not be synced has its place all the same.
        if committed.is_ok() || self.inner.standing() == Ok(Standing::InPlace) {
            if let Some(replaced) = replaced {
                names.gone(&replaced);
            }
            names.placed(&self.share, &metadata);
        }
        committed
    }
}

impl File for MeteredFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64, wait: Wait) -> Result<usize> {
        self.inner.read_at(buffer, offset, wait)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let end = offset.saturating_add(bytes.len() as u64);
        self.limit.ask(|quota| self.share.grow(quota, end))?;
        self.inner.write_at(bytes, offset)
    }

    fn room(&self, offset: u64) -> u64 {
        self.share.room(self.limit.quota, offset)
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
        // Nobody should have to wait for names as long as that takes.
        self.inner.prepare()?;
        self.commit_by(|file| file.commit())
    }

    fn replace_nothing(&mut self) -> Result<()> {
        self.inner.replace_nothing()
    }

    fn commit_first(&mut self, size: u64) -> Result<()> {
        self.commit_by(|file| file.commit_first(size))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inner.descriptor()
    }
}

impl Drop for MeteredFile {
    /// What it is charged for becomes what it is, with nobody opening it in between.
    fn drop(&mut self) {
        let names = self.share.names();
        if let Ok(metadata) = self.inner.metadata() {
            names.settle(&self.share, &metadata);
        }
    }
}
