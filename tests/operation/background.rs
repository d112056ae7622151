//! `--daemon`, `--pid-file` and `--syslog`: the program on a system without a service manager.

#![cfg(feature = "daemon")]

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, getsid, kill_process, test_kill_process};
use tempfile::TempDir;

use crate::support::{Control, DEADLINE, free_ports, mioftpd, uninterrupted, until};

/// A directory with a served one, a pid file and a syslog daemon, which a test reads.
struct World {
    directory: TempDir,
    address: SocketAddr,
    syslog: UnixDatagram,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("root")).unwrap();
        fs::write(directory.path().join("root/f"), "content").unwrap();
        let syslog = UnixDatagram::bind(directory.path().join("log")).unwrap();
        syslog.set_read_timeout(Some(DEADLINE)).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_ports()));
        Self {
            directory,
            address,
            syslog,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program with a relative directory and pid file.
    fn command(&self, options: &[&str]) -> Command {
        let mut command = mioftpd(options);
        command.args([
            "--pid-file",
            "pid",
            "--listen",
            &self.address.to_string(),
            "root",
        ]);
        command.current_dir(self.directory.path());
        command
    }

    fn run(&self, options: &[&str]) -> Output {
        self.command(options).output().unwrap()
    }

    /// Waits for a line of the log with this text.
    fn wait_for(&self, text: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let count = uninterrupted(|| self.syslog.recv(&mut buffer)).unwrap();
            let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The running process; it is killed when this is dropped.
    fn process(&self) -> Process {
        let text = fs::read_to_string(self.path("pid")).unwrap();
        let number = text.trim_end().parse().unwrap();
        Process(Pid::from_raw(number).unwrap())
    }
}

struct Process(Pid);

impl Process {
    /// Ends the server, and waits for the end of its process.
    fn stop(&self) {
        kill_process(self.0, Signal::TERM).unwrap();
        until("the exit", || {
            test_kill_process(self.0).is_err().then_some(())
        });
    }

    fn link(&self, name: &str) -> PathBuf {
        fs::read_link(format!("/proc/{}/{name}", self.0)).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::KILL);
    }
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The pipes of the output are closed before the server ends: otherwise this would hang.
#[test]
fn daemon_serves_when_the_program_has_returned() {
    let world = World::new();
    let output = world.run(&["--daemon", "--syslog=log", "--no-sandbox"]);
    assert!(output.status.success(), "{}", message(&output));
    let process = world.process();
    assert_eq!(Control::login(world.address).retrieve("f"), b"content");
    let line = world.wait_for("Logged in as");
    assert!(
        line.starts_with(&format!("<94>mioftpd[{}]: ", process.0)),
        "{line}"
    );
    assert_eq!(getsid(Some(process.0)).unwrap(), process.0);
    assert_eq!(process.link("cwd"), Path::new("/"));
    for stream in ["fd/0", "fd/1", "fd/2"] {
        assert_eq!(process.link(stream), Path::new("/dev/null"));
    }
    let name = fs::read_to_string(format!("/proc/{}/comm", process.0)).unwrap();
    assert_eq!(name, "mioftpd\n");
    // A reload finds what was named relative to the directory of the start.
    kill_process(process.0, Signal::HUP).unwrap();
    world.wait_for("The configuration was read again");
    assert_eq!(Control::login(world.address).retrieve("f"), b"content");
    process.stop();
    assert!(!world.path("pid").exists());
}

#[test]
fn daemon_that_fails_reports_it_with_its_exit_code() {
    let world = World::new();
    let output = world.run(&["--daemon", "--bogus"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(message(&output).contains("--bogus"), "{}", message(&output));
    let taken = TcpListener::bind(world.address).unwrap();
    let output = world.run(&["--daemon"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message(&output).contains("Address already in use"),
        "{}",
        message(&output)
    );
    assert!(!world.path("pid").exists());
    drop(taken);
}

#[test]
fn second_server_with_a_pid_file_is_refused() {
    let world = World::new();
    assert!(
        world
            .run(&["--daemon", "--syslog=log", "--no-sandbox"])
            .status
            .success()
    );
    let process = world.process();
    for options in [&["--daemon"][..], &[]] {
        let output = world.run(options);
        assert_eq!(output.status.code(), Some(1));
        let expected = format!("the server with process id {} is running", process.0);
        assert!(message(&output).contains(&expected), "{}", message(&output));
    }
    // A server that was killed leaves the file, and the next one takes it over.
    kill_process(process.0, Signal::KILL).unwrap();
    until("the exit", || {
        test_kill_process(process.0).is_err().then_some(())
    });
    assert!(world.path("pid").exists());
    let output = world.run(&["--daemon", "--syslog=log"]);
    assert!(output.status.success(), "{}", message(&output));
    let next = world.process();
    Control::login(world.address);
    next.stop();
    // In the sandbox the file may not be removed.
    let left = fs::read_to_string(world.path("pid")).unwrap_or_default();
    assert_eq!(left, "");
}

#[test]
fn log_of_a_daemon_in_a_file_stays() {
    let world = World::new();
    let log = fs::File::create(world.path("stderr")).unwrap();
    let mut command = world.command(&["--daemon"]);
    assert!(command.stderr(Stdio::from(log)).status().unwrap().success());
    let process = world.process();
    Control::login(world.address);
    process.stop();
    let log = fs::read_to_string(world.path("stderr")).unwrap();
    assert!(
        log.contains("Logged in as") && log.contains("Stopping"),
        "{log}"
    );
    assert!(!log.contains("discards the log"), "{log}");
}

#[test]
fn daemon_without_a_log_says_so() {
    let world = World::new();
    let output = world.run(&["--daemon"]);
    let process = world.process();
    assert!(output.status.success());
    let text = message(&output);
    assert!(
        text.contains("Start serving at") && text.contains("discards the log"),
        "{text}"
    );
    process.stop();
}

#[test]
fn syslog_daemon_may_be_started_later() {
    let world = World::new();
    fs::remove_file(world.path("log")).unwrap();
    assert!(world.run(&["--daemon", "--syslog=log"]).status.success());
    let process = world.process();
    let mut control = Control::login(world.address);
    let world = World {
        syslog: UnixDatagram::bind(world.path("log")).unwrap(),
        ..world
    };
    world.syslog.set_read_timeout(Some(DEADLINE)).unwrap();
    control.command("NOOP", 200);
    world.wait_for("log lines were lost: syslog did not take them");
    world.wait_for("NOOP");
    process.stop();
}
