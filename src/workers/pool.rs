//! The two runners of production: a pool of threads, and none at all.
//!
//! Both own the scratch that jobs work with. A thread that hangs in a device
//! is left behind when the process ends: it must not hang the exit too.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::{Completion, Job, Runner};
use crate::limits::{CHUNK_BYTES, THREAD_STACK_BYTES, WORKER_NICENESS};
use crate::net::Waker;
use crate::transfer::Scratch;

/// Threads that take jobs from one queue, oldest first.
pub struct Pool {
    queue: Arc<Queue>,
    finished: Receiver<Completion>,
    outstanding: usize,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// The threads of a [`Pool`] before they are started.
pub struct PoolThreads {
    queue: Arc<Queue>,
    finished: Sender<Completion>,
    threads: usize,
    name: &'static str,
    waker: Waker,
}

impl Pool {
    /// A pool, and the crew that is to take its jobs: `threads` workers with a name, which wake the
    /// loop when they have finished something.
    pub fn new(threads: usize, name: &'static str, waker: Waker) -> (Self, PoolThreads) {
        let queue = Arc::new(Queue::default());
        let (sender, finished) = channel();
        let threads = PoolThreads {
            queue: Arc::clone(&queue),
            finished: sender,
            threads,
            name,
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
    /// Starts the threads. They get the rights that the calling thread has then, which is why
    /// they are not started with the pool.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(self) -> io::Result<()> {
        let name = self.name;
        for number in 1..=self.threads {
            let queue = Arc::clone(&self.queue);
            let waker = Arc::clone(&self.waker);
            let sender = self.finished.clone();
            thread::Builder::new()
                .name(format!("{name}-{number}"))
                .stack_size(THREAD_STACK_BYTES)
                .spawn(move || work(&queue, &sender, &waker))?;
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

    fn has_finished(&self) -> bool {
        false
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.arrived.notify_all();
    }
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn work(queue: &Queue, finished: &Sender<Completion>, waker: &Waker) {
    yield_to_the_loop();
    let mut scratch = Scratch::new(CHUNK_BYTES);
    while let Some(job) = queue.take() {
        if finished.send(job.run(&mut scratch)).is_err() {
            return;
        }
        waker();
    }
}

/// Control before data, for the scheduler too: where there are fewer processors than threads, a
/// command is answered before the next megabyte moves.
fn yield_to_the_loop() {
    // On Linux priorities are of threads, and nobody may not be nice; refused, it is only slower.
    let _ = rustix::process::setpriority_process(None, WORKER_NICENESS);
}

/// No threads: a job runs where it is submitted. For the smallest board, and the simplest
/// study.
pub struct Inline {
    scratch: Scratch,
    finished: VecDeque<Completion>,
}

impl Inline {
    /// Nothing is under way.
    pub fn new() -> Self {
        Self {
            scratch: Scratch::new(CHUNK_BYTES),
            finished: VecDeque::new(),
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
        let completion = job.run(&mut self.scratch);
        self.finished.push_back(completion);
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        into.extend(self.finished.drain(..));
    }

    fn outstanding(&self) -> usize {
        self.finished.len()
    }

    fn has_finished(&self) -> bool {
        !self.finished.is_empty()
    }
}
