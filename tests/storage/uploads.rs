//! Files opened for writing: replacements, in-place writes and unique names.

use mioftpd::internals::storage::{
    CommitState, Disk, Error, InPlace, Kind, PathLookup, Placement, UploadFile, Wait,
};

use crate::{
    at, contents, create, each, furnish, kind, make_directory, names, put, remove_directory,
    remove_file, rename,
};

#[test]
fn replacement_is_visible_only_after_commit() {
    each(|storage| {
        furnish(storage);
        for (path, before) in [
            ("/file", Ok(b"old".to_vec())),
            ("/new", Err(Error::NotFound)),
        ] {
            let listed = names(storage, "/").unwrap();
            let mut upload = create(storage, path, Placement::Replace).unwrap();
            assert_eq!((upload.offset, &upload.path), (0, &at(path)));
            upload.file.write_at(b"half", 0).unwrap();
            assert_eq!(contents(storage, path), before);
            assert_eq!(names(storage, "/").unwrap(), listed);
            upload.file.write_at(b" and half", 4).unwrap();
            upload.file.commit().unwrap();
            assert_eq!(contents(storage, path).unwrap(), b"half and half");
            upload.file.commit().unwrap();
        }
        assert_eq!(names(storage, "/").unwrap(), ["dir", "file", "new"]);
    });
}

#[test]
fn dropped_upload_leaves_no_file() {
    each(|storage| {
        furnish(storage);
        for (path, placement) in [
            ("/file", Placement::Replace),
            ("/new", Placement::Replace),
            ("/file", Placement::Unique),
        ] {
            let upload = create(storage, path, placement).unwrap();
            upload.file.write_at(b"half", 0).unwrap();
            drop(upload);
            assert_eq!(names(storage, "/").unwrap(), ["dir", "file"]);
            assert_eq!(contents(storage, "/file").unwrap(), b"old");
        }
        remove_directory(storage, "/dir/inner").unwrap();
        drop(create(storage, "/dir/x", Placement::Replace).unwrap());
        remove_directory(storage, "/dir").unwrap();
    });
}

#[test]
fn commit_first_truncates_upload_but_not_in_place() {
    each(|storage| {
        furnish(storage);
        for (size, expected) in [(0, ""), (3, "new"), (5, "newer")] {
            let mut upload = create(storage, "/file", Placement::Replace).unwrap();
            upload.file.write_at(b"newer", 0).unwrap();
            upload.file.commit_truncated(size).unwrap();
            assert_eq!(contents(storage, "/file").unwrap(), expected.as_bytes());
        }
        // A file written in place is not truncated.
        for placement in [Placement::At(1), Placement::Append] {
            let mut upload = create(storage, "/file", placement).unwrap();
            upload.file.write_at(b"x", upload.offset).unwrap();
            upload.file.commit_truncated(upload.offset).unwrap();
        }
        assert_eq!(contents(storage, "/file").unwrap(), b"nxwerx");
        assert_eq!(names(storage, "/").unwrap(), ["dir", "file"]);
    });
}

#[test]
fn failed_commit_leaves_target() {
    each(|storage| {
        furnish(storage);
        let mut upload = create(storage, "/late", Placement::Replace).unwrap();
        make_directory(storage, "/late").unwrap();
        assert_eq!(upload.file.commit(), Err(Error::IsDirectory));
        drop(upload);
        assert_eq!(names(storage, "/").unwrap(), ["dir", "file", "late"]);
    });
}

#[test]
fn unique_name_is_reserved_at_create() {
    each(|storage| {
        furnish(storage);
        let mut first = create(storage, "/file", Placement::Unique).unwrap();
        let second = put(storage, "/file", Placement::Unique, b"second").unwrap();
        assert_eq!(
            (first.path.to_string(), &*second),
            ("/file.1".to_owned(), "/file.2")
        );
        assert_eq!(
            put(storage, "/dir", Placement::Unique, b"").unwrap(),
            "/dir.1"
        );
        assert_eq!(
            put(storage, "/free", Placement::Unique, b"").unwrap(),
            "/free"
        );
        first.file.write_at(b"first", 0).unwrap();
        first.file.commit().unwrap();
        assert_eq!(contents(storage, "/file.1").unwrap(), b"first");
        assert_eq!(contents(storage, "/file.2").unwrap(), b"second");
        assert_eq!(contents(storage, "/file").unwrap(), b"old");
    });
}

