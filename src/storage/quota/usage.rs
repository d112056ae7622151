//! The usage of a tree: counted once by a walk, and kept up to date from then on.
//!
//! Bytes are reserved before they are written ([`Reservation`]) and changes of names are recorded under
//! the [`NamespaceLock`]; the [`ledger`](super::ledger) does the arithmetic. Changes made by other
//! programs are found by a recount, which the [`counter`](super::counter) schedules. Uploads go on during
//! a walk: its result is applied only to the inode classes that did not change
//! ([`tally`](super::tally)).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ledger::{Ledger, LedgerKey, Quota};
use super::tally::{Amount, FileId, InodeClasses, Tally};
use crate::limits::{COUNT_ATTEMPTS, COUNT_ENTRIES};
use crate::storage::{Entry, Error, Kind, Metadata, Result, Storage, VirtualPath};

/// The usage of a tree, shared by all accounts that write to it. The event loop takes neither mutex.
#[derive(Debug, Default)]
pub struct TreeUsage {
    /// Taken first; held across changes of names and their system calls.
    namespace: Mutex<()>,
    /// Held for arithmetic only.
    accounting: Mutex<Accounting>,
}

#[derive(Debug, Default)]
struct Accounting {
    /// The classes whose sums are known, and kept up to date.
    ///
    /// ```text
    ///   none ──walks of the first count──▶ all
    /// ```
    known: InodeClasses,
    /// The walk in progress.
    walk: Option<CountWalk>,
    ledger: Ledger,
}

/// The files for which the result of a walk is not used.
#[derive(Debug)]
struct CountWalk {
    /// The classes of files that have changed during the walk.
    changed: InodeClasses,
    /// The files that were open for writing in place when the walk began, sorted. The walk skips them,
    /// because the ledger knows their charge.
    skipped: Vec<FileId>,
}

impl CountWalk {
    /// Adds the charges of the skipped files to the result. Returns the classes in which it is inexact.
    fn finish(self, result: &mut WalkResult, ledger: &Ledger) -> InodeClasses {
        let mut inexact = self.changed.or(result.inexact);
        for id in self.skipped {
            match ledger.charge_of(id) {
                Some(amount) => result.tally.add(id, amount),
                None => inexact.insert(id),
            }
        }
        inexact
    }
}

impl TreeUsage {
    /// Whether the tree was never counted and no count is in progress.
    pub fn is_unknown(&self) -> bool {
        let accounting = self.accounting();
        !accounting.is_counted() && accounting.walk.is_none()
    }

    /// Counts the tree if it was never counted.
    pub fn count(&self, storage: &dyn Storage) -> Result<()> {
        if self.is_unknown() {
            self.recount(storage, &mut || Ok(()))?;
        }
        Ok(())
    }

    /// Walks the tree, unless a walk is in progress. Calls `pause` before each directory and every
    /// [`COUNT_ENTRIES`] entries; an error from it ends the walk. Until the first count is complete,
    /// nothing is granted to accounts with a quota; that count repeats the walk, up to
    /// [`COUNT_ATTEMPTS`] times, for the classes that changed during it.
    pub fn recount(
        &self,
        storage: &dyn Storage,
        pause: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        let mut skipped = self.begin_walk();
        for left in (0..COUNT_ATTEMPTS).rev() {
            let Some(ids) = skipped else {
                break;
            };
            skipped = self.end_walk(walk(storage, &ids, pause), left == 0)?;
        }
        Ok(())
    }

    /// Returns the files to skip, or `None` if a walk is in progress.
    fn begin_walk(&self) -> Option<Vec<FileId>> {
        let _namespace = lock(&self.namespace);
        let accounting = &mut *self.accounting();
        accounting.walk.is_none().then(|| accounting.begin_walk())
    }

