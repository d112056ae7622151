//! A storage with a quota: wraps another storage and charges its files and bytes to a [`TreeUsage`].
//!
//! It reserves before the inner storage writes, and examines files before their names are removed. An
//! upload may be as long as the file it replaces plus the remaining quota; the old file is untouched if
//! it is longer. While a count is in progress that may find free quota, it returns
//! [`Error::NotCounted`] instead of refusing. It does no arithmetic of its own.

use std::sync::Arc;

use super::usage::{NamespaceLock, Reservation};
use super::{Quota, TreeUsage, UsageCounter};
use crate::storage::{
    Answer, CommitState, Directory, Entry, Error, File, Kind, Metadata, Operation, Placement,
    Result, Storage, Umask, Upload, UploadFile, VirtualPath, Wait, existing,
};

/// A storage with a quota. Clones share the usage.
#[derive(Clone)]
pub struct QuotaStorage {
    inner: Arc<dyn Storage>,
    usage: Arc<TreeUsage>,
    check: QuotaCheck,
}

#[derive(Clone)]
struct QuotaCheck {
    quota: Quota,
    /// Recounts before a refusal.
    counter: Option<Arc<UsageCounter>>,
}

impl QuotaCheck {
    /// Tries a charge; [`Error::NotCounted`] if it should be retried after a count.
    fn charge<T>(&self, charge: impl Fn(Quota) -> Result<T>) -> Result<T> {
        let (refused, counter) = match (charge(self.quota), &self.counter) {
            (Err(error @ (Error::QuotaExceeded | Error::NotCounted)), Some(counter)) => {
                (error, counter)
            }
            (result, _) => return result,
        };
        if counter.recount_before_refusal() {
            return Err(Error::NotCounted);
        }
        // A count may have ended since.
        charge(self.quota).map_err(|_| refused)
    }
}

impl QuotaStorage {
    /// Charges `usage`, which may be shared, and enforces `quota`, which is this storage's own.
    pub const fn new(inner: Arc<dyn Storage>, usage: Arc<TreeUsage>, quota: Quota) -> Self {
        let check = QuotaCheck {
            quota,
            counter: None,
        };
        Self {
            inner,
            usage,
            check,
        }
    }

    /// As [`new`](Self::new), with a recount before each refusal.
    pub fn with_recounts(
        inner: Arc<dyn Storage>,
        counter: Arc<UsageCounter>,
        quota: Quota,
    ) -> Self {
        let mut metered = Self::new(inner, Arc::clone(counter.usage()), quota);
        metered.check.counter = Some(counter);
        metered
    }

    /// The file that an upload to this path replaces; links are followed.
    fn target(&self, path: &VirtualPath) -> Result<Option<Metadata>> {
        let operation = Operation::Metadata(path.clone());
        match existing(self.inner.perform(&operation, Wait::Allowed))? {
            Some(Answer::Metadata(metadata)) => Ok(Some(metadata)),
            _ => Ok(None),
        }
    }

    /// The file of this name; links are not followed, as they are not charged.
    fn file(&self, path: &VirtualPath) -> Result<Option<Metadata>> {
        let found = existing(self.inner.entry(path))?.map(|entry| entry.metadata);
        Ok(found.filter(|found| found.kind == Kind::File))
    }

    /// Performs an operation that removes the file at `path`, or replaces it by `source` (a rename). If
    /// both are links to one file, rename(2) removes neither. After an error it checks whether the file
    /// is gone: the operation may be done although its sync failed.
    fn remove_or_replace(
        &self,
        path: &VirtualPath,
        source: Option<&VirtualPath>,
        operation: &Operation,
    ) -> Result<Answer> {
        let namespace = self.usage.lock_namespace();
        let before = self.file(path)?;
        namespace.mark_moved(|| self.inner.entry(source.unwrap_or(path)));
        let source = match source {
            Some(source) if before.is_some() => self.file(source)?,
            _ => None,
        };
        let answer = self.inner.perform(operation, Wait::Allowed);
        if let Some(before) = before {
            let is_before = |found: Metadata| found.unique == before.unique;
            let stays = match &answer {
                Ok(_) => source.is_some_and(is_before),
                Err(_) => match self.file(path) {
                    Ok(after) => after.is_some_and(is_before),
                    Err(_) => true,
                },
            };
            if !stays {
                namespace.unlink(&before);
            }
        }
        answer
    }

    fn create_in_place(
        &self,
        path: &VirtualPath,
        placement: Placement,
        create: impl FnOnce() -> Result<Upload>,
    ) -> Result<Upload> {
        let namespace = self.usage.lock_namespace();
        if placement != Placement::Append || self.target(path)?.is_some() {
            let upload = create()?;
            let reservation = self.open_in_place(&namespace, &upload)?;
            return Ok(self.metered(upload, reservation));
        }
        let begin = |quota| self.usage.begin_upload(quota, None);
        let reservation = self.check.charge(begin)?;
        let created = create();
        // After an error the file may exist all the same, such as when its mode could not be set.
        let metadata = match &created {
            Ok(upload) => upload.file.metadata().map(Some),
            Err(_) => self.target(path),
        };
        if let Ok(Some(metadata)) = metadata {
            namespace.commit(&reservation, &metadata);
        }
        Ok(self.metered(created?, reservation))
    }

