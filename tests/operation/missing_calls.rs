//! Kernels without a system call, or with one that fails: the server works, or says what is missing.
//!
//! strace(1) makes the calls fail; without it, or without ptrace(2), the tests are skipped, unless
//! `MIOFTPD_REQUIRE_CLIENTS=1` is set.
//!
//! A call with the word `unused` is one that the server has no need of: the trace shows that it makes none.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::{Control, Server, Starter, binary, can_trace, until};
use tempfile::TempDir;

/// More than one slice of a transfer.
const BIG: usize = 3_000_000;

/// The end of a call that strace has made fail.
const INJECTED: &str = "(INJECTED)";

/// A directory to serve, and the record of the calls.
struct World {
    directory: TempDir,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(root.join("small"), "content").unwrap();
        fs::write(root.join("big"), vec![b'b'; BIG]).unwrap();
        symlink("../small", root.join("sub/link")).unwrap();
        Self { directory }
    }

    fn root(&self) -> &Path {
        self.directory.path()
    }

    /// The command line of a server in which these calls fail.
    fn traced(&self, faults: &[&str]) -> Vec<OsString> {
        // With -D the server is the direct child, and strace a grandchild.
        let mut words: Vec<OsString> = ["strace", "-D", "-f", "-o"].map(Into::into).into();
        words.push(self.root().join("calls").into());
        for fault in faults {
            words.extend(["-e".into(), format!("inject={fault}").into()]);
        }
        let names: Vec<_> = faults.iter().map(|fault| call(fault)).collect();
        words.extend(["-e".into(), format!("trace={}", names.join(",")).into()]);
        words.push(binary());
        words.extend(["--listen", "127.0.0.1:0", "--writable"].map(Into::into));
        words.push(self.root().join("root").into());
        words
    }

    fn start(&self, faults: &[&str]) -> Server {
        Starter::default().program(self.traced(faults)).start()
    }

    /// Stops the server, and returns the calls.
    fn calls(&self, mut server: Server) -> (String, String) {
        server.terminate();
        server.wait();
        let calls = fs::read_to_string(self.root().join("calls")).unwrap();
        (calls, server.log())
    }

    /// What a client does, and what is on the disk then.
    fn session(&self, control: &mut Control) {
        let root = self.root().join("root");
        for (command, expected) in [
            ("LIST", "small"),
            ("MLSD", " small\r\n"),
            ("LIST sub", "link"),
        ] {
            let data = control.passive();
            control.command(command, 150);
            let listed = String::from_utf8(data.receive()).unwrap();
            assert!(listed.contains(expected), "{command}: {listed}");
            control.expect(226);
        }
        for (name, size) in [("small", 7), ("big", BIG), ("sub/link", 7)] {
            assert_eq!(control.retrieve(name).len(), size, "{name}");
        }
        control.store("new", &vec![b'n'; 300_000]);
        let second = vec![b'm'; 200_000];
        control.store("new", &second);
        control.command("REST 200000", 350);
        control.store("new", b"end");
        control.command("RNFR new", 350);
        control.command("RNTO renamed", 250);
        let renamed = fs::read(root.join("renamed")).unwrap();
        assert_eq!(renamed, [&second[..], b"end"].concat());
        let data = control.passive();
        control.command("STOU unique", 150);
        data.send(b"unique");
        control.expect(226);
        control.command("RNFR renamed", 350);
        control.command("RNTO unique", 250);
        assert_eq!(fs::metadata(root.join("unique")).unwrap().len(), 200_003);
        control.command("MKD made", 257);
        control.command("RMD made", 250);
        control.command("SITE CHMOD 600 small", 200);
        control.command("MFMT 20200102030405 small", 213);
        let small = fs::metadata(root.join("small")).unwrap();
        assert_eq!(
            (small.mode() & 0o777, small.mtime()),
            (0o600, 1_577_934_245)
        );
        control.command("DELE small", 250);
        assert!(!root.join("small").exists());
        control.command("QUIT", 221);
    }
}

/// The call in `CALL:error=ERROR`.
fn call(fault: &str) -> &str {
    fault.split(':').next().unwrap()
}

