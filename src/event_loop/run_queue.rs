//! The run queue: connections that wait for a turn, one FIFO for each kind of turn.
//!
//! A pass takes only what was queued when it began, so a connection with endless work waits for all others
//! between two of its turns: fairness. The owner of the loop decides which kinds there are and how many turns
//! of each a pass gives. A connection is in each FIFO at most once; its [`Queued`] remembers that.

use std::collections::VecDeque;

use super::key::Key;

/// In which FIFOs a connection is: one bit for each kind. Kept with the connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Queued(u8);

impl Queued {
    /// Records that the connection was taken out for its turn of this kind.
    pub const fn taken(&mut self, kind: usize) {
        self.0 &= !(1 << kind);
    }

    /// Records that it is queued; returns whether it was not.
    const fn insert(&mut self, kind: usize) -> bool {
        let is_new = self.0 & (1 << kind) == 0;
        self.0 |= 1 << kind;
        is_new
    }
}

/// FIFOs of keys; a kind is a number below `KINDS`, and `KINDS` is at most 8.
#[derive(Debug)]
pub struct RunQueue<const KINDS: usize> {
    fifos: [VecDeque<Key>; KINDS],
}

impl<const KINDS: usize> Default for RunQueue<KINDS> {
    fn default() -> Self {
        const { assert!(KINDS <= u8::BITS as usize) };
        Self {
            fifos: std::array::from_fn(|_| VecDeque::new()),
        }
    }
}

impl<const KINDS: usize> RunQueue<KINDS> {
    /// Queues a connection for a turn of this kind, unless it is queued already.
    pub fn push(&mut self, key: Key, kind: usize, queued: &mut Queued) {
        debug_assert!(kind < KINDS, "there is no such kind of turn");
        if let Some(fifo) = self.fifos.get_mut(kind)
            && queued.insert(kind)
        {
            fifo.push_back(key);
        }
    }

    /// Takes the first key. The caller must call [`Queued::taken`] if the connection still exists.
    pub fn pop(&mut self, kind: usize) -> Option<Key> {
        self.fifos.get_mut(kind)?.pop_front()
    }

    /// The number of keys queued for turns of this kind, stale ones included.
    pub fn len(&self, kind: usize) -> usize {
        self.fifos.get(kind).map_or(0, VecDeque::len)
    }

    /// Whether no key is queued for any kind of turn.
    pub fn is_empty(&self) -> bool {
        self.fifos.iter().all(VecDeque::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_is_queued_once_until_its_turn() {
        let mut queue = RunQueue::<2>::default();
        let mut queued = Queued::default();
        queue.push(Key::NONE, 0, &mut queued);
        queue.push(Key::NONE, 0, &mut queued);
        queue.push(Key::NONE, 1, &mut queued);
        assert_eq!([queue.len(0), queue.len(1)], [1, 1]);
        assert_eq!(queue.pop(0), Some(Key::NONE));
        queued.taken(0);
        queue.push(Key::NONE, 0, &mut queued);
        assert_eq!([queue.len(0), queue.len(1)], [1, 1]);
        assert!(!queue.is_empty());
    }
}
