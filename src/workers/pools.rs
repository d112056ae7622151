//! Three independent thread pools: for storage, for hashing passwords, and for PAM.
//!
//! Hashing a password takes as long as thousands of file operations, all of it processor time, so a
//! single thread of low priority does it. A PAM check takes longer but only waits for its process, so
//! its pool has more threads. Both start with the first login that needs them, since many servers
//! have none; by then the process has dropped its privileges.

use super::{Completion, Job, Pool, PoolThreads, Runner, Work};
use crate::cause::cause;
use crate::limits::{LOGIN_WORKERS, PAM_WORKERS};
use crate::net::Waker;

/// The thread pools of a server.
pub struct WorkerPools {
    storage: Pool,
    hashing: LazyPool,
    pam: LazyPool,
}

/// A thread pool whose threads start with its first job.
struct LazyPool {
    pool: Pool,
    /// `None` once all are started.
    to_start: Option<PoolThreads>,
}

impl LazyPool {
    fn new(threads: usize, name: &'static str, waker: &Waker) -> Self {
        // No login needs a buffer.
        let (pool, threads) = Pool::new(threads, name, 0, Waker::clone(waker));
        let to_start = Some(threads);
        Self { pool, to_start }
    }

    /// The pool, started if necessary; `None` if the system cannot create its threads. The next call
    /// tries again.
    fn pool(&mut self) -> Option<&mut Pool> {
        if let Some(threads) = &mut self.to_start {
            if let Err(error) = threads.start() {
                let why = cause(&error);
                log::warn!(
                    "Cannot start a thread for logins, which use the storage threads: {why}"
                );
                return None;
            }
            self.to_start = None;
        }
        Some(&mut self.pool)
    }
}

impl WorkerPools {
    /// The pools, and the `threads` of the storage pool to start later, each with a scratch buffer of `chunk`
    /// bytes. All threads call `waker` after each job.
    pub fn new(threads: usize, chunk: usize, waker: &Waker) -> (Self, PoolThreads) {
        let (storage, threads) = Pool::new(threads, "worker", chunk, Waker::clone(waker));
        let pools = Self {
            storage,
            hashing: LazyPool::new(LOGIN_WORKERS, "login", waker),
            pam: LazyPool::new(PAM_WORKERS, "pam", waker),
        };
        (pools, threads)
    }
}

impl Runner for WorkerPools {
    fn submit(&mut self, job: Job) {
        let pool = match &job.work {
            Work::Verify(verification) if verification.waits() => self.pam.pool(),
            Work::Verify(_) => self.hashing.pool(),
            _ => None,
        };
        // A login whose own threads cannot start delays storage, but succeeds.
        pool.unwrap_or(&mut self.storage).submit(job);
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        self.storage.collect(into);
        self.hashing.pool.collect(into);
        self.pam.pool.collect(into);
    }

    // Logins can be abandoned at a shutdown.
    fn outstanding(&self) -> usize {
        self.storage.outstanding()
    }
}
