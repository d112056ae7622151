//! How much is in a tree, and how much may be: counted once, and kept up from there.
//!
//! What is about to be written is charged before ([`Reservation`]), and what comes of it when names change
//! ([`NamespaceLock`]); for what, the [`ledger`](super::ledger) knows. What others do to the same files,
//! behind the server's back, is seen when they are counted again, which the [`counter`](super::counter) does.
//! Uploads and removals go on meanwhile: of the [`tally`](super::tally) a count takes what did not
//! change beside it, and the rest stays as it was kept up.
//!
//! There are two locks. One is held while names change, so that what goes with them can be looked at
//! before. The other is held for arithmetic only. On the loop neither is taken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ledger::{Key, Ledger};
use super::tally::{Amount, Classes, Identity, Tally};
use super::{Entry, Error, Kind, Metadata, Result, Storage, VirtualPath};
use crate::limits::{COUNT_ENTRIES, COUNTS_OF_A_TREE};

/// The most that may be in a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of all files together.
    pub bytes: Option<u64>,
    /// Files.
    pub files: Option<u64>,
}

impl Quota {
    /// Whether there is any limit.
    pub const fn is_limited(self) -> bool {
        self.bytes.is_some() || self.files.is_some()
    }
}

/// How much is in a tree. Shared by all who write there.
#[derive(Debug, Default)]
pub struct Usage {
    names: Mutex<()>,
    books: Mutex<Accounting>,
}

#[derive(Debug, Default)]
struct Accounting {
    count: Count,
    ledger: Ledger,
}

/// ```text
///   Unknown ──▶ First ──▶ Known ◀──▶ Again
///      ▲──failed──┘
/// ```
#[derive(Debug, Default)]
enum Count {
    #[default]
    Unknown,
    /// A walk is under way, for those classes.
    First(Walk, Classes),
    /// And this is kept up.
    Known,
    /// As `Known`, and a walk is under way.
    Again(Walk),
}

/// What a walk is not to be believed in.
#[derive(Debug, Default)]
struct Walk {
    /// The classes of what changes beside it.
    changed: Classes,
    /// What was being written in place when it began, and is passed over: what is charged for it is known.
    written: Vec<Identity>,
}

impl Walk {
    fn begin(ledger: &Ledger) -> Self {
        Self {
            changed: Classes::NONE,
            written: ledger.written_in_place(),
        }
    }

    /// Adds to what was found what was passed over. The classes in which it is not exact.
    fn end(self, found: &mut Found, ledger: &Ledger) -> Classes {
        let mut changed = self.changed.or(found.unsure);
        for identity in self.written {
            match ledger.amount_in_place(identity) {
                Some(amount) => found.tally.add(identity, amount),
                None => changed.insert(identity),
            }
        }
        changed
    }
}

impl Usage {
    /// Whether nobody has counted, or does.
    pub fn is_unknown(&self) -> bool {
        matches!(self.books().count, Count::Unknown)
    }

    /// Counts what was not counted.
    pub fn count(&self, storage: &dyn Storage) -> Result<()> {
        if self.is_unknown() {
            self.recount(storage, &mut || Ok(()))?;
        }
        Ok(())
    }

    /// Looks at every file, unless somebody does; after each so many of them, and each directory, it
    /// calls `pause`, whose error ends it. Until it has been done once nothing is granted to those with
    /// a limit. Takes as long as the tree is large, and the first time some times that where it
    /// changes meanwhile.
    pub fn recount(
        &self,
        storage: &dyn Storage,
        pause: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        let mut written = self.begin_walk();
        for left in (0..COUNTS_OF_A_TREE).rev() {
            let Some(passed_over) = written else {
                break;
            };
            written = self.end_walk(find(storage, &passed_over, pause), left == 0)?;
        }
        Ok(())
    }

    /// What the walk passes over; `None` where there is one already.
    fn begin_walk(&self) -> Option<Vec<Identity>> {
        let _alone = lock(&self.names);
        let books = &mut *self.books();
        let walk = Walk::begin(&books.ledger);
        let written = walk.written.clone();
        books.count = match books.count {
            Count::Unknown => Count::First(walk, Classes::ALL),
            Count::Known => Count::Again(walk),
            Count::First(..) | Count::Again(_) => return None,
        };
        Some(written)
    }

