//! A quota with a failing device, or with a tree that changes during the count: the charge equals what
//! is stored, whatever error was returned.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use mioftpd::internals::storage::{
    Error, Memory, Operation, Placement, Quota, QuotaStorage, Storage, TreeUsage,
};

use crate::hooked::{Hooked, Step};
use crate::quota::{counted, left, quota};
use crate::{at, create, perform, put, remove_file, rename};

/// A counted tree of `/a` and `/b`, in which one step takes effect but returns an error.
fn failing(step: Step) -> (Memory, QuotaStorage) {
    let memory = Memory::new().with_file("/a", &[b'a'; 30]);
    let memory = memory.with_file("/b", &[b'b'; 20]);
    let fails = move |done| (done == step).then_some(Error::Device);
    let storage = counted(&Hooked::around(&memory, fails), quota(100, 3));
    (memory, storage)
}

#[test]
fn failed_write_is_charged_as_far_as_written() {
    for placement in [Placement::Append, Placement::At(10), Placement::Replace] {
        let (memory, storage) = failing(Step::HalfWritten);
        let upload = create(&storage, "/a", placement).unwrap();
        let written = upload.file.write_at(&[b'x'; 40], upload.offset);
        assert_eq!(written, Err(Error::Device));
        drop(upload);
        let stored = memory.read("/a").unwrap().len() as u64;
        assert!(placement != Placement::Append || stored == 50);
        assert_eq!(left(&storage), 80 - stored);
    }
}

#[test]
fn failed_removal_that_took_effect_is_counted() {
    let (memory, storage) = failing(Step::Changed);
    assert_eq!(rename(&storage, "/a", "/b"), Err(Error::Device));
    assert_eq!(
        (memory.names(), left(&storage)),
        (vec!["/b".to_owned()], 70)
    );
    assert_eq!(remove_file(&storage, "/b"), Err(Error::Device));
    assert_eq!((memory.names(), left(&storage)), (vec![], 100));
}

#[test]
fn failed_commit_that_took_effect_is_charged() {
    for placement in [Placement::Replace, Placement::Over] {
        let (memory, storage) = failing(Step::Committed);
        let stored = put(&storage, "/a", placement, &[b'x'; 80]);
        assert_eq!(stored.map(drop), Err(Error::Device));
        assert_eq!(memory.read("/a"), Some(vec![b'x'; 80]));
        assert_eq!(left(&storage), 0);
    }
}

#[test]
fn failed_creation_is_charged_only_if_file_exists() {
    let (memory, storage) = failing(Step::Created);
    for placement in [
        Placement::Replace,
        Placement::Over,
        Placement::AppendExisting,
    ] {
        assert!(create(&storage, "/a", placement).is_err());
    }
    assert_eq!(remove_file(&storage, "/missing"), Err(Error::NotFound));
    assert_eq!(rename(&storage, "/missing", "/a"), Err(Error::NotFound));
    assert_eq!((memory.names().len(), left(&storage)), (2, 50));
    // The first append creates the file and fails; the quota of three files is used up then.
    for (path, refused) in [("/c", Error::Device), ("/d", Error::QuotaExceeded)] {
        let appended = create(&storage, path, Placement::Append).map(drop);
        assert_eq!(appended, Err(refused));
    }
    assert_eq!(memory.names(), ["/a", "/b", "/c"]);
}

#[test]
fn prepare_does_not_hold_namespace_lock() {
    const DEADLINE: Duration = Duration::from_secs(60);
    let memory = Memory::new().with_file("/a", &[b'a'; 30]);
    let usage = Arc::new(TreeUsage::default());
    usage.count(&memory).unwrap();
    let other = metered(&memory, &usage, quota(100, 3));
    let storage = Hooked::around(&memory, move |step| {
        if step == Step::Prepared {
            let (other, (ended, end)) = (other.clone(), channel());
            let remove = move || ended.send(remove_file(&other, "/a"));
            let running = thread::spawn(remove);
            end.recv_timeout(DEADLINE).unwrap().unwrap();
            running.join().unwrap().unwrap();
        }
        None
    });
    let storage = QuotaStorage::new(storage, usage, quota(100, 3));
    put(&storage, "/b", Placement::Replace, &[b'b'; 70]).unwrap();
    assert_eq!(
        (memory.names(), left(&storage)),
        (vec!["/b".to_owned()], 30)
    );
}

