//! Reading, metadata, and operations that create, remove and rename.

use mioftpd::VirtualPath;
use mioftpd::internals::storage::{Answer, Disk, Error, Kind, Operation, Placement, Wait};

use crate::{
    at, contents, each, furnish, kind, make_directory, names, perform, put, remove_directory,
    remove_file, rename,
};

#[test]
fn read_at_and_beyond_end_is_short() {
    each(|storage| {
        furnish(storage);
        let (file, _) = storage.open(&at("/file"), Wait::Allowed).unwrap();
        let mut buffer = [0; 2];
        for (offset, expected) in [(0, &b"ol"[..]), (2, b"d"), (3, b""), (1 << 40, b"")] {
            let length = file.read_at(&mut buffer, offset, Wait::Allowed).unwrap();
            assert_eq!(&buffer[..length], expected);
            match file.read_at(&mut buffer, offset, Wait::Never) {
                Ok(length) => assert_eq!(&buffer[..length], expected),
                Err(error) => assert_eq!(error, Error::WouldWait),
            }
        }
        remove_file(storage, "/file").unwrap();
        assert_eq!(file.read_at(&mut buffer, 1, Wait::Allowed), Ok(2));
        assert_eq!(contents(storage, "/dir"), Err(Error::IsDirectory));
    });
}

#[test]
fn directories_and_files_are_made_and_removed() {
    each(|storage| {
        furnish(storage);
        for (path, error) in [
            ("/", Error::Exists),
            ("/dir", Error::Exists),
            ("/file", Error::Exists),
            ("/absent/x", Error::NotFound),
            ("/file/x", Error::NotDirectory),
        ] {
            assert_eq!(make_directory(storage, path), Err(error), "{path}");
        }
        for (path, error) in [
            ("/", Error::Forbidden),
            ("/dir", Error::NotEmpty),
            ("/file", Error::NotDirectory),
            ("/absent", Error::NotFound),
        ] {
            assert_eq!(remove_directory(storage, path), Err(error), "{path}");
        }
        for (path, error) in [
            ("/", Error::Forbidden),
            ("/dir", Error::IsDirectory),
            ("/absent", Error::NotFound),
        ] {
            assert_eq!(remove_file(storage, path), Err(error), "{path}");
        }
        remove_directory(storage, "/dir/inner").unwrap();
        remove_directory(storage, "/dir").unwrap();
        remove_file(storage, "/file").unwrap();
        assert_eq!(names(storage, "/").unwrap(), [""; 0]);
    });
}

#[test]
fn rename_moves_trees_and_refuses_conflicts() {
    each(|storage| {
        furnish(storage);
        put(storage, "/dir/inner/x", Placement::Replace, b"x").unwrap();
        put(storage, "/other", Placement::Replace, b"other").unwrap();
        make_directory(storage, "/empty").unwrap();
        for (from, to, error) in [
            ("/", "/x", Error::Forbidden),
            ("/dir", "/", Error::Forbidden),
            ("/absent", "/x", Error::NotFound),
            ("/file", "/absent/x", Error::NotFound),
            ("/file", "/other/x", Error::NotDirectory),
            ("/dir", "/empty", Error::Exists),
            ("/file", "/empty", Error::Exists),
            ("/dir", "/file", Error::Exists),
            ("/dir", "/dir/inner/y", Error::BadName),
            ("/dir/inner", "/dir", Error::Exists),
            ("/dir", "/dir", Error::Exists),
        ] {
            assert_eq!(rename(storage, from, to), Err(error), "{from} {to}");
        }
        rename(storage, "/file", "/file").unwrap();
        rename(storage, "/file", "/other").unwrap();
        assert_eq!(contents(storage, "/other").unwrap(), b"old");
        rename(storage, "/dir", "/moved").unwrap();
        assert_eq!(contents(storage, "/moved/inner/x").unwrap(), b"x");
        assert_eq!(names(storage, "/").unwrap(), ["empty", "moved", "other"]);
    });
}

#[test]
fn metadata_enter_and_list_of_each_kind() {
    each(|storage| {
        furnish(storage);
        assert_eq!(kind(storage, "/"), Ok(Kind::Directory));
        assert_eq!(kind(storage, "/file"), Ok(Kind::File));
        assert_eq!(kind(storage, "/absent"), Err(Error::NotFound));
        assert_eq!(kind(storage, "/file/x"), Err(Error::NotDirectory));
        let enter = |path| perform(storage, &Operation::EnterDirectory(at(path)));
        assert_eq!(enter("/"), Ok(Answer::Done));
        assert_eq!(enter("/dir/inner"), Ok(Answer::Done));
        assert_eq!(enter("/file"), Err(Error::NotDirectory));
        assert_eq!(enter("/absent"), Err(Error::NotFound));
        assert_eq!(names(storage, "/file"), Err(Error::NotDirectory));
        assert_eq!(names(storage, "/absent"), Err(Error::NotFound));
        assert_eq!(storage.entry(&at("/")).unwrap().name, b"");
    });
}

