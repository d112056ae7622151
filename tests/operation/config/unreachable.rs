//! Files that a reload cannot open: the log tells a sandbox denial from file permissions, and names the
//! remedy. No message contains an errno.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::process::geteuid;

use crate::config::world::World;
use crate::support::Server;

const BY_SANDBOX: &str = "Permission denied: its permissions allow it, a sandbox does not; the sandbox \
                          of this server is fixed at its start, so restart it";

/// Reloads this configuration; returns the log line with `expected`.
fn reloaded(world: &World, server: &Server, configuration: &str, expected: &str) -> String {
    world.write(configuration);
    server.hang_up();
    let line = server.wait_for_log(expected);
    assert!(!server.log().contains("os error"), "{}", server.log());
    line
}

/// Whether the kernel has Landlock; otherwise no open is denied.
fn is_confined(server: &Server) -> bool {
    let is_confined = server.wait_for_log("Sandbox: ").contains("Landlock ABI");
    if !is_confined {
        eprintln!("skipped: the kernel has no Landlock");
    }
    is_confined
}

fn account(more: &str) -> String {
    format!("[[account]]\nname = \"ann\"\npermissions = \"read\"\n{more}")
}

#[test]
fn sandbox_denial_is_distinguished_from_file_permissions() {
    let (world, other) = (World::new(), tempfile::tempdir().unwrap());
    fs::write(world.path("secret"), "a secret").unwrap();
    fs::write(other.path().join("secret"), "a secret").unwrap();
    let server = world.start(&account("password-file = \"secret\""));
    if !is_confined(&server) {
        return;
    }
    let elsewhere = other.path().join("secret");
    let expected = format!(
        "account.password-file {}: {BY_SANDBOX}",
        elsewhere.display()
    );
    let line = reloaded(
        &world,
        &server,
        &account(&format!("password-file = {elsewhere:?}")),
        &expected,
    );
    assert!(
        line.contains("ERROR") && line.contains("The old configuration stays"),
        "{line}"
    );
    // A directory is served although the sandbox denies its files; the log warns of it.
    let directory = format!("password-file = \"secret\"\ndirectory = {:?}", other.path());
    let expected = format!(
        "Until the next start {} cannot be read",
        other.path().display()
    );
    reloaded(&world, &server, &account(&directory), &expected);
    // A missing file is not reported as a sandbox denial.
    let expected = "/none: No such file or directory";
    reloaded(
        &world,
        &server,
        &account("password-file = \"none\""),
        expected,
    );
}

#[test]
#[cfg(feature = "tls")]
fn certificate_outside_the_sandbox_is_reported() {
    let (world, other) = (World::new(), World::new());
    let own = "certificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    crate::config::tls::make_files(&world);
    crate::config::tls::make_files(&other);
    let server = world.start(&format!("[tls]\n{own}"));
    if !is_confined(&server) {
        return;
    }
    let elsewhere = |name: &str| other.path(name).display().to_string();
    let (cert, key) = (elsewhere("cert.pem"), elsewhere("key.pem"));
    for (keys, file) in [
        (
            format!("certificate = {cert:?}\nkey = \"key.pem\"\n"),
            &cert,
        ),
        (format!("certificate = \"cert.pem\"\nkey = {key:?}\n"), &key),
        (format!("{own}client-authority = {cert:?}\n"), &cert),
    ] {
        let expected = format!("{file}: cannot be read: {BY_SANDBOX}");
        let line = reloaded(&world, &server, &format!("[tls]\n{keys}"), &expected);
        assert!(line.contains("The old certificate stays"), "{line}");
    }
    let state = elsewhere("root");
    let kept = format!("[tls]\nself-signed = true\nstate-directory = {state:?}\n");
    reloaded(
        &world,
        &server,
        &kept,
        &format!("{state}: cannot be read: {BY_SANDBOX}"),
    );
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn file_unreadable_after_run_as_is_reported_by_path() {
    if !geteuid().is_root() {
        return eprintln!("skipped: only root can switch to another user");
    }
    let world = World::new();
    for place in ["", "root"] {
        allow(&world.path(place), 0o755);
    }
    for name in ["secret", "log"] {
        fs::write(world.path(name), "a secret").unwrap();
        allow(&world.path(name), 0o600);
    }
    let text = format!(
        "run-as = \"54321:54322\"\n[log]\ntransfers = \"log\"\n{}",
        account("password-file = \"secret\"")
    );
    let server = world.start(&text);
    server.wait_for_log("54321:54322 cannot open ");
    let shown = world.path("secret").display().to_string();
    let expected =
        format!("{shown}: Permission denied: user 54321 may not read {shown}; try chown or ");
    reloaded(&world, &server, &text, &expected);
    let log = world.path("log").display().to_string();
    server.wait_for_log(&format!(
        "Cannot reopen the log {log}: Permission denied: user 54321 may not"
    ));
    // A parent directory that denies access.
    fs::create_dir(world.path("closed")).unwrap();
    fs::write(world.path("closed/secret"), "a secret").unwrap();
    allow(&world.path("closed"), 0o700);
    let closed = world.path("closed").display().to_string();
    let expected = format!("Permission denied: user 54321 may not enter {closed}; try chmod +x");
    let inside = text.replace("\"secret\"", "\"closed/secret\"");
    reloaded(&world, &server, &inside, &expected);
    allow(&world.file(), 0o600);
    server.hang_up();
    let file = world.file().display().to_string();
    server.wait_for_log(&format!(
        "{file}: Permission denied: user 54321 may not read {file}"
    ));
}