    /// Applies the result of a walk. Returns the files to skip in the next walk, if one is needed. The
    /// last walk is applied even where it is inexact.
    fn end_walk(&self, result: Result<WalkResult>, is_last: bool) -> Result<Option<Vec<FileId>>> {
        let _namespace = lock(&self.namespace);
        let accounting = &mut *self.accounting();
        let Some(walk) = accounting.walk.take() else {
            return Ok(None);
        };
        let mut result = result?;
        let inexact = walk.finish(&mut result, &accounting.ledger);
        let unknown = inexact.without(accounting.known);
        if unknown.is_empty() || is_last {
            let except = inexact.without(unknown);
            accounting.ledger.apply_walk(&result.tally, except);
            accounting.known = InodeClasses::ALL;
            return Ok(None);
        }
        accounting.ledger.apply_walk(&result.tally, inexact);
        accounting.known = InodeClasses::ALL.without(unknown);
        Ok(Some(accounting.begin_walk()))
    }

    /// The remaining bytes of a quota.
    pub(super) fn remaining_bytes(&self, quota: Quota) -> Result<u64> {
        let accounting = self.accounting();
        accounting.check_counted(quota)?;
        let used = accounting.ledger.charged().bytes;
        let left = |limit: u64| limit.saturating_sub(used);
        Ok(quota.bytes.map_or(u64::MAX, left))
    }

    /// Reserves an empty upload that will replace the given file.
    pub(super) fn begin_upload(
        self: &Arc<Self>,
        quota: Quota,
        replaces: Option<&Metadata>,
    ) -> Result<Reservation> {
        let mut accounting = self.accounting();
        accounting.check_counted(quota)?;
        let key = accounting.ledger.begin_upload(quota, replaces)?;
        drop(accounting);
        Ok(self.reservation(key))
    }

    /// Blocks until no other thread changes names.
    pub(super) fn lock_namespace(self: &Arc<Self>) -> NamespaceLock<'_> {
        NamespaceLock {
            usage: self,
            _guard: lock(&self.namespace),
        }
    }

    fn reservation(self: &Arc<Self>, key: LedgerKey) -> Reservation {
        let usage = Arc::clone(self);
        Reservation { usage, key }
    }

    fn accounting(&self) -> MutexGuard<'_, Accounting> {
        lock(&self.accounting)
    }
}

impl Accounting {
    fn is_counted(&self) -> bool {
        self.known == InodeClasses::ALL
    }

    fn check_counted(&self, quota: Quota) -> Result<()> {
        if quota.is_limited() && !self.is_counted() {
            return Err(Error::NotCounted);
        }
        Ok(())
    }

    /// Returns the files that the walk skips.
    fn begin_walk(&mut self) -> Vec<FileId> {
        let skipped = self.ledger.visible_open_files();
        self.walk = Some(CountWalk {
            changed: InodeClasses::NONE,
            skipped: skipped.clone(),
        });
        skipped
    }

    /// The changed classes of the walk in progress.
    fn changed(&mut self) -> Option<&mut InodeClasses> {
        self.walk.as_mut().map(|walk| &mut walk.changed)
    }

    /// Marks a file as changed during the walk, which may have seen it or not.
    fn mark_changed(&mut self, metadata: &Metadata) {
        if let Some(changed) = self.changed() {
            changed.insert(metadata.unique);
        }
    }
}

/// The charge for one writer of an open file; released on drop.
pub(super) struct Reservation {
    usage: Arc<TreeUsage>,
    key: LedgerKey,
}

impl Reservation {
    /// The bytes that may be written from `offset`.
    pub(super) fn room(&self, quota: Quota, offset: u64) -> u64 {
        let Some(limit) = quota.bytes else {
            return u64::MAX;
        };
        let accounting = self.usage.accounting();
        let max_size = accounting.ledger.max_size(self.key, limit);
        max_size.saturating_sub(offset)
    }

    /// Reserves the bytes up to `end`.
    pub(super) fn reserve(&self, quota: Quota, end: u64) -> Result<()> {
        self.usage.accounting().ledger.reserve(self.key, quota, end)
    }

    /// Blocks until no other thread changes names.
    pub(super) fn lock_namespace(&self) -> NamespaceLock<'_> {
        self.usage.lock_namespace()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.usage.accounting().ledger.close(self.key);
    }
}

/// The exclusive right to change names and to open visible files for writing: metadata that is read
/// under the lock stays valid until the lock is released (no TOCTOU).
pub(super) struct NamespaceLock<'u> {
    usage: &'u Arc<TreeUsage>,
    _guard: MutexGuard<'u, ()>,
}

