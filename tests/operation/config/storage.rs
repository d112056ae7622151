//! The keys of `[storage]`, except the recount.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::config::reloading::{READ, change};
use crate::config::world::World;
use crate::support::{Starter, abort_connection, binary, until};

const LEFT: &str = ".mioftpd-0123456789abcdef.tmp";

/// `storage.durability`
#[test]
fn durability_controls_fsync_calls() {
    let world = World::new();
    let traced = |durability: &str| {
        world.write(&format!(
            "sandbox = false\n[storage]\ndurability = \"{durability}\""
        ));
        let calls = world.path("calls");
        // With -D the server is the direct child, and strace a grandchild.
        let trace = ["strace", "-D", "-f", "-e", "trace=fsync,fdatasync", "-o"].map(Into::into);
        let own = [
            calls.clone().into_os_string(),
            binary(),
            "--config".into(),
            world.file().into_os_string(),
        ];
        let mut server = Starter::default()
            .program(trace.into_iter().chain(own))
            .start();
        let mut control = server.login();
        control.store("new", b"content");
        control.command("QUIT", 221);
        drop(control);
        server.terminate();
        server.wait();
        fs::read_to_string(calls).unwrap().matches("sync(").count()
    };
    let probe = std::process::Command::new("strace").arg("true").output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        return eprintln!("skipped: strace is missing or not permitted");
    }
    let (none, rename, fsync) = (traced("none"), traced("rename"), traced("fsync"));
    assert!(
        none == 0 && none < rename && rename < fsync,
        "{none} {rename} {fsync}"
    );
}

/// `storage.free-space-floor`
#[test]
fn free_space_floor_refuses_uploads() {
    let world = World::new();
    let server = world.start("[storage]\nfree-space-floor = \"1024TiB\"");
    let mut control = server.login();
    drop(control.passive());
    control.command("STOR new", 452);
}

/// `storage.replace`
#[test]
fn replace_key_selects_rename_or_in_place() {
    let world = World::new();
    let root = world.path("root");
    for (value, is_same, left) in [("rename", false, "old"), ("in-place", true, "cut")] {
        fs::write(root.join("f"), "old").unwrap();
        let file = || fs::metadata(root.join("f")).unwrap().ino();
        let before = file();
        let server = world.start(&format!("[storage]\nreplace = \"{value}\""));
        let mut control = server.login();
        control.command("TYPE I", 200);
        control.store("f", b"a longer new one");
        assert_eq!(fs::read(root.join("f")).unwrap(), b"a longer new one");
        // Before the next one: a file system uses the number of a removed file again.
        assert_eq!(before == file(), is_same, "{value}");
        control.store("f", b"old");
        assert_eq!(fs::read(root.join("f")).unwrap(), b"old");
        // A cut upload; one to a new name is a temporary file in both cases.
        for name in ["f", "new"] {
            let mut data = control.passive().stream();
            control.command(&format!("STOR {name}"), 150);
            data.write_all(b"cut").unwrap();
            until("the bytes to be read", || {
                let status = control.command("STAT", 211).lines.concat();
                status.contains("3 bytes").then_some(())
            });
            assert!(!root.join("new").exists());
            abort_connection(data);
            control.expect(426);
        }
        assert_eq!(fs::read_to_string(root.join("f")).unwrap(), left, "{value}");
        fs::remove_file(root.join("new")).unwrap();
        assert!(!server.log().contains("is written in place"));
    }
}

/// `storage.remove-unfinished`
#[test]
fn remove_unfinished_controls_sweep_at_start() {
    let world = World::new();
    fs::write(world.path("root").join(LEFT), "").unwrap();
    let server = world.start("[log]\nlevel = \"debug\"\n[storage]\nremove-unfinished = false");
    server.login().command("STAT /", 213);
    assert!(world.path("root").join(LEFT).exists());
    drop(server);
    let server = world.start("[storage]\nremove-unfinished = true");
    server.wait_for_log("Unfinished uploads: 1 removed, ");
    assert!(!world.path("root").join(LEFT).exists());
}

/// `storage.cut-uploads`
#[test]
fn cut_uploads_keeps_or_discards_bytes() {
    let world = World::new();
    for (value, left) in [("keep", Some(10)), ("discard", None)] {
        let server = world.start(&format!("[storage]\ncut-uploads = \"{value}\""));
        let mut control = server.login();
        control.command("TYPE I", 200);
        let mut data = control.passive().stream();
        control.command("STOR cut", 150);
        data.write_all(b"some bytes").unwrap();
        until("the bytes to be read", || {
            let status = control.command("STAT", 211).lines.concat();
            status.contains("10 bytes").then_some(())
        });
        abort_connection(data);
        control.expect(426);
        let found = fs::read(world.path("root").join("cut")).ok();
        assert_eq!(found.map(|bytes| bytes.len()), left, "{value}");
        fs::remove_file(world.path("root").join("cut")).ok();
    }
}

