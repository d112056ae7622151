//! The order of the syncs and the rename of an upload, and what a sync that fails leaves.
//!
//! A descriptor that cannot be synced (`O_PATH`) takes the place of the file's or the directory's: the error
//! shows that it was synced, and when.

use super::*;
use crate::storage::disk::file_system::FileSystem;
use crate::storage::disk::lookup::Root;
use crate::storage::disk::parent::Parent;
use crate::storage::disk::temporary::{TargetCondition, lock};
use rustix::fs::OFlags;
use std::path::Path;

#[test]
fn blocking_read_never_returns_would_wait() {
    assert_eq!(blocking_error(Errno::AGAIN), Error::InUse);
    assert_eq!(blocking_error(Errno::IO), Error::Device);
    assert_eq!(blocking_error(Errno::INVAL), Error::Device);
}

/// A process that is being started has a copy of each descriptor until it executes its program.
#[test]
fn end_of_upload_unlocks_file_with_copied_descriptor() {
    let directory = tempfile::tempdir().unwrap();
    let open = || std::fs::File::create(directory.path().join("file")).unwrap();
    let file = open();
    assert_eq!(lock(file.as_fd()), Ok(true));
    let state = UploadState::InPlace(PriorContents::Kept(0));
    let copy = file.try_clone().unwrap();
    let mut upload = DiskUpload::new(file.into(), state, policy(Durability::None));
    assert_eq!(upload.commit(), Ok(()));
    assert_eq!(lock(open().as_fd()), Ok(false));
    drop(upload);
    assert_eq!(lock(open().as_fd()), Ok(true));
    drop(copy);
}

/// An upload with an `O_PATH` descriptor: fsync(2) fails as on a broken device.
fn unsyncable_upload(directory: &Path, durability: Durability) -> DiskUpload {
    let root = Root::open(directory, None).unwrap();
    let parent = Parent::open(&root, b".", durability).unwrap();
    let name = b"file".to_vec();
    let (_, replacement) = Replacement::create(parent, name, TargetCondition::Any).unwrap();
    let descriptor = root.find(b"file", OFlags::PATH, Wait::Allowed).unwrap();
    pending(descriptor, replacement, durability)
}

fn pending(file: OwnedFd, replacement: Replacement, durability: Durability) -> DiskUpload {
    let state = UploadState::Pending(replacement, SyncState::Unsynced);
    DiskUpload::new(file, state, policy(durability))
}

fn policy(durability: Durability) -> Policy {
    Policy {
        durability,
        ..Policy::default()
    }
}

#[test]
fn failed_sync_of_the_name_follows_the_rename() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::open(directory.path(), None).unwrap();
    let (parent, name) = (Parent::unsyncable(&root).unwrap(), b"file".to_vec());
    let created = Replacement::create(parent, name, TargetCondition::Any);
    let (descriptor, replacement) = created.unwrap();
    let mut file = pending(descriptor, replacement, Durability::Fsync);
    file.write_at(b"new", 0).unwrap();
    assert_eq!(file.commit(), Err(Error::Device));
    assert_eq!(file.commit_state(), Ok(CommitState::InPlace));
    let path = directory.path().join("file");
    assert_eq!(std::fs::read(path).unwrap(), b"new");
}

#[test]
fn failed_sync_is_never_committed_by_retry() {
    for durability in [Durability::None, Durability::Rename, Durability::Fsync] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "old").unwrap();
        let mut file = unsyncable_upload(directory.path(), durability);
        if durability == Durability::None {
            assert_eq!(file.commit(), Ok(()));
            assert_eq!(std::fs::read(&path).unwrap(), b"");
            continue;
        }
        assert_eq!(file.commit(), Err(Error::Device));
        // A sync of this descriptor succeeds, as a second fsync(2) does.
        file.descriptor = tempfile::tempfile().unwrap().into();
        assert_eq!(file.commit(), Err(Error::Device));
        assert_eq!(file.commit_truncated(0), Err(Error::Device));
        drop(file);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

#[test]
fn prepared_upload_is_synced_again_only_if_truncated() {
    let unsyncable = |directory: &Path| {
        let root = Root::open(directory, None).unwrap();
        root.find(b".", OFlags::PATH, Wait::Allowed).unwrap()
    };
    for durability in [Durability::Rename, Durability::Fsync] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "old").unwrap();
        let mut file = unsyncable_upload(directory.path(), durability);
        file.descriptor = tempfile::tempfile().unwrap().into();
        assert_eq!(file.prepare(), Ok(()));
        file.descriptor = unsyncable(directory.path());
        assert_eq!(file.commit(), Ok(()));
        assert_eq!(file.prepare(), Ok(()));

        let mut file = unsyncable_upload(directory.path(), durability);
        let own = tempfile::tempfile().unwrap();
        file.descriptor = own.try_clone().unwrap().into();
        file.write_at(b"12345", 0).unwrap();
        assert_eq!(file.prepare(), Ok(()));
        assert_eq!(file.commit_truncated(3), Ok(()));
        assert_eq!(own.metadata().unwrap().len(), 3);

        let mut file = unsyncable_upload(directory.path(), durability);
        assert_eq!(file.prepare(), Err(Error::Device));
        file.descriptor = own.into();
        assert_eq!(file.commit(), Err(Error::Device));
    }
}

