//! Waits until threads have ended, for a limited time.
//!
//! A thread that hangs in a write must not hang the exit of the process, which joining it would. This file
//! owns the count of the threads that are still running, and knows nothing of what they do.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Some threads, of which each holds a [`Member`] while it runs.
#[derive(Clone, Default)]
pub(crate) struct ThreadGroup(Arc<Members>);

/// One thread of a group. Dropping it, by a panic too, takes the thread out of its group.
pub(crate) struct Member(Arc<Members>);

#[derive(Default)]
struct Members {
    count: Mutex<usize>,
    changed: Condvar,
}

impl ThreadGroup {
    /// Adds a thread, which may still have to be started.
    pub(crate) fn add(&self) -> Member {
        *self.0.lock() += 1;
        Member(Arc::clone(&self.0))
    }

    /// Waits for the end of all threads. Returns whether they have ended within the time.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let waited = self
            .0
            .changed
            .wait_timeout_while(self.0.lock(), timeout, |count| *count > 0);
        let (count, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *count == 0
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.changed.notify_all();
    }
}

impl Members {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn group_ends_with_its_last_member() {
        let group = ThreadGroup::default();
        assert!(group.wait(Duration::ZERO));
        let [first, second] = [(); 2].map(|()| group.add());
        drop(first);
        assert!(!group.wait(Duration::ZERO));
        thread::scope(|scope| {
            scope.spawn(|| {
                let _member = second;
                thread::yield_now();
            });
            assert!(group.wait(Duration::from_secs(60)));
        });
    }
}