/// Counts a tree of two directories, and calls `disturb` after each directory read of the first `times`
/// walks. Returns the number of directories read.
fn count_disturbed(
    times: usize,
    disturb: impl Fn(&Memory, &Arc<TreeUsage>) + Send + Sync + 'static,
) -> usize {
    let memory = Memory::new()
        .with_file("/a", &[b'a'; 30])
        .with_directory("/d");
    let (usage, listed) = (
        Arc::new(TreeUsage::default()),
        Arc::new(AtomicUsize::new(0)),
    );
    let disturbed = {
        let (memory, usage, listed) = (memory.clone(), Arc::clone(&usage), Arc::clone(&listed));
        move |step| {
            // A walk reads two directories.
            if step == Step::Listed && listed.fetch_add(1, Ordering::Relaxed) < 2 * times {
                disturb(&memory, &usage);
            }
            None
        }
    };
    usage
        .count(Hooked::around(&memory, disturbed).as_ref())
        .unwrap();
    assert!(!usage.is_unknown());
    let storage: Arc<dyn Storage> = Arc::new(memory);
    if times < 3 {
        let kept_up = QuotaStorage::new(Arc::clone(&storage), usage, quota(100, 10));
        assert_eq!(left(&kept_up), left(&counted(&storage, quota(100, 10))));
    }
    listed.load(Ordering::Relaxed)
}

fn metered(memory: &Memory, usage: &Arc<TreeUsage>, quota: Quota) -> QuotaStorage {
    QuotaStorage::new(Arc::new(memory.clone()), Arc::clone(usage), quota)
}

#[test]
fn change_during_first_count_repeats_the_walk() {
    type Disturb = fn(&dyn Storage);
    let disturbances: [Disturb; 4] = [
        |storage| {
            let _ = rename(storage, "/a", "/d/a");
        },
        |storage| {
            let _ = remove_file(storage, "/a");
        },
        |storage| {
            put(storage, "/a", Placement::Append, b"more").unwrap();
        },
        |storage| {
            put(storage, "/d/new", Placement::Replace, b"new").unwrap();
        },
    ];
    for disturb in disturbances {
        let unlimited = move |memory: &Memory, usage: &Arc<TreeUsage>| {
            disturb(&metered(memory, usage, Quota::default()));
        };
        assert_eq!(count_disturbed(1, unlimited), 4);
        // The unchanged classes of the first walk are kept.
        assert!(count_disturbed(2, unlimited) <= 6);
        // The number of walks is bounded.
        assert!(count_disturbed(9, unlimited) <= 6);
    }
}

#[test]
fn file_open_during_count_is_counted_once() {
    let memory = Memory::new().with_file("/a", &[b'a'; 30]);
    let usage = Arc::new(TreeUsage::default());
    let upload = create(
        &metered(&memory, &usage, Quota::default()),
        "/a",
        Placement::Append,
    );
    let upload = upload.unwrap();
    let listed = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&listed);
    let storage = Hooked::around(&memory, move |step| {
        if step == Step::Listed {
            counts.fetch_add(1, Ordering::Relaxed);
        }
        None
    });
    usage.count(storage.as_ref()).unwrap();
    assert_eq!(listed.load(Ordering::Relaxed), 1);
    upload.file.write_at(b"x", upload.offset).unwrap();
    drop(upload);
    assert_eq!(left(&metered(&memory, &usage, quota(100, 10))), 69);
}

#[test]
fn limited_account_may_only_remove_during_first_count() {
    let limited = |memory: &Memory, usage: &Arc<TreeUsage>| {
        let storage = metered(memory, usage, quota(100, 10));
        for placement in [Placement::Append, Placement::At(0), Placement::Replace] {
            let refused = create(&storage, "/a", placement).map(drop);
            assert_eq!(refused, Err(Error::NotCounted));
        }
        let space = perform(
            &storage,
            &Operation::Space {
                path: at("/"),
                wanted: 1,
            },
        );
        assert_eq!(space, Err(Error::NotCounted));
    };
    assert_eq!(count_disturbed(9, limited), 2);
    let removes = |memory: &Memory, usage: &Arc<TreeUsage>| {
        let storage = metered(memory, usage, quota(100, 10));
        if rename(&storage, "/a", "/d/a").is_ok() {
            remove_file(&storage, "/d/a").unwrap();
        }
    };
    assert_eq!(count_disturbed(1, removes), 4);
}
