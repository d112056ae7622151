//! The jobs seam: threads for what may wait; jobs go in, completions come out.
//!
//! A [`Job`] owns what it works on and gives it back in its [`JobResult`], so nothing is shared
//! and nothing is locked but the queues. The loop never waits for a worker: it submits, is
//! woken, and collects. Passwords are verified in lanes of their own, behind which no file
//! waits. Nothing here knows sessions or connections: a job's [`JobId`] is opaque.

mod job;
mod pool;
mod pools;
mod sweeper;

pub use job::{Completion, Job, JobId, JobResult, Work};
pub use pool::{Inline, Pool, PoolThreads};
pub use pools::WorkerPools;
pub use sweeper::Sweeper;

/// Runs jobs, somewhere, some time.
pub trait Runner: Send {
    /// Takes a job. Each comes back exactly once.
    fn submit(&mut self, job: Job);

    /// Appends what has finished since the last call; never waits.
    fn collect(&mut self, into: &mut Vec<Completion>);

    /// Jobs submitted and not collected. Not those that leave nothing to clear up, where a runner
    /// knows them: the process may end without them.
    fn outstanding(&self) -> usize;

    /// Whether [`collect`](Self::collect) would give something now; the loop must not
    /// sleep then. Runners that wake the loop may always say no.
    fn has_finished(&self) -> bool;
}