#[test]
fn ascii_size_counts_crlf_up_to_limit() {
    each(|storage| {
        // A CRLF pair across the boundary of two read chunks.
        let long = [vec![b'x'; 65_535], b"\r\n\n".to_vec()].concat();
        for (bytes, size) in [
            (&b""[..], 0),
            (b"\n", 2),
            (b"a\nb\r\n\r\n\n", 10),
            (&long, 65_539),
        ] {
            put(storage, "/file", Placement::Replace, bytes).unwrap();
            let length = bytes.len() as u64;
            for limit in [length.saturating_sub(1), length, length + 1] {
                let path = at("/file");
                let expected = if limit < length {
                    Err(Error::TooLarge)
                } else {
                    Ok(Answer::Size(size))
                };
                assert_eq!(
                    perform(storage, &Operation::AsciiSize { path, limit }),
                    expected
                );
            }
        }
    });
}

#[test]
fn changes_without_wait_would_wait() {
    each(|storage| {
        furnish(storage);
        for operation in [
            Operation::MakeDirectory {
                path: at("/x"),
                umask: None,
            },
            Operation::RemoveDirectory(at("/dir/inner")),
            Operation::RemoveFile(at("/file")),
            Operation::AsciiSize {
                path: at("/file"),
                limit: 100,
            },
            Operation::Rename {
                from: at("/file"),
                to: at("/x"),
                replace: true,
            },
        ] {
            let refused = storage.perform(&operation, Wait::Never);
            assert_eq!(refused, Err(Error::WouldWait), "{operation:?}");
        }
        for operation in [
            Operation::Metadata(at("/")),
            Operation::EnterDirectory(at("/dir")),
        ] {
            let answer = storage.perform(&operation, Wait::Never);
            assert!(
                answer.is_ok() || answer == Err(Error::WouldWait),
                "{answer:?}"
            );
        }
        assert_eq!(names(storage, "/").unwrap(), ["dir", "file"]);
    });
}

#[test]
fn names_are_arbitrary_bytes() {
    each(|storage| {
        let path = VirtualPath::root().join(b"/ \xff\\\" ").unwrap();
        storage.create(&path, Placement::Append, None).unwrap();
        let entry = storage
            .list(&at("/"))
            .unwrap()
            .next_entry()
            .unwrap()
            .unwrap();
        assert_eq!(entry.name, b" \xff\\\" ");
        storage.open(&path, Wait::Allowed).unwrap();
    });
}

#[test]
fn rename_without_replace_refuses_existing_target() {
    each(|storage| {
        furnish(storage);
        put(storage, "/other", Placement::Replace, b"other").unwrap();
        let rename = |from: &str, to: &str| {
            let (from, to, replace) = (at(from), at(to), false);
            perform(storage, &Operation::Rename { from, to, replace })
        };
        assert_eq!(rename("/other", "/file"), Err(Error::Forbidden));
        assert_eq!(rename("/dir", "/file"), Err(Error::Forbidden));
        assert_eq!(rename("/file", "/dir"), Err(Error::Exists));
        assert_eq!(contents(storage, "/file").unwrap(), b"old");
        assert!(rename("/other", "/free").is_ok());
    });
}

/// rename(2) would do nothing, and say that it has.
#[test]
fn rename_onto_a_hard_link_of_the_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir(path("dir")).unwrap();
    std::fs::write(path("file"), "content").unwrap();
    for link in ["link", "dir/file"] {
        std::fs::hard_link(path("file"), path(link)).unwrap();
    }
    std::os::unix::fs::symlink(".", path("here")).unwrap();
    let storage = Disk::open_root(directory.path()).unwrap();
    for (from, to) in [
        ("/file", "/link"),
        ("/file", "/dir/file"),
        ("/dir/file", "/link"),
    ] {
        assert_eq!(
            rename(&storage, from, to),
            Err(Error::Exists),
            "{from} {to}"
        );
    }
    // One and the same entry stays what it is.
    for (from, to) in [("/file", "/file"), ("/file", "/here/file")] {
        rename(&storage, from, to).unwrap();
    }
    for name in ["file", "link", "dir/file"] {
        assert_eq!(std::fs::read(path(name)).unwrap(), b"content", "{name}");
    }
}
