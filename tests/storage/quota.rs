//! A storage with a quota: limits are exact, and the usage equals a new count after any operation.

use std::sync::Arc;

use mioftpd::internals::storage::{
    Answer, Directory, Disk, Entry, Error, File, Memory, Metadata, Operation, PathLookup,
    Placement, Quota, QuotaStorage, Result, Storage, TreeUsage, Upload, Wait,
};
use mioftpd::{Umask, VirtualPath};
use proptest::prelude::*;

use crate::{at, contents, create, perform, put, remove_file, rename};

const ENOUGH: u64 = 1 << 20;

pub(crate) fn quota(bytes: u64, files: u64) -> Quota {
    Quota {
        bytes: Some(bytes),
        files: Some(files),
    }
}

pub(crate) fn counted(storage: &Arc<dyn Storage>, quota: Quota) -> QuotaStorage {
    let usage = TreeUsage::default();
    usage.count(storage.as_ref()).unwrap();
    QuotaStorage::new(Arc::clone(storage), Arc::new(usage), quota)
}

/// Runs a test on a quota without limits around an empty memory.
pub(crate) fn without_limits(test: impl Fn(&dyn Storage)) {
    test(&counted_memory(&Memory::new(), Quota::default()));
}

fn counted_memory(memory: &Memory, quota: Quota) -> QuotaStorage {
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    counted(&storage, quota)
}

