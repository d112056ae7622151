//! Durability and the free space floor. The effect of a power cut cannot be tested here, only that all
//! operations work the same with each policy.

use mioftpd::Durability;
use mioftpd::internals::storage::{
    Answer, Disk, Error, InPlace, Memory, Operation, PathLookup, Placement, Policy, ReplaceFiles,
    Storage,
};

use crate::{
    at, contents, create, furnish, make_directory, names, perform, put, remove_directory,
    remove_file, rename,
};

/// A floor above the free space of any disk.
const UNREACHABLE: u64 = 1 << 60;

fn policy(durability: Durability, free_space_floor: u64) -> Policy {
    Policy {
        durability,
        free_space_floor,
        ..Policy::default()
    }
}

#[test]
fn operations_work_with_each_durability() {
    for durability in [Durability::None, Durability::Rename, Durability::Fsync] {
        for lookup in [PathLookup::Kernel, PathLookup::Walk] {
            let directory = tempfile::tempdir().unwrap();
            let disk = Disk::with_lookup(directory.path(), lookup).unwrap();
            let disk = disk.with_policy(policy(durability, 0));
            furnish(&disk);
            for (path, placement, expected) in [
                ("/file", Placement::Replace, &b"new"[..]),
                ("/file", Placement::Append, b"newnew"),
                ("/file", Placement::At(1), b"nnewew"),
                ("/dir/made", Placement::Append, b"new"),
                ("/dir/free", Placement::Unique, b"new"),
            ] {
                put(&disk, path, placement, b"new").unwrap();
                assert_eq!(contents(&disk, path).unwrap(), expected, "{placement:?}");
            }
            drop(create(&disk, "/file", Placement::Replace).unwrap());
            rename(&disk, "/file", "/file.2").unwrap();
            rename(&disk, "/file.2", "/dir/moved").unwrap();
            rename(&disk, "/absent", "/x").unwrap_err();
            remove_file(&disk, "/dir/made").unwrap();
            remove_directory(&disk, "/dir/inner").unwrap();
            make_directory(&disk, "/dir/again").unwrap();
            assert_eq!(names(&disk, "/").unwrap(), ["dir"]);
            assert_eq!(names(&disk, "/dir").unwrap(), ["again", "free", "moved"]);
            assert_eq!(contents(&disk, "/dir/moved").unwrap(), b"nnewew");
        }
    }
}

#[test]
fn file_is_replaced_in_place_only_if_configured() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open_root(directory.path()).unwrap();
    let disk = disk.with_policy(Policy {
        replace: ReplaceFiles::InPlace,
        ..Policy::default()
    });
    let names = || std::fs::read_dir(directory.path()).unwrap().count();
    let new = create(&disk, "/file", Placement::Replace).unwrap();
    assert_eq!((new.in_place, names()), (None, 1));
    assert!(!directory.path().join("file").exists());
    drop(new);
    put(&disk, "/file", Placement::New, b"old").unwrap();
    for placement in [Placement::Replace, Placement::Over] {
        let upload = create(&disk, "/file", placement).unwrap();
        assert_eq!(upload.in_place, Some(InPlace::Configured));
        assert_eq!((upload.offset, names()), (0, 1));
    }
    let refused = create(&disk, "/file", Placement::New).map(drop);
    assert_eq!(refused, Err(Error::Exists));
    assert_eq!(contents(&disk, "/file").unwrap(), b"old");
}

/// A drop box, writable but not readable, cannot be opened for fsync. (Root can read it.)
#[test]
fn unreadable_directory_accepts_synced_uploads() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open_root(directory.path()).unwrap();
    let disk = disk.with_policy(policy(Durability::Fsync, 0));
    make_directory(&disk, "/box").unwrap();
    let mode = std::fs::Permissions::from_mode(0o300);
    std::fs::set_permissions(directory.path().join("box"), mode).unwrap();
    put(&disk, "/box/file", Placement::Replace, b"new").unwrap();
    rename(&disk, "/box/file", "/box/file.2").unwrap();
    assert_eq!(contents(&disk, "/box/file.2").unwrap(), b"new");
    remove_file(&disk, "/box/file.2").unwrap();
}

#[test]
fn upload_below_floor_is_refused_at_start() {
    let full = |storage: &dyn Storage| {
        for (path, placement) in [
            ("/file", Placement::Replace),
            ("/new", Placement::Replace),
            ("/new", Placement::Append),
            ("/file", Placement::Append),
            ("/file", Placement::At(0)),
            ("/new", Placement::Unique),
        ] {
            let refused = create(storage, path, placement).map(drop);
            assert_eq!(refused, Err(Error::NoSpace), "{path} {placement:?}");
        }
        // Other errors come first, as they would remain with free space.
        let refused = create(storage, "/absent/x", Placement::Replace).map(drop);
        assert_eq!(refused, Err(Error::NotFound));
        assert_eq!(contents(storage, "/file").unwrap(), b"old");
        assert_eq!(names(storage, "/").unwrap(), ["dir", "file"]);
        let space = perform(
            storage,
            &Operation::Space {
                path: at("/dir"),
                wanted: 0,
            },
        );
        assert_eq!(space, Ok(Answer::Size(0)));
        // Removal is allowed.
        remove_file(storage, "/file").unwrap();
    };
    for lookup in [PathLookup::Kernel, PathLookup::Walk] {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::with_lookup(directory.path(), lookup).unwrap();
        furnish(&disk);
        full(&disk.with_policy(policy(Durability::None, UNREACHABLE)));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
    let memory = Memory::new();
    furnish(&memory);
    full(&memory.with_free_space_floor(UNREACHABLE));
}

#[test]
fn floor_is_subtracted_from_space() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open_root(directory.path()).unwrap();
    let memory = Memory::new();
    // More than other processes are likely to write during the test, and less than the disk has.
    let floor = 1 << 30;
    let space = |storage: &dyn Storage| match perform(
        storage,
        &Operation::Space {
            path: at("/"),
            wanted: 0,
        },
    ) {
        Ok(Answer::Size(size)) => size,
        other => panic!("{other:?}"),
    };
    assert_eq!(space(&memory), floor);
    assert_eq!(space(&memory.with_free_space_floor(1)), floor - 1);
    let without = space(&disk);
    let with = space(&disk.clone().with_policy(policy(Durability::None, floor)));
    let difference = without.saturating_sub(with);
    assert!(difference > floor / 2 || with == 0, "{without} {with}");
    put(&disk, "/file", Placement::Replace, b"new").unwrap();
}
