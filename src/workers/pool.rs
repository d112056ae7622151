//! The runners of production: a thread pool, and one that runs jobs inline.
//!
//! A thread starts with a job for which no other is free, and ends after an idle time: a pool without work
//! has no threads and no memory for them. Each owns the scratch buffers that jobs work with. Threads are
//! never joined: one that hangs in a system call must not hang the exit of the process.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Completion, Job, Runner, lower_priority};
use crate::cause::cause;
use crate::clock::Instant;
use crate::limits::{CHUNK_BYTES, THREAD_STACK_BYTES, WORKER_NICENESS, WORKER_TURN};
use crate::net::Waker;
use crate::transfer::Scratch;

/// The threads of a [`Pool`].
#[derive(Clone)]
pub struct PoolThreads {
    /// The most.
    pub count: usize,
    /// They are named `name-1` and so on.
    pub name: &'static str,
    /// The bytes of each one's scratch buffer.
    pub chunk: usize,
    /// How long one waits for a job before it ends.
    pub idle: Duration,
    /// Called after each job.
    pub waker: Waker,
}

/// A thread pool with one queue, first in, first out. Dropping it ends the threads after their
/// current job; queued jobs are discarded.
pub struct Pool {
    queue: Arc<JobQueue>,
    threads: PoolThreads,
    outstanding: usize,
    /// The last job found no thread, which is logged.
    has_no_thread: bool,
}

#[derive(Default)]
struct JobQueue {
    state: Mutex<JobQueueState>,
    arrived: Condvar,
}

#[derive(Default)]
struct JobQueueState {
    jobs: VecDeque<Job>,
    finished: Vec<Completion>,
    /// Threads that have not ended.
    running: usize,
    /// Those of them that have no job: they wait for one, or are about to.
    idle: usize,
    closed: bool,
}

impl Pool {
    /// A pool, which has no threads yet.
    pub fn new(threads: PoolThreads) -> Self {
        Self {
            queue: Arc::default(),
            threads,
            outstanding: 0,
            has_no_thread: false,
        }
    }

    /// Queues a job, and starts a thread if all are busy and there may be one more. A thread inherits the
    /// privileges of the calling thread.
    ///
    /// # Errors
    /// The job, if there is no thread and the system cannot create one. The reason is logged for the first of
    /// a row of such jobs, since a client can ask for thousands in a second.
    pub fn submit(&mut self, job: Job) -> Result<(), Box<Job>> {
        let mut state = self.queue.lock();
        if state.idle <= state.jobs.len() && state.running < self.threads.count {
            (state.running, state.idle) = (state.running + 1, state.idle + 1);
            let number = state.running;
            drop(state);
            let started = self.start(number);
            state = self.queue.lock();
            if let Err(error) = started {
                (state.running, state.idle) = (state.running - 1, state.idle - 1);
                if state.running == 0 {
                    drop(state);
                    self.log_no_thread(&error);
                    return Err(Box::new(job));
                }
            }
        }
        state.jobs.push_back(job);
        drop(state);
        self.has_no_thread = false;
        self.outstanding += 1;
        self.queue.arrived.notify_one();
        Ok(())
    }

    /// A thread ends only after the idle time, so no other row begins before.
    fn log_no_thread(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.has_no_thread, true) {
            let why = cause(error);
            log::warn!("Cannot start a thread, whose work delays other clients now: {why}");
        }
    }

    fn start(&self, number: usize) -> io::Result<()> {
        let queue = Arc::clone(&self.queue);
        let threads = self.threads.clone();
        thread::Builder::new()
            .name(format!("{}-{number}", threads.name))
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || work(&queue, &threads))?;
        Ok(())
    }

    /// Appends the jobs completed since the last call.
    #[inline]
    pub fn collect(&mut self, into: &mut Vec<Completion>) {
        // Without this test each iteration of the loop would lock the queues of all pools.
        if self.outstanding > 0 {
            self.collect_finished(into);
        }
    }

    #[inline(never)]
    fn collect_finished(&mut self, into: &mut Vec<Completion>) {
        let finished = &mut self.queue.lock().finished;
        self.outstanding -= finished.len();
        into.append(finished);
    }

    /// The number of jobs submitted and not collected.
    pub const fn outstanding(&self) -> usize {
        self.outstanding
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.arrived.notify_all();
    }
}

impl JobQueue {
    fn lock(&self) -> MutexGuard<'_, JobQueueState> {
        // No code that can panic runs under the lock, so a poisoned state is consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no job waits, and the pool still exists.
    fn is_idle(&self) -> bool {
        self.lock().is_idle()
    }

