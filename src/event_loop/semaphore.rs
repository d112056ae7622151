//! A counting semaphore for work that needs much memory.
//!
//! Memory that every connection may need is charged to each connection; memory that only some need at a
//! time (a directory gathered to be sorted, a recursive listing, a compressor) is charged to a permit, of
//! which there is a fixed number. A [`Permit`] is returned by being dropped, on any thread. Nothing ever
//! waits for one.

use std::sync::Arc;

/// Issues at most a fixed number of permits at a time.
#[derive(Debug)]
pub struct Semaphore {
    /// Cloned into each permit, so that its count is the number of permits in use.
    issued: Arc<()>,
    permits: usize,
}

/// One permit; dropping it returns it.
#[derive(Debug)]
pub struct Permit {
    _issued: Arc<()>,
}

impl Semaphore {
    /// A semaphore with this number of permits.
    pub fn new(permits: usize) -> Self {
        Self {
            issued: Arc::new(()),
            permits,
        }
    }

    /// The permits that are in use, and all.
    pub fn count(&self) -> (usize, usize) {
        (Arc::strong_count(&self.issued) - 1, self.permits)
    }

    /// Takes a permit; `None` if all are in use.
    pub fn try_acquire(&mut self) -> Option<Permit> {
        (self.count().0 < self.permits).then(|| Permit {
            _issued: Arc::clone(&self.issued),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_permit_can_be_acquired_again() {
        let mut semaphore = Semaphore::new(2);
        let one = semaphore.try_acquire();
        let other = semaphore.try_acquire();
        assert_eq!(semaphore.count(), (2, 2));
        assert!(one.is_some() && other.is_some() && semaphore.try_acquire().is_none());
        std::thread::spawn(|| drop(one)).join().unwrap();
        assert!(semaphore.try_acquire().is_some());
        assert!(Semaphore::new(0).try_acquire().is_none());
    }
}
