//! How much is in a tree, and how much may be: counted once, and kept up from there.
//!
//! What is about to be written is charged before ([`Share`]), and what comes of it when names change
//! ([`Names`]); for what, the [`ledger`](super::ledger) knows. What others do to the same files, behind
//! the server's back, is seen at the next start: a reload goes on with what is counted.
//!
//! There are two locks. One is held while names change, so that what goes with them can be looked at
//! before. The other is held for arithmetic only. On the loop neither is taken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ledger::{Amount, Key, Ledger};
use super::{Error, Kind, Metadata, Result, Storage, VirtualPath};
use crate::limits::COUNTS_OF_A_TREE;

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
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    count: Count,
    ledger: Ledger,
}

/// ```text
///   Unknown ──▶ Counting ──▶ Known
///      ▲──failed──┘ ▲ │
///             again │ ▼ names change
///              Disturbed ──too often──▶ Known
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Count {
    #[default]
    Unknown,
    /// Somebody looks.
    Counting,
    /// Somebody looks, and may have missed a file, or seen it twice.
    Disturbed,
    /// And this is kept up.
    Known,
}

impl Usage {
    /// Whether nobody has counted, or does.
    pub fn is_unknown(&self) -> bool {
        self.books().count == Count::Unknown
    }

    /// Looks at every file, unless somebody else has or does; until that is done, nothing is granted
    /// to those with a limit. Takes as long as the tree is large, and some times that where those
    /// without one change it meanwhile.
    pub fn count(&self, storage: &dyn Storage) -> Result<()> {
        if !self.begin_count() {
            return Ok(());
        }
        for left in (0..COUNTS_OF_A_TREE).rev() {
            if self.end_count(find(storage), left == 0)? {
                break;
            }
        }
        Ok(())
    }

    fn begin_count(&self) -> bool {
        let _alone = lock(&self.names);
        let count = &mut self.books().count;
        let begins = *count == Count::Unknown;
        if begins {
            *count = Count::Counting;
        }
        begins
    }

    /// Whether that is what is there. As it may not be, if it is the last attempt.
    fn end_count(&self, found: Result<Amount>, is_last: bool) -> Result<bool> {
        let _alone = lock(&self.names);
        let mut books = self.books();
        let is_sure = books.count == Count::Counting && !books.ledger.is_written_in_place();
        books.count = match found {
            Err(_) => Count::Unknown,
            Ok(_) if !is_sure && !is_last => Count::Counting,
            Ok(amount) => {
                books.ledger.found(amount);
                Count::Known
            }
        };
        found.map(|_| books.count == Count::Known)
    }

    /// How many bytes are left of a quota.
    pub(super) fn left(&self, quota: Quota) -> u64 {
        let books = self.books();
        let used = match books.count {
            Count::Known => books.ledger.charged().bytes,
            Count::Unknown | Count::Counting | Count::Disturbed => 0,
        };
        quota
            .bytes
            .map_or(u64::MAX, |most| most.saturating_sub(used))
    }

    /// A new file, without a name, is to take the place of this.
    pub(super) fn begin(
        self: &Arc<Self>,
        quota: Quota,
        instead: Option<&Metadata>,
    ) -> Result<Share> {
        let mut books = self.books();
        books.check_counted(quota)?;
        let key = books.ledger.begin(quota, instead)?;
        drop(books);
        Ok(self.share(key))
    }

    /// Waits until nobody else changes names. As long as files are counted, who has a limit may not.
    pub(super) fn names(self: &Arc<Self>, quota: Quota) -> Result<Names<'_>> {
        let alone = lock(&self.names);
        let count = &mut self.books().count;
        match count {
            Count::Unknown | Count::Known => {}
            Count::Counting | Count::Disturbed if quota.is_limited() => {
                return Err(Error::NotCounted);
            }
            Count::Counting | Count::Disturbed => *count = Count::Disturbed,
        }
        Ok(Names {
            usage: self,
            _alone: alone,
        })
    }

    fn share(self: &Arc<Self>, key: Key) -> Share {
        let usage = Arc::clone(self);
        Share { usage, key }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }
}

impl Books {
    fn check_counted(&self, quota: Quota) -> Result<()> {
        if quota.is_limited() && self.count != Count::Known {
            return Err(Error::NotCounted);
        }
        Ok(())
    }
}

/// What is charged for an open file, among those who write it; dropped, it is closed.
pub(super) struct Share {
    usage: Arc<Usage>,
    key: Key,
}

impl Share {
    /// It may be written up to there.
    pub(super) fn grow(&self, quota: Quota, end: u64) -> Result<()> {
        self.usage.books().ledger.grow(self.key, quota, end)
    }

    /// Waits until nobody else changes names.
    pub(super) fn names(&self, quota: Quota) -> Result<Names<'_>> {
        self.usage.names(quota)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.usage.books().ledger.close(self.key);
    }
}

/// The right to change names, and to open what has one to write it: one at a time has it. What is
/// looked at with it is so until it is given back.
pub(super) struct Names<'u> {
    usage: &'u Arc<Usage>,
    _alone: MutexGuard<'u, ()>,
}

impl Names<'_> {
    /// A file is opened to be written in place.
    pub(super) fn opened(&self, quota: Quota, metadata: &Metadata) -> Result<Share> {
        let mut books = self.usage.books();
        books.check_counted(quota)?;
        let key = books.ledger.opened(metadata);
        drop(books);
        Ok(self.usage.share(key))
    }

    /// It would take the place of this, now. Refused where it was to take the place of more.
    pub(super) fn confirm(
        &self,
        share: &Share,
        quota: Quota,
        instead: Option<&Metadata>,
    ) -> Result<()> {
        self.usage.books().ledger.confirm(share.key, quota, instead)
    }

    /// A new file has got its name.
    pub(super) fn placed(&self, share: &Share, metadata: &Metadata) {
        self.usage.books().ledger.placed(share.key, metadata);
    }

    /// What was like this has lost its name.
    pub(super) fn gone(&self, metadata: &Metadata) {
        self.usage.books().ledger.gone(metadata);
    }

    /// What an open file really is, before it is closed.
    pub(super) fn settle(&self, share: &Share, metadata: &Metadata) {
        self.usage.books().ledger.settle(share.key, metadata);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No arithmetic panics, and where a change of names does, what it has changed is not known anyway.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is there.
fn find(storage: &dyn Storage) -> Result<Amount> {
    let mut amount = Amount::default();
    let mut pending = vec![VirtualPath::root()];
    while let Some(path) = pending.pop() {
        let mut directory = match storage.list(&path) {
            Ok(directory) => directory,
            // Gone meanwhile, or closed to us: then nobody writes there for us either.
            Err(Error::NotFound | Error::NotDirectory | Error::Denied) => continue,
            Err(error) => return Err(error),
        };
        while let Some(entry) = directory.next_entry()? {
            match entry.metadata.kind {
                Kind::File => amount = amount.plus(Amount::of(&entry.metadata)),
                Kind::Directory => {
                    // Not by the name alone: it may begin with anything but a slash.
                    let name = [b"./", entry.name.as_slice()].concat();
                    pending.extend(path.join(&name));
                }
                Kind::Link | Kind::Other(_) => {}
            }
        }
    }
    Ok(amount)
}
