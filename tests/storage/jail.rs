//! The disk storage against path traversal: symbolic links, special files, hidden names, and renames that
//! race with a lookup (TOCTOU). Nothing outside the root is read, written, created or removed.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use mioftpd::VirtualPath;
use mioftpd::internals::storage::{
    Answer, Disk, Error, Kind, Operation, PathLookup, Placement, Result, Special, Storage as _,
    Wait,
};

/// A root directory with links, and a directory beside it that must not change.
struct Fixture {
    directory: tempfile::TempDir,
    disk: Disk,
}

const SECRET: &[u8] = b"secret";

impl Fixture {
    fn new(lookup: PathLookup) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("root/dir")).unwrap();
        fs::create_dir(at("outside")).unwrap();
        fs::write(at("outside/secret"), SECRET).unwrap();
        fs::write(at("root/dir/file"), "old").unwrap();
        let absolute = at("outside/secret");
        for (link, target) in [
            ("root/link", PathBuf::from("dir/file")),
            ("root/chain", PathBuf::from("dir/../link")),
            ("root/inner", PathBuf::from("dir")),
            ("root/dir/up", PathBuf::from("../dir/file")),
            ("root/dangling", PathBuf::from("dir/made")),
            ("root/out", PathBuf::from("../outside")),
            ("root/out-file", PathBuf::from("../outside/secret")),
            ("root/out-new", PathBuf::from("../outside/new")),
            ("root/absolute", absolute),
            ("root/loop", PathBuf::from("loop")),
            ("root/root", PathBuf::from("/proc/self/root/etc/passwd")),
        ] {
            symlink(target, at(link)).unwrap();
        }
        let disk = Disk::with_lookup(&at("root"), lookup).unwrap();
        Self { directory, disk }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn put(&self, path: &str, placement: Placement) -> Result<()> {
        let mut upload = self.disk.create(&at(path), placement, None)?;
        upload.file.write_at(b"new", upload.offset)?;
        upload.file.commit()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>> {
        let (file, metadata) = self.disk.open(&at(path), Wait::Allowed)?;
        let mut bytes = vec![0; usize::try_from(metadata.size).unwrap()];
        file.read_at(&mut bytes, 0, Wait::Allowed)?;
        Ok(bytes)
    }

    fn assert_untouched(&self) {
        assert_eq!(fs::read(self.path("outside/secret")).unwrap(), SECRET);
        assert_eq!(fs::read_dir(self.path("outside")).unwrap().count(), 1);
        assert_eq!(fs::read_dir(self.directory.path()).unwrap().count(), 2);
    }
}

fn make_directory(path: VirtualPath) -> Operation {
    Operation::MakeDirectory { path, umask: None }
}

fn rename(from: VirtualPath, to: VirtualPath) -> Operation {
    let replace = true;
    Operation::Rename { from, to, replace }
}

fn at(path: &str) -> VirtualPath {
    VirtualPath::root().join(path.as_bytes()).unwrap()
}

/// Stops the renaming thread even when the test fails.
struct StopOnDrop<'s>(&'s AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The results of all operations that follow the last link of a path.
fn try_all(s: &Fixture, path: &str) -> Vec<Result<()>> {
    let perform = |operation| s.disk.perform(&operation, Wait::Allowed).map(drop);
    vec![
        s.read(path).map(drop),
        s.put(path, Placement::Append),
        s.put(path, Placement::At(0)),
        s.disk.list(&at(path)).map(drop),
        perform(Operation::Metadata(at(path))),
        perform(Operation::EnterDirectory(at(path))),
        perform(Operation::AsciiSize {
            path: at(path),
            limit: 1000,
        }),
    ]
}

#[test]
fn links_out_of_the_root_are_not_found() {
    for lookup in [PathLookup::Kernel, PathLookup::Walk] {
        let s = Fixture::new(lookup);
        for path in [
            "/out",
            "/out/secret",
            "/out/new",
            "/out-file",
            "/out-new",
            "/absolute",
            "/loop",
            "/root",
            "/out/../outside/secret",
        ] {
            // Normalised, the last path is `/outside/secret`, which does not exist.
            for answer in try_all(&s, path) {
                assert_eq!(answer, Err(Error::NotFound), "{lookup:?} {path}");
            }
            assert_eq!(
                s.put(path, Placement::Replace),
                Err(Error::NotFound),
                "{path}"
            );
        }
        for operation in [
            make_directory(at("/out/x")),
            Operation::RemoveFile(at("/out/secret")),
            Operation::RemoveDirectory(at("/out/x")),
            rename(at("/dir"), at("/out/dir")),
            rename(at("/out/secret"), at("/stolen")),
        ] {
            let refused = s.disk.perform(&operation, Wait::Allowed);
            assert_eq!(refused, Err(Error::NotFound), "{operation:?}");
        }
        assert_eq!(s.put("/out/x", Placement::Unique), Err(Error::NotFound));
        s.assert_untouched();
    }
}

