//! Several sessions with one quota: however their operations interleave, the limits hold, and at the end
//! the charge equals what is stored.

use std::sync::Arc;
use std::thread;

use mioftpd::Durability;
use mioftpd::internals::storage::{
    Disk, Error, Memory, Placement, Policy, Result, Storage, Upload,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::hooked::Hooked;
use crate::quota::{counted, left, quota};
use crate::{create, make_directory, put, remove_directory, remove_file, rename};

/// Runs a test in memory and on disk with a quota of 100 bytes and 10 files, then compares with a new
/// count.
fn each(test: impl Fn(&dyn Storage)) {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open_root(directory.path()).unwrap();
    let disk = disk.with_policy(Policy {
        durability: Durability::Fsync,
        ..Policy::default()
    });
    let storages: [Arc<dyn Storage>; 2] = [Arc::new(Memory::new()), Arc::new(disk)];
    for storage in storages {
        let shared = counted(&storage, quota(100, 10));
        test(&shared);
        same(&shared, &counted(&storage, quota(100, 10)));
    }
}

/// Asserts that both have the same remaining bytes and files.
pub(crate) fn same(storage: &dyn Storage, anew: &dyn Storage) {
    assert_eq!(left(storage), left(anew));
    let more = |storage: &dyn Storage| {
        let one_more = |number| create(storage, &format!("/more-{number}"), Placement::New).ok();
        (0..10).map_while(one_more).collect::<Vec<_>>().len()
    };
    assert_eq!(more(storage), more(anew));
}

fn write(upload: &Upload, size: usize, offset: u64) -> Result<()> {
    upload.file.write_at(&vec![b'w'; size], offset)
}

fn begin(storage: &dyn Storage, path: &str, placement: Placement) -> Upload {
    create(storage, path, placement).unwrap()
}

fn fill(storage: &dyn Storage, path: &str, size: usize) {
    put(storage, path, Placement::Replace, &vec![b'f'; size]).unwrap();
}

#[test]
fn removal_during_replace_frees_quota_once() {
    each(|storage| {
        fill(storage, "/x", 100);
        for _ in 0..3 {
            let mut upload = begin(storage, "/x", Placement::Replace);
            remove_file(storage, "/x").unwrap();
            write(&upload, 100, 0).unwrap();
            assert_eq!(write(&upload, 1, 100), Err(Error::QuotaExceeded));
            upload.file.commit().unwrap();
            assert_eq!(left(storage), 0);
        }
    });
}

#[test]
fn quota_is_rechecked_at_commit() {
    type Interference = fn(&dyn Storage);
    let interferences: [Interference; 4] = [
        |storage| {
            rename(storage, "/x", "/y").unwrap();
        },
        // The target shrinks, and another file takes its bytes.
        |storage| {
            fill(storage, "/x", 1);
            fill(storage, "/y", 50);
        },
        |storage| {
            remove_file(storage, "/x").unwrap();
            fill(storage, "/y", 50);
        },
        |storage| {
            remove_file(storage, "/x").unwrap();
            fill(storage, "/y", 1);
            rename(storage, "/y", "/x").unwrap();
            fill(storage, "/y", 49);
        },
    ];
    for interfere in interferences {
        each(|storage| {
            fill(storage, "/other", 40);
            fill(storage, "/x", 60);
            let mut upload = begin(storage, "/x", Placement::Replace);
            write(&upload, 50, 0).unwrap();
            interfere(storage);
            assert_eq!(upload.file.commit(), Err(Error::QuotaExceeded));
        });
    }
}

#[test]
fn concurrent_replacements_are_discounted_once() {
    each(|storage| {
        fill(storage, "/x", 100);
        let mut first = begin(storage, "/x", Placement::Replace);
        let mut second = begin(storage, "/x", Placement::Over);
        write(&first, 60, 0).unwrap();
        write(&second, 40, 0).unwrap();
        assert_eq!(write(&second, 1, 40), Err(Error::QuotaExceeded));
        first.file.commit().unwrap();
        drop(first);
        second.file.commit().unwrap();
        assert_eq!(left(storage), 60);
    });
}

#[test]
fn discounts_of_different_targets_are_independent() {
    each(|storage| {
        fill(storage, "/x", 50);
        fill(storage, "/y", 50);
        let mut first = begin(storage, "/x", Placement::Replace);
        let mut second = begin(storage, "/y", Placement::Replace);
        write(&first, 50, 0).unwrap();
        write(&second, 50, 0).unwrap();
        let third = begin(storage, "/z", Placement::Replace);
        assert_eq!(write(&third, 1, 0), Err(Error::QuotaExceeded));
        second.file.commit().unwrap();
        first.file.commit().unwrap();
        assert_eq!(left(storage), 0);
    });
}

#[test]
fn file_removed_while_written_is_charged_until_closed() {
    type Interference = fn(&dyn Storage);
    let interferences: [Interference; 3] = [
        |storage| {
            remove_file(storage, "/x").unwrap();
        },
        |storage| {
            fill(storage, "/y", 1);
            rename(storage, "/y", "/x").unwrap();
        },
        |storage| fill(storage, "/x", 1),
    ];
    for interfere in interferences {
        for placement in [Placement::Append, Placement::At(20)] {
            each(|storage| {
                fill(storage, "/x", 20);
                let mut upload = begin(storage, "/x", placement);
                write(&upload, 30, 20).unwrap();
                interfere(storage);
                write(&upload, 40, 50).unwrap();
                // The removed file still uses the disk, so it stays charged.
                assert_eq!(write(&upload, 11, 90), Err(Error::QuotaExceeded));
                assert!(left(storage) <= 10);
                // The disk commits no file without a name.
                let _ = upload.file.commit();
                drop(upload);
                assert!(left(storage) >= 99);
            });
        }
    }
}

#[test]
fn concurrent_appends_are_charged_once() {
    each(|storage| {
        fill(storage, "/x", 20);
        let first = begin(storage, "/x", Placement::Append);
        // On disk one upload at a time writes in place.
        let Ok(second) = create(storage, "/x", Placement::AppendExisting) else {
            return;
        };
        write(&first, 50, 20).unwrap();
        write(&second, 80, 20).unwrap();
        assert_eq!(left(storage), 0);
        drop(first);
        rename(storage, "/x", "/y").unwrap();
        assert_eq!(write(&second, 1, 100), Err(Error::QuotaExceeded));
        drop(second);
        remove_file(storage, "/y").unwrap();
        assert_eq!(left(storage), 100);
    });
}

#[test]
fn commit_after_directory_rename_charges_real_target() {
    let directory = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Storage> = Arc::new(Disk::open_root(directory.path()).unwrap());
    let storage = counted(&disk, quota(100, 10));
    for (here, there) in [(0, 30), (30, 0)] {
        make_directory(&storage, "/d").unwrap();
        fill(&storage, "/d/x", there);
        let mut upload = begin(&storage, "/d/x", Placement::Replace);
        rename(&storage, "/d", "/e").unwrap();
        make_directory(&storage, "/d").unwrap();
        fill(&storage, "/d/x", here);
        write(&upload, 10, 0).unwrap();
        upload.file.commit().unwrap();
        drop(upload);
        same(&storage, &counted(&disk, quota(100, 10)));
        for path in ["/d", "/e"] {
            remove_file(&storage, &format!("{path}/x")).unwrap();
            remove_directory(&storage, path).unwrap();
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Act {
    Begin(usize, usize, Placement),
    Write(usize, usize, u64),
    Commit(usize),
    CommitFirst(usize, u64),
    End(usize),
    Remove(usize),
    Rename(usize, usize),
}

pub(crate) const SESSIONS: usize = 3;
const PATHS: [&str; 4] = ["/a", "/b", "/d/a", "/d/b"];

pub(crate) fn act() -> impl Strategy<Value = Act> {
    let placement = proptest::sample::select(vec![
        Placement::Replace,
        Placement::New,
        Placement::Over,
        Placement::Append,
        Placement::AppendExisting,
        Placement::At(3),
        Placement::Unique,
    ]);
    let (session, path) = (0..SESSIONS, 0..PATHS.len());
    prop_oneof![
        4 => (session.clone(), path.clone(), placement).prop_map(|(s, p, at)| Act::Begin(s, p, at)),
        6 => (session.clone(), 1..30_usize, 0..20_u64).prop_map(|(s, n, at)| Act::Write(s, n, at)),
        3 => session.clone().prop_map(Act::Commit),
        1 => (session.clone(), 0..30_u64).prop_map(|(s, size)| Act::CommitFirst(s, size)),
        1 => session.prop_map(Act::End),
        2 => path.clone().prop_map(Act::Remove),
        2 => (path.clone(), path).prop_map(|(from, to)| Act::Rename(from, to)),
    ]
}

/// Performs an act; its failure is allowed. A session has one upload at a time, which ends with the first
/// failed write or the commit.
pub(crate) fn perform(act: &Act, storage: &dyn Storage, sessions: &mut [Option<Upload>]) {
    let over = match *act {
        Act::Begin(session, path, placement) => {
            sessions[session] = None;
            sessions[session] = create(storage, PATHS[path], placement).ok();
            return;
        }
        Act::Write(session, size, gap) => {
            let Some(upload) = &sessions[session] else {
                return;
            };
            let written = write(upload, size, upload.offset + gap);
            written.is_err().then_some(session)
        }
        Act::Commit(session) => {
            let upload = sessions[session].as_mut();
            upload.map(|upload| upload.file.commit().ok());
            Some(session)
        }
        Act::CommitFirst(session, size) => {
            let upload = sessions[session].as_mut();
            upload.map(|upload| upload.file.commit_truncated(size).ok());
            Some(session)
        }
        Act::End(session) => Some(session),
        Act::Remove(path) => {
            let _ = remove_file(storage, PATHS[path]);
            None
        }
        Act::Rename(from, to) => {
            let _ = rename(storage, PATHS[from], PATHS[to]);
            None
        }
    };
    if let Some(session) = over {
        sessions[session] = None;
    }
}

pub(crate) fn furnished() -> Memory {
    Memory::new().with_file("/a", b"12345").with_directory("/d")
}

/// The total bytes of all files.
fn bytes(memory: &Memory) -> usize {
    let names = memory.names();
    let sizes = names.iter().filter_map(|name| memory.read(name));
    sizes.map(|bytes| bytes.len()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn usage_equals_new_count_after_interleaved_acts(
        acts in proptest::collection::vec(act(), 0..60)
    ) {
        let memory = furnished();
        let tree: Arc<dyn Storage> = Arc::new(memory.clone());
        let storage = counted(&tree, quota(60, 4));
        let mut sessions: Vec<_> = (0..SESSIONS).map(|_| None).collect();
        for act in acts {
            perform(&act, &storage, &mut sessions);
            prop_assert!(bytes(&memory) <= 60, "{act:?}");
            prop_assert!(memory.names().len() <= 4 + 1, "{act:?}");
        }
        drop(sessions);
        let anew = counted(&tree, quota(60, 4));
        prop_assert_eq!(left(&storage), left(&anew));
        same(&storage, &anew);
    }
}

/// Acts on one file that sessions create, append to and remove.
fn append_act() -> impl Strategy<Value = Act> {
    let session = 0..SESSIONS;
    prop_oneof![
        session
            .clone()
            .prop_map(|session| Act::Begin(session, 0, Placement::Append)),
        session
            .clone()
            .prop_map(|session| Act::Write(session, 2, 0)),
        session.prop_map(Act::End),
        Just(Act::Remove(0)),
    ]
}

/// Performs acts on several threads, with a yield between each check and change.
fn perform_concurrently(act: &impl Strategy<Value = Act>) {
    const THREADS: usize = 4;
    const ACTS: usize = 400;
    // A file that stays, as a charge that is too low would saturate at zero.
    let memory = furnished().with_file("/stays", &[b's'; 40]);
    let tree = Hooked::around(&memory, |_| {
        thread::yield_now();
        None
    });
    let storage = counted(&tree, quota(100, 5));
    let mut runner = TestRunner::deterministic();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let acts = proptest::collection::vec(act, ACTS);
            let acts = acts.new_tree(&mut runner).unwrap().current();
            let (storage, memory) = (&storage, &memory);
            scope.spawn(move || {
                let mut sessions: Vec<_> = (0..SESSIONS).map(|_| None).collect();
                for act in acts {
                    perform(&act, storage, &mut sessions);
                    assert!(bytes(memory) <= 100);
                }
            });
        }
    });
    same(&storage, &counted(&tree, quota(100, 5)));
}

#[test]
fn usage_equals_new_count_after_concurrent_acts() {
    perform_concurrently(&act());
}

#[test]
fn usage_equals_new_count_after_concurrent_appends() {
    perform_concurrently(&append_act());
}
