//! Files that cannot be replaced by a rename are written in place: a mounted file, one in an unwritable
//! directory, and another user's file in a sticky directory. RFC 959 §4.1.3.
//!
//! As root the server changes its user (`--run-as`), because root can replace almost any file. Tests that
//! need root or a mount are skipped if the system does not allow it.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::{Control, Server, Starter, abort_connection, binary, until};

/// Directories with mode 555 and 1777.
const LOCKED: &str = "locked";
const STICKY: &str = "sticky";

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A server that is not root, with existing files in directories whose entries it may not change.
fn server() -> Server {
    let mut starter = Starter::default().argument("--writable");
    if is_root() {
        starter = starter.argument("--run-as").argument("65534:65534");
    }
    starter.serving(furnish).start()
}

fn furnish(root: &Path) {
    set_mode(root, 0o777);
    // Owned by the user who runs the test: root, or the server's own user.
    for (name, mode) in [(LOCKED, 0o555), (STICKY, 0o1777)] {
        let directory = root.join(name);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("f"), "old contents").unwrap();
        set_mode(&directory.join("f"), 0o666);
        fs::write(directory.join("closed"), "old contents").unwrap();
        set_mode(&directory.join("closed"), 0o444);
        set_mode(&directory, mode);
    }
}

/// Makes the directory removable again.
fn unlock(server: &Server) {
    set_mode(&server.file(LOCKED), 0o755);
}

#[test]
fn file_in_unwritable_directory_is_written_in_place() {
    let server = server();
    let mut control = server.login();
    control.command("TYPE I", 200);
    for contents in [&b"new and longer than the old one"[..], b"short", b""] {
        control.store("locked/f", contents);
        assert_eq!(fs::read(server.file("locked/f")).unwrap(), contents);
    }
    let line = "/locked/f is written in place";
    server.wait_for_log(line);
    assert_eq!(server.log().matches(line).count(), 1, "once a session");
    // A new file needs a writable directory, and a write-protected one is not written.
    drop(control.passive());
    let refused = control.command("STOR locked/new", 550);
    assert!(
        refused.text().starts_with("Permission denied"),
        "{refused:?}"
    );
    drop(control.passive());
    control.command("STOU locked/new", 550);
    if !is_root() {
        drop(control.passive());
        control.command("STOR locked/closed", 550);
    }
    unlock(&server);
}

#[test]
fn in_place_upload_truncates_at_first_byte() {
    let server = server();
    let mut control = server.login();
    control.command("TYPE I", 200);
    let path = server.file("locked/f");
    // Uploads without a byte: aborted without a data connection, and reset.
    crate::support::epsv_port(&mut control);
    control.command("STOR locked/f", 150);
    control.send("ABOR");
    control.expect_one_of(&[425, 426]);
    control.expect(226);
    assert_eq!(fs::read(&path).unwrap(), b"old contents");
    let data = control.passive().stream();
    control.command("STOR locked/f", 150);
    abort_connection(data);
    control.expect(426);
    assert_eq!(fs::read(&path).unwrap(), b"old contents");
    // With the first bytes the old contents are truncated.
    let mut data = control.passive().stream();
    control.command("STOR locked/f", 150);
    data.write_all(b"new").unwrap();
    until("the bytes to be written", || {
        (fs::read(&path).unwrap() == b"new").then_some(())
    });
    abort_connection(data);
    assert!(control.expect(426).text().ends_with(" 3 bytes are kept."));
    assert_eq!(fs::read(&path).unwrap(), b"new");
    unlock(&server);
}

#[test]
fn foreign_file_in_sticky_directory_is_written_in_place() {
    if !is_root() {
        return eprintln!("skipped: only root has files of two users");
    }
    let server = server();
    let mut control = server.login();
    control.store("sticky/f", b"new");
    assert_eq!(fs::read(server.file("sticky/f")).unwrap(), b"new");
    server.wait_for_log("/sticky/f is written in place");
    // The server's own file is replaced as usual.
    control.store("sticky/own", b"new");
    control.store("sticky/own", b"newer");
    assert_eq!(fs::read(server.file("sticky/own")).unwrap(), b"newer");
    assert!(!server.log().contains("/sticky/own is written"));
    drop(control.passive());
    control.command("STOR sticky/closed", 550);
    unlock(&server);
}

#[test]
fn mounted_file_is_written_in_place() {
    let probe = Command::new("unshare")
        .args([
            "--mount",
            "--map-root-user",
            "mount",
            "--bind",
            "/etc/hosts",
            "/etc/hosts",
        ])
        .output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        return eprintln!("skipped: this system does not allow a mount");
    }
    let script = "cd \"$MIOFTPD_TEST_ROOT\" && mount --bind real mounted && \
                  exec \"$0\" --listen 127.0.0.1:0 --writable .";
    let own_mounts = ["unshare", "--mount", "--map-root-user", "sh", "-c", script];
    let words = own_mounts.into_iter().map(Into::into);
    let fill = |root: &Path| {
        fs::write(root.join("real"), "old").unwrap();
        fs::write(root.join("mounted"), "").unwrap();
        std::os::unix::fs::symlink("mounted", root.join("link")).unwrap();
    };
    let starter = Starter::default().serving(fill);
    let server = starter.program(words.chain([binary()])).start();
    for (name, contents) in [("mounted", b"new"), ("link", b"two")] {
        let mut control = server.login();
        control.store(name, contents);
        // Outside the mount namespace the new contents appear in the original file.
        assert_eq!(fs::read(server.file("real")).unwrap(), contents);
        assert_eq!(fs::read(server.file("mounted")).unwrap(), b"");
    }
    server.wait_for_log("/mounted is written in place, so a cut upload leaves a partial file");
    assert_eq!(server.names(), ["link", "mounted", "real"]);
}

