//! Four independent thread pools: for storage, TLS handshakes, hashing passwords, and PAM.
//!
//! Hashing a password takes as long as thousands of file operations, all of it processor time, so a
//! single thread of low priority does it. A PAM check takes longer but only waits for its process, so
//! its pool has more threads. A handshake is processor time too, and a thread for each processor
//! computes them. All but storage start with the first job that needs them, since many servers have
//! none; by then the process has dropped its privileges.

use super::{Completion, Job, Pool, PoolThreads, Runner, Work};
use crate::cause::cause;
use crate::limits::{LOGIN_WORKERS, PAM_WORKERS};
use crate::net::Waker;

/// The thread pools of a server.
pub struct WorkerPools {
    storage: Pool,
    handshakes: LazyPool,
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
        // Only storage needs buffers.
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
                    "Cannot start a thread for logins or TLS handshakes, which use the storage threads: \
                     {why}"
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
    /// bytes. The pool for handshakes has so many threads. All threads call `waker` after each job.
    pub fn new(
        threads: usize,
        chunk: usize,
        handshakes: usize,
        waker: &Waker,
    ) -> (Self, PoolThreads) {
        let (storage, threads) = Pool::new(threads, "worker", chunk, Waker::clone(waker));
        let pools = Self {
            storage,
            handshakes: LazyPool::new(handshakes, "tls", waker),
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
            Work::Handshake(_) => self.handshakes.pool(),
            _ => None,
        };
        // A job whose own threads cannot start delays storage, but is done.
        pool.unwrap_or(&mut self.storage).submit(job);
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        self.storage.collect(into);
        self.handshakes.pool.collect(into);
        self.hashing.pool.collect(into);
        self.pam.pool.collect(into);
    }

    // Logins and handshakes can be abandoned at a shutdown: nothing is left behind by them, and a client that
    // waits for one is still connected.
    fn outstanding(&self) -> usize {
        self.storage.outstanding()
    }
}
