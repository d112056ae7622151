//! Least privilege, from inside: this program starts itself again, confines itself by the library
//! as the server does, and tries what must not work any more. Each test that is ignored is the inside
//! of one that is not.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mioftpd::sandbox::{self, Plan};
use rustix::io::Errno;
use rustix::process::Signal;

use super::FILTERS;

/// In the environment: the directory in which this program, started again, is confined.
pub(super) const INSIDE: &str = "MIOFTPD_TEST_SANDBOX";

/// Starts this program again for one of the tests that are ignored otherwise.
fn inside(test: &str, directory: &Path) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env(INSIDE, directory)
        .output()
        .unwrap()
}

/// Confines this process to the directory `open` within that of the environment, and says what is
/// in force; `None` where nobody has asked.
fn confine(may_write: bool) -> Option<(PathBuf, sandbox::Report)> {
    let directory = PathBuf::from(std::env::var_os(INSIDE)?);
    let open = vec![directory.join("open")];
    let (readable, writable) = if may_write {
        (Vec::new(), open)
    } else {
        (open, Vec::new())
    };
    let plan = Plan {
        confine: true,
        readable,
        writable,
        ..Plan::default()
    };
    let report = sandbox::enforce(&plan).unwrap();
    Some((directory, report))
}

/// A directory with one that is open and one that is not, a file in each.
fn open_and_closed() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["open", "closed"] {
        fs::create_dir(directory.path().join(name)).unwrap();
        fs::write(directory.path().join(name).join("f"), "").unwrap();
    }
    directory
}

/// What the other self says when all was as it must be.
pub(super) const HOLDS: &str = "the sandbox holds";

/// Whether the other self has tried it; where the kernel or the build lacks something, it says so.
pub(super) fn holds(test: &str) {
    let directory = open_and_closed();
    let output = inside(test, directory.path());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if let Some(line) = said.lines().find(|line| line.contains("skipped: ")) {
        return eprintln!("{line}");
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(HOLDS), "{}\n{said}\n{errors}", output.status);
}

#[test]
fn a_directory_to_read_is_all_that_can_be_opened() {
    holds("inside::reading");
}

#[test]
fn a_directory_to_change_is_all_that_can_be_changed() {
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

/// Whether the filter is there; says that it is not.
fn filters(report: &sandbox::Report) -> bool {
    let found = report.in_force.iter().any(|what| what.contains("filtered"));
    if !found {
        println!("skipped: {:?}", report.lacking);
    }
    assert_eq!(found, FILTERS, "{report:?}");
    found
}

#[test]
fn calls_that_a_server_does_not_make_fail() {
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
    // A process cannot be made, so no program either.
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
    // What a server does is as it was: threads, sockets, files.
    std::thread::spawn(|| drop(std::net::TcpListener::bind("127.0.0.1:0").unwrap()))
        .join()
        .unwrap();
    fs::write(directory.join("open/f"), "x").unwrap();
    println!("{HOLDS}");
}

#[test]
fn who_executes_a_program_is_ended() {
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
        println!("it went on: {error}");
    }
}

#[test]
fn a_path_that_is_not_there_is_told_and_is_no_failure() {
    holds("inside::without_a_path");
}

#[test]
#[ignore = "started by another test"]
fn without_a_path() {
    let Some(directory) = std::env::var_os(INSIDE) else {
        return;
    };
    let plan = Plan {
        confine: true,
        readable: vec![Path::new(&directory).join("absent")],
        ..Plan::default()
    };
    let report = sandbox::enforce(&plan).unwrap();
    if !report.in_force.iter().any(|what| what.contains("Landlock")) {
        return println!("skipped: {:?}", report.lacking);
    }
    let told = |line: &String| line.contains("absent will not be accessible");
    assert!(report.lacking.iter().any(told), "{report:?}");
    println!("{HOLDS}");
}
