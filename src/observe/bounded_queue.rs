//! A bounded queue from the event loop to a thread, with a drop count instead of backpressure.
//!
//! The loop never blocks: when the queue is full (or its receiver is gone) the item is dropped and counted.
//! The receiver reads the drop count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The end of the event loop.
pub(super) struct QueueSender<T> {
    channel: SyncSender<T>,
    dropped: Arc<AtomicU64>,
}

/// The end of the thread.
pub(super) struct QueueReceiver<T> {
    channel: Receiver<T>,
    dropped: Arc<AtomicU64>,
}

/// Makes a queue of `capacity` items.
pub(super) fn bounded_queue<T>(capacity: usize) -> (QueueSender<T>, QueueReceiver<T>) {
    let (sender, receiver) = sync_channel(capacity);
    let dropped = Arc::new(AtomicU64::new(0));
    let sender = QueueSender {
        channel: sender,
        dropped: Arc::clone(&dropped),
    };
    let receiver = QueueReceiver {
        channel: receiver,
        dropped,
    };
    (sender, receiver)
}

impl<T> QueueSender<T> {
    /// Sends an item, or counts it as dropped. Returns whether it was sent; never blocks.
    pub(super) fn send(&self, item: T) -> bool {
        let is_sent = self.channel.try_send(item).is_ok();
        if !is_sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        is_sent
    }

    /// Sends an item that only wakes the receiver: if the queue is full it is not needed, and not counted.
    pub(super) fn wake(&self, item: T) {
        let _ = self.channel.try_send(item);
    }
}

impl<T> QueueReceiver<T> {
    /// Blocks until the next item; `None` when the sender is gone and the queue is empty.
    pub(super) fn recv(&self) -> Option<T> {
        self.channel.recv().ok()
    }

    /// The next item, if there is one; never blocks.
    pub(super) fn try_recv(&self) -> Option<T> {
        self.channel.try_recv().ok()
    }

    /// The number of items dropped since the last call.
    pub(super) fn take_drop_count(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_queue_counts_dropped_items_once() {
        let (sender, receiver) = bounded_queue(2);
        assert_eq!(
            [1, 2, 3, 4].map(|n| sender.send(n)),
            [true, true, false, false]
        );
        sender.wake(5);
        let first = receiver.recv();
        let counts = [receiver.take_drop_count(), receiver.take_drop_count()];
        assert_eq!((first, counts), (Some(1), [2, 0]));
        assert!(sender.send(6));
        drop(sender);
        assert_eq!(
            [receiver.recv(), receiver.recv(), receiver.recv()],
            [Some(2), Some(6), None]
        );
    }
}
