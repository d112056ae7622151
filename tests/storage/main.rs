//! The contract of the storage traits, tested on every implementation: the disk with each lookup, the
//! memory, and a quota around it. The simulation relies on the memory behaving as the disk does.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests panic like tests"
)]

mod attributes;
mod changes;
mod directories;
#[cfg(feature = "quotas")]
mod hooked;
#[cfg(feature = "quotas")]
mod interrupted;
mod jail;
mod policies;
#[cfg_attr(not(feature = "quotas"), path = "no_quota.rs")]
mod quota;
#[cfg(feature = "quotas")]
mod quota_faults;
#[cfg(feature = "quotas")]
mod recounts;
mod reopened;
#[cfg(feature = "quotas")]
mod shared_quota;
mod uploads;
mod writers;

use mioftpd::VirtualPath;
use mioftpd::internals::storage::{
    Answer, Disk, Kind, Memory, Operation, PathLookup, Placement, Result, Storage, Upload, Wait,
};

/// Runs a test on each storage, initially empty.
fn each(test: impl Fn(&dyn Storage)) {
    for lookup in [PathLookup::Kernel, PathLookup::Walk] {
        let directory = tempfile::tempdir().unwrap();
        test(&Disk::with_lookup(directory.path(), lookup).unwrap());
    }
    let memory = Memory::new();
    test(&memory);
    quota::without_limits(&test);
    assert_eq!((memory.open_handles(), memory.pending_uploads()), (0, 0));
}

fn at(path: &str) -> VirtualPath {
    VirtualPath::root().join(path.as_bytes()).unwrap()
}

fn create(storage: &dyn Storage, path: &str, placement: Placement) -> Result<Upload> {
    storage.create(&at(path), placement, None)
}

fn put(storage: &dyn Storage, path: &str, placement: Placement, bytes: &[u8]) -> Result<String> {
    let mut upload = create(storage, path, placement)?;
    upload.file.write_at(bytes, upload.offset)?;
    upload.file.commit()?;
    Ok(upload.path.to_string())
}

fn contents(storage: &dyn Storage, path: &str) -> Result<Vec<u8>> {
    let (file, metadata) = storage.open(&at(path), Wait::Allowed)?;
    let mut bytes = vec![0; 100];
    let length = file.read_at(&mut bytes, 0, Wait::Allowed)?;
    bytes.truncate(length);
    assert_eq!((metadata.kind, metadata.size), (Kind::File, length as u64));
    Ok(bytes)
}

fn perform(storage: &dyn Storage, operation: &Operation) -> Result<Answer> {
    storage.perform(operation, Wait::Allowed)
}

fn make_directory(storage: &dyn Storage, path: &str) -> Result<Answer> {
    perform(
        storage,
        &Operation::MakeDirectory {
            path: at(path),
            umask: None,
        },
    )
}

fn remove_directory(storage: &dyn Storage, path: &str) -> Result<Answer> {
    perform(storage, &Operation::RemoveDirectory(at(path)))
}

fn remove_file(storage: &dyn Storage, path: &str) -> Result<Answer> {
    perform(storage, &Operation::RemoveFile(at(path)))
}

fn rename(storage: &dyn Storage, from: &str, to: &str) -> Result<Answer> {
    let (from, to) = (at(from), at(to));
    let replace = true;
    perform(storage, &Operation::Rename { from, to, replace })
}

fn kind(storage: &dyn Storage, path: &str) -> Result<Kind> {
    match perform(storage, &Operation::Metadata(at(path)))? {
        Answer::Metadata(metadata) => Ok(metadata.kind),
        other => panic!("{other:?}"),
    }
}

fn names(storage: &dyn Storage, path: &str) -> Result<Vec<String>> {
    let mut directory = storage.list(&at(path))?;
    let mut names = Vec::new();
    while let Some(entry) = directory.next_entry()? {
        assert_eq!(
            storage.entry(&at(path).join(&entry.name).unwrap()),
            Ok(entry.clone())
        );
        names.push(String::from_utf8(entry.name).unwrap());
    }
    names.sort();
    Ok(names)
}

/// Creates `/dir` with `/dir/inner`, and `/file` containing `old`.
fn furnish(storage: &dyn Storage) {
    make_directory(storage, "/dir").unwrap();
    make_directory(storage, "/dir/inner").unwrap();
    put(storage, "/file", Placement::Replace, b"old").unwrap();
}
