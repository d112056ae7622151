//! Recounts: they find changes made by other programs, and operations of the server during a count are
//! neither lost nor counted twice.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mioftpd::internals::storage::{
    Disk, Error, Memory, Placement, QuotaStorage, Result, Storage, TreeUsage, Upload, UsageCounter,
};
use proptest::prelude::*;

use crate::hooked::{Hooked, Step};
use crate::quota::{counted, left, quota};
use crate::shared_quota::{Act, SESSIONS, act, furnished, perform, same};
use crate::{at, create, put, remove_file};

const DEADLINE: Duration = Duration::from_secs(60);

/// A cooldown longer than any test.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// A counted tree of 60 bytes, its counter, and the number of directories read by recounts.
fn counting() -> (Memory, Arc<UsageCounter>, Arc<AtomicUsize>) {
    let memory = Memory::new().with_file("/f", &[b'x'; 60]);
    let listed = Arc::new(AtomicUsize::new(0));
    let tree = {
        let listed = Arc::clone(&listed);
        Hooked::around(&memory, move |step| {
            listed.fetch_add(usize::from(step == Step::Listed), Ordering::Relaxed);
            None
        })
    };
    let usage = Arc::new(TreeUsage::default());
    usage.count(&memory).unwrap();
    let counter = Arc::new(UsageCounter::new(usage, tree).with_cooldown(FOR_EVER));
    (memory, counter, listed)
}

/// A quota of 100 bytes and 2 files.
fn limited(memory: &Memory, counter: &Arc<UsageCounter>) -> QuotaStorage {
    let memory = Arc::new(memory.clone());
    QuotaStorage::with_recounts(memory, Arc::clone(counter), quota(100, 2))
}

/// Retries until the count is complete, as the event loop does.
fn waiting<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let end = Instant::now() + DEADLINE;
    loop {
        match attempt() {
            Err(Error::NotCounted) => assert!(Instant::now() < end, "the count does not end"),
            done => return done,
        }
        thread::yield_now();
    }
}

fn store(storage: &dyn Storage, path: &str, size: usize) -> Result<()> {
    let mut upload = waiting(|| create(storage, path, Placement::Replace))?;
    waiting(|| upload.file.write_at(&vec![b'n'; size], 0))?;
    upload.file.commit()
}

#[test]
fn recount_finds_external_changes() {
    let memory = Memory::new().with_file("/f", &[b'x'; 60]);
    let usage = Arc::new(TreeUsage::default());
    usage.count(&memory).unwrap();
    let storage = QuotaStorage::new(Arc::new(memory.clone()), Arc::clone(&usage), quota(100, 2));
    put(&memory, "/other", Placement::Replace, &[b'o'; 30]).unwrap();
    assert_eq!(left(&storage), 40);
    usage.recount(&memory, &mut || Ok(())).unwrap();
    assert_eq!(left(&storage), 10);
    for path in ["/f", "/other"] {
        remove_file(&memory, path).unwrap();
    }
    usage.recount(&memory, &mut || Ok(())).unwrap();
    same(&storage, &counted(&(Arc::new(memory) as _), quota(100, 2)));
}

#[test]
fn failed_recount_keeps_previous_usage() {
    let (memory, counter, _) = counting();
    remove_file(&memory, "/f").unwrap();
    let broken = counter.usage().recount(&memory, &mut || Err(Error::Device));
    assert_eq!(broken, Err(Error::Device));
    counter.recount_slowly(&|| false);
    assert_eq!(left(&limited(&memory, &counter)), 40);
    counter.recount_slowly(&|| true);
    assert_eq!(left(&limited(&memory, &counter)), 100);
}

/// Another counter of the same usage, not in its cooldown.
fn another(counter: &UsageCounter, memory: &Memory) -> Arc<UsageCounter> {
    let usage = Arc::clone(counter.usage());
    Arc::new(UsageCounter::new(usage, Arc::new(memory.clone())).with_cooldown(FOR_EVER))
}