/// Puts another directory with a file `other` in the place of a served one, as a mount would, and returns
/// where the old one is.
fn change_card(root: &Path) -> PathBuf {
    let old = root.with_file_name("old");
    fs::rename(root, &old).unwrap();
    fs::create_dir(root).unwrap();
    fs::write(root.join("other"), "another").unwrap();
    old
}

/// `storage.reopen`
#[test]
fn reopen_serves_another_directory_at_once() {
    let world = World::new();
    let server = world.start("[storage]\nreopen = true");
    let mut control = server.login();
    assert_eq!(control.retrieve("f"), b"content");
    let mut upload = control.passive().stream();
    control.command("STOR new", 150);
    let old = change_card(&world.path("root"));
    upload.write_all(b"begun before").unwrap();
    drop(upload);
    control.expect(226);
    assert_eq!(fs::read(old.join("new")).unwrap(), b"begun before");
    control.command("SIZE f", 550);
    assert_eq!(control.retrieve("other"), b"another");
    control.store("added", b"here");
    assert_eq!(fs::read(world.path("root/added")).unwrap(), b"here");
    // Without a card, and with the first one again.
    fs::remove_dir_all(world.path("root")).unwrap();
    control.command("SIZE other", 550);
    control.command("MKD new", 550);
    fs::rename(old, world.path("root")).unwrap();
    assert_eq!(control.retrieve("f"), b"content");
}

#[test]
fn reload_opens_the_directories_again() {
    let world = World::new();
    fs::write(world.path("root/big"), vec![b'x'; 1 << 22]).unwrap();
    let server = world.start("sandbox = false");
    let mut control = server.login();
    control.command("TYPE I", 200);
    let data = control.passive();
    control.command("RETR big", 150);
    let old = change_card(&world.path("root"));
    let mut other = server.login();
    assert_eq!(other.retrieve("f"), b"content");
    change(&world, &server, "sandbox = false", READ);
    assert_eq!(other.retrieve("other"), b"another");
    other.command("SIZE f", 550);
    assert_eq!(data.receive().len(), 1 << 22);
    control.expect(226);
    // A directory that is missing at a reload stays.
    fs::rename(world.path("root"), world.path("away")).unwrap();
    change(&world, &server, "sandbox = false", READ);
    server.wait_for_log("again, so what was there is still served: No such file or directory");
    assert_eq!(control.retrieve("other"), b"another");
    fs::rename(old, world.path("root")).unwrap();
    change(&world, &server, "sandbox = false", READ);
    assert_eq!(control.retrieve("f"), b"content");
}

#[test]
#[cfg(feature = "sandbox")]
fn sandbox_keeps_a_reload_from_another_directory() {
    let world = World::new();
    // Not below the directory of the configuration, which is readable.
    let elsewhere = tempfile::tempdir().unwrap();
    let root = elsewhere.path().join("card");
    fs::rename(world.path("root"), &root).unwrap();
    let text = format!("directory = \"{}\"", root.display());
    let server = world.start(&text);
    let is_confined = server.wait_for_log("Sandbox:").contains("Landlock");
    let mut control = server.login();
    change_card(&root);
    change(&world, &server, &text, READ);
    if is_confined {
        server.wait_for_log("still served: Permission denied: its permissions allow it");
        assert_eq!(control.retrieve("f"), b"content");
    }
}

/// The directory of the configuration is readable, and so is a new one below it.
#[test]
#[cfg(feature = "sandbox")]
fn sandbox_keeps_a_reload_from_a_directory_that_it_makes_read_only() {
    let world = World::new();
    let server = world.start("");
    let is_confined = server.wait_for_log("Sandbox:").contains("Landlock");
    let mut control = server.login();
    let old = change_card(&world.path("root"));
    change(&world, &server, "", READ);
    if is_confined {
        server.wait_for_log("still served: Permission denied: its permissions allow it");
        control.store("new", b"in the old one");
        assert_eq!(fs::read(old.join("new")).unwrap(), b"in the old one");
    }
    assert_eq!(fs::read_dir(world.path("root")).unwrap().count(), 1);
}