/// The remaining bytes of the quota.
pub(crate) fn left(storage: &dyn Storage) -> u64 {
    match perform(
        storage,
        &Operation::Space {
            path: at("/"),
            wanted: 0,
        },
    ) {
        Ok(Answer::Size(bytes)) => bytes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn byte_quota_is_exact_and_discounts_replaced_file() {
    let memory = Memory::new().with_file("/d/f", &[b'x'; 60]);
    let storage = counted_memory(&memory, quota(100, 10));
    for (size, fits) in [(39, true), (40, true), (41, false)] {
        let stored = put(&storage, "/new", Placement::Replace, &vec![b'n'; size]);
        assert_eq!(stored.is_ok(), fits, "{size}");
        assert!(fits || stored == Err(Error::QuotaExceeded));
    }
    assert_eq!((left(&storage), memory.pending_uploads()), (0, 0));
    assert_eq!(contents(&storage, "/new").unwrap().len(), 40);
    // The size of the replaced file is discounted.
    put(&storage, "/d/f", Placement::Replace, &[b'y'; 60]).unwrap();
    let appended = put(&storage, "/new", Placement::Append, b"1");
    assert_eq!(appended, Err(Error::QuotaExceeded));
    put(&storage, "/new", Placement::At(39), b"2").unwrap();
    remove_file(&storage, "/new").unwrap();
    assert_eq!(left(&storage), 40);
}

#[test]
fn file_quota_is_exact() {
    let memory = Memory::new().with_file("/f", b"x").with_file("/g", b"x");
    let storage = counted_memory(&memory, quota(ENOUGH, 3));
    put(&storage, "/new", Placement::Replace, b"").unwrap();
    for placement in [Placement::Replace, Placement::Append, Placement::Unique] {
        let refused = create(&storage, "/one-more", placement).map(drop);
        assert_eq!(refused, Err(Error::QuotaExceeded));
    }
    put(&storage, "/new", Placement::Replace, b"other").unwrap();
    rename(&storage, "/f", "/g").unwrap();
    put(&storage, "/one-more", Placement::Unique, b"").unwrap();
}

#[test]
fn concurrent_uploads_share_remaining_quota() {
    let storage = counted_memory(&Memory::new(), quota(100, 10));
    let first = create(&storage, "/a", Placement::Replace).unwrap();
    let mut second = create(&storage, "/b", Placement::Replace).unwrap();
    first.file.write_at(&[0; 60], 0).unwrap();
    assert_eq!(second.file.write_at(&[0; 60], 0), Err(Error::QuotaExceeded));
    drop(first);
    second.file.write_at(&[0; 60], 0).unwrap();
    second.file.commit().unwrap();
    assert_eq!(left(&storage), 40);
}

#[test]
fn limited_upload_before_count_is_not_counted() {
    let memory = Memory::new();
    let usage = Arc::new(TreeUsage::default());
    let with = |quota| QuotaStorage::new(Arc::new(memory.clone()), Arc::clone(&usage), quota);
    let refused = create(&with(quota(100, 1)), "/f", Placement::Replace).map(drop);
    assert_eq!(refused, Err(Error::NotCounted));
    assert!(put(&with(Quota::default()), "/f", Placement::Replace, b"x").is_ok());
}

/// A storage whose device fails.
struct Broken;

impl Storage for Broken {
    fn perform(&self, _: &Operation, _: Wait) -> Result<Answer> {
        Err(Error::Device)
    }

    fn open(&self, _: &VirtualPath, _: Wait) -> Result<(Box<dyn File>, Metadata)> {
        Err(Error::Device)
    }

    fn create(&self, _: &VirtualPath, _: Placement, _: Option<Umask>) -> Result<Upload> {
        Err(Error::Device)
    }

    fn list(&self, _: &VirtualPath) -> Result<Box<dyn Directory>> {
        Err(Error::Device)
    }

    fn entry(&self, _: &VirtualPath) -> Result<Entry> {
        Err(Error::Device)
    }
}

#[test]
fn failed_count_is_repeated_and_complete_count_is_not() {
    let (empty, memory) = (Memory::new(), Memory::new().with_file("/f", &[b'x'; 60]));
    let usage = Arc::new(TreeUsage::default());
    assert_eq!(usage.count(&Broken), Err(Error::Device));
    assert!(usage.is_unknown());
    usage.count(&memory).unwrap();
    assert!(!usage.is_unknown());
    usage.count(&empty).unwrap();
    let storage = QuotaStorage::new(Arc::new(memory), usage, quota(100, 10));
    assert_eq!(left(&storage), 40);
}

#[derive(Clone, Debug)]
enum Act {
    /// Path, size and placement; then the bytes kept of an interrupted upload, or `None` for a whole one.
    Put(usize, usize, Placement, Option<u64>),
    Remove(usize),
    Rename(usize, usize),
}

fn act() -> impl Strategy<Value = Act> {
    let placement = proptest::sample::select(vec![
        Placement::Replace,
        Placement::New,
        Placement::Over,
        Placement::Append,
        Placement::AppendExisting,
        Placement::At(3),
        Placement::Unique,
    ]);
    let cut = proptest::option::of(0..20_u64);
    prop_oneof![
        (0..4_usize, 0..20_usize, placement, cut)
            .prop_map(|(path, size, placement, cut)| Act::Put(path, size, placement, cut)),
        (0..4_usize).prop_map(Act::Remove),
        (0..4_usize, 0..4_usize).prop_map(|(from, to)| Act::Rename(from, to)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn usage_equals_new_count_after_any_acts(acts in proptest::collection::vec(act(), 0..30)) {
        let memory = Memory::new().with_file("/a", b"12345").with_directory("/d");
        let storage = counted_memory(&memory, quota(60, 4));
        let path = |number: usize| ["/a", "/b", "/d/a", "/d/b"][number];
        for act in acts {
            match act {
                Act::Put(number, size, placement, cut) => {
                    let Ok(mut upload) = create(&storage, path(number), placement) else {
                        continue;
                    };
                    let written = upload.file.write_at(&vec![b'x'; size], upload.offset);
                    let _ = match cut {
                        None if written.is_ok() => upload.file.commit(),
                        Some(first) if first > 10 => upload.file.commit_truncated(first - 10),
                        _ => Ok(()),
                    };
                }
                Act::Remove(number) => drop(remove_file(&storage, path(number))),
                Act::Rename(from, to) => drop(rename(&storage, path(from), path(to))),
            }
            let anew = counted_memory(&memory, quota(60, 4));
            prop_assert_eq!(left(&storage), left(&anew));
            prop_assert!(memory.names().len() <= 4 + 1);
            let one_more = |storage: &dyn Storage| create(storage, "/one", Placement::New).map(drop);
            prop_assert_eq!(one_more(&storage), one_more(&anew));
        }
    }
}

#[test]
fn refused_rename_between_links_of_one_file_charges_nothing() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("f"), [b'x'; 60]).unwrap();
    std::fs::hard_link(directory.path().join("f"), directory.path().join("g")).unwrap();
    let disk: Arc<dyn Storage> =
        Arc::new(Disk::with_lookup(directory.path(), PathLookup::Walk).unwrap());
    // Each link is charged.
    let storage = counted(&disk, quota(200, 10));
    assert_eq!(left(&storage), 80);
    let replace = true;
    let (from, to) = (at("/f"), at("/g"));
    let renamed = perform(&storage, &Operation::Rename { from, to, replace });
    assert!(matches!(renamed, Err(Error::Exists)), "{renamed:?}");
    assert_eq!(left(&storage), 80);
    assert_eq!(contents(&storage, "/f").unwrap().len(), 60);
}