    /// What another walk passes over, where one is needed. The last of the first ones takes what it
    /// found, as it may not be.
    fn end_walk(&self, found: Result<Found>, is_last: bool) -> Result<Option<Vec<Identity>>> {
        let _alone = lock(&self.names);
        let books = &mut *self.books();
        let (walk, unknown) = match std::mem::take(&mut books.count) {
            Count::First(walk, unknown) => (walk, unknown),
            Count::Again(walk) => {
                books.count = Count::Known;
                (walk, Classes::NONE)
            }
            Count::Unknown | Count::Known => return Ok(None),
        };
        let mut found = found?;
        let changed = walk.end(&mut found, &books.ledger);
        let left = unknown.and(changed);
        if left.is_empty() || is_last {
            books.ledger.found(&found.tally, changed.without(left));
            books.count = Count::Known;
            return Ok(None);
        }
        books.ledger.found(&found.tally, changed);
        let walk = Walk::begin(&books.ledger);
        let written = walk.written.clone();
        books.count = Count::First(walk, left);
        Ok(Some(written))
    }

    /// How many bytes are left of a quota.
    pub(super) fn left(&self, quota: Quota) -> Result<u64> {
        let books = self.books();
        books.check_counted(quota)?;
        let used = books.ledger.charged().bytes;
        let left = quota.bytes.map(|most| most.saturating_sub(used));
        Ok(left.unwrap_or(u64::MAX))
    }

    /// A new file, without a name, is to take the place of this.
    pub(super) fn begin(
        self: &Arc<Self>,
        quota: Quota,
        instead: Option<&Metadata>,
    ) -> Result<Reservation> {
        let mut books = self.books();
        books.check_counted(quota)?;
        let key = books.ledger.begin(quota, instead)?;
        drop(books);
        Ok(self.share(key))
    }

    /// Waits until nobody else changes names.
    pub(super) fn names(self: &Arc<Self>) -> NamespaceLock<'_> {
        NamespaceLock {
            usage: self,
            _alone: lock(&self.names),
        }
    }

    fn share(self: &Arc<Self>, key: Key) -> Reservation {
        let usage = Arc::clone(self);
        Reservation { usage, key }
    }

    fn books(&self) -> MutexGuard<'_, Accounting> {
        lock(&self.books)
    }
}

impl Accounting {
    fn check_counted(&self, quota: Quota) -> Result<()> {
        match self.count {
            Count::Unknown | Count::First(..) if quota.is_limited() => Err(Error::NotCounted),
            _ => Ok(()),
        }
    }

    /// The classes that a walk is not to be believed in.
    const fn changed(&mut self) -> Option<&mut Classes> {
        match &mut self.count {
            Count::First(walk, _) | Count::Again(walk) => Some(&mut walk.changed),
            Count::Unknown | Count::Known => None,
        }
    }

    /// A walk may have seen this file, or not.
    fn change(&mut self, metadata: &Metadata) {
        if let Some(changed) = self.changed() {
            changed.insert(metadata.unique);
        }
    }
}

/// What is charged for an open file, among those who write it; dropped, it is closed.
pub(super) struct Reservation {
    usage: Arc<Usage>,
    key: Key,
}

impl Reservation {
    /// How many bytes it may be written from there.
    pub(super) fn room(&self, quota: Quota, offset: u64) -> u64 {
        let Some(most) = quota.bytes else {
            return u64::MAX;
        };
        let books = self.usage.books();
        let end = books.ledger.end(self.key, most);
        end.saturating_sub(offset)
    }

    /// It may be written up to there.
    pub(super) fn grow(&self, quota: Quota, end: u64) -> Result<()> {
        self.usage.books().ledger.grow(self.key, quota, end)
    }

    /// Waits until nobody else changes names.
    pub(super) fn names(&self) -> NamespaceLock<'_> {
        self.usage.names()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.usage.books().ledger.close(self.key);
    }
}

