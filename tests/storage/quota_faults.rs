//! A quota and a device that fails, or a tree that changes while it is counted: what is charged is
//! what is there, whatever was answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use mioftpd::storage::{Error, Memory, Metered, Operation, Placement, Quota, Storage, Usage};

use crate::odd::{Odd, Step};
use crate::quota::{counted, left, quota};
use crate::{at, create, perform, put, remove_file, rename};

/// A tree of `/a` and `/b`, counted, in which one step fails though it has been done.
fn failing(step: Step) -> (Memory, Metered) {
    let memory = Memory::new().with_file("/a", &[b'a'; 30]);
    let memory = memory.with_file("/b", &[b'b'; 20]);
    let fails = move |done| (done == step).then_some(Error::Device);
    let storage = counted(&Odd::around(&memory, fails), quota(100, 3));
    (memory, storage)
}

#[test]
fn what_is_written_to_half_is_charged_to_half() {
    for placement in [Placement::Append, Placement::At(10), Placement::Replace] {
        let (memory, storage) = failing(Step::HalfWritten);
        let upload = create(&storage, "/a", placement).unwrap();
        let written = upload.file.write_at(&[b'x'; 40], upload.offset);
        assert_eq!(written, Err(Error::Device));
        drop(upload);
        let there = memory.read("/a").unwrap().len() as u64;
        assert!(placement != Placement::Append || there == 50);
        assert_eq!(left(&storage), 80 - there);
    }
}

#[test]
fn what_is_done_is_done_whatever_is_answered() {
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
fn what_is_in_its_place_is_charged_whatever_is_answered() {
    for placement in [Placement::Replace, Placement::Over] {
        let (memory, storage) = failing(Step::Committed);
        let stored = put(&storage, "/a", placement, &[b'x'; 80]);
        assert_eq!(stored.map(drop), Err(Error::Device));
        assert_eq!(memory.read("/a"), Some(vec![b'x'; 80]));
        assert_eq!(left(&storage), 0);
    }
}

#[test]
fn what_is_not_done_is_not() {
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
    // This one is made and cannot be opened then: there are three, which is all there may be.
    for (path, refused) in [("/c", Error::Device), ("/d", Error::QuotaExceeded)] {
        let appended = create(&storage, path, Placement::Append).map(drop);
        assert_eq!(appended, Err(refused));
    }
    assert_eq!(memory.names(), ["/a", "/b", "/c"]);
}

#[test]
fn nobody_waits_for_what_of_a_commit_takes_long() {
    const DEADLINE: Duration = Duration::from_secs(60);
    let memory = Memory::new().with_file("/a", &[b'a'; 30]);
    let usage = Arc::new(Usage::default());
    usage.count(&memory).unwrap();
    let other = seen(&memory, &usage, quota(100, 3));
    let storage = Odd::around(&memory, move |step| {
        if step == Step::Prepared {
            let (other, (ended, end)) = (other.clone(), channel());
            let remove = move || ended.send(remove_file(&other, "/a"));
            let running = thread::spawn(remove);
            end.recv_timeout(DEADLINE).unwrap().unwrap();
            running.join().unwrap().unwrap();
        }
        None
    });
    let storage = Metered::new(storage, usage, quota(100, 3));
    put(&storage, "/b", Placement::Replace, &[b'b'; 70]).unwrap();
    assert_eq!(
        (memory.names(), left(&storage)),
        (vec!["/b".to_owned()], 30)
    );
}

/// Counts a tree in which something is done to it after the first directory was read, and as many
/// times again as told. How many directories were read.
fn count_disturbed(
    times: usize,
    disturb: impl Fn(&Memory, &Arc<Usage>) + Send + Sync + 'static,
) -> usize {
    let memory = Memory::new()
        .with_file("/a", &[b'a'; 30])
        .with_directory("/d");
    let (usage, listed) = (Arc::new(Usage::default()), Arc::new(AtomicUsize::new(0)));
    let disturbed = {
        let (memory, usage, listed) = (memory.clone(), Arc::clone(&usage), Arc::clone(&listed));
        move |step| {
            // Each time it is counted two directories are read.
            if step == Step::Listed && listed.fetch_add(1, Ordering::Relaxed) < 2 * times {
                disturb(&memory, &usage);
            }
            None
        }
    };
    usage
        .count(Odd::around(&memory, disturbed).as_ref())
        .unwrap();
    assert!(!usage.is_unknown());
    let storage: Arc<dyn Storage> = Arc::new(memory);
    if times < 3 {
        let kept_up = Metered::new(Arc::clone(&storage), usage, quota(100, 10));
        assert_eq!(left(&kept_up), left(&counted(&storage, quota(100, 10))));
    }
    listed.load(Ordering::Relaxed)
}

fn seen(memory: &Memory, usage: &Arc<Usage>, quota: Quota) -> Metered {
    Metered::new(Arc::new(memory.clone()), Arc::clone(usage), quota)
}

#[test]
fn what_changes_while_it_is_counted_is_counted_again() {
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
        let unlimited = move |memory: &Memory, usage: &Arc<Usage>| {
            disturb(&seen(memory, usage, Quota::default()));
        };
        assert_eq!(count_disturbed(1, unlimited), 4);
        // What the first walk was sure of is kept.
        assert!(count_disturbed(2, unlimited) <= 6);
        // It does not go on for ever.
        assert!(count_disturbed(9, unlimited) <= 6);
    }
}

#[test]
fn what_is_written_all_the_while_it_is_counted_is_counted_once() {
    let memory = Memory::new().with_file("/a", &[b'a'; 30]);
    let usage = Arc::new(Usage::default());
    let upload = create(
        &seen(&memory, &usage, Quota::default()),
        "/a",
        Placement::Append,
    );
    let upload = upload.unwrap();
    let listed = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&listed);
    let storage = Odd::around(&memory, move |step| {
        if step == Step::Listed {
            counts.fetch_add(1, Ordering::Relaxed);
        }
        None
    });
    usage.count(storage.as_ref()).unwrap();
    assert_eq!(listed.load(Ordering::Relaxed), 1);
    upload.file.write_at(b"x", upload.offset).unwrap();
    drop(upload);
    assert_eq!(left(&seen(&memory, &usage, quota(100, 10))), 69);
}

#[test]
fn who_has_a_quota_may_make_room_but_not_take_it_while_files_are_counted() {
    let limited = |memory: &Memory, usage: &Arc<Usage>| {
        let storage = seen(memory, usage, quota(100, 10));
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
    let makes_room = |memory: &Memory, usage: &Arc<Usage>| {
        let storage = seen(memory, usage, quota(100, 10));
        if rename(&storage, "/a", "/d/a").is_ok() {
            remove_file(&storage, "/d/a").unwrap();
        }
    };
    assert_eq!(count_disturbed(1, makes_room), 4);
}
