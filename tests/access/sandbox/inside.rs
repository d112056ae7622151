//! The sandbox from inside: this program starts itself again, confines itself through the library as
//! the server does, and tries forbidden operations. Each ignored test is the confined half of
//! another one.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mioftpd::sandbox::{self, SandboxPlan};
use rustix::io::Errno;
use rustix::process::Signal;

use super::FILTERS;

/// The environment variable with the directory to which the child process is confined.
pub(super) const INSIDE: &str = "MIOFTPD_TEST_SANDBOX";

/// Runs an ignored test in a child process.
fn inside(test: &str, directory: &Path) -> Output {
    let test = format!("sandbox::{test}");
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &test, "--nocapture"])
        .env(INSIDE, directory)
        .output()
        .unwrap()
}

/// Confines this process to the subdirectory `open` of [`INSIDE`]; `None` if it is not a child.
fn confine(may_write: bool) -> Option<(PathBuf, sandbox::Report)> {
    let directory = PathBuf::from(std::env::var_os(INSIDE)?);
    let open = vec![directory.join("open")];
    let (readable, writable) = if may_write {
        (Vec::new(), open)
    } else {
        (open, Vec::new())
    };
    let plan = SandboxPlan {
        confine: true,
        readable,
        writable,
        ..SandboxPlan::default()
    };
    let report = sandbox::enforce(&plan).unwrap();
    Some((directory, report))
}

/// A directory with an `open` and a `closed` subdirectory, each with a file.
fn open_and_closed() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["open", "closed"] {
        fs::create_dir(directory.path().join(name)).unwrap();
        fs::write(directory.path().join(name).join("f"), "").unwrap();
    }
    directory
}

/// Printed by a child whose assertions have all held.
pub(super) const HOLDS: &str = "the sandbox holds";

/// Runs an ignored test in a child and requires that it passes, or that it is skipped because the
/// kernel or the build lacks something.
pub(super) fn holds(test: &str) {
    let directory = open_and_closed();
    let output = inside(test, directory.path());
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if let Some(line) = printed.lines().find(|line| line.contains("skipped: ")) {
        return eprintln!("{line}");
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        printed.contains(HOLDS),
        "{}\n{printed}\n{errors}",
        output.status
    );
}

#[test]
fn only_readable_paths_can_be_opened() {
    holds("inside::reading");
}

#[test]
fn only_writable_paths_can_be_changed() {
    holds("inside::changing");
}

fn try_files(may_write: bool) {
    let Some((directory, report)) = confine(may_write) else {
        return;
    };
    if !report.in_force.iter().any(|what| what.contains("Landlock")) {
        return println!("skipped: {:?}", report.lacking);
    }
    let error = |result: std::io::Result<fs::File>| {
        let error = result.err()?.raw_os_error()?;
        Some(Errno::from_raw_os_error(error))
    };
    let path = |name: &str| directory.join(name);
    let read = |name: &str| error(fs::File::open(path(name)));
    let write = |name: &str| error(fs::OpenOptions::new().write(true).open(path(name)));
    let make = |name: &str| error(fs::File::create_new(path(name)));
    let if_it_may = if may_write { None } else { Some(Errno::ACCESS) };
    assert_eq!(read("open/f"), None);
    assert_eq!(write("open/f"), if_it_may);
    assert_eq!(make("open/new"), if_it_may);
    for name in [
        "closed/f",
        "/etc/passwd",
        "/proc/self/maps",
        "/",
        "/dev/null",
    ] {
        assert_eq!(read(name), Some(Errno::ACCESS), "{name}");
    }
    assert_eq!(write("closed/f"), Some(Errno::ACCESS));
    assert_eq!(make("closed/new"), Some(Errno::ACCESS));
    let moved = fs::rename(path("open/f"), path("closed/g")).unwrap_err();
    assert_eq!(moved.kind(), std::io::ErrorKind::PermissionDenied);
    println!("{HOLDS}");
}

#[test]
#[ignore = "started by another test"]
fn reading() {
    try_files(false);
}

#[test]
#[ignore = "started by another test"]
fn changing() {
    try_files(true);
}

/// Whether the system call filter is in force; if not, the test is skipped.
fn filters(report: &sandbox::Report) -> bool {
    let found = report.in_force.iter().any(|what| what.contains("filtered"));
    if !found {
        println!("skipped: {:?}", report.lacking);
    }
    assert_eq!(found, FILTERS, "{report:?}");
    found
}

#[test]
fn system_calls_off_the_list_fail_with_enosys() {
    holds("inside::calling");
}

#[test]
#[ignore = "started by another test"]
fn calling() {
    use rustix::net::{AddressFamily, SocketType, socket};
    let Some((directory, report)) = confine(true) else {
        return;
    };
    if !filters(&report) {
        return;
    }
    let unix = socket(AddressFamily::UNIX, SocketType::STREAM, None);
    assert_eq!(unix.err(), Some(Errno::NOSYS));
    let netlink = socket(AddressFamily::NETLINK, SocketType::RAW, None);
    assert_eq!(netlink.err(), Some(Errno::NOSYS));
    // fork(2) fails before execve(2) is reached.
    let child = Command::new("/bin/true").spawn();
    assert_eq!(
        child.err().unwrap().raw_os_error(),
        Some(Errno::NOSYS.raw_os_error())
    );
    let fifo = rustix::fs::mknodat(
        rustix::fs::CWD,
        directory.join("open/fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    );
    assert_eq!(fifo, Err(Errno::NOSYS));
    // The calls of a server work: threads, sockets, files. This one panics if it is not allowed.
    rustix::fs::sync();
    std::thread::spawn(|| drop(std::net::TcpListener::bind("127.0.0.1:0").unwrap()))
        .join()
        .unwrap();
    fs::write(directory.join("open/f"), "x").unwrap();
    println!("{HOLDS}");
}

#[test]
fn executing_a_program_kills_the_process() {
    let directory = open_and_closed();
    let output = inside("inside::executing", directory.path());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if let Some(line) = text.lines().find(|line| line.contains("skipped: ")) {
        return eprintln!("{line}");
    }
    let signal = output.status.signal();
    assert_eq!(
        signal,
        Some(Signal::SYS.as_raw()),
        "{}\n{text}",
        output.status
    );
}

#[test]
#[ignore = "started by another test"]
fn executing() {
    use std::os::unix::process::CommandExt as _;
    let Some((_, report)) = confine(true) else {
        return;
    };
    if filters(&report) {
        let error = Command::new("/bin/true").exec();
        println!("execve returned: {error}");
    }
}

#[test]
fn missing_path_is_reported_and_not_fatal() {
    holds("inside::without_a_path");
}

#[test]
#[ignore = "started by another test"]
fn without_a_path() {
    let Some(directory) = std::env::var_os(INSIDE) else {
        return;
    };
    let plan = SandboxPlan {
        confine: true,
        readable: vec![Path::new(&directory).join("absent")],
        ..SandboxPlan::default()
    };
    let report = sandbox::enforce(&plan).unwrap();
    if !report.in_force.iter().any(|what| what.contains("Landlock")) {
        return println!("skipped: {:?}", report.lacking);
    }
    let names_path = |line: &String| line.contains("absent will not be accessible");
    assert!(report.lacking.iter().any(names_path), "{report:?}");
    println!("{HOLDS}");
}
