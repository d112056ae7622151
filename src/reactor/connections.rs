//! All connections, in a slab, found by key.
//!
//! Slots are used again and generations are not, so a key of a connection that is gone finds
//! nothing, whoever has its slot now.

use slab::Slab;

use super::connection::Connection;
use super::key::Key;

/// All connections. A key of one that is gone finds nothing.
pub(super) struct Connections {
    slots: Slab<Connection>,
    generation: usize,
}

impl Connections {
    pub(super) const fn new() -> Self {
        Self {
            slots: Slab::new(),
            generation: 0,
        }
    }

    /// The key that the next [`insert`](Self::insert) must have.
    pub(super) fn vacant_key(&self) -> Key {
        Key::new(self.generation, self.slots.vacant_key())
    }

    /// Takes a connection made with the [`vacant_key`](Self::vacant_key).
    pub(super) fn insert(&mut self, connection: Connection) {
        self.generation = self.generation.wrapping_add(1);
        self.slots.insert(connection);
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Connection> {
        let connection = self.slots.get_mut(key.index())?;
        (connection.key() == key).then_some(connection)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Connection> {
        self.get_mut(key)?;
        self.slots.try_remove(key.index())
    }

    /// The key of the connection in a slot.
    pub(super) fn key_at(&self, index: usize) -> Option<Key> {
        self.slots.get(index).map(Connection::key)
    }

    /// No slot has this number or a greater one.
    pub(super) fn slots(&self) -> usize {
        self.slots.capacity()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.slots.iter().map(|(_, connection)| connection)
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.slots.iter().map(|(_, one)| one.key()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CONNECTION_BYTES;
    use crate::reactor::data::DataChannel;
    use crate::reactor::proxied::{PendingConnection, ProxyHeader};
    use crate::session::BOXED_BYTES;
    use crate::transfer::Transfer;

    #[test]
    fn a_connection_is_as_small_as_the_sum_of_all_memory_has_it() {
        // None of these is there together with another one.
        let one_of = [
            size_of::<Transfer>(),
            size_of::<ProxyHeader>(),
            size_of::<PendingConnection>(),
        ];
        let boxed = size_of::<DataChannel>() + one_of.into_iter().max().unwrap() + BOXED_BYTES;
        // The slab doubles; beside it are timers, queues and counts.
        let other = 256;
        assert!(2 * size_of::<Connection>() + boxed + other <= CONNECTION_BYTES);
    }
}
