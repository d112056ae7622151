//! How much is in a tree, and how much may be: counted once, and kept up from there.
//!
//! What is about to be written is taken before, and given back where nothing comes of it; so two
//! uploads at once cannot both have the last of it. What others do to the same files, behind the
//! server's back, is seen at the next start: a reload goes on with what is counted.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Error, Kind, Result, Storage, VirtualPath};

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
pub struct Usage(Mutex<State>);

/// ```text
///   Unknown ──▶ Counting ──▶ Known
///      ▲──failed──┘
/// ```
#[derive(Debug, Default)]
enum State {
    #[default]
    Unknown,
    /// Somebody looks.
    Counting,
    /// And this is kept up.
    Known(Amount),
}

impl State {
    const fn amount(&mut self) -> Option<&mut Amount> {
        match self {
            Self::Unknown | Self::Counting => None,
            Self::Known(amount) => Some(amount),
        }
    }
}

/// Bytes, and files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) bytes: u64,
    pub(super) files: u64,
}

impl Usage {
    /// Whether nobody has counted, or does.
    pub fn is_unknown(&self) -> bool {
        matches!(*self.lock(), State::Unknown)
    }

    /// Looks at every file, unless somebody else has or does; until that is done, nothing is granted
    /// to those with a limit. Takes as long as the tree is large.
    pub fn count(&self, storage: &dyn Storage) -> Result<()> {
        match &mut *self.lock() {
            state @ State::Unknown => *state = State::Counting,
            State::Counting | State::Known(_) => return Ok(()),
        }
        let found = find(storage);
        *self.lock() = match found {
            Ok(amount) => State::Known(amount),
            Err(_) => State::Unknown,
        };
        found.map(drop)
    }

    /// Sets so much aside, if there is room for it; `freed` bytes will go when it is in its place.
    pub(super) fn take(&self, quota: Quota, more: Amount, freed: u64) -> Result<()> {
        let mut state = self.lock();
        let Some(amount) = state.amount() else {
            return if quota.is_limited() {
                Err(Error::NotCounted)
            } else {
                Ok(())
            };
        };
        let bytes = amount.bytes.saturating_add(more.bytes);
        let files = amount.files.saturating_add(more.files);
        let is_beyond = |most: Option<u64>, count: u64| most.is_some_and(|most| count > most);
        if more.bytes > 0 && is_beyond(quota.bytes, bytes.saturating_sub(freed))
            || more.files > 0 && is_beyond(quota.files, files)
        {
            return Err(Error::QuotaExceeded);
        }
        *amount = Amount { bytes, files };
        Ok(())
    }

    /// So much is gone, or was not needed.
    pub(super) fn give(&self, less: Amount) {
        if let Some(amount) = self.lock().amount() {
            amount.bytes = amount.bytes.saturating_sub(less.bytes);
            amount.files = amount.files.saturating_sub(less.files);
        }
    }

    /// How many bytes are left of a quota.
    pub(super) fn left(&self, quota: Quota) -> u64 {
        let used = self.lock().amount().map_or(0, |amount| amount.bytes);
        quota
            .bytes
            .map_or(u64::MAX, |most| most.saturating_sub(used))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
                Kind::File => {
                    amount.bytes = amount.bytes.saturating_add(entry.metadata.size);
                    amount.files += 1;
                }
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
