//! Places for work that needs much memory: there is a fixed number of them.
//!
//! What a connection may cost at the most counts for every connection; what only some do at a time
//! need not. A directory gathered to be sorted, one with all that is below it, or a compressor, has
//! a [`Permit`], and gives it back by being dropped, on whatever thread. It knows nothing of what is
//! done in it.

use std::sync::Arc;

/// The places that there are.
#[derive(Debug)]
pub struct Semaphore {
    /// Shared by all that are taken, which so are counted.
    taken: Arc<()>,
    number: usize,
}

/// One of them; dropped, it is free again.
#[derive(Debug)]
pub struct Permit {
    _one_of: Arc<()>,
}

impl Semaphore {
    /// So many.
    pub fn new(number: usize) -> Self {
        Self {
            taken: Arc::new(()),
            number,
        }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self) -> Option<Permit> {
        let taken = Arc::strong_count(&self.taken) - 1;
        (taken < self.number).then(|| Permit {
            _one_of: Arc::clone(&self.taken),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_and_one_that_is_given_back_is_free() {
        let mut places = Semaphore::new(2);
        let (first, second) = (places.take(), places.take());
        assert!(first.is_some() && second.is_some());
        assert!(places.take().is_none());
        std::thread::spawn(|| drop(first)).join().unwrap();
        assert!(places.take().is_some());
        assert!(Semaphore::new(0).take().is_none());
    }
}