#[test]
fn new_name_that_is_a_link_is_not_followed() {
    for lookup in [PathLookup::Kernel, PathLookup::Walk] {
        let s = Fixture::new(lookup);
        let made = s
            .disk
            .perform(&make_directory(at("/out-new")), Wait::Allowed);
        assert_eq!(made, Err(Error::Exists));
        let upload = s
            .disk
            .create(&at("/out-new"), Placement::Unique, None)
            .unwrap();
        assert_eq!(upload.path, at("/out-new.1"));
        drop(upload);
        // The link itself is replaced or removed, not its target.
        let operation = rename(at("/dir/file"), at("/out-file"));
        s.disk.perform(&operation, Wait::Allowed).unwrap();
        let operation = Operation::RemoveFile(at("/absolute"));
        s.disk.perform(&operation, Wait::Allowed).unwrap();
        s.assert_untouched();
    }
}

#[test]
fn links_inside_the_root_are_followed() {
    for lookup in [PathLookup::Kernel, PathLookup::Walk] {
        let s = Fixture::new(lookup);
        for path in ["/link", "/chain", "/inner/file", "/inner/up"] {
            assert_eq!(s.read(path).unwrap(), b"old", "{path}");
        }
        // The root itself can be entered and listed through a link, too.
        symlink("dir/..", s.path("root/home")).unwrap();
        assert_eq!(s.read("/home/inner/../link").unwrap(), b"old");
        assert_eq!(s.disk.list(&at("/home/inner")).map(drop), Ok(()));
        s.put("/dangling", Placement::Append).unwrap();
        assert_eq!(fs::read(s.path("root/dir/made")).unwrap(), b"new");
        for (path, target) in [
            ("/link", "root/dir/file"),
            ("/chain", "root/dir/file"),
            ("/inner/up", "root/dir/file"),
            ("/dangling", "root/dir/made"),
        ] {
            fs::write(s.path("root/dir/file"), "old").unwrap();
            s.put(path, Placement::Replace).unwrap();
            assert_eq!(fs::read(s.path(target)).unwrap(), b"new", "{path}");
            let link = s.disk.entry(&at(path)).unwrap();
            assert_eq!(link.metadata.kind, Kind::Link, "{path} stays a link");
        }
        assert_eq!(s.put("/inner", Placement::Replace), Err(Error::IsDirectory));
        s.assert_untouched();
    }
}

#[test]
fn link_chain_length_is_limited() {
    for lookup in [PathLookup::Kernel, PathLookup::Walk] {
        let s = Fixture::new(lookup);
        for number in 1..=17 {
            let target = match number {
                1 => "dir/file".to_owned(),
                _ => format!("link{}", number - 1),
            };
            symlink(target, s.path(&format!("root/link{number}"))).unwrap();
        }
        assert_eq!(s.put("/link15", Placement::Replace), Ok(()));
        assert_eq!(s.put("/link16", Placement::Replace), Ok(()));
        assert_eq!(s.put("/link17", Placement::Replace), Err(Error::NotFound));
    }
}

#[test]
fn listing_resolves_links_only_inside_the_root() {
    for lookup in [PathLookup::Kernel, PathLookup::Walk] {
        let s = Fixture::new(lookup);
        let mut links = 0;
        let mut directory = s.disk.list(&at("/")).unwrap();
        while let Some(entry) = directory.next_entry().unwrap() {
            let followed = entry.followed.map(|metadata| metadata.kind);
            links += usize::from(entry.target.is_some());
            let expected = match &*entry.name {
                b"link" | b"chain" => Some(Kind::File),
                b"inner" => Some(Kind::Directory),
                _ => None,
            };
            assert_eq!(followed, expected, "{}", entry.name.escape_ascii());
        }
        assert_eq!(links, 10);
        let entry = s.disk.entry(&at("/inner/up")).unwrap();
        assert_eq!(entry.target.as_deref(), Some(&b"../dir/file"[..]));
        assert_eq!(entry.followed.map(|metadata| metadata.size), Some(3));
    }
}

