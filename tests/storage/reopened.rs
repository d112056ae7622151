//! A root that is opened again: by its path for each access, or when it is said.

use std::fs;

use mioftpd::internals::storage::{Disk, Error, Operation, Placement, Storage as _, Wait};

use super::{at, contents, create, names, perform, put};

#[test]
fn root_by_path_is_the_directory_that_is_there_now() {
    let directory = tempfile::tempdir().unwrap();
    let (root, away) = (directory.path().join("root"), directory.path().join("away"));
    fs::create_dir(&root).unwrap();
    let disk = Disk::by_path(&root).unwrap();
    put(&disk, "/f", Placement::Replace, b"first").unwrap();
    let mut upload = create(&disk, "/f", Placement::Replace).unwrap();
    fs::rename(&root, &away).unwrap();
    assert_eq!(contents(&disk, "/f"), Err(Error::NotFound));
    assert_eq!(names(&disk, "/"), Err(Error::NotFound));
    let metadata = Operation::Metadata(at("/"));
    let found = disk.perform(&metadata, Wait::Never).map(drop);
    assert!(matches!(found, Err(Error::NotFound | Error::WouldWait)));
    assert!(disk.identity().is_err());
    fs::create_dir(&root).unwrap();
    assert_eq!(names(&disk, "/"), Ok(Vec::new()));
    perform(&disk, &metadata).unwrap();
    // What was begun ends where it began.
    upload.file.write_at(b"second", 0).unwrap();
    upload.file.commit().unwrap();
    assert_eq!(fs::read(away.join("f")).unwrap(), b"second");
    assert_eq!(names(&disk, "/"), Ok(Vec::new()));
}

#[test]
fn held_root_changes_when_it_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let (root, away) = (directory.path().join("root"), directory.path().join("away"));
    fs::create_dir(&root).unwrap();
    let disk = Disk::open_root(&root).unwrap();
    let other = disk.clone();
    put(&disk, "/f", Placement::Replace, b"first").unwrap();
    fs::rename(&root, &away).unwrap();
    assert!(disk.reopen(true).is_err());
    assert_eq!(contents(&disk, "/f"), Ok(b"first".to_vec()));
    fs::create_dir(&root).unwrap();
    assert_eq!(contents(&disk, "/f"), Ok(b"first".to_vec()));
    disk.reopen(true).unwrap();
    assert_eq!(contents(&other, "/f"), Err(Error::NotFound));
}
