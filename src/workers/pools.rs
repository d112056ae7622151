//! Pools of which none waits for another: for files, for passwords to be hashed, for PAM.
//!
//! A hash takes as long as thousands of file operations and nothing but a processor: a hundred
//! logins at once are done one after the other, by a thread that yields to all others. PAM takes
//! longer and no processor: its threads do nothing but wait. Both are started with the first login
//! that needs them, for most servers have none; by then the process has given up its rights.

use super::{Completion, Job, Pool, PoolThreads, Runner, Work};
use crate::cause::cause;
use crate::limits::{LOGIN_WORKERS, PAM_WORKERS};
use crate::net::Waker;

/// Threads for files, and for logins.
pub struct WorkerPools {
    files: Pool,
    hashing: LazyPool,
    asking: LazyPool,
}

/// A pool that may never be needed.
enum LazyPool {
    NotStarted {
        threads: usize,
        name: &'static str,
        waker: Waker,
    },
    Started(Pool),
}

impl LazyPool {
    const fn new(threads: usize, name: &'static str, waker: Waker) -> Self {
        Self::NotStarted {
            threads,
            name,
            waker,
        }
    }

    /// Starts it, if that is still to be done; `None` where there are no threads to be had.
    fn pool(&mut self) -> Option<&mut Pool> {
        if let Self::NotStarted {
            threads,
            name,
            waker,
        } = self
        {
            let (pool, threads) = Pool::new(*threads, name, Waker::clone(waker));
            match threads.start() {
                Ok(()) => *self = Self::Started(pool),
                Err(error) => log::warn!("Cannot start a thread for logins: {}", cause(&error)),
            }
        }
        match self {
            Self::Started(pool) => Some(pool),
            Self::NotStarted { .. } => None,
        }
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        if let Self::Started(pool) = self {
            pool.collect(into);
        }
    }
}

impl WorkerPools {
    /// Lanes, and the crew that is to take the jobs for files: `threads` workers, which wake the
    /// loop when they have finished something.
    pub fn new(threads: usize, waker: &Waker) -> (Self, PoolThreads) {
        let (files, threads) = Pool::new(threads, "worker", Waker::clone(waker));
        let pools = Self {
            files,
            hashing: LazyPool::new(LOGIN_WORKERS, "login", Waker::clone(waker)),
            asking: LazyPool::new(PAM_WORKERS, "pam", Waker::clone(waker)),
        };
        (pools, threads)
    }
}

impl Runner for WorkerPools {
    fn submit(&mut self, job: Job) {
        let pool = match &job.work {
            Work::Verify(verification) if verification.waits() => self.asking.pool(),
            Work::Verify(_) => self.hashing.pool(),
            _ => None,
        };
        // Without threads of their own logins have files wait, but nobody is kept out.
        pool.unwrap_or(&mut self.files).submit(job);
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        self.files.collect(into);
        self.hashing.collect(into);
        self.asking.collect(into);
    }

    fn outstanding(&self) -> usize {
        self.files.outstanding()
    }

    fn has_finished(&self) -> bool {
        false
    }
}
