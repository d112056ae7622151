//! Four independent thread pools: for storage, TLS handshakes, hashing passwords, and PAM.
//!
//! Hashing a password takes as long as thousands of file operations, all of it processor time, so a
//! single thread of low priority does it. A PAM check takes longer but only waits for its process, so
//! its pool has more threads. A handshake is processor time too, and a thread for each processor
//! computes them. Threads start with the jobs that need them; by then the process has dropped its
//! privileges.

use super::pool::PoolThreads;
use super::{Completion, Inline, Job, Pool, Runner, Work};
use crate::limits::{LOGIN_WORKERS, PAM_WORKERS, WORKER_IDLE};
use crate::net::Waker;

/// The thread pools of a server.
pub struct WorkerPools {
    storage: Pool,
    handshakes: Pool,
    hashing: Pool,
    pam: Pool,
    /// Runs what storage's pool cannot, for lack of threads.
    inline: Inline,
}

impl WorkerPools {
    /// The pools. That of storage has so many `threads` at the most, each with a scratch buffer of `chunk`
    /// bytes, and that for handshakes so many. All threads call `waker` after each job.
    pub fn new(threads: usize, chunk: usize, handshakes: usize, waker: &Waker) -> Self {
        let pool = |count, name, chunk| {
            Pool::new(PoolThreads {
                count,
                name,
                chunk,
                idle: WORKER_IDLE,
                waker: Waker::clone(waker),
            })
        };
        // Only storage needs buffers.
        Self {
            storage: pool(threads, "worker", chunk),
            handshakes: pool(handshakes, "tls", 0),
            hashing: pool(LOGIN_WORKERS, "login", 0),
            pam: pool(PAM_WORKERS, "pam", 0),
            inline: Inline::new(),
        }
    }
}

impl Runner for WorkerPools {
    fn submit(&mut self, job: Job) {
        let own = match &job.work {
            Work::Verify(verification) if verification.waits() => Some(&mut self.pam),
            Work::Verify(_) => Some(&mut self.hashing),
            Work::Handshake(_) => Some(&mut self.handshakes),
            _ => None,
        };
        let mut job = job;
        // A job without a thread delays others, but is done.
        for pool in own.into_iter().chain([&mut self.storage]) {
            let Err(refused) = pool.submit(job) else {
                return;
            };
            job = *refused;
        }
        self.inline.submit(job);
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        self.storage.collect(into);
        self.handshakes.collect(into);
        self.hashing.collect(into);
        self.pam.collect(into);
        self.inline.collect(into);
    }

    // Logins and handshakes can be abandoned at a shutdown: nothing is left behind by them, and a client that
    // waits for one is still connected.
    fn outstanding(&self) -> usize {
        self.storage.outstanding() + self.inline.outstanding()
    }

    fn has_finished(&self) -> bool {
        self.inline.has_finished()
    }
}