    /// Waits for a job; `None` when the pool has been dropped or none has come for the `idle` time, after
    /// which the thread ends.
    fn take(&self, idle: Duration) -> Option<Job> {
        let mut state = self.lock();
        let waited = self
            .arrived
            .wait_timeout_while(state, idle, |state| state.is_idle());
        (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        let job = state.jobs.pop_front().filter(|_| !state.closed);
        state.running -= usize::from(job.is_none());
        job
    }
}

impl JobQueueState {
    fn is_idle(&self) -> bool {
        self.jobs.is_empty() && !self.closed
    }
}

fn work(queue: &JobQueue, threads: &PoolThreads) {
    // With fewer processors than threads the scheduler prefers the event loop, so that a command is
    // answered before the next slice of a transfer.
    lower_priority(WORKER_NICENESS);
    let mut scratch = Scratch::new(threads.chunk);
    while let Some(job) = queue.take(threads.idle) {
        let begun = Instant::now();
        let mut may_go_on = || queue.is_idle() && begun.elapsed() < WORKER_TURN;
        let mut completion = job.run(&mut scratch, &mut may_go_on);
        completion.times.ran_since(begun);
        // Before the loop knows: its next job may be the client's next command, and needs no second thread.
        let mut state = queue.lock();
        state.idle += 1;
        state.finished.push(completion);
        drop(state);
        (threads.waker)();
    }
}

/// Runs jobs without threads, one in each [`collect`](Runner::collect), so that all clients have their turns
/// between two jobs: for small devices.
pub struct Inline {
    scratch: Scratch,
    jobs: VecDeque<Job>,
}

impl Inline {
    /// A runner without jobs.
    pub fn new() -> Self {
        Self {
            scratch: Scratch::new(CHUNK_BYTES),
            jobs: VecDeque::new(),
        }
    }
}

impl Default for Inline {
    fn default() -> Self {
        Self::new()
    }
}

impl Runner for Inline {
    fn submit(&mut self, job: Job) {
        self.jobs.push_back(job);
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        // It has the event loop's thread, which must not stay.
        if let Some(job) = self.jobs.pop_front() {
            let begun = Instant::now();
            let mut completion = job.run(&mut self.scratch, &mut || false);
            completion.times.ran_since(begun);
            into.push(completion);
        }
    }

    fn outstanding(&self) -> usize {
        self.jobs.len()
    }

    fn has_finished(&self) -> bool {
        !self.jobs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::JobTimes;
    use crate::storage::{Memory, Operation, VirtualPath};
    use crate::workers::{JobId, Work};
    use std::sync::Barrier;

    const LONG: Duration = Duration::from_secs(60);

    fn job(ticket: u32) -> Job {
        let path = VirtualPath::root();
        Job {
            id: JobId { owner: 0, ticket },
            storage: Arc::new(Memory::new()),
            work: Work::Operate(Operation::Metadata(path)),
            times: JobTimes::default(),
        }
    }

    fn pool(count: usize, idle: Duration, waker: impl Fn() + Send + Sync + 'static) -> Pool {
        Pool::new(PoolThreads {
            count,
            name: "test",
            chunk: 0,
            idle,
            waker: Arc::new(waker),
        })
    }

    fn submit(pool: &mut Pool, ticket: u32) {
        assert!(pool.submit(job(ticket)).is_ok());
    }

    fn wait_until(is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < LONG);
            thread::yield_now();
        }
    }

    #[test]
    fn threads_start_for_waiting_jobs_up_to_their_number() {
        // A thread stays in its job until both have one.
        let both = Arc::new(Barrier::new(3));
        let at_work = Arc::clone(&both);
        let mut pool = pool(2, LONG, move || {
            at_work.wait();
        });
        assert_eq!(pool.queue.lock().running, 0);
        submit(&mut pool, 1);
        assert_eq!(pool.queue.lock().running, 1);
        submit(&mut pool, 2);
        submit(&mut pool, 3);
        submit(&mut pool, 4);
        assert_eq!(pool.queue.lock().running, 2);
        both.wait();
        both.wait();
        let mut completions = Vec::new();
        while completions.len() < 4 {
            pool.collect(&mut completions);
            thread::yield_now();
        }
        let mut tickets: Vec<_> = completions.iter().map(|done| done.id.ticket).collect();
        tickets.sort_unstable();
        assert_eq!((tickets, pool.outstanding()), (vec![1, 2, 3, 4], 0));
        // An idle thread is used, and no third one started.
        submit(&mut pool, 5);
        assert_eq!(pool.queue.lock().running, 2);
    }

    #[test]
    fn idle_threads_end_and_start_again() {
        let mut pool = pool(2, Duration::from_millis(1), || {});
        for ticket in 0..10 {
            submit(&mut pool, ticket);
            wait_until(|| pool.queue.lock().running == 0);
        }
        let mut completions = Vec::new();
        pool.collect(&mut completions);
        assert_eq!(completions.len(), 10);
    }
}
