//! Workers that finish nothing before they may: what a disk that hangs does to those who wait for it,
//! and that nobody is blamed for it.
//!
//! The server's own loop and real sockets, with a runner in the place of the threads that keeps what
//! it is told to. Time is told by other clients, who are cut when theirs is over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mioftpd::auth::{Account, Accounts, Permissions};
use mioftpd::limits::{CHUNK_BYTES, INLINE_BYTES, Timings};
use mioftpd::net::{AddressRules, PassiveAddresses, PassivePorts, SystemNetwork};
use mioftpd::observe::Records;
use mioftpd::reactor::{Homes, Parts, Protocol, Reactor};
use mioftpd::session::Settings;
use mioftpd::storage::Disk;
use mioftpd::transfer::Scratch;
use mioftpd::workers::{Completion, Job, Runner, Work};
use support::{Control, until};

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
struct Workers(Arc<Mutex<Jobs>>);

impl Workers {
    fn keep(&self, keeps: Keeps) {
        self.0.lock().unwrap().keeps = Some(keeps);
    }

    fn kept(&self) -> usize {
        self.0.lock().unwrap().kept.len()
    }

    /// Does what was kept, and keeps nothing more.
    fn release(&self) {
        let mut jobs = self.0.lock().unwrap();
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
        let mut jobs = self.0.lock().unwrap();
        if jobs.keeps.is_some_and(|keeps| keeps(&job.work)) {
            jobs.kept.push(job);
        } else {
            jobs.finished.push(run(job));
        }
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        into.append(&mut self.0.lock().unwrap().finished);
    }

    fn outstanding(&self) -> usize {
        let jobs = self.0.lock().unwrap();
        jobs.kept.len() + jobs.finished.len()
    }

    fn has_finished(&self) -> bool {
        !self.0.lock().unwrap().finished.is_empty()
    }
}

/// A server of one directory, and what can be seen of it from outside.
struct Scene {
    address: SocketAddr,
    workers: Workers,
    connections: Arc<AtomicUsize>,
}

impl Scene {
    /// A client that stalls, until it is cut: so long it takes at least.
    fn let_time_pass(&self) {
        let mut control = Control::login(self.address);
        let data = control.passive();
        control.command("STOR never", 150);
        control.expect(426);
        drop(data);
    }

    /// Waits until a job is kept, and then much longer than any client may take.
    fn let_it_hang(&self) {
        until("the job", || (self.workers.kept() == 1).then_some(()));
        for _ in 0..4 {
            self.let_time_pass();
        }
    }
}

fn beside(test: impl FnOnce(&Scene)) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("large"), vec![b'x'; INLINE_BYTES + 1]).unwrap();
    fs::write(directory.path().join("two"), "22").unwrap();
    let slow = Account {
        rate_down: Some(5),
        ..Account::with_password("slow", "secret")
    };
    let anybody = Account::anonymous(Permissions::ALL);
    let workers = Workers::default();
    let mut reactor = Reactor::new(Parts {
        network: Box::new(SystemNetwork::new().unwrap()),
        storage: Arc::new(Disk::open_root(directory.path()).unwrap()),
        homes: Homes::new(),
        runner: Box::new(workers.clone()),
        passive_ports: PassivePorts::any(),
        records: Records::default(),
        passive_addresses: PassiveAddresses::default(),
        proxies: Vec::new(),
        settings: Settings {
            accounts: Arc::new(Accounts::new().with(anybody).with(slow)),
            timings: Timings {
                data_stall: STALL,
                ..Timings::default()
            },
            ..Settings::default()
        },
        acceptor: None,
        addresses: AddressRules::default(),
        connections: 1000,
        connections_per_address: 1000,
    });
    let here = "127.0.0.1:0".parse().unwrap();
    let scene = Scene {
        address: reactor.listen(here, Protocol::Ftp).unwrap(),
        workers,
        connections: Arc::default(),
    };
    let (stop, connections) = (AtomicUsize::new(0), Arc::clone(&scene.connections));
    thread::scope(|scope| {
        scope.spawn(|| {
            // Nobody wakes it for jobs that are done elsewhere.
            while reactor.turn(Some(Duration::from_millis(5))).unwrap() {
                connections.store(reactor.connections(), Ordering::Release);
                if stop.swap(0, Ordering::Acquire) > 0 {
                    reactor.stop();
                    reactor.stop();
                }
            }
        });
        let _stopping = Stopping(&stop);
        test(&scene);
    });
}

