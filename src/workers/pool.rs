//! The runners of production: a thread pool, and one that runs jobs inline.
//!
//! Each thread owns the scratch buffers that jobs work with. Threads are never joined: one that hangs
//! in a system call must not hang the exit of the process.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::{Completion, Job, Runner, lower_priority};
use crate::limits::{CHUNK_BYTES, THREAD_STACK_BYTES, WORKER_NICENESS, WORKER_TURN};
use crate::net::Waker;
use crate::transfer::Scratch;

/// A thread pool with one queue, first in, first out. Dropping it ends the threads after their
/// current job; queued jobs are discarded.
pub struct Pool {
    queue: Arc<JobQueue>,
    finished: Receiver<Completion>,
    outstanding: usize,
}

#[derive(Default)]
struct JobQueue {
    state: Mutex<JobQueueState>,
    arrived: Condvar,
}

#[derive(Default)]
struct JobQueueState {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// The threads of a [`Pool`], not yet started.
pub struct PoolThreads {
    queue: Arc<JobQueue>,
    finished: Sender<Completion>,
    threads: usize,
    started: usize,
    name: &'static str,
    /// The bytes of each thread's scratch buffer.
    chunk: usize,
    waker: Waker,
}

impl Pool {
    /// A pool, and its `threads` to start later. They are named `name-1` and so on, have a scratch buffer of
    /// `chunk` bytes each, and call `waker` after each job.
    pub fn new(
        threads: usize,
        name: &'static str,
        chunk: usize,
        waker: Waker,
    ) -> (Self, PoolThreads) {
        let queue = Arc::new(JobQueue::default());
        let (sender, finished) = channel();
        let threads = PoolThreads {
            queue: Arc::clone(&queue),
            finished: sender,
            threads,
            started: 0,
            name,
            chunk,
            waker,
        };
        let pool = Self {
            queue,
            finished,
            outstanding: 0,
        };
        (pool, threads)
    }
}

impl PoolThreads {
    /// Starts the threads. They inherit the privileges of the calling thread, so this is separate from
    /// the creation of the pool.
    ///
    /// # Errors
    /// When the system cannot create a thread. The next call starts those that are left.
    pub fn start(&mut self) -> io::Result<()> {
        while self.started < self.threads {
            let queue = Arc::clone(&self.queue);
            let waker = Arc::clone(&self.waker);
            let sender = self.finished.clone();
            let chunk = self.chunk;
            thread::Builder::new()
                .name(format!("{}-{}", self.name, self.started + 1))
                .stack_size(THREAD_STACK_BYTES)
                .spawn(move || work(&queue, chunk, &sender, &waker))?;
            self.started += 1;
        }
        Ok(())
    }
}

impl Runner for Pool {
    fn submit(&mut self, job: Job) {
        self.outstanding += 1;
        self.queue.lock().jobs.push_back(job);
        self.queue.arrived.notify_one();
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        while let Ok(completion) = self.finished.try_recv() {
            self.outstanding -= 1;
            into.push(completion);
        }
    }

    fn outstanding(&self) -> usize {
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
    fn lock(&self) -> std::sync::MutexGuard<'_, JobQueueState> {
        // No code that can panic runs under the lock, so a poisoned state is consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no job waits, and the pool still exists.
    fn is_idle(&self) -> bool {
        let state = self.lock();
        state.jobs.is_empty() && !state.closed
    }

    /// Waits for a job; `None` when the pool has been dropped.
    fn take(&self) -> Option<Job> {
        let is_idle = |state: &mut JobQueueState| state.jobs.is_empty() && !state.closed;
        let state = self.arrived.wait_while(self.lock(), is_idle);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return None;
        }
        state.jobs.pop_front()
    }
}

fn work(queue: &JobQueue, chunk: usize, finished: &Sender<Completion>, waker: &Waker) {
    // With fewer processors than threads the scheduler prefers the event loop, so that a command is
    // answered before the next slice of a transfer.
    lower_priority(WORKER_NICENESS);
    let mut scratch = Scratch::new(chunk);
    while let Some(job) = queue.take() {
        let begun = Instant::now();
        let mut may_go_on = || queue.is_idle() && begun.elapsed() < WORKER_TURN;
        let completion = job.run(&mut scratch, &mut may_go_on);
        if finished.send(completion).is_err() {
            return;
        }
        waker();
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
        let next = self.jobs.pop_front();
        into.extend(next.map(|job| job.run(&mut self.scratch, &mut || false)));
    }

    fn outstanding(&self) -> usize {
        self.jobs.len()
    }

    fn has_finished(&self) -> bool {
        !self.jobs.is_empty()
    }
}
