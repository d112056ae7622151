//! Modification times, modes, umasks and free space.

use mioftpd::Umask;
use mioftpd::internals::storage::{
    Answer, Attributes, Error, Metadata, Operation, Placement, Result, Storage, Wait,
};

use crate::{at, contents, each, furnish, make_directory, perform, put, rename};

fn metadata(storage: &dyn Storage, path: &str) -> Metadata {
    match perform(storage, &Operation::Metadata(at(path))) {
        Ok(Answer::Metadata(metadata)) => metadata,
        other => panic!("{path}: {other:?}"),
    }
}

fn set(storage: &dyn Storage, path: &str, attributes: Attributes) -> Result<Answer> {
    perform(storage, &Operation::SetAttributes(at(path), attributes))
}

fn modified(seconds: i64, nanoseconds: u32) -> Attributes {
    Attributes {
        modified: Some((seconds, nanoseconds)),
        mode: None,
    }
}

fn mode(mode: u32) -> Attributes {
    Attributes {
        modified: None,
        mode: Some(mode),
    }
}

#[test]
fn modification_time_is_set_to_the_nanosecond() {
    each(|storage| {
        furnish(storage);
        for path in ["/file", "/dir", "/"] {
            for time in [(1, 999_999_999), (0, 0), (-1, 1), (4_000_000_000, 0)] {
                let before = metadata(storage, path).mode;
                set(storage, path, modified(time.0, time.1)).unwrap();
                let found = metadata(storage, path);
                assert_eq!((found.modified, found.modified_nanoseconds), time, "{path}");
                assert_eq!(found.mode, before);
            }
        }
        assert_eq!(contents(storage, "/file").unwrap(), b"old");
    });
}

#[test]
fn mode_is_set_exactly() {
    each(|storage| {
        furnish(storage);
        for bits in [0o600, 0o777, 0o000, 0o755] {
            for path in ["/file", "/dir"] {
                set(storage, path, mode(bits)).unwrap();
                assert_eq!(metadata(storage, path).mode, bits, "{path}");
            }
        }
        // A client could lock itself out of the root.
        assert_eq!(set(storage, "/", mode(0o700)), Err(Error::Forbidden));
    });
}

#[test]
fn attributes_survive_rename_and_mode_survives_replace() {
    each(|storage| {
        furnish(storage);
        let both = Attributes {
            modified: Some((7, 8)),
            mode: Some(0o640),
        };
        set(storage, "/file", both).unwrap();
        rename(storage, "/file", "/dir/moved").unwrap();
        let found = metadata(storage, "/dir/moved");
        assert_eq!((found.modified, found.mode), (7, 0o640));
        let entry = storage.entry(&at("/dir/moved")).unwrap().metadata;
        assert_eq!((entry.modified, entry.mode), (7, 0o640));
        // A replacement keeps the mode, not the time.
        put(storage, "/dir/moved", Placement::Replace, b"new").unwrap();
        let found = metadata(storage, "/dir/moved");
        assert_eq!(found.mode, 0o640);
        assert_ne!(found.modified, 7);
    });
}

#[test]
fn attributes_of_missing_path_are_not_found() {
    each(|storage| {
        furnish(storage);
        for (path, error) in [
            ("/absent", Error::NotFound),
            ("/absent/x", Error::NotFound),
            ("/file/x", Error::NotDirectory),
        ] {
            assert_eq!(set(storage, path, modified(0, 0)), Err(error), "{path}");
            assert_eq!(set(storage, path, mode(0)), Err(error), "{path}");
            let space = perform(
                storage,
                &Operation::Space {
                    path: at(path),
                    wanted: 0,
                },
            );
            assert_eq!(space, Err(error), "{path}");
        }
    });
}

#[test]
fn umask_of_operation_is_exact() {
    each(|storage| {
        for (bits, file, directory) in [
            (0o000, 0o666, 0o777),
            (0o027, 0o640, 0o750),
            (0o177, 0o600, 0o600),
        ] {
            let umask = Umask::new(bits);
            let name = format!("{bits:o}");
            for (placement, path) in [
                (Placement::Replace, format!("/replaced{name}")),
                (Placement::Append, format!("/appended{name}")),
                (Placement::Unique, format!("/unique{name}")),
            ] {
                let mut upload = storage.create(&at(&path), placement, umask).unwrap();
                upload.file.commit().unwrap();
                assert_eq!(metadata(storage, &path).mode, file, "{placement:?}");
            }
            let path = at(&format!("/directory{name}"));
            let path_text = path.to_string();
            perform(storage, &Operation::MakeDirectory { path, umask }).unwrap();
            assert_eq!(metadata(storage, &path_text).mode, directory);
        }
    });
}

#[test]
fn umask_applies_to_new_files_only() {
    each(|storage| {
        furnish(storage);
        set(storage, "/file", mode(0o604)).unwrap();
        for placement in [Placement::Append, Placement::At(0), Placement::Replace] {
            let mut upload = storage
                .create(&at("/file"), placement, Umask::new(0o077))
                .unwrap();
            upload.file.commit().unwrap();
            assert_eq!(metadata(storage, "/file").mode, 0o604, "{placement:?}");
        }
    });
}

#[test]
fn space_is_reported_for_existing_paths() {
    each(|storage| {
        furnish(storage);
        for path in ["/", "/file", "/dir"] {
            let space = perform(
                storage,
                &Operation::Space {
                    path: at(path),
                    wanted: 0,
                },
            )
            .unwrap();
            assert!(matches!(space, Answer::Size(1..)), "{path}: {space:?}");
        }
    });
}

#[test]
fn attributes_and_space_without_wait_would_wait() {
    each(|storage| {
        make_directory(storage, "/dir").unwrap();
        for operation in [
            Operation::SetAttributes(at("/dir"), modified(1, 1)),
            Operation::Space {
                path: at("/dir"),
                wanted: 0,
            },
        ] {
            let refused = storage.perform(&operation, Wait::Never);
            assert_eq!(refused, Err(Error::WouldWait), "{operation:?}");
        }
        assert_ne!(metadata(storage, "/dir").modified, 1);
    });
}
