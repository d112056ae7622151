//! A bounded queue between threads that drops and counts instead of blocking: of the logger, of records
//! and of events.
//!
//! Each class of its items has its own capacity, so a flood of routine lines never displaces a failed
//! login. Items come out in the order of their arrival, except that an important class that is more than
//! half full takes precedence. Items beyond the capacity are dropped and counted per class. The lock is
//! held to move one item, never while one is formatted or written.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::limits::LOG_LOSS_EVERY;

#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueClass {
    pub(crate) capacity: usize,
    /// Whether it takes precedence when it is more than half full.
    pub(crate) is_important: bool,
}

#[derive(Debug)]
pub(crate) struct LossyQueue<T> {
    state: Mutex<QueueState<T>>,
    grown: Condvar,
}

#[derive(Debug)]
struct QueueState<T> {
    classes: Vec<ClassQueue<T>>,
    /// Numbers the items of all classes in the order of their arrival.
    next_number: u64,
    /// The threads that wait for an item: to wake one is a system call.
    sleepers: usize,
    is_closed: bool,
}

#[derive(Debug)]
struct ClassQueue<T> {
    class: QueueClass,
    items: VecDeque<(u64, T)>,
    /// Items dropped since the last report.
    lost: u64,
    /// Items dropped since the beginning.
    dropped: u64,
    /// Items taken since the last report.
    taken: usize,
}

impl<T> LossyQueue<T> {
    /// A queue with these classes, which are known by their index; the most important first.
    pub(crate) fn with_classes(classes: impl IntoIterator<Item = QueueClass>) -> Self {
        let classes = classes.into_iter().map(|class| ClassQueue {
            class,
            items: VecDeque::new(),
            lost: 0,
            dropped: 0,
            taken: 0,
        });
        Self {
            state: Mutex::new(QueueState {
                classes: classes.collect(),
                next_number: 0,
                sleepers: 0,
                is_closed: false,
            }),
            grown: Condvar::new(),
        }
    }

    pub(crate) fn new(capacity: usize) -> Self {
        let is_important = false;
        Self::with_classes([QueueClass {
            capacity,
            is_important,
        }])
    }

    /// Queues an item, or counts it as lost if its class is full. Never blocks on the other end. Once the
    /// queue is closed, nothing takes what comes, and it is dropped.
    pub(crate) fn push(&self, class: usize, item: T) {
        let mut state = self.lock();
        if state.is_closed {
            return;
        }
        let number = state.next_number;
        let Some(queue) = state.classes.get_mut(class) else {
            debug_assert!(false, "there is a queue for each class");
            return;
        };
        if queue.items.len() >= queue.class.capacity {
            queue.lost += 1;
            queue.dropped += 1;
            return;
        }
        queue.items.push_back((number, item));
        state.next_number += 1;
        if state.sleepers > 0 {
            state.sleepers -= 1;
            drop(state);
            self.grown.notify_one();
        }
    }

    /// Closes the queue: after the items in it, [`take`](Self::take) returns `None`.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.grown.notify_all();
    }

    /// Blocks until the next item; `None` when the queue is closed and empty.
    pub(crate) fn take(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            let item = state.next();
            if item.is_some() || state.is_closed {
                return item;
            }
            state.sleepers += 1;
            let woken = self.grown.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next item, if there is one; never blocks.
    pub(crate) fn try_take(&self) -> Option<T> {
        self.lock().next()
    }

    /// The number of items of a class that were dropped since the beginning.
    pub(crate) fn dropped(&self, class: usize) -> u64 {
        let state = self.lock();
        state.classes.get(class).map_or(0, |queue| queue.dropped)
    }

    /// The number of items of a class that were dropped since the last call.
    pub(crate) fn take_lost(&self, class: usize) -> u64 {
        let mut state = self.lock();
        let queue = state.classes.get_mut(class);
        queue.map_or(0, |queue| std::mem::take(&mut queue.lost))
    }

    /// A class of which items were dropped, and how many: at the end of a flood, and during one after every
    /// [`LOG_LOSS_EVERY`] items.
    pub(crate) fn take_due_loss(&self) -> Option<(usize, u64)> {
        let mut state = self.lock();
        let is_due = |queue: &ClassQueue<T>| {
            queue.lost > 0 && (queue.items.is_empty() || queue.taken >= LOG_LOSS_EVERY)
        };
        let mut classes = state.classes.iter_mut().enumerate();
        let (class, queue) = classes.find(|(_, queue)| is_due(queue))?;
        queue.taken = 0;
        Some((class, std::mem::take(&mut queue.lost)))
    }

    fn lock(&self) -> MutexGuard<'_, QueueState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> QueueState<T> {
    fn next(&mut self) -> Option<T> {
        let filled = self
            .classes
            .iter_mut()
            .filter(|queue| !queue.items.is_empty());
        let queue = filled.min_by_key(|queue| queue.rank())?;
        queue.taken += 1;
        queue.items.pop_front().map(|(_, item)| item)
    }
}