impl NamespaceLock<'_> {
    /// An entry is about to be renamed or removed. A walk in progress may see it twice or not at all,
    /// and for a directory also the files below it. `entry` is called only during a walk.
    pub(super) fn mark_moved(&self, entry: impl FnOnce() -> Result<Entry>) {
        // No walk can begin before the lock is released.
        if self.usage.accounting().changed().is_none() {
            return;
        }
        let entry = entry().map(|entry| entry.metadata);
        let mut accounting = self.usage.accounting();
        match entry {
            Ok(metadata) if metadata.kind == Kind::File => accounting.mark_changed(&metadata),
            Ok(metadata) if metadata.kind != Kind::Directory => {}
            Err(Error::NotFound) => {}
            Ok(_) | Err(_) => {
                if let Some(changed) = accounting.changed() {
                    *changed = InodeClasses::ALL;
                }
            }
        }
    }

    /// A visible file is opened for writing.
    pub(super) fn open_in_place(&self, quota: Quota, metadata: &Metadata) -> Result<Reservation> {
        let mut accounting = self.usage.accounting();
        accounting.check_counted(quota)?;
        accounting.mark_changed(metadata);
        let key = accounting.ledger.open_in_place(metadata);
        drop(accounting);
        Ok(self.usage.reservation(key))
    }

    /// Rechecks the quota before a commit that replaces the given file.
    pub(super) fn recheck(
        &self,
        reservation: &Reservation,
        quota: Quota,
        replaced: Option<&Metadata>,
    ) -> Result<()> {
        let ledger = &mut self.usage.accounting().ledger;
        ledger.recheck(reservation.key, quota, replaced)
    }

    /// A new file has become visible.
    pub(super) fn commit(&self, reservation: &Reservation, metadata: &Metadata) {
        let mut accounting = self.usage.accounting();
        accounting.mark_changed(metadata);
        accounting.ledger.commit(reservation.key, metadata);
    }

    /// A file with this metadata has lost a name.
    pub(super) fn unlink(&self, metadata: &Metadata) {
        let mut accounting = self.usage.accounting();
        accounting.mark_changed(metadata);
        accounting.ledger.unlink(metadata);
    }

    /// Replaces a reservation by the file's real size, before the file is closed.
    pub(super) fn settle(&self, reservation: &Reservation, metadata: &Metadata) {
        let ledger = &mut self.usage.accounting().ledger;
        ledger.settle(reservation.key, metadata);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The arithmetic cannot panic; after a panic in a change of names a recount corrects the sums.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The result of a walk.
#[derive(Default)]
struct WalkResult {
    tally: Tally,
    /// The classes of skipped files that have further links.
    inexact: InodeClasses,
}

/// Sums the files of the tree, except the `skipped` ones, which are sorted.
fn walk(
    storage: &dyn Storage,
    skipped: &[FileId],
    pause: &mut dyn FnMut() -> Result<()>,
) -> Result<WalkResult> {
    let mut result = WalkResult::default();
    let mut pending = vec![VirtualPath::root()];
    let mut seen = 0;
    while let Some(path) = pending.pop() {
        pause()?;
        let mut directory = match storage.list(&path) {
            Ok(directory) => directory,
            // Removed since, or not readable: then the server cannot write there either.
            Err(Error::NotFound | Error::NotDirectory | Error::Denied) => continue,
            Err(error) => return Err(error),
        };
        while let Some(Entry { name, metadata, .. }) = directory.next_entry()? {
            seen += 1;
            if seen % COUNT_ENTRIES == 0 {
                pause()?;
            }
            match metadata.kind {
                Kind::File if skipped.binary_search(&metadata.unique).is_err() => {
                    result.tally.add(metadata.unique, Amount::of(&metadata));
                }
                Kind::File if metadata.links > 1 => result.inexact.insert(metadata.unique),
                Kind::Directory => pending.extend(path.join(&name)),
                Kind::File | Kind::Link | Kind::Other(_) => {}
            }
        }
    }
    Ok(result)
}