#[test]
fn unique_name_is_hidden_before_commit() {
    each(|storage| {
        let upload = create(storage, "/name", Placement::Unique).unwrap();
        assert_eq!(upload.path, at("/name"));
        assert_eq!(names(storage, "/").unwrap(), [""; 0]);
        assert_eq!(kind(storage, "/name"), Err(Error::NotFound));
        assert_eq!(remove_file(storage, "/name"), Err(Error::NotFound));
        drop(upload);
        let mut upload = create(storage, "/name", Placement::Unique).unwrap();
        assert_eq!(upload.path, at("/name"));
        upload.file.commit().unwrap();
        assert_eq!(names(storage, "/").unwrap(), ["name"]);
    });
}

#[test]
fn unique_commit_fails_if_name_was_taken() {
    each(|storage| {
        for commits in [true, false] {
            let mut upload = create(storage, "/name", Placement::Unique).unwrap();
            upload.file.write_at(b"mine", 0).unwrap();
            put(storage, "/name", Placement::Replace, b"another's").unwrap();
            if commits {
                assert_eq!(upload.file.commit(), Err(Error::Exists));
            }
            drop(upload);
            assert_eq!(contents(storage, "/name").unwrap(), b"another's");
            remove_file(storage, "/name").unwrap();
        }
        let mut upload = create(storage, "/name", Placement::Unique).unwrap();
        make_directory(storage, "/name").unwrap();
        assert_eq!(upload.file.commit(), Err(Error::Exists));
        drop(upload);
        assert_eq!(names(storage, "/").unwrap(), ["name"]);
    });
}

#[test]
fn two_servers_reserve_different_unique_names() {
    let directory = tempfile::tempdir().unwrap();
    let [one, other] = [(); 2].map(|()| Disk::open_root(directory.path()).unwrap());
    let mut first = create(&one, "/name", Placement::Unique).unwrap();
    let mut second = create(&other, "/name", Placement::Unique).unwrap();
    first.file.commit().unwrap();
    second.file.commit().unwrap();
    assert_eq!((first.path, second.path), (at("/name"), at("/name.1")));
}

#[test]
fn append_and_resume_write_in_place() {
    each(|storage| {
        furnish(storage);
        put(storage, "/file", Placement::Append, b"+1").unwrap();
        assert_eq!(contents(storage, "/file").unwrap(), b"old+1");
        put(storage, "/made", Placement::Append, b"x").unwrap();
        assert_eq!(contents(storage, "/made").unwrap(), b"x");
        for (offset, result) in [
            (4, Ok(b"old+2".to_vec())),
            (5, Ok(b"old+22".to_vec())),
            (7, Err(Error::BeyondEnd)),
            (u64::MAX, Err(Error::BeyondEnd)),
        ] {
            let placed = put(storage, "/file", Placement::At(offset), b"2");
            assert_eq!(
                placed.and_then(|_| contents(storage, "/file")),
                result,
                "{offset}"
            );
        }
        let absent = put(storage, "/absent", Placement::At(0), b"");
        assert_eq!(absent, Err(Error::NotFound));
    });
}

#[test]
fn create_refuses_directories_and_bad_parents() {
    each(|storage| {
        furnish(storage);
        for placement in [Placement::Replace, Placement::Append, Placement::At(0)] {
            for (path, error) in [
                ("/", Error::IsDirectory),
                ("/dir", Error::IsDirectory),
                ("/absent/x", Error::NotFound),
                ("/file/x", Error::NotDirectory),
            ] {
                let refused = create(storage, path, placement).map(drop);
                assert_eq!(refused, Err(error), "{path} {placement:?}");
            }
        }
        assert_eq!(
            create(storage, "/", Placement::Unique).map(drop),
            Err(Error::IsDirectory)
        );
        assert_eq!(
            create(storage, "/no/x", Placement::Unique).map(drop),
            Err(Error::NotFound)
        );
    });
}

#[test]
fn create_new_refuses_existing_name() {
    each(|storage| {
        furnish(storage);
        for path in ["/file", "/dir"] {
            let refused = create(storage, path, Placement::New).map(drop);
            assert!(matches!(refused, Err(Error::Exists | Error::IsDirectory)));
        }
        put(storage, "/new", Placement::New, b"new").unwrap();
        assert_eq!(contents(storage, "/new").unwrap(), b"new");

        let mut late = create(storage, "/late", Placement::New).unwrap();
        put(storage, "/late", Placement::Replace, b"another's").unwrap();
        assert_eq!(late.file.commit(), Err(Error::Exists));
        drop(late);
        assert_eq!(contents(storage, "/late").unwrap(), b"another's");
        assert_eq!(names(storage, "/").unwrap(), ["dir", "file", "late", "new"]);
    });
}

