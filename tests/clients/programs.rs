//! Finds the client programs on this host, and runs them with a time-out. `.ci/run` installs them.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The time-out of a client, in seconds: a mirror over TLS has a hundred handshakes, and the host may be
/// busy.
const TIMEOUT: u32 = 300;

/// The exit code of timeout(1) for a program that it has killed.
pub(crate) const TIMED_OUT: i32 = 124;

/// The client, if it is installed, with the default time-out and without settings of the user.
pub(crate) fn client(program: &str) -> Option<Command> {
    client_within(program, TIMEOUT)
}

/// As [`client`], with a time-out in seconds.
pub(crate) fn client_within(program: &str, seconds: u32) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    let found = folders.any(|folder| folder.join(program).is_file());
    is_available(program, found).then(|| with_timeout(program, seconds))
}

/// Python, if it has aioftp and ftputil.
pub(crate) fn python_with_libraries() -> Option<Command> {
    let python = installed("venv/bin/python");
    is_available("the venv of Python", python.is_file()).then(|| with_timeout(python, TIMEOUT))
}

/// Node, if it has this package.
pub(crate) fn node_with(package: &str) -> Option<Command> {
    let modules = installed("node/node_modules");
    let found = modules.join(package).is_dir();
    let mut node = client("node").filter(|_| is_available(package, found))?;
    node.env("NODE_PATH", modules);
    Some(node)
}

pub(crate) fn node_with_basic_ftp() -> Option<Command> {
    node_with("basic-ftp")
}

/// Perl, if it has `Net::FTP` with TLS.
pub(crate) fn perl_with_net_ftp() -> Option<Command> {
    let perl = client("perl")?;
    let modules = ["-MNet::FTP", "-MIO::Socket::SSL", "-e1"];
    let output = Command::new("perl").args(modules).output();
    let found = output.is_ok_and(|output| output.status.success());
    is_available("Net::FTP with IO::Socket::SSL", found).then_some(perl)
}

/// Java, if it can run a source file and has Apache Commons Net.
pub(crate) fn java_with_commons_net() -> Option<Command> {
    let library = Path::new("/usr/share/java/commons-net.jar");
    let mut java = client("javac").and_then(|_| client("java"))?;
    // For short programs: less compilation, a simpler garbage collector.
    java.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"]);
    java.arg(library);
    is_available("Commons Net", library.is_file()).then_some(java)
}

/// The path of a script in this directory.
pub(crate) fn script(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/clients").join(name)
}

/// Runs a command to its end, which must be a success.
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

/// Runs a command with these lines as its input; returns its standard output and standard error.
pub(crate) fn typed(command: &mut Command, lines: &str) -> String {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

fn with_timeout(program: impl Into<OsString>, seconds: u32) -> Command {
    let mut command = Command::new("timeout");
    command.arg(seconds.to_string()).arg(program.into());
    // Without ~/.netrc, ~/.ncftp and ~/.config; root could create the missing home, so it is a device.
    command.env("HOME", "/dev/null").env("LC_ALL", "C.UTF-8");
    command
}

fn installed(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("target/clients").join(path)
}

fn is_available(name: &str, found: bool) -> bool {
    let required = std::env::var("MIOFTPD_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
    assert!(found || !required, "{name} is not installed");
    if !found {
        eprintln!("{name} is not installed: skipped");
    }
    found
}
