//! `--hash-password`: reads one line from a pipe, or a line twice from a terminal without echo; and hashes
//! are recognised wherever a password is configured.

#![cfg(feature = "hashed-passwords")]

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use crate::support::{Starter, mioftpd};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

fn hash_piped(line: &str) -> (bool, String) {
    let mut child = mioftpd(["--hash-password"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The program may exit before it has read all.
    let _ = child.stdin.take().unwrap().write_all(line.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), text)
}

#[test]
fn first_line_is_hashed_with_a_new_salt() {
    let (done, first) = hash_piped("correct horse\nbehind it\n");
    assert!(done && first.starts_with("$argon2id$v=19$"), "{first}");
    assert_eq!(first.lines().count(), 1);
    assert_ne!(hash_piped("correct horse"), (true, first));
    for wrong in ["", "\n", "a\x03b\n", &"x".repeat(5000)] {
        assert_eq!(hash_piped(wrong), (false, String::new()), "{wrong:?}");
    }
}

/// Answers both prompts on a terminal. Returns whether the program succeeded, and all that the terminal
/// shows.
fn hash_typed(lines: [&str; 2]) -> (bool, String) {
    let mut master = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let path = std::ffi::OsStr::from_bytes(name.as_bytes());
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut child = mioftpd(["--hash-password"])
        .stdin(terminal.try_clone().unwrap())
        .stdout(Stdio::piped())
        .stderr(terminal.try_clone().unwrap())
        .spawn()
        .unwrap();
    let mut seen = Vec::new();
    for line in lines {
        let before = seen.len();
        while !seen[before..].ends_with(b": ") {
            let mut byte = [0];
            master.read_exact(&mut byte).unwrap();
            seen.extend(byte);
        }
        writeln!(master, "{line}").unwrap();
    }
    let done = child.wait().unwrap().success();
    child.stdout.take().unwrap().read_to_end(&mut seen).unwrap();
    let modes = tcgetattr(&terminal).unwrap().local_modes;
    assert!(modes.contains(LocalModes::ECHO | LocalModes::ISIG));
    (done, String::from_utf8(seen).unwrap())
}

#[test]
fn terminal_asks_twice_without_echo() {
    let (done, seen) = hash_typed(["secret", "secret"]);
    assert!(done && seen.contains("$argon2id$"), "{seen}");
    assert!(!seen.contains("secret"), "{seen}");
    let (done, seen) = hash_typed(["secret", "secreT"]);
    assert!(!done && !seen.contains("$argon2id$"), "{seen}");
}

#[test]
fn interrupt_restores_the_terminal() {
    assert!(!hash_typed(["\x03", "\x03"]).0);
}

#[test]
fn hash_itself_is_not_accepted_as_password() {
    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hash");
    fs::write(&file, format!("{HASH}\n")).unwrap();
    let user = || Starter::default().argument("--user").argument("alice");
    for starter in [
        user().argument("--password-file").argument(&file),
        user().variable("MIOFTPD_PASSWORD", HASH),
    ] {
        let server = starter.serving(|_| ()).start();
        server.connect().log_in("alice", "secret");
        let mut attacker = server.connect();
        attacker.command("USER alice", 331);
        attacker.command(&format!("PASS {HASH}"), 530);
    }
}