#[test]
fn byte_quota_refuses_only_after_recount() {
    let (memory, counter, listed) = counting();
    let storage = limited(&memory, &counter);
    assert_eq!(store(&storage, "/new", 41), Err(Error::QuotaExceeded));
    assert_eq!(listed.load(Ordering::Relaxed), 1);
    remove_file(&memory, "/f").unwrap();
    store(&limited(&memory, &another(&counter, &memory)), "/new", 100).unwrap();
}

#[test]
fn file_quota_refuses_only_after_recount() {
    for placement in [Placement::Replace, Placement::Append, Placement::Unique] {
        let (memory, counter, _) = counting();
        let storage = limited(&memory, &counter);
        put(&storage, "/second", Placement::Replace, b"").unwrap();
        let third = |storage: &dyn Storage| waiting(|| put(storage, "/third", placement, b""));
        assert_eq!(third(&storage), Err(Error::QuotaExceeded));
        remove_file(&memory, "/second").unwrap();
        third(&limited(&memory, &another(&counter, &memory))).unwrap();
    }
}

#[test]
fn repeated_refusals_cause_one_recount() {
    let (memory, counter, listed) = counting();
    let storage = limited(&memory, &counter);
    for _ in 0..100 {
        assert_eq!(store(&storage, "/new", 41), Err(Error::QuotaExceeded));
    }
    assert_eq!(listed.load(Ordering::Relaxed), 1);
    // An explicit request is not subject to the cooldown.
    remove_file(&memory, "/f").unwrap();
    counter.request_recount();
    let end = Instant::now() + DEADLINE;
    while left(&storage) < 100 {
        assert!(Instant::now() < end, "nothing is counted");
        thread::yield_now();
    }
}

/// The count in progress may have passed the files that changed before the request.
#[test]
fn count_requested_during_count_follows_it() {
    let memory = Memory::new().with_file("/f", &[b'x'; 60]);
    let usage = Arc::new(TreeUsage::default());
    usage.count(&memory).unwrap();
    let (begun, begins) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let tree = Hooked::around(&memory, move |step| {
        if step == Step::Listed {
            let _ = begun.send(());
            let _ = may_go_on.lock().unwrap().recv_timeout(DEADLINE);
        }
        None
    });
    let counter = Arc::new(UsageCounter::new(usage, tree).with_cooldown(FOR_EVER));
    counter.request_recount();
    begins.recv_timeout(DEADLINE).unwrap();
    // Two requests cause one further count.
    counter.request_recount();
    counter.request_recount();
    go_on.send(()).unwrap();
    begins.recv_timeout(DEADLINE).unwrap();
    remove_file(&memory, "/f").unwrap();
    counter.request_recount();
    drop(go_on);
    let storage = limited(&memory, &counter);
    let end = Instant::now() + DEADLINE;
    while left(&storage) < 100 {
        assert!(Instant::now() < end, "nothing is counted");
        thread::yield_now();
    }
    begins.recv_timeout(DEADLINE).unwrap();
    assert!(begins.try_recv().is_err());
}

#[test]
fn slow_count_speeds_up_for_waiting_upload() {
    let directories = (0..2000).map(|number| format!("/{number}"));
    let memory = directories.fold(Memory::new(), |memory, path| memory.with_directory(&path));
    let memory = memory.with_file("/f", &[b'x'; 60]);
    let usage = Arc::new(TreeUsage::default());
    usage.count(&memory).unwrap();
    let (begun, begins) = std::sync::mpsc::channel();
    let tree = Hooked::around(&memory, move |step| {
        if step == Step::Listed {
            let _ = begun.send(());
        }
        None
    });
    let counter = Arc::new(UsageCounter::new(usage, tree).with_cooldown(FOR_EVER));
    let storage = limited(&memory, &counter);
    remove_file(&memory, "/f").unwrap();
    // With its pauses the count would take minutes. The thread is left in its cooldown.
    thread::spawn(move || counter.recount_slowly(&|| true));
    begins.recv_timeout(DEADLINE).unwrap();
    store(&storage, "/new", 100).unwrap();
}

