//! Slow workers: the effect on the clients that wait for them, and on others.
//!
//! The server's event loop with real sockets, and a runner that holds selected jobs back in place of
//! the thread pools.
//!
//! - `refusals`: opening a file takes longer than the client may take to connect.
//! - `transfers`: a disk hangs.
//! - `logins`: the login queue is full.
//! - `counts`: the files under a quota are being counted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod counts;
#[cfg(feature = "hashed-passwords")]
mod logins;
mod refusals;
mod transfers;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use mioftpd::internals::limits::{CHUNK_BYTES, INLINE_BYTES};
use mioftpd::internals::net::{PassiveAddresses, PassivePorts, SystemNetwork};
use mioftpd::internals::observe::Records;
use mioftpd::internals::reactor::{Parts, Protocol, Reactor, StorageByAccount};
use mioftpd::internals::session::Settings;
use mioftpd::internals::storage::{Disk, Storage};
use mioftpd::internals::transfer::Scratch;
use mioftpd::internals::workers::{Completion, Job, Runner, Work};
use mioftpd::{Account, Accounts, AddressRules, Permissions, Secret, Timings};
use support::DEADLINE;

/// The hash of "secret", the password of `ann`, with the lowest cost.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$WHwbVkQ5XzAMaltcqwxy+X9v0VxYTVTjS9BRTrowawM";

const STALL: Duration = Duration::from_millis(100);

/// Selects the jobs to hold back.
type Filter = fn(&Work) -> bool;

#[derive(Default)]
struct Jobs {
    filter: Option<Filter>,
    held: Vec<Job>,
    finished: Vec<Completion>,
}

/// Runs jobs inline, except those that it holds back.
#[derive(Clone, Default)]
struct Workers {
    jobs: Arc<Mutex<Jobs>>,
    job_held: Arc<Condvar>,
}

impl Workers {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap()
    }

    fn hold(&self, filter: Filter) {
        self.lock().filter = Some(filter);
    }

    fn held(&self) -> usize {
        self.lock().held.len()
    }

    /// Waits until this many jobs are held back.
    fn wait_for(&self, count: usize) {
        let missing = |jobs: &mut Jobs| jobs.held.len() < count;
        let waited = self
            .job_held
            .wait_timeout_while(self.lock(), DEADLINE, missing);
        assert_eq!(waited.unwrap().0.held.len(), count);
    }

    /// Runs the jobs that were held back, and holds no more.
    fn release(&self) {
        self.complete(run);
    }

    /// Ends the jobs that were held back, and holds no more.
    fn complete(&self, end: fn(Job) -> Completion) {
        let mut jobs = self.lock();
        jobs.filter = None;
        let held = std::mem::take(&mut jobs.held);
        jobs.finished.extend(held.into_iter().map(end));
    }
}

fn run(job: Job) -> Completion {
    job.run(&mut Scratch::new(CHUNK_BYTES))
}

impl Runner for Workers {
    fn submit(&mut self, job: Job) {
        let mut jobs = self.lock();
        if jobs.filter.is_some_and(|filter| filter(&job.work)) {
            jobs.held.push(job);
            self.job_held.notify_all();
        } else {
            jobs.finished.push(run(job));
        }
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        into.append(&mut self.lock().finished);
    }

    fn outstanding(&self) -> usize {
        let jobs = self.lock();
        jobs.held.len() + jobs.finished.len()
    }

    fn has_finished(&self) -> bool {
        !self.lock().finished.is_empty()
    }
}

/// A running server, as a test sees it.
struct Scene {
    address: SocketAddr,
    workers: Workers,
    connections: Arc<AtomicUsize>,
}

fn accounts() -> Accounts {
    let slow = Account {
        rate_down: Some(5),
        ..Account::with_password("slow", "secret")
    };
    let mut ann = Account::with_password("ann", "secret");
    if let Ok(secret) = Secret::hashed(HASH) {
        ann.secret = secret;
    }
    let anonymous = Account::anonymous(Permissions::ALL);
    Accounts::new().with(anonymous).with(slow).with(ann)
}

fn with_server(test: impl FnOnce(&Scene)) {
    with_connect_timeout(Timings::default().data_connect, test);
}

/// As [`with_server`], with this time-out for connections to a passive port.
fn with_connect_timeout(data_connect: Duration, test: impl FnOnce(&Scene)) {
    let settings = Settings {
        timings: Timings {
            data_stall: STALL,
            data_connect,
            penalty: Duration::from_millis(1),
            ..Timings::default()
        },
        ..Settings::default()
    };
    with_storage(settings, |disk| disk, |scene, _| test(scene));
}

/// Runs a test with a server, which is stopped even if the test fails. `wrap` wraps its storage.
fn with_storage(
    settings: Settings,
    wrap: impl FnOnce(Arc<dyn Storage>) -> Arc<dyn Storage>,
    test: impl FnOnce(&Scene, &Path),
) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("large"), vec![b'x'; INLINE_BYTES + 1]).unwrap();
    fs::write(directory.path().join("two"), "22").unwrap();
    let workers = Workers::default();
    let mut reactor = Reactor::new(Parts {
        network: Box::new(SystemNetwork::new().unwrap()),
        storage: wrap(Arc::new(Disk::open_root(directory.path()).unwrap())),
        account_storage: StorageByAccount::new(),
        runner: Box::new(workers.clone()),
        passive_ports: PassivePorts::any(),
        records: Records::default(),
        passive_addresses: PassiveAddresses::default(),
        proxies: Vec::new(),
        settings: Settings {
            accounts: Arc::new(accounts()),
            ..settings
        },
        acceptor: None,
        addresses: AddressRules::default(),
        connections: 1000.into(),
        connections_per_address: 1000,
    });
    let here = "127.0.0.1:0".parse().unwrap();
    let scene = Scene {
        address: reactor.listen(here, Protocol::Ftp).unwrap(),
        workers,
        connections: Arc::default(),
    };
    let (stop, connections) = (AtomicBool::new(false), Arc::clone(&scene.connections));
    thread::scope(|scope| {
        scope.spawn(|| {
            // `release` runs jobs in the test's thread and does not wake the loop.
            while reactor.turn(Some(Duration::from_millis(5))).unwrap() {
                connections.store(reactor.connections(), Ordering::Release);
                if stop.swap(false, Ordering::Acquire) {
                    reactor.stop();
                    reactor.stop();
                }
            }
        });
        let _stopping = Stopping(&stop);
        test(&scene, directory.path());
    });
}

/// Stops the server on drop.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