/// Stops the server, also where the test fails.
struct Stopping<'a>(&'a AtomicUsize);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(1, Ordering::Release);
    }
}

fn is_slice(work: &Work) -> bool {
    matches!(work, Work::Slice(_))
}

fn is_commit(work: &Work) -> bool {
    matches!(work, Work::Commit(_))
}

#[test]
fn an_upload_is_answered_when_it_is_in_its_place_however_long_that_takes() {
    for keeps in [is_slice, is_commit] {
        beside(|scene| {
            scene.workers.keep(keeps);
            let mut control = Control::login(scene.address);
            let data = control.passive();
            control.command("STOR new", 150);
            data.send(b"content");
            scene.let_it_hang();
            scene.workers.release();
            control.expect(226);
            assert_eq!(control.retrieve("new"), b"content");
        });
    }
}

#[test]
fn what_is_read_slowly_comes_whole() {
    for command in ["RETR large", "LIST", "NLST nothing-*"] {
        beside(|scene| {
            scene.workers.keep(is_slice);
            let mut control = Control::login(scene.address);
            let data = control.passive();
            control.command(command, 150);
            scene.let_it_hang();
            scene.workers.release();
            let bytes = data.receive();
            control.expect(226);
            assert_eq!(bytes.len() > INLINE_BYTES, command == "RETR large");
        });
    }
}

/// As every job does where there are no workers.
#[test]
fn what_came_in_time_counts_where_a_job_has_kept_the_loop() {
    let attempt = |scene: &Scene| {
        let mut control = Control::login(scene.address);
        let data = control.passive();
        control.command("STOR new", 150);
        let kept = scene.workers.0.lock().unwrap();
        // The loop comes to the jobs, and no further.
        let mut is_early = control.has_reply(STALL / 5);
        data.send(b"content");
        is_early |= control.has_reply(STALL * 3);
        drop(kept);
        // On a machine that is slow its time was over before.
        control.expect_one_of(&[226, 426]).code == 226 && !is_early
    };
    beside(|scene| until("an upload", || attempt(scene).then_some(())));
}

#[test]
fn a_transfer_that_may_not_be_faster_is_not_too_slow() {
    beside(|scene| {
        let mut control = Control::connect(scene.address);
        control.log_in("slow", "secret");
        control.command("TYPE I", 200);
        assert_eq!(control.retrieve("two"), b"22");
    });
}

#[test]
fn a_client_that_has_gone_keeps_no_place_while_the_disk_hangs() {
    for command in ["RETR large", "STOR new"] {
        beside(|scene| {
            scene.workers.keep(is_slice);
            let mut control = Control::login(scene.address);
            let data = control.passive();
            control.command(command, 150);
            if command.starts_with("STOR") {
                data.send(b"content");
            }
            until("the job", || (scene.workers.kept() == 1).then_some(()));
            drop(control);
            until("the end of its session", || {
                thread::yield_now();
                (scene.connections.load(Ordering::Acquire) == 0).then_some(())
            });
            assert_eq!(scene.workers.kept(), 1);
        });
    }
}

#[test]
fn who_aborts_does_not_wait_for_a_disk_that_hangs() {
    beside(|scene| {
        scene.workers.keep(is_commit);
        let mut control = Control::login(scene.address);
        let data = control.passive();
        control.command("STOR new", 150);
        data.send(b"content");
        scene.let_it_hang();
        control.command("ABOR", 421);
        control.expect_end();
    });
}
