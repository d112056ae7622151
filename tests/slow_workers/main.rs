//! Workers that finish nothing before they may: what that does to those who wait for them, and to
//! others.
//!
//! The server's own loop and real sockets, with a runner in the place of the threads that keeps what
//! it is told to.
//!
//! - `refusals`: a file that is looked for longer than its client may take to connect.
//! - `transfers`: a disk that hangs, of which nobody is the worse but who waits for it.
//! - `logins`: a lane of logins that is full.
//! - `counts`: files that a quota is for and that are still being counted.

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

use mioftpd::auth::{Account, Accounts, Permissions, Secret};
use mioftpd::limits::{CHUNK_BYTES, INLINE_BYTES, Timings};
use mioftpd::net::{AddressRules, PassiveAddresses, PassivePorts, SystemNetwork};
use mioftpd::observe::Records;
use mioftpd::reactor::{Parts, Protocol, Reactor, StorageByAccount};
use mioftpd::session::Settings;
use mioftpd::storage::{Disk, Storage};
use mioftpd::transfer::Scratch;
use mioftpd::workers::{Completion, Job, Runner, Work};
use support::DEADLINE;

/// Of the password of the account `ann`, "secret", as cheap as it can be.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$WHwbVkQ5XzAMaltcqwxy+X9v0VxYTVTjS9BRTrowawM";

const STALL: Duration = Duration::from_millis(100);

/// What is kept back.
type Keeps = fn(&Work) -> bool;

#[derive(Default)]
struct Jobs {
    keeps: Option<Keeps>,
    kept: Vec<Job>,
    finished: Vec<Completion>,
}

/// Does at once what it does not keep.
#[derive(Clone, Default)]
struct Workers {
    jobs: Arc<Mutex<Jobs>>,
    came: Arc<Condvar>,
}

impl Workers {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap()
    }

    fn keep(&self, keeps: Keeps) {
        self.lock().keeps = Some(keeps);
    }

    fn kept(&self) -> usize {
        self.lock().kept.len()
    }

    /// Waits until so many jobs are kept.
    fn wait_for(&self, count: usize) {
        let missing = |jobs: &mut Jobs| jobs.kept.len() < count;
        let waited = self.came.wait_timeout_while(self.lock(), DEADLINE, missing);
        assert_eq!(waited.unwrap().0.kept.len(), count);
    }

    /// Does what was kept, and keeps nothing more.
    fn release(&self) {
        let mut jobs = self.lock();
        jobs.keeps = None;
        let kept = std::mem::take(&mut jobs.kept);
        jobs.finished.extend(kept.into_iter().map(run));
    }
}

fn run(job: Job) -> Completion {
    job.run(&mut Scratch::new(CHUNK_BYTES))
}

impl Runner for Workers {
    fn submit(&mut self, job: Job) {
        let mut jobs = self.lock();
        if jobs.keeps.is_some_and(|keeps| keeps(&job.work)) {
            jobs.kept.push(job);
            self.came.notify_all();
        } else {
            jobs.finished.push(run(job));
        }
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        into.append(&mut self.lock().finished);
    }

    fn outstanding(&self) -> usize {
        let jobs = self.lock();
        jobs.kept.len() + jobs.finished.len()
    }

    fn has_finished(&self) -> bool {
        !self.lock().finished.is_empty()
    }
}

/// A server of one directory, and what can be seen of it from outside.
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
    let anybody = Account::anonymous(Permissions::ALL);
    Accounts::new().with(anybody).with(slow).with(ann)
}

fn beside(test: impl FnOnce(&Scene)) {
    beside_in(Timings::default().data_connect, test);
}

/// As [`beside`], where clients have this long to connect to a passive port.
fn beside_in(data_connect: Duration, test: impl FnOnce(&Scene)) {
    let settings = Settings {
        timings: Timings {
            data_stall: STALL,
            data_connect,
            penalty: Duration::from_millis(1),
            ..Timings::default()
        },
        ..Settings::default()
    };
    beside_files(settings, |disk| disk, |scene, _| test(scene));
}

/// Runs a test beside a server, which is stopped then, also where the test fails. Clients see what
/// `seen` makes of the files.
fn beside_files(
    settings: Settings,
    seen: impl FnOnce(Arc<dyn Storage>) -> Arc<dyn Storage>,
    test: impl FnOnce(&Scene, &Path),
) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("large"), vec![b'x'; INLINE_BYTES + 1]).unwrap();
    fs::write(directory.path().join("two"), "22").unwrap();
    let workers = Workers::default();
    let mut reactor = Reactor::new(Parts {
        network: Box::new(SystemNetwork::new().unwrap()),
        storage: seen(Arc::new(Disk::open_root(directory.path()).unwrap())),
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
            // Nobody wakes it for jobs that are done elsewhere.
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

/// Stops the server.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
