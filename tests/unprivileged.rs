//! What a start says that the system refuses: a port, an address, a user, a file; the cause and the
//! remedy, and no number of an error. The program is run as a user without rights, whoever runs the
//! tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Output;

use support::mioftpd;

/// A user who is nobody else.
const USER: u32 = 54_321;

/// Runs it to its end, which comes at once; `None` where such a user cannot reach the program.
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

/// It fails, and says all of this.
fn says(arguments: &[&str], parts: &[&str]) {
    let Some(output) = run(arguments) else {
        return;
    };
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(matches!(output.status.code(), Some(1 | 2)), "{said}");
    for part in parts {
        assert!(said.contains(part), "no {part} in {said}");
    }
    assert!(!said.contains("os error"), "{said}");
}

#[test]
fn a_low_port_names_the_capability() {
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let first = first.ok().and_then(|text| text.trim().parse::<u16>().ok());
    if first.is_none_or(|first| first <= 21) {
        return eprintln!("skipped: everybody may listen at port 21 here");
    }
    let parts = [
        "cannot listen at 127.0.0.1:21: Permission denied: port 21 needs the capability \
         CAP_NET_BIND_SERVICE",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "setcap cap_net_bind_service+ep",
        "a socket from systemd",
        "sysctl net.ipv4.ip_unprivileged_port_start",
    ];
    says(&["--listen", "127.0.0.1:21"], &parts);
    if cfg!(feature = "config") {
        says(&["--check", "--listen", "127.0.0.1:21"], &parts);
    }
}

#[test]
fn an_address_says_what_is_the_matter_with_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let said = format!("cannot listen at {taken}: Address already in use, by another server");
    says(&["--listen", &taken.to_string()], &[&said, "ss -ltnp"]);
    let said = "cannot listen at 192.0.2.1:2121: Cannot assign requested address: no interface";
    says(&["--listen", "192.0.2.1:2121"], &[said]);
}

#[test]
fn another_user_needs_root() {
    let arguments = ["--listen", "127.0.0.1:0", "--run-as", "54322:54322"];
    let parts = [
        "cannot run as 54322:54322 (run-as): setgroups: Operation not permitted: switching users needs root",
        "leave run-as out",
    ];
    says(&arguments, &parts);
}

#[test]
fn a_file_says_who_may_not_read_it() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: only root has files that this user may not read");
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "a secret").unwrap();
    let shown = file.to_str().unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let said = format!("{shown}: Permission denied: user {USER} may not read {shown}; try chown");
    let own = ["-l", "127.0.0.1:0", "/tmp"];
    let with_password = [&own[..], &["-u", "ann", "--password-file", shown]].concat();
    says(&with_password, &[&said]);
    let said = format!("cannot be read: Permission denied: user {USER} may not read {shown}");
    if cfg!(feature = "tls") {
        let with_key = [&own[..], &["--tls-cert", shown, "--tls-key", shown]].concat();
        says(&with_key, &[&said]);
    }
    let closed = directory.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let closed = closed.to_str().unwrap();
    let said =
        format!("cannot serve {closed}: Permission denied: user {USER} may not read {closed}");
    says(&["-l", "127.0.0.1:0", closed], &[&said]);
    let below = format!("{closed}/below");
    let said = format!("Permission denied: user {USER} may not enter {closed}; try chmod +x");
    says(&["-l", "127.0.0.1:0", &below], &[&said]);
}