/// An `O_PATH` descriptor in place of the file's or the directory's shows which sync fails, and when.
#[test]
fn fat_file_is_synced_again_behind_the_rename() {
    for (durability, old, is_synced) in [
        (Durability::None, None, false),
        (Durability::None, Some("old"), true),
        (Durability::Rename, None, true),
        (Durability::Fsync, None, true),
    ] {
        for unsyncable in ["file", "directory"] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("file");
            if let Some(old) = old {
                std::fs::write(&path, old).unwrap();
            }
            let root = Root::open(directory.path(), None).unwrap();
            let parent = match unsyncable {
                "directory" => Parent::unsyncable(&root).unwrap(),
                _ => Parent::open(&root, b".", durability).unwrap(),
            };
            let created =
                Replacement::create(parent, b"file".to_vec(), TargetCondition::Any).unwrap();
            let replacement = created.1.on(FileSystem::Fat);
            let mut file = pending(created.0, replacement, durability);
            file.write_at(b"new", 0).unwrap();
            assert_eq!(file.prepare(), Ok(()));
            if unsyncable == "file" {
                file.descriptor = root.find(b".", OFlags::PATH, Wait::Allowed).unwrap();
            }
            let expected = if is_synced {
                Err(Error::Device)
            } else {
                Ok(())
            };
            assert_eq!(
                file.commit(),
                expected,
                "{durability:?} {old:?} {unsyncable}"
            );
            assert_eq!(file.commit_state(), Ok(CommitState::InPlace));
            assert_eq!(std::fs::read(&path).unwrap(), b"new");
        }
    }
}

/// On UBIFS and XFS.
#[test]
fn file_that_replaces_another_is_synced_before() {
    for (old, committed) in [(None, Ok(())), (Some("old"), Err(Error::Device))] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        if let Some(old) = old {
            std::fs::write(&path, old).unwrap();
        }
        let root = Root::open(directory.path(), None).unwrap();
        let parent = Parent::open(&root, b".", Durability::None).unwrap();
        let created = Replacement::create(parent, b"file".to_vec(), TargetCondition::Any);
        let replacement = created.unwrap().1.on(FileSystem::Delayed);
        let unsyncable = root.find(b".", OFlags::PATH, Wait::Allowed).unwrap();
        let mut file = pending(unsyncable, replacement, Durability::None);
        assert_eq!(file.commit(), committed);
        assert_eq!(std::fs::read(&path).unwrap(), old.unwrap_or("").as_bytes());
    }
}

#[test]
fn in_place_file_is_synced_with_fsync_only() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::open(directory.path(), None).unwrap();
    for (durability, prior, committed) in [
        (Durability::None, PriorContents::Kept(3), Ok(())),
        (Durability::Rename, PriorContents::Created, Ok(())),
        (
            Durability::Fsync,
            PriorContents::Kept(3),
            Err(Error::Device),
        ),
        (
            Durability::Fsync,
            PriorContents::Created,
            Err(Error::Device),
        ),
    ] {
        let unsyncable = root.find(b".", OFlags::PATH, Wait::Allowed).unwrap();
        let state = UploadState::InPlace(prior);
        let mut file = DiskUpload::new(unsyncable, state, policy(durability));
        assert_eq!(file.commit(), committed, "{durability:?}");
        // A sync of this descriptor succeeds, as a second fsync(2) does; but nothing is kept.
        let other = std::fs::File::create(directory.path().join("other")).unwrap();
        file.descriptor = other.into();
        assert_eq!(file.commit_truncated(0), committed, "{durability:?}");
    }
}

#[test]
fn failed_sync_in_place_leaves_only_what_was_there_before() {
    for (prior, left) in [
        (PriorContents::Created, &b""[..]),
        (PriorContents::truncate_on_write(), b""),
        // Behind it, and across its end.
        (PriorContents::Kept(3), b"old"),
        (PriorContents::Kept(5), b"oldne"),
        (PriorContents::Kept(7), b"oldnew"),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "oldnew").unwrap();
        prior.discard(file.as_file().as_fd());
        assert_eq!(std::fs::read(file.path()).unwrap(), left);
    }
}
