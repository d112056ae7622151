//! What every storage promises, asked of all of them: the disk with each way of looking up,
//! and the memory. A promise that only one keeps would make the simulation prove nothing.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use mioftpd::storage::{
    Answer, Disk, Error, Kind, Lookup, Memory, Operation, Placement, Result, Storage, Upload,
    VirtualPath, Wait,
};

/// Runs a test on each storage, empty.
fn each(test: impl Fn(&dyn Storage)) {
    for lookup in [Lookup::Kernel, Lookup::Walk] {
        let directory = tempfile::tempdir().unwrap();
        test(&Disk::with_lookup(directory.path(), lookup).unwrap());
    }
    let memory = Memory::new();
    test(&memory);
    assert_eq!((memory.open_handles(), memory.temporaries()), (0, 0));
}

fn at(path: &str) -> VirtualPath {
    VirtualPath::root().join(path.as_bytes()).unwrap()
}

fn create(storage: &dyn Storage, path: &str, placement: Placement) -> Result<Upload> {
    storage.create(&at(path), placement)
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
    perform(storage, &Operation::MakeDirectory(at(path)))
}

fn remove_directory(storage: &dyn Storage, path: &str) -> Result<Answer> {
    perform(storage, &Operation::RemoveDirectory(at(path)))
}

fn remove_file(storage: &dyn Storage, path: &str) -> Result<Answer> {
    perform(storage, &Operation::RemoveFile(at(path)))
}

fn rename(storage: &dyn Storage, from: &str, to: &str) -> Result<Answer> {
    let (from, to) = (at(from), at(to));
    perform(storage, &Operation::Rename { from, to })
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

/// `/dir` with `/dir/inner`, and `/file` holding `old`.
fn furnish(storage: &dyn Storage) {
    make_directory(storage, "/dir").unwrap();
    make_directory(storage, "/dir/inner").unwrap();
    put(storage, "/file", Placement::Replace, b"old").unwrap();
}

#[test]
fn a_replacement_appears_whole() {
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
fn an_abandoned_upload_leaves_nothing() {
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
fn a_commit_that_fails_leaves_the_target() {
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
fn unique_names_are_told_at_once_and_kept() {
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
fn an_abandoned_reservation_that_was_replaced_stays() {
    each(|storage| {
        let upload = create(storage, "/name", Placement::Unique).unwrap();
        put(storage, "/name", Placement::Replace, b"another's").unwrap();
        drop(upload);
        assert_eq!(contents(storage, "/name").unwrap(), b"another's");
    });
}

#[test]
fn appending_and_resuming_write_in_place() {
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
fn what_is_no_file_is_not_written() {
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
fn reading_at_and_beyond_the_end() {
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
fn directories_come_and_go() {
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
            ("/", Error::Denied),
            ("/dir", Error::NotEmpty),
            ("/file", Error::NotDirectory),
            ("/absent", Error::NotFound),
        ] {
            assert_eq!(remove_directory(storage, path), Err(error), "{path}");
        }
        for (path, error) in [
            ("/", Error::Denied),
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
fn renaming() {
    each(|storage| {
        furnish(storage);
        put(storage, "/dir/inner/x", Placement::Replace, b"x").unwrap();
        put(storage, "/other", Placement::Replace, b"other").unwrap();
        make_directory(storage, "/empty").unwrap();
        for (from, to, error) in [
            ("/", "/x", Error::Denied),
            ("/dir", "/", Error::Denied),
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
fn questions() {
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
fn ascii_sizes() {
    each(|storage| {
        // The CR that ends one chunk of reading and the LF that starts the next are a pair.
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
fn changes_are_not_made_where_nothing_may_wait() {
    each(|storage| {
        furnish(storage);
        for operation in [
            Operation::MakeDirectory(at("/x")),
            Operation::RemoveDirectory(at("/dir/inner")),
            Operation::RemoveFile(at("/file")),
            Operation::AsciiSize {
                path: at("/file"),
                limit: 100,
            },
            Operation::Rename {
                from: at("/file"),
                to: at("/x"),
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
fn names_are_bytes() {
    each(|storage| {
        let path = VirtualPath::root().join(b"/ \xff\\\" ").unwrap();
        storage.create(&path, Placement::Append).unwrap();
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
