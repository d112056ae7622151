//! The arithmetic of a quota: charged = visible + uncommitted - discount.
//!
//! It owns the three sums and the open files that contribute to them. It makes no system call; the
//! caller examines the files, under the [`NamespaceLock`](super::usage::NamespaceLock).

use slab::Slab;

use super::tally::{Amount, FileId, InodeClasses, Tally};
use crate::storage::{Error, Metadata, Result};

/// The limits of a tree; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Total bytes of all files.
    pub bytes: Option<u64>,
    /// Number of files.
    pub files: Option<u64>,
}

impl Quota {
    /// Whether any limit is set.
    pub const fn is_limited(self) -> bool {
        self.bytes.is_some() || self.files.is_some()
    }

    /// Refuses a charge that grows beyond a limit. One that is beyond it and does not grow is allowed.
    fn check(self, before: Amount, after: Amount) -> Result<()> {
        let is_beyond = |limit: Option<u64>, before: u64, after: u64| {
            after > before && limit.is_some_and(|limit| after > limit)
        };
        if is_beyond(self.bytes, before.bytes, after.bytes)
            || is_beyond(self.files, before.files, after.files)
        {
            return Err(Error::QuotaExceeded);
        }
        Ok(())
    }
}

/// Identifies an open file of the ledger.
#[derive(Clone, Copy, Debug)]
pub(super) struct LedgerKey(usize);

/// A file open for writing.
///
/// ```text
///   Uncommitted ──commit──▶ Visible ──unlink──▶ Unlinked
/// ```
#[derive(Clone, Copy, Debug)]
enum OpenFile {
    /// A temporary file that will replace a file of size `replaces`.
    Uncommitted { size: Amount, replaces: Amount },
    /// It has a name. `bytes` is the largest size that its writers have reserved, until the last of them has
    /// settled; `writing` of the writers have not.
    Visible {
        id: FileId,
        bytes: u64,
        writers: usize,
        writing: usize,
    },
    /// It has no name any more.
    Unlinked { bytes: u64, writers: usize },
}

impl OpenFile {
    fn uncommitted(size: Amount, replaces: Option<&Metadata>) -> Self {
        let replaces = replaces.map_or_else(Amount::default, Amount::of);
        Self::Uncommitted { size, replaces }
    }

    /// A visible file with one writer.
    const fn visible(metadata: &Metadata) -> Self {
        Self::Visible {
            id: metadata.unique,
            bytes: metadata.size,
            writers: 1,
            writing: 1,
        }
    }

    /// Its contribution to the sums.
    fn contribution(self) -> Sums {
        let nothing = Sums::default();
        match self {
            Self::Uncommitted { size, replaces } => Sums {
                uncommitted: size,
                discount: size.min(replaces),
                ..nothing
            },
            Self::Visible { bytes, .. } => Sums {
                visible: Amount::file(bytes),
                ..nothing
            },
            Self::Unlinked { bytes, .. } => Sums {
                uncommitted: Amount::file(bytes),
                ..nothing
            },
        }
    }

    /// Its contribution to the tally of visible files.
    const fn visible_amount(self) -> Option<(FileId, Amount)> {
        match self {
            Self::Visible { id, bytes, .. } => Some((id, Amount::file(bytes))),
            Self::Uncommitted { .. } | Self::Unlinked { .. } => None,
        }
    }

    const fn bytes(self) -> u64 {
        match self {
            Self::Uncommitted { size, .. } => size.bytes,
            Self::Visible { bytes, .. } | Self::Unlinked { bytes, .. } => bytes,
        }
    }

    const fn with_bytes(mut self, new: u64) -> Self {
        match &mut self {
            Self::Uncommitted { size, .. } => size.bytes = new,
            Self::Visible { bytes, .. } | Self::Unlinked { bytes, .. } => *bytes = new,
        }
        self
    }
}

/// The discount never exceeds visible, so a wrong discount cannot hide usage: visible <= charged, and
/// disk usage (visible + uncommitted) is at most twice the quota.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Files that have a name.
    visible: Amount,
    /// Uploads before their commit, and removed files that are still open.
    uncommitted: Amount,
    /// The files that uploads will replace, up to the size of the upload: a commit does not raise the
    /// charge.
    discount: Amount,
}

