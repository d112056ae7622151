//! The program under a service manager, which the test simulates: state notifications, watchdog
//! keepalives, inherited sockets, and the log format for the journal.

#[cfg(feature = "config")]
mod status;

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Control, DEADLINE, binary, mioftpd, uninterrupted};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The manager's end of `NOTIFY_SOCKET`.
struct Manager {
    socket: UnixDatagram,
    directory: TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket, directory }
    }

    /// Starts the program with this manager and further environment variables.
    fn start(&self, variables: &[(&str, &str)]) -> Service {
        let mut command = mioftpd(["--listen", "127.0.0.1:0"]);
        command
            .env("NOTIFY_SOCKET", self.directory.path().join("notify"))
            .envs(variables.iter().copied())
            .stderr(Stdio::null());
        Service(command.spawn().unwrap())
    }

    /// Waits for the next message with this assignment.
    fn expect(&self, assignment: &str) -> String {
        let mut buffer = [0; 4096];
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            let count = uninterrupted(|| self.socket.recv(&mut buffer)).unwrap();
            let message = String::from_utf8(buffer[..count].to_vec()).unwrap();
            if message.lines().any(|line| line == assignment) {
                return message;
            }
        }
        panic!("{assignment} was not received");
    }

    /// Sends SIGHUP, waits for the end of the reload, and returns the status.
    #[cfg(feature = "config")]
    fn reload(&self, service: &Service) -> String {
        service.signal(Signal::HUP);
        self.expect("RELOADING=1");
        let message = self.expect("READY=1");
        let status = message
            .lines()
            .find_map(|line| line.strip_prefix("STATUS="));
        status.unwrap().to_owned()
    }
}

/// The program; dropping it kills the process.
struct Service(Child);

impl Service {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn address_in(message: &str) -> SocketAddr {
    let status = message
        .lines()
        .find_map(|l| l.strip_prefix("STATUS=Serving at "));
    status.unwrap().parse().unwrap()
}

#[test]
fn start_reload_and_stop_are_reported() {
    let manager = Manager::new();
    let service = manager.start(&[]);
    let ready = manager.expect("READY=1");
    let mut control = Control::connect(address_in(&ready));
    service.signal(Signal::HUP);
    let reloading = manager.expect("RELOADING=1");
    let micros = reloading
        .lines()
        .find_map(|l| l.strip_prefix("MONOTONIC_USEC="));
    assert!(micros.unwrap().parse::<u64>().unwrap() > 0);
    manager.expect("READY=1");
    control.command("NOOP", 200);
    service.signal(Signal::TERM);
    manager.expect("STOPPING=1");
    control.expect(421);
}

#[test]
fn failed_start_is_in_the_status() {
    let manager = Manager::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, code, why) in [
        (
            &["--listen", &taken][..],
            1,
            "Address already in use, by another server",
        ),
        (&["--no-such-option"], 2, "unknown option --no-such-option"),
    ] {
        let mut command = mioftpd(arguments);
        command.env("NOTIFY_SOCKET", manager.directory.path().join("notify"));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let mut buffer = [0; 4096];
        let count = uninterrupted(|| manager.socket.recv(&mut buffer)).unwrap();
        let message = String::from_utf8_lossy(&buffer[..count]);
        assert!(
            message.starts_with("STATUS=Failed: ") && message.contains(why),
            "{message}"
        );
    }
}

#[test]
fn reload_with_a_certificate_is_reported_as_finished() {
    if cfg!(not(feature = "tls")) {
        return;
    }
    let manager = Manager::new();
    let mut command = mioftpd(["--listen", "127.0.0.1:0", "--tls-self-signed"]);
    command
        .arg(manager.directory.path())
        .env("NOTIFY_SOCKET", manager.directory.path().join("notify"))
        .stderr(Stdio::null());
    let service = Service(command.spawn().unwrap());
    manager.expect("READY=1");
    service.signal(Signal::HUP);
    manager.expect("RELOADING=1");
    manager.expect("READY=1");
}

#[test]
#[cfg(feature = "config")]
fn failed_reload_is_in_the_status_until_one_succeeds() {
    let manager = Manager::new();
    let file = manager.directory.path().join("config.toml");
    let good = "listen = [\"127.0.0.1:0\"]\n[addresses]\nallow = \"127.0.0.0/8\"\n";
    std::fs::write(&file, good).unwrap();
    let mut command = mioftpd(["--config".as_ref(), file.as_os_str()]);
    command
        .env("NOTIFY_SOCKET", manager.directory.path().join("notify"))
        .stderr(Stdio::null());
    let service = Service(command.spawn().unwrap());
    let ready = manager.expect("READY=1");
    let mut control = Control::connect(address_in(&ready));
    let status_after = |text: &str| {
        std::fs::write(&file, text).unwrap();
        manager.reload(&service)
    };
    for (text, why) in [
        (
            "workers = \"x\"",
            "config.toml:1:11: workers: invalid value",
        ),
        ("", "addresses.allow"),
    ] {
        let status = status_after(text);
        assert!(status.starts_with("Serving at 127.0.0.1:"), "{status}");
        assert!(
            status.contains("The old configuration stays") && status.contains(why),
            "{status}"
        );
    }
    let status = status_after(good);
    assert!(!status.contains("stays"), "{status}");
    control.command("NOOP", 200);
}

