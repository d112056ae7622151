//! Shared support for tests over real sockets: the server as a child process, an FTP client with
//! time-outs, and transcripts (dialogues in text files).
//!
//! It treats the server as a black box: it knows only the protocol, the command line and the log.
//! `MIOFTPD_TEST_SERVER=PATH` tests another binary, for example a static release build.

// Each test program compiles this module and uses a part of it.
#![allow(dead_code, unused_imports, unreachable_pub)]

pub mod certificates;
mod control;
mod data;
#[cfg(feature = "tls")]
pub mod ed25519;
pub mod in_thread;
pub mod pattern;
mod ports;
mod process;
mod server;
pub mod tables;
pub mod tls;
pub mod transcript;
pub mod trusting;

use std::io;
use std::time::{Duration, Instant};

pub use control::{Control, Reply};
pub use data::{
    DataChannel, abort_connection, connect_from, end_connection, epsv_port, expect_reset,
    host_port, pasv_port, read_all, send_urgent,
};
pub use ports::free_ports;
pub use server::{Server, Starter, binary, mioftpd};

/// The time-out of every operation that should be fast. Long, because a thread of the lowest priority
/// may wait for seconds on a busy machine; finite, because a hanging test reports nothing.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asserts that most of 20 rounds succeed. For results that depend on the order in which two connections
/// end: the kernel may process the segments in another order, since a segment is deferred while a system
/// call holds its socket, and CPUs process segments in parallel.
pub fn mostly(round: impl FnMut(&u8) -> bool) {
    let succeeded = (0..20).filter(round).count();
    assert!(succeeded > 12, "only {succeeded} of 20 rounds succeeded");
}

/// Repeats a call that a signal has interrupted: the kernel does not restart a read of a socket that has a
/// time-out, even if the process only was stopped and continued (signal(7)).
pub fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Files that this process and its servers make from now on can be read by other users, whatever umask the
/// tests were started with. It holds for the process, and all callers want the same.
pub fn use_common_umask() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
}

/// Whether strace can trace here; its absence is an error where clients are required.
pub fn can_trace() -> bool {
    let required = std::env::var("MIOFTPD_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
    let mut probe = std::process::Command::new("strace");
    let probe = probe
        .arg("true")
        .stderr(std::process::Stdio::null())
        .status();
    let found = probe.is_ok_and(|status| status.success());
    assert!(found || !required, "strace is missing or not permitted");
    if !found {
        eprintln!("skipped: strace is missing or not permitted");
    }
    found
}

/// The program, if it is installed.
pub fn installed(program: &str) -> Option<std::process::Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders.find(|folder| folder.join(program).is_file());
    let required = std::env::var("MIOFTPD_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
    assert!(found.is_some() || !required, "{program} is not installed");
    if found.is_none() {
        eprintln!("skipped: {program} is not installed");
    }
    found.map(|folder| std::process::Command::new(folder.join(program)))
}

/// Calls `probe` until it returns a value; panics after [`DEADLINE`]. The probe should block (on a reply
/// or a read), so that this does not spin.
pub fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < end, "timed out waiting for {what}");
        std::thread::yield_now();
    }
}
