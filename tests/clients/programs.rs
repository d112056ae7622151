//! Finding the clients on this machine, and running them to their end.
//!
//! Nothing is installed here; that is `.ci/run`'s.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Seconds after which a client hangs: a mirror over TLS has a hundred handshakes, on a machine that may
/// be busy.
const PATIENCE: u32 = 300;

/// The exit code of one that was killed for that.
pub(crate) const TIMED_OUT: i32 = 124;

/// The client, if it is installed: killed when it takes for ever, and with nobody's settings.
pub(crate) fn client(program: &str) -> Option<Command> {
    client_within(program, PATIENCE)
}

/// As [`client`], with so many seconds.
pub(crate) fn client_within(program: &str, seconds: u32) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    let found = folders.any(|folder| folder.join(program).is_file());
    present(program, found).then(|| bounded(program, seconds))
}

/// Python, where it has aioftp and ftputil.
pub(crate) fn python_with_libraries() -> Option<Command> {
    let python = installed("venv/bin/python");
    present("the venv of Python", python.is_file()).then(|| bounded(python, PATIENCE))
}

/// Node, where it has this package.
pub(crate) fn node_with(package: &str) -> Option<Command> {
    let modules = installed("node/node_modules");
    let found = modules.join(package).is_dir();
    let mut node = client("node").filter(|_| present(package, found))?;
    node.env("NODE_PATH", modules);
    Some(node)
}

pub(crate) fn node_with_basic_ftp() -> Option<Command> {
    node_with("basic-ftp")
}

/// Perl, where it has `Net::FTP` and its TLS.
pub(crate) fn perl_with_net_ftp() -> Option<Command> {
    let perl = client("perl")?;
    let modules = ["-MNet::FTP", "-MIO::Socket::SSL", "-e1"];
    let asked = Command::new("perl").args(modules).output();
    let found = asked.is_ok_and(|output| output.status.success());
    present("Net::FTP with IO::Socket::SSL", found).then_some(perl)
}

/// Java, where it can run a source file and has Apache Commons Net.
pub(crate) fn java_with_commons_net() -> Option<Command> {
    let library = Path::new("/usr/share/java/commons-net.jar");
    let mut java = client("javac").and_then(|_| client("java"))?;
    // It lives for seconds: no time to be compiled well.
    java.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"]);
    java.arg(library);
    present("Commons Net", library.is_file()).then_some(java)
}

/// A script beside this file.
pub(crate) fn script(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/clients").join(name)
}

/// Runs to the end; must succeed.
pub(crate) fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Runs to the end with what a user would type; what it said, both outputs in one.
pub(crate) fn typed(command: &mut Command, lines: &str) -> String {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

fn bounded(program: impl Into<OsString>, seconds: u32) -> Command {
    let mut command = Command::new("timeout");
    command.arg(seconds.to_string()).arg(program.into());
    // Nobody's ~/.netrc, ~/.ncftp or ~/.config; and none is made, as root can where a home is missing.
    command.env("HOME", "/dev/null").env("LC_ALL", "C.UTF-8");
    command
}

fn installed(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("target/clients").join(path)
}

fn present(name: &str, found: bool) -> bool {
    let required = std::env::var("MIOFTPD_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
    assert!(found || !required, "{name} is not installed");
    if !found {
        eprintln!("{name} is not installed: skipped");
    }
    found
}