#[test]
fn pipes_and_sockets_are_listed_but_not_opened() {
    for lookup in [PathLookup::Kernel, PathLookup::Walk] {
        let s = Fixture::new(lookup);
        let pipe = s.path("root/pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(s.path("root/socket")).unwrap();
        for (path, special) in [("/pipe", Special::Pipe), ("/socket", Special::Socket)] {
            assert_eq!(s.read(path), Err(Error::NotRegular), "{path}");
            for placement in [Placement::Replace, Placement::Append, Placement::At(0)] {
                assert_eq!(s.put(path, placement), Err(Error::NotRegular), "{path}");
            }
            let kind = s.disk.entry(&at(path)).unwrap().metadata.kind;
            assert_eq!(kind, Kind::Other(special));
        }
    }
}

#[test]
fn temporary_file_names_are_hidden_from_clients() {
    const HIDDEN: &str = "/.mioftpd-0123456789abcdef.tmp";
    let s = Fixture::new(PathLookup::Kernel);
    fs::write(s.path(&format!("root{HIDDEN}")), "x").unwrap();
    let perform = |operation| s.disk.perform(&operation, Wait::Allowed);
    assert_eq!(s.read(HIDDEN), Err(Error::NotFound));
    assert_eq!(s.disk.entry(&at(HIDDEN)), Err(Error::NotFound));
    assert_eq!(s.disk.list(&at(HIDDEN)).map(drop), Err(Error::NotFound));
    for operation in [
        Operation::Metadata(at(HIDDEN)),
        Operation::EnterDirectory(at(HIDDEN)),
        Operation::RemoveFile(at(HIDDEN)),
        Operation::RemoveDirectory(at(HIDDEN)),
        make_directory(at(HIDDEN).join(b"x").unwrap()),
    ] {
        assert_eq!(perform(operation), Err(Error::NotFound));
    }
    let operation = rename(at("/dir"), at(HIDDEN));
    assert_eq!(perform(operation), Err(Error::Forbidden));
    assert_eq!(perform(make_directory(at(HIDDEN))), Err(Error::Forbidden));
    assert_eq!(s.put(HIDDEN, Placement::Append), Err(Error::Forbidden));
}

#[test]
fn replaced_file_keeps_its_permissions() {
    let s = Fixture::new(PathLookup::Kernel);
    let file = s.path("root/dir/file");
    for (before, after) in [(0o640, 0o640), (0o777, 0o777), (0o4755, 0o755)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(before)).unwrap();
        let inode = fs::metadata(&file).unwrap().ino();
        s.put("/dir/file", Placement::Replace).unwrap();
        let replaced = fs::metadata(&file).unwrap();
        assert_eq!(replaced.mode() & 0o7777, after);
        assert_ne!(replaced.ino(), inode);
    }
}

#[test]
fn file_permissions_are_enforced() {
    if rustix::process::geteuid().is_root() {
        return; // Root bypasses the permissions.
    }
    let s = Fixture::new(PathLookup::Kernel);
    let protect = |name, mode| {
        fs::set_permissions(s.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let enter = || {
        s.disk
            .perform(&Operation::EnterDirectory(at("/dir")), Wait::Allowed)
    };
    protect("root/dir/file", 0o444);
    for placement in [Placement::Replace, Placement::Append, Placement::At(0)] {
        assert_eq!(s.put("/dir/file", placement), Err(Error::Denied));
    }
    protect("root/dir", 0o666);
    assert_eq!(enter(), Err(Error::Denied));
    assert_eq!(s.disk.list(&at("/dir")).map(drop), Err(Error::Denied));
    protect("root/dir", 0o111);
    assert_eq!(enter(), Ok(Answer::Done));
    assert_eq!(s.read("/dir/file").unwrap(), b"old");
    assert_eq!(s.disk.list(&at("/dir")).map(drop), Err(Error::Denied));
    protect("root/dir", 0o755);
}

#[test]
fn sizes_beyond_32_bits() {
    let s = Fixture::new(PathLookup::Kernel);
    let size = (1 << 32) + 5;
    fs::File::create(s.path("root/big"))
        .unwrap()
        .set_len(size)
        .unwrap();
    s.put("/big", Placement::At(size)).unwrap();
    s.put("/big", Placement::Append).unwrap();
    let (file, metadata) = s.disk.open(&at("/big"), Wait::Allowed).unwrap();
    assert_eq!(metadata.size, size + 6);
    let mut bytes = [0; 8];
    assert_eq!(file.read_at(&mut bytes, size, Wait::Allowed), Ok(6));
    assert_eq!(&bytes, b"newnew\0\0");
}

#[test]
fn directory_swapped_for_a_link_does_not_escape() {
    for lookup in [PathLookup::Kernel, PathLookup::Walk] {
        let s = Fixture::new(lookup);
        fs::create_dir(s.path("root/swap")).unwrap();
        fs::write(s.path("root/swap/secret"), "public").unwrap();
        symlink("../outside", s.path("root/trap")).unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let root = fs::File::open(s.path("root")).unwrap();
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                while !stop.load(Ordering::Relaxed) {
                    rustix::fs::renameat_with(&root, "swap", &root, "trap", flags).unwrap();
                }
            });
            let _stop = StopOnDrop(&stop);
            for _ in 0..2000 {
                if let Ok(bytes) = s.read("/swap/secret") {
                    assert_ne!(bytes, SECRET);
                }
                let _ = s.put("/swap/secret", Placement::Replace);
                let _ = s.put("/swap/new", Placement::Append);
                let _ = s
                    .disk
                    .perform(&Operation::RemoveFile(at("/swap/new")), Wait::Allowed);
                let answer = s
                    .disk
                    .perform(&make_directory(at("/swap/d")), Wait::Allowed);
                assert!(matches!(
                    answer,
                    Ok(Answer::Done) | Err(Error::NotFound | Error::Exists | Error::InUse)
                ));
            }
        });
        s.assert_untouched();
    }
}
