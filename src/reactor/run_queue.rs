//! Who is to be visited next: each connection at most once in each queue.
//!
//! A pass visits what was queued when it began, so that a connection with endless work waits
//! for the others once a pass; control comes before data, so that a command is answered before
//! the next megabyte, and of the handshakes, which cost the most, a pass makes only a few.

use std::collections::VecDeque;

use super::key::Key;

/// Which turn a connection is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Control,
    Handshake,
    Data,
}

impl Turn {
    pub(super) const ALL: [Self; 3] = [Self::Control, Self::Handshake, Self::Data];
}

/// Where a connection is queued; kept with it, so that it is queued once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Queued {
    control: bool,
    handshake: bool,
    data: bool,
}

impl Queued {
    const fn place(&mut self, turn: Turn) -> &mut bool {
        match turn {
            Turn::Control => &mut self.control,
            Turn::Handshake => &mut self.handshake,
            Turn::Data => &mut self.data,
        }
    }

    /// It has been taken out for its turn.
    pub(super) const fn taken(&mut self, turn: Turn) {
        *self.place(turn) = false;
    }
}

#[derive(Debug, Default)]
pub(super) struct RunQueue {
    control: VecDeque<Key>,
    handshake: VecDeque<Key>,
    data: VecDeque<Key>,
}

impl RunQueue {
    pub(super) fn push(&mut self, key: Key, turn: Turn, queued: &mut Queued) {
        let queued = queued.place(turn);
        if !*queued {
            *queued = true;
            self.queue(turn).push_back(key);
        }
    }

    pub(super) fn pop(&mut self, turn: Turn) -> Option<Key> {
        self.queue(turn).pop_front()
    }

    pub(super) fn len(&mut self, turn: Turn) -> usize {
        self.queue(turn).len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.control.is_empty() && self.handshake.is_empty() && self.data.is_empty()
    }

    const fn queue(&mut self, turn: Turn) -> &mut VecDeque<Key> {
        match turn {
            Turn::Control => &mut self.control,
            Turn::Handshake => &mut self.handshake,
            Turn::Data => &mut self.data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_queued_once_until_its_turn() {
        let mut queue = RunQueue::default();
        let mut queued = Queued::default();
        queue.push(Key::NONE, Turn::Control, &mut queued);
        queue.push(Key::NONE, Turn::Control, &mut queued);
        queue.push(Key::NONE, Turn::Data, &mut queued);
        assert_eq!(queue.len(Turn::Control), 1);
        assert_eq!(queue.len(Turn::Data), 1);
        assert_eq!(queue.pop(Turn::Control), Some(Key::NONE));
        queued.taken(Turn::Control);
        queue.push(Key::NONE, Turn::Control, &mut queued);
        assert_eq!(queue.len(Turn::Control), 1);
        assert!(!queue.is_empty());
    }
}