impl Sums {
    fn charged(self) -> Amount {
        let discount = self.discount.min(self.visible);
        self.visible.plus(self.uncommitted).minus(discount)
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            visible: self.visible.plus(other.visible),
            uncommitted: self.uncommitted.plus(other.uncommitted),
            discount: self.discount.plus(other.discount),
        }
    }

    const fn minus(self, other: Self) -> Self {
        Self {
            visible: self.visible.minus(other.visible),
            uncommitted: self.uncommitted.minus(other.uncommitted),
            discount: self.discount.minus(other.discount),
        }
    }
}

/// The charge of a tree.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    sums: Sums,
    /// The visible files by inode class; its total is `sums.visible`.
    visible: Tally,
    open: Slab<OpenFile>,
}

impl Ledger {
    pub(super) fn charged(&self) -> Amount {
        self.sums.charged()
    }

    /// Replaces the tally of visible files by that of a walk, except in these classes.
    pub(super) fn apply_walk(&mut self, walked: &Tally, except: InodeClasses) {
        self.visible.replace_with(walked, except);
        self.sums.visible = self.visible.sum();
    }

    /// The visible files that are open for writing, sorted.
    pub(super) fn visible_open_files(&self) -> Vec<FileId> {
        let visible = self
            .open
            .iter()
            .filter_map(|(_, open)| open.visible_amount());
        let mut ids: Vec<_> = visible.map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids
    }

    /// The charge for a visible file that is open for writing.
    pub(super) fn charge_of(&self, id: FileId) -> Option<Amount> {
        let LedgerKey(key) = self.find_visible(id)?;
        let (_, amount) = self.open.get(key)?.visible_amount()?;
        Some(amount)
    }

    /// Adds an empty upload that will replace the given file.
    pub(super) fn begin_upload(
        &mut self,
        quota: Quota,
        replaces: Option<&Metadata>,
    ) -> Result<LedgerKey> {
        let open = OpenFile::uncommitted(Amount::file(0), replaces);
        let sums = self.sums.plus(open.contribution());
        quota.check(self.charged(), sums.charged())?;
        self.sums = sums;
        Ok(LedgerKey(self.open.insert(open)))
    }

    /// Adds a writer of a visible file.
    pub(super) fn open_in_place(&mut self, metadata: &Metadata) -> LedgerKey {
        if let Some(key) = self.find_visible(metadata.unique) {
            if let Some(OpenFile::Visible {
                writers, writing, ..
            }) = self.open.get_mut(key.0)
            {
                *writers += 1;
                *writing += 1;
            }
            return key;
        }
        // The sums are unchanged: they include the file already.
        LedgerKey(self.open.insert(OpenFile::visible(metadata)))
    }

    /// The size to which the file may grow under a limit of bytes.
    pub(super) fn max_size(&self, key: LedgerKey, limit: u64) -> u64 {
        let left = limit.saturating_sub(self.charged().bytes);
        match self.open.get(key.0) {
            Some(OpenFile::Uncommitted { size, replaces }) => {
                size.bytes.max(replaces.bytes).saturating_add(left)
            }
            Some(open) => open.bytes().saturating_add(left),
            None => 0,
        }
    }

    /// Reserves the file's bytes up to `end`. Refused whenever the charge would exceed the quota, even
    /// if the discount keeps it from growing: otherwise disk usage before the commit would be unbounded.
    pub(super) fn reserve(&mut self, key: LedgerKey, quota: Quota, end: u64) -> Result<()> {
        let Some(old) = self.open.get(key.0).copied() else {
            return Ok(());
        };
        if end <= old.bytes() {
            return Ok(());
        }
        let new = old.with_bytes(end);
        let sums = self.sums.minus(old.contribution());
        let after = sums.plus(new.contribution()).charged();
        quota.check(Amount { bytes: 0, ..after }, after)?;
        self.replace(key, new);
        Ok(())
    }