/// Runs a session with each of these calls failing in each of these ways; all these parts are in the log.
fn works_without(calls: &[(&str, &[&str], &[&str])]) {
    if !can_trace() {
        return;
    }
    for (name, errors, logged) in calls {
        for error in *errors {
            let world = World::new();
            let fault = format!("{}:error={error}", name.trim_end_matches(" unused"));
            let server = world.start(&[&fault]);
            world.session(&mut server.login());
            let (calls, log) = world.calls(server);
            assert_eq!(
                calls.contains(INJECTED),
                !name.ends_with("unused"),
                "{fault}"
            );
            for part in *logged {
                assert!(log.contains(part), "{fault}: no {part:?} in\n{log}");
            }
        }
    }
}

#[test]
fn names_work_without_newer_calls() {
    works_without(&[
        ("openat2", &["ENOSYS", "EPERM"], &["no openat2 (Linux 5.6)"]),
        ("statx", &["ENOSYS", "EPERM"], &[]),
        ("renameat2", &["ENOSYS", "EINVAL"], &[]),
        ("flock", &["ENOSYS", "EOPNOTSUPP", "ENOLCK"], &[]),
    ]);
}

#[test]
fn bytes_move_without_newer_calls() {
    works_without(&[
        ("preadv2", &["ENOSYS", "EOPNOTSUPP", "EINVAL"], &[]),
        ("sendfile", &["ENOSYS", "EINVAL"], &[]),
        ("copy_file_range unused", &["ENOSYS"], &[]),
        ("fallocate unused", &["ENOSYS"], &[]),
        ("getrandom", &["ENOSYS"], &[]),
    ]);
}

#[test]
fn server_works_without_a_sandbox_in_the_kernel() {
    const PRIVILEGES: &str = "Sandbox: the kernel cannot rule out new privileges";
    const LANDLOCK: &str = "Sandbox: this kernel has no Landlock (Linux 5.13 has it)";
    const FILTER: &str = "Sandbox: the system call filter cannot be installed";
    if cfg!(feature = "sandbox") {
        works_without(&[
            ("prctl", &["ENOSYS", "EINVAL"], &[PRIVILEGES, FILTER]),
            ("landlock_create_ruleset", &["ENOSYS"], &[LANDLOCK]),
            (
                "landlock_create_ruleset",
                &["EOPNOTSUPP"],
                &["Landlock is disabled"],
            ),
            ("seccomp", &["ENOSYS", "EINVAL"], &[FILTER]),
        ]);
    }
}

#[test]
fn server_works_without_all_of_them() {
    const CALLS: [&str; 7] = [
        "openat2",
        "statx",
        "renameat2",
        "flock",
        "preadv2",
        "sendfile",
        "getrandom",
    ];
    const SANDBOX: [&str; 3] = ["prctl", "seccomp", "landlock_create_ruleset"];
    if !can_trace() {
        return;
    }
    let world = World::new();
    let faults = CALLS.iter().chain(&SANDBOX);
    let faults: Vec<_> = faults.map(|call| format!("{call}:error=ENOSYS")).collect();
    let faults: Vec<_> = faults.iter().map(String::as_str).collect();
    let server = world.start(&faults);
    world.session(&mut server.login());
    let (calls, _) = world.calls(server);
    for name in CALLS {
        let is_injected =
            |line: &str| line.contains(&format!(" {name}(")) && line.ends_with(INJECTED);
        assert!(calls.lines().any(is_injected), "{name}");
    }
}

/// mio has no other way to wait and to accept.
#[test]
fn lack_of_what_the_loop_needs_is_explained() {
    const REMEDY: &str =
        "Function not implemented: the kernel, or a filter of system calls around the server";
    if !can_trace() {
        return;
    }
    for name in ["epoll_create1", "eventfd2"] {
        let world = World::new();
        let words = world.traced(&[&format!("{name}:error=ENOSYS")]);
        let output = Command::new(&words[0]).args(&words[1..]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(REMEDY), "{text}");
    }
    let world = World::new();
    let server = world.start(&["accept4:error=ENOSYS"]);
    let _client = std::net::TcpStream::connect(server.address()).unwrap();
    server.wait_for_log(&format!("Cannot accept connections: {REMEDY}"));
}

