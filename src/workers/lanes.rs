//! Two pools, so that neither waits for the other: files in one, passwords in the other.
//!
//! A hash takes as long as thousands of file operations and nothing but a processor: a hundred
//! logins at once are done one after the other, by a thread that yields to all others. It is
//! started with the first of them, for most servers hash nothing; by then the process has given up
//! its rights.

use super::{Completion, Crew, Job, Pool, Runner, Work};
use crate::limits::LOGIN_WORKERS;
use crate::net::Waker;

/// Threads for files, and for passwords.
pub struct Lanes {
    files: Pool,
    logins: Logins,
}

enum Logins {
    NotStarted(Waker),
    Started(Pool),
}

impl Lanes {
    /// Lanes, and the crew that is to take the jobs for files: `threads` workers, which wake the
    /// loop when they have finished something.
    pub fn new(threads: usize, waker: &Waker) -> (Self, Crew) {
        let (files, crew) = Pool::new(threads, "worker", Waker::clone(waker));
        let logins = Logins::NotStarted(Waker::clone(waker));
        (Self { files, logins }, crew)
    }

    fn submit_login(&mut self, job: Job) {
        if let Logins::NotStarted(waker) = &self.logins {
            let (pool, crew) = Pool::new(LOGIN_WORKERS, "login", Waker::clone(waker));
            match crew.start() {
                Ok(()) => self.logins = Logins::Started(pool),
                Err(error) => log::warn!("Cannot start a thread for logins: {error}"),
            }
        }
        match &mut self.logins {
            Logins::Started(pool) => pool.submit(job),
            // Files wait, but nobody is kept out.
            Logins::NotStarted(_) => self.files.submit(job),
        }
    }
}

impl Runner for Lanes {
    fn submit(&mut self, job: Job) {
        match job.work {
            Work::Verify(_) => self.submit_login(job),
            _ => self.files.submit(job),
        }
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        self.files.collect(into);
        if let Logins::Started(pool) = &mut self.logins {
            pool.collect(into);
        }
    }

    fn outstanding(&self) -> usize {
        self.files.outstanding()
    }

    fn has_finished(&self) -> bool {
        false
    }
}