#[test]
fn overwrite_and_append_existing_require_file() {
    each(|storage| {
        furnish(storage);
        for placement in [Placement::Over, Placement::AppendExisting] {
            let missing = create(storage, "/missing", placement).map(drop);
            assert_eq!(missing, Err(Error::NotFound));
        }
        put(storage, "/file", Placement::Over, b"new").unwrap();
        put(storage, "/file", Placement::AppendExisting, b"er").unwrap();
        assert_eq!(contents(storage, "/file").unwrap(), b"newer");

        let mut late = create(storage, "/file", Placement::Over).unwrap();
        remove_file(storage, "/file").unwrap();
        assert_eq!(late.file.commit(), Err(Error::NotFound));
        drop(late);
        assert_eq!(names(storage, "/").unwrap(), ["dir"]);
    });
}

#[test]
fn open_file_reports_its_link_count() {
    each(|storage| {
        furnish(storage);
        let about = |file: &dyn UploadFile| {
            let metadata = file.metadata().unwrap();
            (metadata.kind, metadata.size, metadata.links)
        };
        let (_, opened) = storage.open(&at("/file"), Wait::Allowed).unwrap();
        for placement in [Placement::Append, Placement::At(0)] {
            let upload = create(storage, "/file", placement).unwrap();
            upload.file.write_at(b"newer", 0).unwrap();
            assert_eq!(about(upload.file.as_ref()), (Kind::File, 5, 1));
            assert_eq!(upload.file.commit_state(), Ok(CommitState::InPlace));
            rename(storage, "/file", "/other").unwrap();
            assert_eq!(about(upload.file.as_ref()), (Kind::File, 5, 1));
            rename(storage, "/other", "/file").unwrap();
        }
        let upload = create(storage, "/file", Placement::Append).unwrap();
        assert_eq!(upload.file.metadata().unwrap().unique, opened.unique);
        remove_file(storage, "/file").unwrap();
        assert_eq!(about(upload.file.as_ref()), (Kind::File, 5, 0));
        assert_eq!(upload.file.commit_state(), Ok(CommitState::InPlace));
    });
}

/// The size of what an upload would replace.
fn replaced(file: &dyn UploadFile) -> Option<u64> {
    match file.commit_state() {
        Ok(CommitState::Uncommitted(there)) => there.map(|metadata| metadata.size),
        other => panic!("{other:?}"),
    }
}

#[test]
fn upload_reports_current_target() {
    each(|storage| {
        for placement in [Placement::Replace, Placement::New, Placement::Unique] {
            let mut upload = create(storage, "/file", placement).unwrap();
            assert_eq!(replaced(upload.file.as_ref()), None);
            put(storage, "/file", Placement::Replace, b"old").unwrap();
            assert_eq!(replaced(upload.file.as_ref()), Some(3));
            rename(storage, "/file", "/moved").unwrap();
            assert_eq!(replaced(upload.file.as_ref()), None);
            upload.file.write_at(b"newer", 0).unwrap();
            assert_eq!(upload.file.prepare(), Ok(()));
            assert_eq!(upload.file.commit(), Ok(()));
            assert_eq!(upload.file.commit_state(), Ok(CommitState::InPlace));
            assert_eq!(upload.file.metadata().unwrap().links, 1);
            assert_eq!(contents(storage, "/file").unwrap(), b"newer");
            remove_file(storage, "/file").unwrap();
        }
    });
}

#[test]
fn upload_follows_its_renamed_directory() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open_root(directory.path()).unwrap();
    make_directory(&disk, "/dir").unwrap();
    let mut upload = create(&disk, "/dir/file", Placement::Replace).unwrap();
    rename(&disk, "/dir", "/moved").unwrap();
    make_directory(&disk, "/dir").unwrap();
    put(&disk, "/dir/file", Placement::Replace, b"another").unwrap();
    assert_eq!(replaced(upload.file.as_ref()), None);
    put(&disk, "/moved/file", Placement::Replace, b"old").unwrap();
    assert_eq!(replaced(upload.file.as_ref()), Some(3));
    upload.file.commit().unwrap();
    assert_eq!(contents(&disk, "/moved/file").unwrap(), b"");
}

#[test]
fn upload_to_link_replaces_link_target() {
    for lookup in [PathLookup::Kernel, PathLookup::Walk] {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::create_dir(path("d")).unwrap();
        std::fs::write(path("d/f"), "old").unwrap();
        std::os::unix::fs::symlink("d/f", path("link")).unwrap();
        let disk = Disk::with_lookup(directory.path(), lookup).unwrap();
        put(&disk, "/link", Placement::Replace, b"new").unwrap();
        assert_eq!(std::fs::read(path("d/f")).unwrap(), b"new");
        assert!(path("link").is_symlink());
    }
}

#[test]
fn in_place_reasons_have_distinct_texts() {
    let reasons = [InPlace::MountPoint, InPlace::Directory, InPlace::Sticky];
    let [a, b, c] = reasons.map(|why| why.to_string());
    assert!(a != b && b != c && a != c && a.contains("mount point"));
}
