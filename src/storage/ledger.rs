//! What is charged to a quota: three sums, and the open files that are parts of them.
//!
//! ```text
//!   charged = named + pending - credit
//! ```
//!
//! *Named* is what has a name. *Pending* is what is written and has none: an upload beside its target,
//! until it takes its place, and a file that was removed, until nobody writes it any more. *Credit* is
//! how much of that takes the place of something named, as far as is known. So what is charged does
//! not rise when an upload takes its place, if only its credit is true then; and were it never so
//! wrong, what is named is no more than what is charged. On the disk are named and pending: since no
//! credit goes beyond what is named, at most twice the quota.
//!
//! Pure arithmetic. Whoever calls has looked at the files, and sees to it that they stay so until
//! it is written down.

use slab::Slab;

use super::tally::{Amount, Classes, Identity, Tally};
use super::{Error, Metadata, Quota, Result};

impl Quota {
    /// Refuses what makes more of what is too much.
    fn check(self, before: Amount, after: Amount) -> Result<()> {
        let is_beyond = |most: Option<u64>, before: u64, after: u64| {
            after > before && most.is_some_and(|most| after > most)
        };
        if is_beyond(self.bytes, before.bytes, after.bytes)
            || is_beyond(self.files, before.files, after.files)
        {
            return Err(Error::QuotaExceeded);
        }
        Ok(())
    }
}

/// Which of the open files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key(usize);

/// A file that is open to be written.
///
/// ```text
///   Beside ──placed──▶ InPlace ──gone──▶ Gone
/// ```
#[derive(Clone, Copy, Debug)]
enum Open {
    /// It has no name yet, and is to take the place of so much.
    Beside { size: Amount, instead: Amount },
    /// It has its name; it is as long as one of its writers may have made it.
    InPlace {
        identity: Identity,
        bytes: u64,
        writers: usize,
    },
    /// It has lost its name.
    Gone { bytes: u64, writers: usize },
}

impl Open {
    /// Its part of the sums.
    fn part(self) -> Sums {
        let nothing = Sums::default();
        match self {
            Self::Beside { size, instead } => Sums {
                pending: size,
                credit: size.at_most(instead),
                ..nothing
            },
            Self::InPlace { bytes, .. } => Sums {
                named: Amount::file(bytes),
                ..nothing
            },
            Self::Gone { bytes, .. } => Sums {
                pending: Amount::file(bytes),
                ..nothing
            },
        }
    }

    /// Its part of what has a name.
    const fn named(self) -> Option<(Identity, Amount)> {
        match self {
            Self::InPlace {
                identity, bytes, ..
            } => Some((identity, Amount::file(bytes))),
            Self::Beside { .. } | Self::Gone { .. } => None,
        }
    }

    const fn bytes(self) -> u64 {
        match self {
            Self::Beside { size, .. } => size.bytes,
            Self::InPlace { bytes, .. } | Self::Gone { bytes, .. } => bytes,
        }
    }

    const fn with_bytes(mut self, new: u64) -> Self {
        match &mut self {
            Self::Beside { size, .. } => size.bytes = new,
            Self::InPlace { bytes, .. } | Self::Gone { bytes, .. } => *bytes = new,
        }
        self
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    named: Amount,
    pending: Amount,
    credit: Amount,
}

impl Sums {
    fn charged(self) -> Amount {
        let credit = self.credit.at_most(self.named);
        self.named.plus(self.pending).minus(credit)
    }

    const fn with(self, part: Self) -> Self {
        Self {
            named: self.named.plus(part.named),
            pending: self.pending.plus(part.pending),
            credit: self.credit.plus(part.credit),
        }
    }

    const fn without(self, part: Self) -> Self {
        Self {
            named: self.named.minus(part.named),
            pending: self.pending.minus(part.pending),
            credit: self.credit.minus(part.credit),
        }
    }
}

/// What is charged, and for what.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    sums: Sums,
    /// Whose sum is `sums.named`.
    named: Tally,
    open: Slab<Open>,
}

impl Ledger {
    pub(super) fn charged(&self) -> Amount {
        self.sums.charged()
    }

    /// A walk has found so much with a name, whatever was taken for it until now; but not in those classes.
    pub(super) fn found(&mut self, walked: &Tally, except: Classes) {
        self.named.take(walked, except);
        self.sums.named = self.named.sum();
    }

    /// What has a name and is being written, sorted.
    pub(super) fn written_in_place(&self) -> Vec<Identity> {
        let named = self.open.iter().filter_map(|(_, open)| open.named());
        let mut written: Vec<_> = named.map(|(identity, _)| identity).collect();
        written.sort_unstable();
        written
    }

    /// What is charged for a file that has a name and is being written.
    pub(super) fn amount_in_place(&self, identity: Identity) -> Option<Amount> {
        let Key(key) = self.in_place(identity)?;
        let (_, amount) = self.open.get(key)?.named()?;
        Some(amount)
    }

    /// A new file, without a name, is to take the place of this.
    pub(super) fn begin(&mut self, quota: Quota, instead: Option<&Metadata>) -> Result<Key> {
        let open = beside(Amount::file(0), instead);
        let sums = self.sums.with(open.part());
        quota.check(self.charged(), sums.charged())?;
        self.sums = sums;
        Ok(Key(self.open.insert(open)))
    }