#[test]
fn idle_server_sends_watchdog_keepalives() {
    let manager = Manager::new();
    let service = manager.start(&[("WATCHDOG_USEC", "200000")]);
    manager.expect("READY=1");
    let begin = Instant::now();
    for _ in 0..5 {
        manager.expect("WATCHDOG=1");
    }
    // Five keepalives span four intervals, each half of the time-out.
    assert!(begin.elapsed() > Duration::from_millis(300));
    // A hanging process sends none.
    service.signal(Signal::STOP);
    let silence = Duration::from_millis(600);
    manager.socket.set_read_timeout(Some(silence)).unwrap();
    let mut buffer = [0; 64];
    let mut late = 0;
    while uninterrupted(|| manager.socket.recv(&mut buffer)).is_ok() {
        late += 1;
    }
    assert!(late <= 5, "{late} after it was stopped");
    service.signal(Signal::CONT);
    manager.socket.set_read_timeout(Some(DEADLINE)).unwrap();
    manager.expect("WATCHDOG=1");
}

#[test]
fn watchdog_of_another_process_is_ignored() {
    let manager = Manager::new();
    let variables = [("WATCHDOG_USEC", "20000"), ("WATCHDOG_PID", "1")];
    let service = manager.start(&variables);
    manager.expect("READY=1");
    service.signal(Signal::TERM);
    let mut buffer = [0; 4096];
    let count = uninterrupted(|| manager.socket.recv(&mut buffer)).unwrap();
    assert!(buffer[..count].starts_with(b"STOPPING=1\n"));
}

#[test]
fn missing_service_manager_is_not_fatal() {
    let directory = tempfile::tempdir().unwrap();
    let server = crate::support::Starter::default()
        .variable(
            "NOTIFY_SOCKET",
            directory.path().join("none").to_str().unwrap(),
        )
        .start();
    server.connect().command("QUIT", 221);
    server.wait_for_log("Cannot connect to the service manager");
}

/// Starts the program with two listening sockets at 3 and 4, as `sd_listen_fds(3)` has it.
fn activate(names: &str, arguments: &[&str]) -> (Service, [SocketAddr; 2]) {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = listeners.each_ref().map(|one| one.local_addr().unwrap());
    let [third, fourth] = listeners.map(|one| Stdio::from(OwnedFd::from(one)));
    // The shell moves the descriptors to 3 and 4, and keeps its process id in exec.
    let script = "exec 3<&0 4<&1 </dev/null >/dev/null; LISTEN_PID=$$ exec \"$@\"";
    let command = Command::new("/bin/sh")
        .args(["-c", script, "sh"])
        .arg(binary())
        .args(arguments)
        .env("LISTEN_FDS", "2")
        .env("LISTEN_FDNAMES", names)
        .stdin(third)
        .stdout(fourth)
        .stderr(Stdio::inherit())
        .spawn();
    (Service(command.unwrap()), addresses)
}

#[test]
fn inherited_sockets_are_served() {
    let (service, addresses) = activate("ftp:unknown", &["--log", "error"]);
    // Clients that connected before the server was ready are served too.
    for address in addresses {
        let mut control = Control::connect(address);
        control.command("NOOP", 200);
    }
    service.signal(Signal::TERM);
}

#[test]
fn sockets_for_another_process_are_ignored() {
    let server = crate::support::Starter::default()
        .variable("LISTEN_FDS", "2")
        .variable("LISTEN_PID", "1")
        .start();
    server.connect().command("QUIT", 221);
}

#[test]
fn inherited_socket_named_ftps_uses_implicit_tls() {
    if cfg!(not(feature = "tls")) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let served = directory.path().to_str().unwrap();
    let arguments = ["--log", "error", "--tls-self-signed", served];
    let (_service, [ftp, ftps]) = activate("ftp:ftps", &arguments);
    Control::connect(ftp).command("QUIT", 221);
    // There is no greeting without TLS.
    let silent = Control::silent(ftps);
    assert!(!silent.has_reply(Duration::from_millis(300)));
}

#[test]
fn inherited_socket_named_ftps_needs_a_certificate() {
    let (mut service, _) = activate("ftps:ftp", &["--log", "error"]);
    assert_eq!(service.0.wait().unwrap().code(), Some(1));
}

#[test]
fn inherited_descriptor_that_does_not_listen_is_refused() {
    let script = "exec 3</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"";
    let output = Command::new("/bin/sh")
        .args(["-c", script, "sh"])
        .arg(binary())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("service manager"), "{text}");
}

#[test]
fn journal_lines_begin_with_priorities() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let log = std::fs::File::create(&path).unwrap();
    let stat = rustix::fs::fstat(&log).unwrap();
    let manager = Manager::new();
    let mut command = mioftpd(["--listen", "127.0.0.1:0"]);
    command
        .env("NOTIFY_SOCKET", manager.directory.path().join("notify"))
        .env("JOURNAL_STREAM", format!("{}:{}", stat.st_dev, stat.st_ino))
        .stderr(log);
    let mut service = Service(command.spawn().unwrap());
    let ready = manager.expect("READY=1");
    Control::connect(address_in(&ready)).command("X", 500);
    service.signal(Signal::TERM);
    service.0.wait().unwrap();
    let log = std::fs::read_to_string(&path).unwrap();
    assert!(log.contains("\n<6>Start serving at "), "{log}");
    assert!(log.contains("\n<4>"), "{log}");
    assert!(log.lines().all(|line| line.starts_with('<')), "{log}");
}