    fn open_in_place(&self, namespace: &NamespaceLock<'_>, upload: &Upload) -> Result<Reservation> {
        let metadata = upload.file.metadata()?;
        let open = |quota| namespace.open_in_place(quota, &metadata);
        self.check.charge(open)
    }

    /// The remaining bytes of the quota, recounted first if there are fewer than `wanted`.
    fn remaining_bytes(&self, wanted: u64) -> Result<u64> {
        let remaining = |quota| self.usage.remaining_bytes(quota);
        let result = self.check.charge(|quota| match remaining(quota)? {
            left if left < wanted => Err(Error::QuotaExceeded),
            left => Ok(left),
        });
        match result {
            Err(Error::QuotaExceeded) => remaining(self.check.quota),
            result => result,
        }
    }

    fn metered(&self, upload: Upload, reservation: Reservation) -> Upload {
        Upload {
            file: Box::new(QuotaFile {
                inner: upload.file,
                reservation,
                check: self.check.clone(),
            }),
            ..upload
        }
    }
}

impl Storage for QuotaStorage {
    fn perform(&self, operation: &Operation, wait: Wait) -> Result<Answer> {
        match (operation, wait) {
            (Operation::RemoveFile(path), Wait::Allowed) => {
                self.remove_or_replace(path, None, operation)
            }
            (Operation::Rename { from, to, .. }, Wait::Allowed) if from != to => {
                self.remove_or_replace(to, Some(from), operation)
            }
            (Operation::Space { wanted, .. }, _) => match self.inner.perform(operation, wait)? {
                Answer::Size(space) => {
                    let remaining = self.remaining_bytes(*wanted)?;
                    Ok(Answer::Size(space.min(remaining)))
                }
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
        let replaces = match placement {
            Placement::Append | Placement::AppendExisting | Placement::At(_) => {
                return self.create_in_place(path, placement, create);
            }
            Placement::Unique => None,
            Placement::Replace | Placement::New | Placement::Over => self.target(path)?,
        };
        let begin = |quota| self.usage.begin_upload(quota, replaces.as_ref());
        let mut reservation = self.check.charge(begin)?;
        let upload = create()?;
        if upload.in_place.is_some() {
            drop(reservation);
            reservation = self.open_in_place(&self.usage.lock_namespace(), &upload)?;
        }
        Ok(self.metered(upload, reservation))
    }

    fn list(&self, path: &VirtualPath) -> Result<Box<dyn Directory>> {
        self.inner.list(path)
    }

    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        self.inner.entry(path)
    }
}

/// A file whose bytes are reserved before they are written.
struct QuotaFile {
    inner: Box<dyn UploadFile>,
    /// Dropped after `inner`: released only when a temporary file is removed.
    reservation: Reservation,
    check: QuotaCheck,
}

impl QuotaFile {
    fn commit_by(&mut self, commit: impl FnOnce(&mut dyn UploadFile) -> Result<()>) -> Result<()> {
        let namespace = self.reservation.lock_namespace();
        let CommitState::Uncommitted(replaced) = self.inner.commit_state()? else {
            drop(namespace);
            return commit(self.inner.as_mut());
        };
        let metadata = self.inner.metadata()?;
        let recheck = |quota| namespace.recheck(&self.reservation, quota, replaced.as_ref());
        self.check.charge(recheck).map_err(|error| match error {
            // A commit cannot be retried.
            Error::NotCounted => Error::QuotaExceeded,
            error => error,
        })?;
        let committed = commit(self.inner.as_mut());
        // If only the sync of the name failed, the file is visible.
        if committed.is_ok() || self.inner.commit_state() == Ok(CommitState::InPlace) {
            if let Some(replaced) = replaced {
                namespace.unlink(&replaced);
            }
            namespace.commit(&self.reservation, &metadata);
        }
        committed
    }
}

impl UploadFile for QuotaFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let end = offset.saturating_add(bytes.len() as u64);
        let reserve = |quota| self.reservation.reserve(quota, end);
        self.check.charge(reserve)?;
        self.inner.write_at(bytes, offset)
    }

    fn room(&self, offset: u64) -> u64 {
        self.reservation.room(self.check.quota, offset)
    }

    fn metadata(&self) -> Result<Metadata> {
        self.inner.metadata()
    }

    fn commit_state(&self) -> Result<CommitState> {
        self.inner.commit_state()
    }

    fn prepare(&mut self) -> Result<()> {
        self.inner.prepare()
    }

    fn commit(&mut self) -> Result<()> {
        // The slow part comes first, as commit_by holds the namespace lock.
        self.inner.prepare()?;
        self.commit_by(|file| file.commit())
    }

    fn forbid_replace(&mut self) -> Result<()> {
        self.inner.forbid_replace()
    }

    fn commit_truncated(&mut self, size: u64) -> Result<()> {
        self.commit_by(|file| file.commit_truncated(size))
    }
}

impl Drop for QuotaFile {
    /// Replaces the reservation by the file's real size, under the namespace lock.
    fn drop(&mut self) {
        let namespace = self.reservation.lock_namespace();
        if let Ok(metadata) = self.inner.metadata() {
            namespace.settle(&self.reservation, &metadata);
        }
    }
}
