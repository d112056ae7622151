//! The error messages of a start that the system refuses, because of a port, an address, a user, or a
//! file: they name the cause and the remedy, and no error number. The program runs as an unprivileged
//! user, also if the tests run as root.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Output;

use crate::support::mioftpd;

/// A user without a name.
const USER: u32 = 54_321;

/// Runs the program, which exits at once; `None` if that user cannot access it.
fn run(arguments: &[&str]) -> Option<Output> {
    let mut command = mioftpd(arguments);
    if rustix::process::geteuid().is_root() {
        command.uid(USER).gid(USER);
    }
    match command.output() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            eprintln!("skipped: others than root cannot reach the program");
            None
        }
        output => output.ok(),
    }
}

/// Requires that the program fails with an error message that contains all of `parts`.
fn fails_with(arguments: &[&str], parts: &[&str]) {
    let Some(output) = run(arguments) else {
        return;
    };
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(matches!(output.status.code(), Some(1 | 2)), "{text}");
    for part in parts {
        assert!(text.contains(part), "no {part} in {text}");
    }
    assert!(!text.contains("os error"), "{text}");
}

#[test]
fn low_port_error_names_the_capability() {
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let first = first.ok().and_then(|text| text.trim().parse::<u16>().ok());
    if first.is_none_or(|first| first <= 21) {
        return eprintln!("skipped: any user may listen at port 21 here");
    }
    let parts = [
        "cannot listen at 127.0.0.1:21: Permission denied: port 21 needs the capability \
         CAP_NET_BIND_SERVICE",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "setcap cap_net_bind_service+ep",
        "a socket from systemd",
        "sysctl net.ipv4.ip_unprivileged_port_start",
    ];
    fails_with(&["--listen", "127.0.0.1:21"], &parts);
    if cfg!(feature = "config") {
        fails_with(&["--check", "--listen", "127.0.0.1:21"], &parts);
    }
}

#[test]
fn address_errors_name_the_cause() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let expected = format!("cannot listen at {taken}: Address already in use, by another server");
    fails_with(&["--listen", &taken.to_string()], &[&expected, "ss -ltnp"]);
    let expected = "cannot listen at 192.0.2.1:2121: Cannot assign requested address: no interface";
    fails_with(&["--listen", "192.0.2.1:2121"], &[expected]);
}

#[test]
fn run_as_without_root_is_an_error() {
    let arguments = ["--listen", "127.0.0.1:0", "--run-as", "54322:54322"];
    let parts = [
        "cannot run as 54322:54322 (run-as): setgroups: Operation not permitted: switching users needs root",
        "leave run-as out",
    ];
    fails_with(&arguments, &parts);
}

#[test]
fn unreadable_file_errors_name_the_user() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: only root can create files that this user may not read");
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "a secret").unwrap();
    let shown = file.to_str().unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let expected =
        format!("{shown}: Permission denied: user {USER} may not read {shown}; try chown");
    let own = ["-l", "127.0.0.1:0", "/tmp"];
    let with_password = [&own[..], &["-u", "ann", "--password-file", shown]].concat();
    fails_with(&with_password, &[&expected]);
    let expected = format!("cannot be read: Permission denied: user {USER} may not read {shown}");
    if cfg!(feature = "tls") {
        let with_key = [&own[..], &["--tls-cert", shown, "--tls-key", shown]].concat();
        fails_with(&with_key, &[&expected]);
    }
    let closed = directory.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let closed = closed.to_str().unwrap();
    let expected =
        format!("cannot serve {closed}: Permission denied: user {USER} may not read {closed}");
    fails_with(&["-l", "127.0.0.1:0", closed], &[&expected]);
    let below = format!("{closed}/below");
    let expected = format!("Permission denied: user {USER} may not enter {closed}; try chmod +x");
    fails_with(&["-l", "127.0.0.1:0", &below], &[&expected]);
}