/// A card that is pulled fails like this, and so does one that breaks.
#[test]
fn device_errors_are_451_and_the_session_continues() {
    if !can_trace() {
        return;
    }
    let world = World::new();
    let faults = ["pwrite64", "sendfile", "renameat", "mkdirat", "unlinkat"];
    let faults = faults.map(|call| format!("{call}:error=EIO"));
    let server = world.start(&faults.each_ref().map(String::as_str));
    let mut control = server.login();
    let data = control.passive();
    control.command("RETR big", 150);
    drop(data);
    control.expect_one_of(&[426, 451]);
    let data = control.passive();
    control.command("STOR new", 150);
    data.send(b"bytes");
    control.expect(451);
    let data = control.passive();
    control.command("STOR empty", 150);
    data.send(b"");
    control.expect(451);
    control.command("MKD made", 451);
    control.command("DELE small", 451);
    control.command("NOOP", 200);
    assert_eq!(control.retrieve("small"), b"content");
    let (calls, _) = world.calls(server);
    for fault in &faults {
        let name = call(fault);
        assert!(calls.contains(&format!(" {name}(")), "{name}");
    }
}

/// A client that mirrors a directory would take it for removed.
#[test]
fn entry_that_cannot_be_examined_is_listed() {
    if !can_trace() {
        return;
    }
    let world = World::new();
    // The first ones of a thread succeed: otherwise statx counts as missing.
    let server = world.start(&["statx:error=EIO:when=8+"]);
    let mut control = server.login();
    for (command, expected) in [
        ("LIST", "Jan  1  1970 small\r\n"),
        ("MLSD", "modify=19700101000000;"),
    ] {
        until(expected, || {
            let data = control.passive();
            control.command(command, 150);
            let listed = String::from_utf8(data.receive()).unwrap();
            assert!(listed.contains(" small\r\n"), "{command}: {listed}");
            control.expect(226);
            listed.contains(expected).then_some(())
        });
    }
    assert_eq!(control.retrieve("small"), b"content");
}

#[test]
fn kernel_without_ipv6_needs_no_other_addresses() {
    if !can_trace() {
        return;
    }
    let world = World::new();
    let fault = "socket:error=EAFNOSUPPORT:when=1";
    let start = |address: &str, more: &[&str]| {
        let mut words = world.traced(&[fault]);
        let at = words.iter().position(|word| word == "127.0.0.1:0").unwrap();
        words[at] = address.into();
        words.extend(more.iter().map(Into::into));
        words
    };
    let words = start("[::]:0", &["--listen", "127.0.0.1:0"]);
    let server = Starter::default().program(words).start();
    assert_eq!(server.login().retrieve("small"), b"content");
    server.wait_for_log("Not listening at [::]:0: no IPv6 on this host");
    for alone in ["[::]:0", "[::1]:0"] {
        let words = start(alone, &[]);
        let output = Command::new(&words[0]).args(&words[1..]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.contains("this kernel has no IPv6; listen at an address of IPv4"),
            "{text}"
        );
    }
}

/// As FAT and exFAT refuse names: those with a colon or a trailing dot, or in another encoding.
#[test]
fn name_that_the_file_system_refuses_is_553() {
    if !can_trace() {
        return;
    }
    for error in ["EINVAL", "EILSEQ", "ENAMETOOLONG"] {
        let world = World::new();
        let faults =
            ["mkdirat", "renameat2", "renameat"].map(|call| format!("{call}:error={error}"));
        let server = world.start(&faults.each_ref().map(String::as_str));
        let mut control = server.login();
        control.command("MKD a:b", 553);
        control.command("RNFR small", 350);
        control.command("RNTO a:b", 553);
        let data = control.passive();
        control.command("STOR a:b", 150);
        data.send(b"content");
        control.expect(553);
        assert_eq!(control.retrieve("small"), b"content");
    }
}
