//! The parts of a reactor in a test, and workers that do what the test says.
//!
//! [`Workers`] run a job where it is submitted, unless the test holds it back; a completion may be held back
//! too. Which network the reactor has is for the test to say: sockets of the system, or those in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use mioftpd::AddressRules;
use mioftpd::internals::limits::CHUNK_BYTES;
use mioftpd::internals::net::{Network, PassiveAddresses, PassivePorts};
use mioftpd::internals::observe::Records;
use mioftpd::internals::reactor::{Parts, StorageByAccount};
use mioftpd::internals::session::Settings;
use mioftpd::internals::storage::Storage;
use mioftpd::internals::transfer::Scratch;
use mioftpd::internals::workers::{Completion, Job, Runner, Work};

use crate::support::DEADLINE;

/// A reactor on this network, without TLS, proxies, records and address rules.
pub(crate) fn parts(
    network: impl Network + 'static,
    storage: Arc<dyn Storage>,
    workers: &Workers,
    settings: Settings,
) -> Parts {
    Parts {
        network: Box::new(network),
        storage,
        account_storage: StorageByAccount::new(),
        runner: Box::new(workers.clone()),
        passive_ports: PassivePorts::any(),
        records: Records::default(),
        passive_addresses: PassiveAddresses::default(),
        proxies: Vec::new(),
        settings,
        acceptor: None,
        addresses: AddressRules::default(),
        connections: 1000.into(),
        connections_per_address: 1000,
        busy_poll: Duration::ZERO,
    }
}

/// Selects the jobs to hold back.
pub(crate) type Filter = fn(&Work) -> bool;

#[derive(Default)]
struct Jobs {
    filter: Option<Filter>,
    /// Held back before they run.
    held: Vec<Job>,
    holds_completions: bool,
    /// Completions that are held back, the oldest first.
    kept: VecDeque<Completion>,
    finished: Vec<Completion>,
    /// Counted as outstanding, besides those that are.
    pretended: usize,
}

/// Runs jobs inline, except those that it holds back.
#[derive(Clone, Default)]
pub(crate) struct Workers {
    jobs: Arc<Mutex<Jobs>>,
    job_held: Arc<Condvar>,
}

#[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "for `channels`"))]
impl Workers {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap()
    }

    /// Blocks each call of the event loop to its workers until the guard is dropped.
    pub(crate) fn block(&self) -> impl Drop {
        self.lock()
    }

    pub(crate) fn hold(&self, filter: Filter) {
        self.lock().filter = Some(filter);
    }

    /// The number of jobs that are held back.
    pub(crate) fn held(&self) -> usize {
        self.lock().held.len()
    }

    /// Waits until this many jobs are held back.
    pub(crate) fn wait_for(&self, count: usize) {
        let missing = |jobs: &mut Jobs| jobs.held.len() < count;
        let waited = self
            .job_held
            .wait_timeout_while(self.lock(), DEADLINE, missing);
        assert_eq!(waited.unwrap().0.held.len(), count);
    }

    /// Runs the oldest job that was held back.
    pub(crate) fn release_first(&self) {
        let mut jobs = self.lock();
        let first = jobs.held.remove(0);
        jobs.finished.push(run(first));
    }

    /// Runs the jobs that were held back, and holds no more.
    pub(crate) fn release(&self) {
        self.complete(run);
    }

    /// Ends the jobs that were held back, and holds no more.
    pub(crate) fn complete(&self, end: fn(Job) -> Completion) {
        let mut jobs = self.lock();
        jobs.filter = None;
        let held = std::mem::take(&mut jobs.held);
        jobs.finished.extend(held.into_iter().map(end));
    }

    /// Pretends that this many jobs are outstanding, besides those of the clients.
    pub(crate) fn pretend_outstanding(&self, jobs: usize) {
        self.lock().pretended = jobs;
    }

    /// Holds back the completions of jobs, or no longer those that come now.
    pub(crate) fn hold_completions(&self, holds: bool) {
        self.lock().holds_completions = holds;
    }

    /// Finishes the oldest completion that is held back.
    pub(crate) fn finish_first(&self) {
        let mut jobs = self.lock();
        let first = jobs.kept.pop_front().unwrap();
        jobs.finished.push(first);
    }
}

fn run(job: Job) -> Completion {
    job.run(&mut Scratch::new(CHUNK_BYTES), &mut || false)
}

impl Runner for Workers {
    fn submit(&mut self, job: Job) {
        let mut jobs = self.lock();
        if jobs.filter.is_some_and(|filter| filter(&job.work)) {
            jobs.held.push(job);
            self.job_held.notify_all();
            return;
        }
        let completion = run(job);
        if jobs.holds_completions {
            jobs.kept.push_back(completion);
        } else {
            jobs.finished.push(completion);
        }
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        into.append(&mut self.lock().finished);
    }

    fn outstanding(&self) -> usize {
        let jobs = self.lock();
        jobs.held.len() + jobs.kept.len() + jobs.finished.len() + jobs.pretended
    }

    fn has_finished(&self) -> bool {
        !self.lock().finished.is_empty()
    }
}
