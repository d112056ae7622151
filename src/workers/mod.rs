//! Worker threads for blocking work: the event loop submits jobs and collects completions.
//!
//! A [`Job`] owns its data and returns it in its [`JobResult`], so only the queues are shared and
//! locked. The event loop never waits for a worker: it submits, is woken, and collects. Passwords are
//! verified and TLS handshakes computed in thread pools of their own, so that they never delay storage.
//! Nothing here knows sessions or connections: a job's [`JobId`] is opaque.

mod job;
mod pool;
mod pools;
mod sweeper;

pub use job::{Completion, Job, JobId, JobResult, Work};
pub use pool::{Inline, Pool};
pub use pools::WorkerPools;
pub use sweeper::Sweeper;

/// Runs jobs: on threads, inline, or in the simulator.
pub trait Runner: Send {
    /// Queues a job; never blocks on a thread pool. Each job completes exactly once.
    fn submit(&mut self, job: Job);

    /// Appends the jobs completed since the last call; never blocks.
    fn collect(&mut self, into: &mut Vec<Completion>);

    /// The number of jobs submitted and not collected. A runner may exclude jobs that can be
    /// abandoned at a shutdown (password verification, TLS handshakes).
    fn outstanding(&self) -> usize;

    /// Whether [`collect`](Self::collect) would return a completion now, so that the event loop must
    /// not sleep. Always false for a runner that wakes the loop.
    fn has_finished(&self) -> bool {
        false
    }
}

/// Raises the nice value of the calling thread (on Linux, of that alone). A failure costs latency only.
fn lower_priority(niceness: i32) {
    let _ = rustix::process::setpriority_process(None, niceness);
}
