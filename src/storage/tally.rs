//! What has a name in a tree, by classes of inodes, so that a tree can be counted while it changes.
//!
//! A walk through a tree takes a while, and of a file that changes meanwhile it is not known whether the
//! walk saw it before or after. So each file belongs to a class by its inode, and the class of what
//! changes is marked ([`Classes`]): the walk's sum of a class without a mark is exact.

use super::{Kind, Metadata};

/// Classes of inodes, as many as a byte can tell apart. A walk beside a hundred changes still has the
/// sums of two thirds of them, and a tree's sums take four kilobytes.
const CLASSES: usize = 256;

/// Device and inode.
pub(super) type Identity = (u64, u64);

/// Bytes, and files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) bytes: u64,
    pub(super) files: u64,
}

impl Amount {
    /// What is counted of this: of what is no file, nothing.
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

    pub(super) fn at_most(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.min(other.bytes),
            files: self.files.min(other.files),
        }
    }
}

/// Some of the classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Classes([u64; CLASSES / 64]);

impl Classes {
    pub(super) const NONE: Self = Self([0; CLASSES / 64]);
    pub(super) const ALL: Self = Self([u64::MAX; CLASSES / 64]);

    pub(super) fn insert(&mut self, identity: Identity) {
        let class = class_of(identity);
        if let Some(word) = self.0.get_mut(class / 64) {
            *word |= 1 << (class % 64);
        }
    }

    /// Those of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.word(at) & other.word(at)))
    }

    /// Those of one or the other.
    pub(super) fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.word(at) | other.word(at)))
    }

    /// Those of this, but not of the other.
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
        self.0.get(at).copied().unwrap_or(0)
    }
}

/// The sums of all classes.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Empty as long as nothing was added.
    classes: Vec<Amount>,
    sum: Amount,
}

impl Tally {
    pub(super) const fn sum(&self) -> Amount {
        self.sum
    }

    pub(super) fn add(&mut self, identity: Identity, amount: Amount) {
        self.set(class_of(identity), |before| before.plus(amount));
    }

    /// Of a file that was never added nothing is taken, unless others of its class were.
    pub(super) fn remove(&mut self, identity: Identity, amount: Amount) {
        self.set(class_of(identity), |before| before.minus(amount));
    }

    /// Takes the sums of a walk, but for those classes.
    pub(super) fn take(&mut self, walked: &Self, except: Classes) {
        for class in (0..CLASSES).filter(|class| !except.has(*class)) {
            let found = walked.classes.get(class).copied().unwrap_or_default();
            self.set(class, |_| found);
        }
    }

    fn set(&mut self, class: usize, change: impl FnOnce(Amount) -> Amount) {
        self.classes.resize(CLASSES, Amount::default());
        if let Some(amount) = self.classes.get_mut(class) {
            let before = *amount;
            *amount = change(before);
            self.sum = self.sum.minus(before).plus(*amount);
        }
    }
}

/// Inodes that follow each other are in different classes, and those of other devices mixed in.
const fn class_of((device, inode): Identity) -> usize {
    let mixed = inode.wrapping_add(device.wrapping_mul(31));
    let [class, ..] = mixed.to_le_bytes();
    class as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One inode of each class, in the order of the classes.
    fn inodes() -> impl Iterator<Item = Identity> {
        (0..CLASSES as u64).map(|inode| (0, inode))
    }

    fn marked(identities: &[Identity]) -> Classes {
        let mut classes = Classes::NONE;
        for one in identities {
            classes.insert(*one);
        }
        classes
    }

    #[test]
    fn a_mark_is_of_one_class_and_no_other() {
        for (class, identity) in inodes().enumerate() {
            let classes = marked(&[identity]);
            let has: Vec<_> = (0..CLASSES).filter(|other| classes.has(*other)).collect();
            assert_eq!(has, [class]);
        }
        let all: Vec<_> = inodes().collect();
        assert_eq!(marked(&all), Classes::ALL);
        assert!(Classes::NONE.is_empty() && !Classes::ALL.is_empty());
    }

    #[test]
    fn marks_are_a_set() {
        let [a, b, c] = [(0, 1), (0, 2), (0, 200)];
        let (left, right) = (marked(&[a, b]), marked(&[b, c]));
        assert_eq!(left.and(right), marked(&[b]));
        assert_eq!(left.or(right), marked(&[a, b, c]));
        assert_eq!(left.without(right), marked(&[a]));
    }

    #[test]
    fn a_walk_is_taken_but_for_what_has_changed() {
        let (still, changed, gone) = ((0, 1), (0, 2), (0, 3));
        let mut tally = Tally::default();
        for (identity, bytes) in [(still, 10), (changed, 20), (gone, 40)] {
            tally.add(identity, Amount::file(bytes));
        }
        let mut walked = Tally::default();
        walked.add(still, Amount::file(11));
        walked.add(changed, Amount::file(500));
        tally.take(&walked, marked(&[changed]));
        assert_eq!(tally.sum(), Amount::file(11).plus(Amount::file(20)));
        tally.remove(changed, Amount::file(20));
        assert_eq!(tally.sum(), Amount::file(11));
        // A sum never falls below nothing.
        tally.remove(still, Amount::file(12));
        assert_eq!(tally.sum(), Amount::default());
    }
}