/// The right to change names, and to open what has one to write it: one at a time has it. What is
/// looked at with it is so until it is given back.
pub(super) struct NamespaceLock<'u> {
    usage: &'u Arc<Usage>,
    _alone: MutexGuard<'u, ()>,
}

impl NamespaceLock<'_> {
    /// Something gets another name, or none. A walk may see it twice, or not at all; and so what is
    /// below it.
    pub(super) fn moves(&self, entry: impl FnOnce() -> Result<Entry>) {
        // Nobody begins a walk meanwhile.
        if self.usage.books().changed().is_none() {
            return;
        }
        let entry = entry().map(|entry| entry.metadata);
        let mut books = self.usage.books();
        match entry {
            Ok(metadata) if metadata.kind == Kind::File => books.change(&metadata),
            Ok(metadata) if metadata.kind != Kind::Directory => {}
            Err(Error::NotFound) => {}
            Ok(_) | Err(_) => {
                if let Some(changed) = books.changed() {
                    *changed = Classes::ALL;
                }
            }
        }
    }

    /// A file is opened to be written in place.
    pub(super) fn opened(&self, quota: Quota, metadata: &Metadata) -> Result<Reservation> {
        let mut books = self.usage.books();
        books.check_counted(quota)?;
        books.change(metadata);
        let key = books.ledger.opened(metadata);
        drop(books);
        Ok(self.usage.share(key))
    }

    /// It would take the place of this, now. Refused where it was to take the place of more.
    pub(super) fn confirm(
        &self,
        share: &Reservation,
        quota: Quota,
        instead: Option<&Metadata>,
    ) -> Result<()> {
        self.usage.books().ledger.confirm(share.key, quota, instead)
    }

    /// A new file has got its name.
    pub(super) fn placed(&self, share: &Reservation, metadata: &Metadata) {
        let mut books = self.usage.books();
        books.change(metadata);
        books.ledger.placed(share.key, metadata);
    }

    /// What was like this has lost its name.
    pub(super) fn gone(&self, metadata: &Metadata) {
        let mut books = self.usage.books();
        books.change(metadata);
        books.ledger.gone(metadata);
    }

    /// What an open file really is, before it is closed.
    pub(super) fn settle(&self, share: &Reservation, metadata: &Metadata) {
        self.usage.books().ledger.settle(share.key, metadata);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No arithmetic panics, and where a change of names does, what it has changed is not known anyway.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a walk has found.
#[derive(Default)]
struct Found {
    tally: Tally,
    /// The classes of what was passed over and has other names.
    unsure: Classes,
}

/// What is there, but for what is to be passed over, which is sorted.
fn find(
    storage: &dyn Storage,
    passed_over: &[Identity],
    pause: &mut dyn FnMut() -> Result<()>,
) -> Result<Found> {
    let mut found = Found::default();
    let mut pending = vec![VirtualPath::root()];
    let mut seen = 0;
    while let Some(path) = pending.pop() {
        pause()?;
        let mut directory = match storage.list(&path) {
            Ok(directory) => directory,
            // Gone meanwhile, or closed to us: then nobody writes there for us either.
            Err(Error::NotFound | Error::NotDirectory | Error::Denied) => continue,
            Err(error) => return Err(error),
        };
        while let Some(Entry { name, metadata, .. }) = directory.next_entry()? {
            seen += 1;
            if seen % COUNT_ENTRIES == 0 {
                pause()?;
            }
            match metadata.kind {
                Kind::File if passed_over.binary_search(&metadata.unique).is_err() => {
                    found.tally.add(metadata.unique, Amount::of(&metadata));
                }
                Kind::File if metadata.links > 1 => found.unsure.insert(metadata.unique),
                Kind::Directory => {
                    // Not by the name alone: it may begin with anything but a slash.
                    let name = [b"./", name.as_slice()].concat();
                    pending.extend(path.join(&name));
                }
                Kind::File | Kind::Link | Kind::Other(_) => {}
            }
        }
    }
    Ok(found)
}
