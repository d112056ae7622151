//! Connections in a slab, found by key.
//!
//! Slots are reused and generations are not, so the key of a connection that is gone finds nothing, whatever
//! is in its slot now.

use slab::Slab;

use super::key::Key;

/// Slots whose memory is kept without values in them.
const SLOTS_KEPT: usize = 32;

/// Values under keys that are never issued twice.
#[derive(Debug)]
pub struct Slots<T> {
    slab: Slab<(Key, T)>,
    generation: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            slab: Slab::new(),
            generation: 0,
        }
    }
}

impl<T> Slots<T> {
    /// The key that the next [`insert`](Self::insert) assigns.
    pub fn vacant_key(&self) -> Key {
        Key::new(self.generation, self.slab.vacant_key())
    }

    /// Stores a value under the [vacant key](Self::vacant_key).
    pub fn insert(&mut self, value: T) -> Key {
        let key = self.vacant_key();
        self.generation = self.generation.wrapping_add(1);
        self.slab.insert((key, value));
        key
    }

    /// The value, unless it was removed.
    pub fn get(&self, key: Key) -> Option<&T> {
        let (found, value) = self.slab.get(key.index())?;
        (*found == key).then_some(value)
    }

    /// As [`get`](Self::get).
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let (found, value) = self.slab.get_mut(key.index())?;
        (*found == key).then_some(value)
    }

    /// Takes the value out, if it is still there.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        self.get_mut(key)?;
        let removed = self.slab.try_remove(key.index());
        self.give_back();
        removed.map(|(_, value)| value)
    }

    /// Gives memory back that few values leave unused. Shrinking looks at every slot, so it is tried only
    /// when half of the values have gone since the last time.
    fn give_back(&mut self) {
        let (used, capacity) = (self.slab.len(), self.slab.capacity());
        let is_halved = used.is_power_of_two() || used == 0;
        if is_halved && capacity > SLOTS_KEPT && used <= capacity / 4 {
            self.slab.shrink_to_fit();
        }
    }

    /// The key of the value in a slot, for a walk in several steps.
    pub fn key_at(&self, index: usize) -> Option<Key> {
        self.slab.get(index).map(|(key, _)| *key)
    }

    /// An upper bound of the slot indices in use.
    pub fn capacity(&self) -> usize {
        self.slab.capacity()
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// All values, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slab.iter().map(|(_, (_, value))| value)
    }

    /// All keys, collected: the loop that uses them may insert and remove.
    pub fn keys(&self) -> Vec<Key> {
        self.slab.iter().map(|(_, (key, _))| *key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_removed_values_is_given_back() {
        let mut slots = Slots::default();
        let keys: Vec<_> = (0..1000).map(|number| slots.insert(number)).collect();
        let last = slots.capacity();
        for key in keys.iter().skip(1) {
            slots.remove(*key);
        }
        assert!(last >= 1000 && slots.capacity() <= SLOTS_KEPT);
        assert_eq!(slots.get(keys[0]), Some(&0));
        assert_eq!(slots.remove(keys[1]), None);
        let next = slots.insert(7);
        assert_eq!((slots.get(next), slots.len()), (Some(&7), 2));
        // A value in the last slot keeps them all.
        let keys: Vec<_> = (0..1000).map(|number| slots.insert(number)).collect();
        for key in keys.iter().take(999) {
            slots.remove(*key);
        }
        assert!(slots.capacity() >= 1000);
        assert_eq!(slots.get(keys[999]), Some(&999));
    }

    #[test]
    fn key_of_a_removed_value_finds_nothing_in_the_reused_slot() {
        let mut slots = Slots::default();
        let first = slots.insert("first");
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert("second");
        assert_eq!(first.index(), second.index());
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get_mut(second), Some(&mut "second"));
        assert_eq!((slots.keys(), slots.len()), (vec![second], 1));
    }
}
