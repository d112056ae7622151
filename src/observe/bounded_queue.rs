//! How the loop gives something to a thread that may be slow: through a bounded channel, without
//! waiting. What does not fit is counted, and whoever takes something from the channel is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// The loop's end.
pub(super) struct Sender<T> {
    channel: SyncSender<T>,
    lost: Arc<AtomicU64>,
}

/// The thread's end.
pub(super) struct Mailbox<T> {
    channel: Receiver<T>,
    lost: Arc<AtomicU64>,
}

/// A channel for so many that wait.
pub(super) fn mailbox<T>(room: usize) -> (Sender<T>, Mailbox<T>) {
    let (sender, receiver) = sync_channel(room);
    let lost = Arc::new(AtomicU64::new(0));
    let sender = Sender {
        channel: sender,
        lost: Arc::clone(&lost),
    };
    let mailbox = Mailbox {
        channel: receiver,
        lost,
    };
    (sender, mailbox)
}

impl<T> Sender<T> {
    /// Leaves it there if there is room; whether there was.
    pub(super) fn leave(&self, one: T) -> bool {
        match self.channel.try_send(one) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }

    /// As [`leave`](Self::leave), for what nobody misses: it only has the thread look up.
    pub(super) fn nudge(&self, one: T) {
        let _ = self.channel.try_send(one);
    }
}

impl<T> Mailbox<T> {
    /// Waits for the next; `None` when the other end is gone and all has been taken.
    pub(super) fn take(&self) -> Option<T> {
        self.channel.recv().ok()
    }

    /// The next, if there is one; never waits.
    pub(super) fn poll(&self) -> Option<T> {
        self.channel.try_recv().ok()
    }

    /// How many did not fit since the last time that this was asked.
    pub(super) fn lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_once() {
        let (sender, mailbox) = mailbox(2);
        assert_eq!(
            [1, 2, 3, 4].map(|n| sender.leave(n)),
            [true, true, false, false]
        );
        sender.nudge(5);
        assert_eq!(
            (mailbox.take(), mailbox.lost(), mailbox.lost()),
            (Some(1), 2, 0)
        );
        assert!(sender.leave(6));
        drop(sender);
        assert_eq!(
            [mailbox.take(), mailbox.take(), mailbox.take()],
            [Some(2), Some(6), None]
        );
    }
}