    /// A file is opened to be written in place.
    pub(super) fn opened(&mut self, metadata: &Metadata) -> Key {
        if let Some(key) = self.in_place(metadata.unique) {
            if let Some(Open::InPlace { writers, .. }) = self.open.get_mut(key.0) {
                *writers += 1;
            }
            return key;
        }
        // It is among what is named already.
        Key(self.open.insert(in_place(metadata)))
    }

    /// Up to where it may be written, with so many bytes for all.
    pub(super) fn end(&self, key: Key, most: u64) -> u64 {
        let left = most.saturating_sub(self.charged().bytes);
        match self.open.get(key.0) {
            Some(Open::Beside { size, instead }) => {
                size.bytes.max(instead.bytes).saturating_add(left)
            }
            Some(open) => open.bytes().saturating_add(left),
            None => 0,
        }
    }

    /// It may be written up to there. Refused wherever that is too much, even if it replaces more:
    /// what is on the disk meanwhile would have no bounds.
    pub(super) fn grow(&mut self, key: Key, quota: Quota, end: u64) -> Result<()> {
        let Some(old) = self.open.get(key.0).copied() else {
            return Ok(());
        };
        if end <= old.bytes() {
            return Ok(());
        }
        let new = old.with_bytes(end);
        let after = self.sums.without(old.part()).with(new.part()).charged();
        quota.check(Amount { bytes: 0, ..after }, after)?;
        self.put(key, new);
        Ok(())
    }

    /// It takes the place of this, as it turns out.
    pub(super) fn confirm(
        &mut self,
        key: Key,
        quota: Quota,
        instead: Option<&Metadata>,
    ) -> Result<()> {
        let Some(&Open::Beside { size, .. }) = self.open.get(key.0) else {
            return Ok(());
        };
        let new = beside(size, instead);
        let sums = self.sums.without(self.part(key)).with(new.part());
        quota.check(self.charged(), sums.charged())?;
        self.put(key, new);
        Ok(())
    }

    /// It has got its name.
    pub(super) fn placed(&mut self, key: Key, metadata: &Metadata) {
        self.put(key, in_place(metadata));
    }

    /// What was like this until now has lost a name.
    pub(super) fn gone(&mut self, metadata: &Metadata) {
        let key = self.in_place(metadata.unique);
        match key.and_then(|key| Some((key, *self.open.get(key.0)?))) {
            Some((key, Open::InPlace { bytes, writers, .. })) if metadata.links <= 1 => {
                self.put(key, Open::Gone { bytes, writers });
            }
            _ => {
                self.named.remove(metadata.unique, Amount::of(metadata));
                self.sums.named = self.named.sum();
            }
        }
    }

    /// What it really is. Of no matter as long as others write it.
    pub(super) fn settle(&mut self, key: Key, metadata: &Metadata) {
        if let Some(&Open::InPlace { writers: 1, .. }) = self.open.get(key.0) {
            self.put(key, in_place(metadata));
            if metadata.links == 0 {
                self.gone(metadata);
            }
        }
    }

    /// One of those who write it does so no more.
    pub(super) fn close(&mut self, key: Key) {
        match self.open.get_mut(key.0) {
            None => {}
            Some(Open::InPlace { writers, .. } | Open::Gone { writers, .. }) if *writers > 1 => {
                *writers -= 1;
            }
            Some(Open::InPlace { .. }) => drop(self.open.remove(key.0)),
            Some(Open::Beside { .. } | Open::Gone { .. }) => {
                self.sums = self.sums.without(self.part(key));
                self.open.remove(key.0);
            }
        }
    }

    fn in_place(&self, wanted: Identity) -> Option<Key> {
        let mut open = self.open.iter();
        let is_it =
            |open: &Open| matches!(open, Open::InPlace { identity, .. } if *identity == wanted);
        open.find(|(_, open)| is_it(open)).map(|(key, _)| Key(key))
    }

    fn part(&self, key: Key) -> Sums {
        self.open
            .get(key.0)
            .map_or_else(Sums::default, |open| open.part())
    }

    fn put(&mut self, key: Key, new: Open) {
        self.sums = self.sums.without(self.part(key)).with(new.part());
        if let Some(open) = self.open.get_mut(key.0) {
            let old = std::mem::replace(open, new);
            if let Some((identity, amount)) = old.named() {
                self.named.remove(identity, amount);
            }
            if let Some((identity, amount)) = new.named() {
                self.named.add(identity, amount);
            }
            self.sums.named = self.named.sum();
        }
    }
}

fn beside(size: Amount, instead: Option<&Metadata>) -> Open {
    let instead = instead.map_or_else(Amount::default, Amount::of);
    Open::Beside { size, instead }
}

/// Written by one.
const fn in_place(metadata: &Metadata) -> Open {
    Open::InPlace {
        identity: metadata.unique,
        bytes: metadata.size,
        writers: 1,
    }
}

#[cfg(test)]
mod tests;
