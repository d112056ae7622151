//! Files written in place on disk: by one upload at a time, and only while they have a name.
//!
//! The lock is advisory (flock(2)), so that other programs can take part in it.

use std::fs::{self, File};

use mioftpd::internals::storage::{Disk, Error, Placement, Policy, ReplaceFiles};

use crate::{contents, create, put, remove_file};

/// A disk that replaces files in place, with `/file` containing `old`.
fn disk() -> (tempfile::TempDir, Disk) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "old").unwrap();
    let disk = Disk::open_root(directory.path()).unwrap();
    let replace = ReplaceFiles::InPlace;
    let policy = Policy {
        replace,
        ..Policy::default()
    };
    (directory, disk.with_policy(policy))
}

const IN_PLACE: [Placement; 5] = [
    Placement::Replace,
    Placement::Over,
    Placement::Append,
    Placement::AppendExisting,
    Placement::At(1),
];

#[test]
fn second_upload_in_place_is_refused_until_the_first_ends() {
    let (_directory, disk) = disk();
    for first in IN_PLACE {
        for second in IN_PLACE {
            let begun = create(&disk, "/file", first).unwrap();
            let refused = create(&disk, "/file", second).map(drop);
            assert_eq!(refused, Err(Error::InUse), "{first:?} {second:?}");
            assert_eq!(contents(&disk, "/file").unwrap(), b"old");
            drop(begun);
            drop(create(&disk, "/file", second).unwrap());
        }
    }
    let begun = create(&disk, "/new", Placement::Append).unwrap();
    let refused = create(&disk, "/new", Placement::Append).map(drop);
    assert_eq!(refused, Err(Error::InUse));
    drop(begun);
}

#[test]
fn file_locked_by_another_program_is_not_written_in_place() {
    let (directory, disk) = disk();
    let other = File::open(directory.path().join("file")).unwrap();
    other.lock().unwrap();
    for placement in IN_PLACE {
        let refused = create(&disk, "/file", placement).map(drop);
        assert_eq!(refused, Err(Error::InUse), "{placement:?}");
    }
    other.unlock().unwrap();
    put(&disk, "/file", Placement::Append, b"er").unwrap();
    assert_eq!(contents(&disk, "/file").unwrap(), b"older");
}

#[test]
fn upload_to_a_removed_file_is_not_committed() {
    let (directory, disk) = disk();
    for placement in IN_PLACE {
        for is_replaced in [false, true] {
            fs::write(directory.path().join("file"), "old").unwrap();
            let mut upload = create(&disk, "/file", placement).unwrap();
            upload.file.write_at(b"new", upload.offset).unwrap();
            remove_file(&disk, "/file").unwrap();
            if is_replaced {
                put(&disk, "/file", Placement::Replace, b"another").unwrap();
            }
            let committed = upload.file.commit();
            assert_eq!(committed, Err(Error::NotFound), "{placement:?}");
            // Nothing of it is kept either.
            assert_eq!(upload.file.commit_truncated(3), Err(Error::NotFound));
        }
    }
}