    /// Rechecks the quota at the commit, with the discount for the file that is replaced now.
    pub(super) fn recheck(
        &mut self,
        key: LedgerKey,
        quota: Quota,
        replaced: Option<&Metadata>,
    ) -> Result<()> {
        let Some(&OpenFile::Uncommitted { size, .. }) = self.open.get(key.0) else {
            return Ok(());
        };
        let new = OpenFile::uncommitted(size, replaced);
        let sums = self.sums.minus(self.contribution(key));
        let sums = sums.plus(new.contribution());
        quota.check(self.charged(), sums.charged())?;
        self.replace(key, new);
        Ok(())
    }

    /// An upload has become visible.
    pub(super) fn commit(&mut self, key: LedgerKey, metadata: &Metadata) {
        self.replace(key, OpenFile::visible(metadata));
    }

    /// A file with this metadata has lost a name.
    pub(super) fn unlink(&mut self, metadata: &Metadata) {
        let key = self.find_visible(metadata.unique);
        match key.and_then(|key| Some((key, *self.open.get(key.0)?))) {
            Some((key, OpenFile::Visible { bytes, writers, .. })) if metadata.links <= 1 => {
                self.replace(key, OpenFile::Unlinked { bytes, writers });
            }
            _ => {
                self.visible.remove(metadata.unique, Amount::of(metadata));
                self.sums.visible = self.visible.sum();
            }
        }
    }

    /// A writer writes no more. The last one replaces a visible file's reservation by its real size. It does
    /// not matter which of them is closed first.
    pub(super) fn settle(&mut self, key: LedgerKey, metadata: &Metadata) {
        let Some(OpenFile::Visible { writing, .. }) = self.open.get_mut(key.0) else {
            return;
        };
        debug_assert!(*writing > 0, "settled more than once");
        *writing = writing.saturating_sub(1);
        if *writing == 0
            && let Some(settled) = self.open.get(key.0).copied()
        {
            self.replace(key, settled.with_bytes(metadata.size));
            if metadata.links == 0 {
                self.unlink(metadata);
            }
        }
    }

    /// Removes a writer, and with the last one the file.
    pub(super) fn close(&mut self, key: LedgerKey) {
        debug_assert!(self.open.contains(key.0), "closed more than once");
        match self.open.get_mut(key.0) {
            None => {}
            Some(OpenFile::Visible {
                writers, writing, ..
            }) if *writers > 1 => {
                *writers -= 1;
                // One whose metadata could not be read has not settled.
                *writing = (*writing).min(*writers);
            }
            Some(OpenFile::Unlinked { writers, .. }) if *writers > 1 => *writers -= 1,
            Some(OpenFile::Visible { .. }) => drop(self.open.remove(key.0)),
            Some(OpenFile::Uncommitted { .. } | OpenFile::Unlinked { .. }) => {
                self.sums = self.sums.minus(self.contribution(key));
                self.open.remove(key.0);
            }
        }
    }

    fn find_visible(&self, wanted: FileId) -> Option<LedgerKey> {
        let mut open = self.open.iter();
        let is_it = |open: &OpenFile| matches!(open, OpenFile::Visible { id, .. } if *id == wanted);
        open.find(|(_, open)| is_it(open))
            .map(|(key, _)| LedgerKey(key))
    }

    fn contribution(&self, key: LedgerKey) -> Sums {
        self.open
            .get(key.0)
            .map_or_else(Sums::default, |open| open.contribution())
    }

    fn replace(&mut self, key: LedgerKey, new: OpenFile) {
        self.sums = self
            .sums
            .minus(self.contribution(key))
            .plus(new.contribution());
        if let Some(open) = self.open.get_mut(key.0) {
            let old = std::mem::replace(open, new);
            if let Some((id, amount)) = old.visible_amount() {
                self.visible.remove(id, amount);
            }
            if let Some((id, amount)) = new.visible_amount() {
                self.visible.add(id, amount);
            }
            self.sums.visible = self.visible.sum();
        }
    }
}

#[cfg(test)]
mod tests;
