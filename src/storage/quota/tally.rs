//! The sizes of the files of a tree, summed by inode class, so that a tree can be counted while it changes.
//!
//! A walk may see a file that changes during the walk before or after the change. So each file belongs to
//! a class by its inode, and the class of each changed file is marked ([`InodeClasses`]): the walk's sum
//! of an unmarked class is exact. It knows neither names nor the quota.

use crate::storage::{Kind, Metadata};

/// Number of inode classes. After 100 changes two thirds of them are still unmarked; the sums of a tree
/// take 4 KiB.
const CLASSES: usize = 256;

/// Device and inode of a file.
pub(super) type FileId = (u64, u64);

/// A number of files and their total bytes; arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) bytes: u64,
    pub(super) files: u64,
}

impl Amount {
    /// The charge for a file; nothing for any other kind.
    pub(super) fn of(metadata: &Metadata) -> Self {
        match metadata.kind {
            Kind::File => Self::file(metadata.size),
            Kind::Directory | Kind::Link | Kind::Other(_) => Self::default(),
        }
    }

    pub(super) const fn file(bytes: u64) -> Self {
        Self { bytes, files: 1 }
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            files: self.files.saturating_add(other.files),
        }
    }

    pub(super) const fn minus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            files: self.files.saturating_sub(other.files),
        }
    }

    pub(super) fn min(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.min(other.bytes),
            files: self.files.min(other.files),
        }
    }
}

/// A set of inode classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct InodeClasses([u64; CLASSES / 64]);

impl InodeClasses {
    pub(super) const NONE: Self = Self([0; CLASSES / 64]);
    pub(super) const ALL: Self = Self([u64::MAX; CLASSES / 64]);

    pub(super) fn insert(&mut self, id: FileId) {
        let class = class_of(id);
        if let Some(word) = self.0.get_mut(class / 64) {
            *word |= 1 << (class % 64);
        }
    }

    /// The union.
    pub(super) fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.word(at) | other.word(at)))
    }

    /// The difference.
    pub(super) fn without(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.word(at) & !other.word(at)))
    }

    pub(super) fn is_empty(self) -> bool {
        self == Self::NONE
    }

    fn has(self, class: usize) -> bool {
        self.word(class / 64) & (1 << (class % 64)) != 0
    }

    fn word(self, at: usize) -> u64 {
        debug_assert!(at < self.0.len(), "no such word of inode classes");
        self.0.get(at).copied().unwrap_or(0)
    }
}

/// The sum of each inode class, and the total.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Allocated by the first change.
    classes: Vec<Amount>,
    sum: Amount,
}

impl Tally {
    pub(super) const fn sum(&self) -> Amount {
        self.sum
    }

    pub(super) fn add(&mut self, id: FileId, amount: Amount) {
        self.set(class_of(id), |before| before.plus(amount));
    }

    /// Saturates at zero, as when the file was never added.
    pub(super) fn remove(&mut self, id: FileId, amount: Amount) {
        self.set(class_of(id), |before| before.minus(amount));
    }

    /// Replaces the sums by those of a walk, except in these classes.
    pub(super) fn replace_with(&mut self, walked: &Self, except: InodeClasses) {
        for class in (0..CLASSES).filter(|class| !except.has(*class)) {
            // Empty if the walk found no file.
            let found = walked.classes.get(class).copied().unwrap_or_default();
            self.set(class, |_| found);
        }
    }

    fn set(&mut self, class: usize, change: impl FnOnce(Amount) -> Amount) {
        debug_assert!(class < CLASSES, "no such inode class");
        self.classes.resize(CLASSES, Amount::default());
        if let Some(amount) = self.classes.get_mut(class) {
            let before = *amount;
            *amount = change(before);
            self.sum = self.sum.minus(before).plus(*amount);
        }
    }
}

/// Consecutive inodes get different classes; the device is mixed in.
const fn class_of((device, inode): FileId) -> usize {
    let mixed = inode.wrapping_add(device.wrapping_mul(31));
    let [class, ..] = mixed.to_le_bytes();
    class as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One inode of each class, in the order of the classes.
    fn one_id_per_class() -> impl Iterator<Item = FileId> {
        (0..CLASSES as u64).map(|inode| (0, inode))
    }

    fn marked(ids: &[FileId]) -> InodeClasses {
        let mut classes = InodeClasses::NONE;
        for one in ids {
            classes.insert(*one);
        }
        classes
    }

    #[test]
    fn insert_marks_exactly_one_class() {
        for (class, id) in one_id_per_class().enumerate() {
            let classes = marked(&[id]);
            let has: Vec<_> = (0..CLASSES).filter(|other| classes.has(*other)).collect();
            assert_eq!(has, [class]);
        }
        let all: Vec<_> = one_id_per_class().collect();
        assert_eq!(marked(&all), InodeClasses::ALL);
        assert!(InodeClasses::NONE.is_empty() && !InodeClasses::ALL.is_empty());
    }

    #[test]
    fn inode_classes_are_a_set() {
        let [a, b, c] = [(0, 1), (0, 2), (0, 200)];
        let (left, right) = (marked(&[a, b]), marked(&[b, c]));
        assert_eq!(left.or(right), marked(&[a, b, c]));
        assert_eq!(left.without(right), marked(&[a]));
    }

    #[test]
    fn walk_replaces_sums_except_changed_classes() {
        let (unchanged, changed, removed) = ((0, 1), (0, 2), (0, 3));
        let mut tally = Tally::default();
        for (id, bytes) in [(unchanged, 10), (changed, 20), (removed, 40)] {
            tally.add(id, Amount::file(bytes));
        }
        let mut walked = Tally::default();
        walked.add(unchanged, Amount::file(11));
        walked.add(changed, Amount::file(500));
        tally.replace_with(&walked, marked(&[changed]));
        assert_eq!(tally.sum(), Amount::file(11).plus(Amount::file(20)));
        tally.remove(changed, Amount::file(20));
        assert_eq!(tally.sum(), Amount::file(11));
        // A sum saturates at zero.
        tally.remove(unchanged, Amount::file(12));
        assert_eq!(tally.sum(), Amount::default());
    }
}
