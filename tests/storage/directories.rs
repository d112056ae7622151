//! Reading directories: names first, and metadata only of the entries that are shown.

use mioftpd::internals::storage::{Disk, Entry, Kind, Placement, Storage as _};

use super::{at, each, names, put, remove_file};

#[test]
fn large_directory_is_complete_without_temporary_files() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: String| std::fs::write(directory.path().join(name), "").unwrap();
    // More than one getdents(2) returns, and some of them return temporary files only.
    let mut expected: Vec<_> = (0..600).map(|number| format!("{number:060}")).collect();
    expected.iter().cloned().for_each(write);
    (0..2000).for_each(|number| write(format!(".mioftpd-{number:016x}.tmp")));
    let disk = Disk::open_root(directory.path()).unwrap();
    assert_eq!(names(&disk, "/"), Ok(expected.clone()));

    for name in expected.drain(1..) {
        std::fs::remove_file(directory.path().join(name)).unwrap();
    }
    assert_eq!(names(&disk, "/"), Ok(expected));
}

#[test]
fn entry_that_was_removed_since_is_skipped() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open_root(directory.path()).unwrap();
    for name in ["/a", "/b"] {
        put(&disk, name, Placement::Replace, b"").unwrap();
    }
    let mut listed = disk.list(&at("/")).unwrap();
    let mut entry = Entry::default();
    assert_eq!(listed.next_name(&mut entry.name), Ok(true));
    let other = if entry.name == b"a" { "/b" } else { "/a" };
    remove_file(&disk, other).unwrap();
    assert!(listed.examine(&mut entry));
    assert_eq!(listed.next_name(&mut entry.name), Ok(true));
    assert!(!listed.examine(&mut entry));
    assert_eq!(listed.next_entry(), Ok(None));
}

/// A listing reuses one entry: what belongs to the last one must not remain.
#[test]
fn examined_entry_keeps_nothing_of_the_last_one() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "text").unwrap();
    std::os::unix::fs::symlink("file", directory.path().join("link")).unwrap();
    let disk = Disk::open_root(directory.path()).unwrap();
    let mut listed = disk.list(&at("/")).unwrap();
    let mut entry = Entry::default();
    for name in ["link", "file", "link"] {
        entry.name = name.into();
        assert!(listed.examine(&mut entry));
        assert_eq!(
            Ok(entry.clone()),
            disk.entry(&at("/").join(name.as_bytes()).unwrap())
        );
    }
}

#[test]
fn names_are_examined_in_any_order() {
    each(|storage| {
        for name in ["/a", "/b", "/c"] {
            put(storage, name, Placement::Replace, b"").unwrap();
        }
        let mut listed = storage.list(&at("/")).unwrap();
        let mut entry = Entry::default();
        for (name, is_there) in [("c", true), ("a", true), ("d", false)] {
            entry.name = name.into();
            assert_eq!(listed.examine(&mut entry), is_there, "{name}");
            assert!(!is_there || entry.metadata.kind == Kind::File);
        }
    });
}