#[test]
fn recount_of_links_equals_first_count() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir(path("d")).unwrap();
    std::fs::write(path("d/f"), [b'x'; 30]).unwrap();
    std::fs::hard_link(path("d/f"), path("again")).unwrap();
    std::os::unix::fs::symlink("d", path("linked")).unwrap();
    std::os::unix::fs::symlink("d/f", path("link")).unwrap();
    let disk: Arc<dyn Storage> = Arc::new(Disk::open_root(directory.path()).unwrap());
    let usage = Arc::new(TreeUsage::default());
    usage.count(disk.as_ref()).unwrap();
    let storage = QuotaStorage::new(Arc::clone(&disk), Arc::clone(&usage), quota(100, 10));
    assert_eq!(left(&storage), 40);
    usage.recount(disk.as_ref(), &mut || Ok(())).unwrap();
    same(&storage, &counted(&disk, quota(100, 10)));
    remove_file(&storage, "/again").unwrap();
    usage.recount(disk.as_ref(), &mut || Ok(())).unwrap();
    assert_eq!(left(&storage), 70);
}

#[test]
fn directory_moved_during_recount_is_counted_once() {
    let memory = Memory::new()
        .with_directory("/d")
        .with_directory("/d/e")
        .with_directory("/x")
        .with_file("/d/e/f", &[b'x'; 60]);
    let usage = Arc::new(TreeUsage::default());
    usage.count(&memory).unwrap();
    let storage = QuotaStorage::new(Arc::new(memory.clone()), Arc::clone(&usage), quota(100, 10));
    for (from, to) in [("/d/e", "/x/e"), ("/x/e", "/d/e"), ("/d", "/y")] {
        let moved = storage.clone();
        let hooked = Hooked::around(&memory, move |step| {
            if step == Step::Listed {
                let _ = crate::rename(&moved, from, to);
            }
            None
        });
        usage.recount(hooked.as_ref(), &mut || Ok(())).unwrap();
        assert_eq!(left(&storage), 40, "{from} to {to}");
        assert!(memory.list(&at(to)).is_ok());
    }
}

/// Acts performed during a count: one part after each directory read.
struct Concurrent {
    storage: QuotaStorage,
    parts: Vec<Vec<Act>>,
    sessions: Vec<Option<Upload>>,
}

impl Concurrent {
    fn next(&mut self) {
        for act in self.parts.pop().into_iter().flatten() {
            perform(&act, &self.storage, &mut self.sessions);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn acts_during_count_are_counted_once(
        mut parts in proptest::collection::vec(proptest::collection::vec(act(), 0..12), 3..7),
        is_first in any::<bool>(),
        external in proptest::collection::vec(act(), 0..6),
    ) {
        let memory = furnished().with_file("/d/stays", b"1");
        let tree: Arc<dyn Storage> = Arc::new(memory.clone());
        let usage = Arc::new(TreeUsage::default());
        if is_first {
            // No acts during the last walk, whose result is applied even where it is inexact.
            parts.truncate(5);
        } else {
            usage.count(&memory).unwrap();
        }
        let storage = QuotaStorage::new(Arc::clone(&tree), Arc::clone(&usage), quota(60, 5));
        let sessions = (0..SESSIONS).map(|_| None).collect();
        let mut concurrent = Concurrent { storage: storage.clone(), parts, sessions };
        concurrent.next();
        let has_external = !external.is_empty();
        let mut external_sessions: Vec<_> = (0..SESSIONS).map(|_| None).collect();
        for act in external {
            perform(&act, &memory, &mut external_sessions);
        }
        drop(external_sessions);
        let concurrent = Arc::new(Mutex::new(concurrent));
        let walked = Arc::clone(&concurrent);
        let walked = Hooked::around(&memory, move |step| {
            if step == Step::Listed {
                walked.lock().unwrap().next();
            }
            None
        });
        usage.recount(walked.as_ref(), &mut || Ok(())).unwrap();
        let parts = concurrent.lock().unwrap().parts.len();
        (0..parts).for_each(|_| concurrent.lock().unwrap().next());
        concurrent.lock().unwrap().sessions.clear();
        if has_external {
            usage.recount(&memory, &mut || Ok(())).unwrap();
        }
        same(&storage, &counted(&tree, quota(60, 5)));
    }
}