/// The letters of the perm fact, which MLST and MLSD must agree on.
fn perm(control: &mut Control, directory: &str, name: &str) -> String {
    let letters = |line: &str| {
        let (_, rest) = line.split_once("perm=").unwrap();
        rest.split_once(';').unwrap().0.to_owned()
    };
    let reply = control.command(&format!("MLST {directory}/{name}"), 250);
    let one = letters(&reply.lines[1]);
    let data = control.passive();
    control.command(&format!("MLSD {directory}"), 150);
    let lines = String::from_utf8(data.receive()).unwrap();
    control.expect(226);
    let line = lines
        .lines()
        .find(|line| line.ends_with(&format!("; {name}")));
    assert_eq!(letters(line.unwrap()), one, "{directory}/{name}");
    one
}

#[test]
fn perm_fact_reflects_file_system_permissions() {
    let server = server();
    fs::create_dir(server.file("sticky/open")).unwrap();
    set_mode(&server.file("sticky/open"), 0o777);
    let mut control = server.login();
    control.store("sticky/open/own", b"");
    // Writable but not removable, and read-only.
    assert_eq!(perm(&mut control, LOCKED, "f"), "arw");
    assert_eq!(perm(&mut control, LOCKED, "closed"), "r");
    // No file can be created or deleted in it.
    let directory = perm(&mut control, "/", LOCKED);
    assert!(
        directory.starts_with("de") && !directory.contains(['c', 'm', 'p']),
        "{directory}"
    );
    assert_eq!(perm(&mut control, "sticky/open", "own"), "adfrw");
    if is_root() {
        assert_eq!(perm(&mut control, STICKY, "f"), "arw");
        assert_eq!(perm(&mut control, STICKY, "open"), "celmp");
    }
    unlock(&server);
}

/// Sets or clears an attribute; returns false if not supported.
fn chattr(change: &str, path: &Path) -> bool {
    let done = Command::new("chattr").arg(change).arg(path).output();
    done.is_ok_and(|done| done.status.success())
}

#[test]
fn immutable_and_append_only_files_are_refused_before_150() {
    let server = Starter::default().argument("--writable");
    let fill = |root: &Path| {
        fs::create_dir(root.join("added")).unwrap();
        for name in ["fixed", "grows", "added/f"] {
            fs::write(root.join(name), "old").unwrap();
        }
    };
    let server = server.serving(fill).start();
    let set = [("i", "fixed"), ("a", "grows"), ("a", "added")];
    let is_set = set
        .iter()
        .all(|(letter, name)| chattr(&format!("+{letter}"), &server.file(name)));
    let mut control = server.login();
    if is_set {
        for name in ["fixed", "grows"] {
            drop(control.passive());
            control.command(&format!("STOR {name}"), 550);
        }
        control.store("added/f", b"new");
        // Not removable.
        assert_eq!(perm(&mut control, "added", "f"), "arw");
    }
    for (letter, name) in set {
        chattr(&format!("-{letter}"), &server.file(name));
    }
    if !is_set {
        return eprintln!("skipped: this file system has no attributes");
    }
    assert_eq!(fs::read(server.file("fixed")).unwrap(), b"old");
    assert_eq!(fs::read(server.file("added/f")).unwrap(), b"new");
}

#[cfg(all(feature = "config", feature = "quotas"))]
#[test]
fn in_place_upload_is_charged_to_quota() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    let run_as = if is_root() {
        "run-as = \"65534:65534\"\n"
    } else {
        ""
    };
    let text = "[[account]]\nname = \"anonymous\"\npermissions = \"all\"\nquota-bytes = 50\n";
    fs::write(&config, format!("{run_as}{text}")).unwrap();
    let starter = Starter::default().argument("--config").argument(&config);
    let server = starter.serving(furnish).start();
    let mut control = server.login();
    control.command("TYPE I", 200);
    until("the files to be counted", || {
        let data = control.passive();
        control.send("STOR sticky/own");
        let is_counted = control.reply().code == 150;
        if is_counted {
            data.send(b"");
            control.expect(226);
        }
        is_counted.then_some(())
    });
    // Three other files have 36 bytes.
    let mut store = |path: &str, bytes: usize| {
        let mut data = control.passive().stream();
        control.command(&format!("STOR {path}"), 150);
        data.write_all(&vec![b'x'; bytes]).unwrap();
        drop(data);
        control.reply().code
    };
    assert_eq!(store("locked/f", 14), 226);
    assert_eq!(store("locked/f", 15), 552);
    assert_eq!(store("locked/f", 2), 226);
    assert_eq!(store("sticky/own", 12), 226);
    assert_eq!(store("sticky/own", 13), 552);
    unlock(&server);
}