impl<T> ClassQueue<T> {
    /// The class with the lowest rank is taken from next.
    fn rank(&self) -> (bool, u64) {
        let is_urgent = self.class.is_important && self.items.len() > self.class.capacity / 2;
        let number = self.items.front().map_or(u64::MAX, |(number, _)| *number);
        (!is_urgent, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: usize = 4;

    /// An important class, 0, and one that is not, 1.
    fn queue() -> LossyQueue<usize> {
        LossyQueue::with_classes([true, false].map(|is_important| QueueClass {
            capacity: CAPACITY,
            is_important,
        }))
    }

    fn rest(queue: &LossyQueue<usize>) -> Vec<usize> {
        std::iter::from_fn(|| queue.try_take()).collect()
    }

    #[test]
    fn items_of_all_classes_keep_their_order() {
        let queue = queue();
        for (item, class) in [1, 0, 0, 1].into_iter().enumerate() {
            queue.push(class, item);
        }
        assert_eq!(rest(&queue), [0, 1, 2, 3]);
        queue.close();
        queue.push(0, 4);
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn a_flood_of_one_class_displaces_no_other() {
        let queue = queue();
        for item in 0..10 {
            queue.push(1, item);
        }
        for item in 10..14 {
            queue.push(0, item);
        }
        // A class that is more than half full precedes an older flood of another.
        assert_eq!(rest(&queue), [10, 11, 0, 1, 2, 3, 12, 13]);
        assert_eq!(queue.take_due_loss(), Some((1, 6)));
        assert_eq!((queue.take_due_loss(), queue.take_lost(1)), (None, 0));
    }

    #[test]
    fn losses_are_due_during_a_flood() {
        let queue = LossyQueue::new(CAPACITY);
        let mut reports = 0;
        for item in 0..4 * LOG_LOSS_EVERY {
            queue.push(0, item);
            queue.push(0, item);
            queue.take();
            if let Some((0, 1..)) = queue.take_due_loss() {
                reports += 1;
            }
        }
        assert!((2..10).contains(&reports), "{reports}");
    }

    #[test]
    fn full_queue_counts_dropped_items_once() {
        let queue = LossyQueue::new(2);
        for item in [1, 2, 3, 4] {
            queue.push(0, item);
        }
        assert_eq!(
            [queue.take_lost(0), queue.take_lost(0), queue.dropped(0)],
            [2, 0, 2]
        );
        assert_eq!(queue.take(), Some(1));
        queue.push(0, 6);
        queue.close();
        assert_eq!(
            [queue.take(), queue.take(), queue.take()],
            [Some(2), Some(6), None]
        );
    }

    #[test]
    fn each_sleeper_is_woken() {
        let queue = LossyQueue::new(2);
        std::thread::scope(|scope| {
            let takers = [(), ()].map(|()| scope.spawn(|| queue.take()));
            queue.push(0, 1);
            queue.push(0, 2);
            let mut taken = takers.map(|taker| taker.join().unwrap());
            taken.sort();
            assert_eq!(taken, [Some(1), Some(2)]);
        });
    }
}
