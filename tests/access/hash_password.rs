//! `--hash-password`: reads one line from a pipe, or a line twice from a terminal without echo; and hashes
//! are recognised wherever a password is configured.

#![cfg(feature = "hashed-passwords")]

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output, Stdio};

use crate::support::{Starter, binary, mioftpd};
use rustix::process::{Resource, Rlimit, getrlimit};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

/// Runs a command with this line on its standard input.
fn piped(command: &mut Command, line: &str) -> Output {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The program may exit before it has read all.
    let _ = child.stdin.take().unwrap().write_all(line.as_bytes());
    child.wait_with_output().unwrap()
}

fn hash_piped(line: &str) -> (bool, String) {
    let output = piped(&mut mioftpd(["--hash-password"]), line);
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), text)
}

/// The program where it may have so many KiB of memory.
fn within(kib: u32, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -d {kib} && exec \"$0\" \"$@\"")]);
    command.arg(binary()).args(arguments);
    command
}

/// Exit code, standard output and standard error.
fn texts(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn new_hash_fits_into_the_memory_of_the_machine() {
    let made = |kib, option| texts(piped(&mut within(kib, &[option]), "secret\n"));
    let (code, hash, note) = made(21_000, "--hash-password");
    assert!(
        hash.starts_with("$argon2id$v=19$m=12288,t=3,p=1$"),
        "{hash}{note}"
    );
    assert!(
        note.contains("may take 13 MiB of memory here, and the usual one takes 19")
            && code == Some(0),
        "{note}"
    );
    // Just enough for 12 MiB, if the program itself took nothing.
    let (_, hash, note) = made(18 * 1024, "--hash-password");
    assert!(
        hash.starts_with("$argon2id$v=19$m=9216,t=4,p=1$"),
        "{hash}{note}"
    );
    let (code, hash, note) = made(8000, "--hash-password");
    assert!(hash.starts_with("$6$rounds=50000$"), "{hash}{note}");
    assert!(
        note.contains("made SHA-512-crypt") && code == Some(0),
        "{note}"
    );
    let (code, hash, note) = made(8000, "--hash-password=argon2id");
    assert!(
        note.contains("use --hash-password=sha512-crypt"),
        "{hash}{note}"
    );
    assert_eq!((code, hash.as_str()), (Some(1), ""));
    let (code, hash, note) = made(8000, "--hash-password=sha512-crypt");
    assert!(hash.starts_with("$6$rounds=50000$"), "{hash}");
    assert_eq!((code, note.as_str()), (Some(0), ""));
    let (code, _, error) = made(8000, "--hash-password=md5");
    assert!(
        error.contains("'md5'; use argon2id or sha512-crypt"),
        "{error}"
    );
    assert_eq!(code, Some(2));
}

#[test]
fn account_whose_hash_does_not_fit_is_refused_at_the_start() {
    let argon2id = mioftpd::hash_password(&"secret".into()).unwrap();
    for (hash, takes) in [(argon2id.as_str(), 19), (YESCRYPT, 16)] {
        assert_refused_at_the_start(hash, takes);
    }
}

fn assert_refused_at_the_start(hash: &str, takes: u32) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hash");
    fs::write(&file, hash).unwrap();
    let (file, root) = (file.to_str().unwrap(), folder.path().to_str().unwrap());
    let user = [
        "--listen",
        "127.0.0.1:0",
        "--user",
        "ann",
        "--password-file",
        file,
        root,
    ];
    let (code, _, error) = texts(within(20_000, &user).output().unwrap());
    let why = format!("the password hash of \"ann\" takes {takes} MiB");
    assert!(error.contains(&why), "{error}");
    let source = "that the limits of the process (ulimit -v and -d) leave, hashes may take ";
    assert!(error.contains(source), "{error}");
    assert_eq!(code, Some(1));
}

/// Of `secret`, by mkpasswd(1).
const YESCRYPT: &str = "$y$j9T$f6jdeR1jgP3hawxZLNm7T/$1jkxg5r.Z/VcKFtP/l.F9lT7vC/DZp/95vDyv0PE.AD";

#[test]
fn login_is_unavailable_where_the_memory_of_its_hash_cannot_be_allocated() {
    for hash in [&mioftpd::hash_password(&"secret".into()).unwrap(), YESCRYPT] {
        assert_unavailable_without_memory(hash);
    }
}

/// The memory goes after the start. More logins than an address may fail change nothing.
fn assert_unavailable_without_memory(hash: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hash");
    fs::write(&file, hash).unwrap();
    let starter = Starter::default().argument("--user").argument("ann");
    let starter = starter.argument("--password-file").argument(&file);
    let strict = folder.path().join("strict.toml");
    fs::write(&strict, "throttling.failures = 2").unwrap();
    let starter = if cfg!(feature = "config") {
        starter.argument("--config").argument(&strict)
    } else {
        starter
    };
    let server = starter.serving(|_| ()).start();
    let maximum = getrlimit(Resource::Data).maximum;
    let limit = |current| server.set_limit(Resource::Data, Rlimit { current, maximum });
    limit(Some(10 << 20));
    for _ in 0..3 {
        let mut control = server.connect();
        control.command("USER ann", 331);
        control.command("PASS secret", 421);
        control.expect_end();
    }
    let why = "A login fails: there is not enough memory for the password hash";
    server.wait_for_log(why);
    limit(maximum);
    server.connect().log_in("ann", "secret");
    let log = server.log();
    assert_eq!(log.matches(why).count(), 3, "{log}");
    assert!(!log.contains("Login failed for"), "{log}");
}

/// The first hash may stay for the next one.
#[test]
fn further_hashes_take_no_further_memory() {
    let argon2id = mioftpd::hash_password(&"secret".into()).unwrap();
    for hash in [argon2id.as_str(), YESCRYPT] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hash");
        fs::write(&file, hash).unwrap();
        let starter = Starter::default().argument("--user").argument("ann");
        let starter = starter.argument("--password-file").argument(&file);
        let server = starter.serving(|_| ()).start();
        server.connect().log_in("ann", "secret");
        let first = server.resident();
        for _ in 0..4 {
            server.connect().log_in("ann", "secret");
        }
        let more = server.resident().saturating_sub(first);
        assert!(more < 8 * 1024, "{hash}: {more} KiB more");
    }
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
