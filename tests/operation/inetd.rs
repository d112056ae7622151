//! `--inetd`: one session on a connection that another program has accepted.

#![cfg(feature = "daemon")]

use std::fs;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{Control, DataChannel, binary, free_ports, installed, mioftpd, until};

/// A connection: the client's end, and the server's.
fn connection() -> (TcpStream, OwnedFd) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    (client, accepted.into())
}

/// Starts the program as inetd does: each standard stream is the connection.
fn start(arguments: &[&str]) -> (TcpStream, Child) {
    let (client, accepted) = connection();
    let stream = || Stdio::from(accepted.try_clone().unwrap());
    let mut command = mioftpd(["--inetd", "--log", "trace"]);
    command.args(arguments);
    let command = command.stdin(stream()).stdout(stream()).stderr(stream());
    (client, command.spawn().unwrap())
}

fn world() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("f"), "content").unwrap();
    root
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn session_on_standard_input_ends_the_process() {
    let root = world();
    let (client, mut server) = start(&["--writable", "--no-sandbox", text(root.path())]);
    let mut control = Control::over(client);
    control.expect(220);
    control.log_in("anonymous", "x");
    control.command("TYPE I", 200);
    assert_eq!(control.retrieve("f"), b"content");
    control.store("new", b"uploaded");
    assert_eq!(fs::read(root.path().join("new")).unwrap(), b"uploaded");
    let data = DataChannel::port(&mut control);
    control.command("RETR new", 150);
    assert_eq!(data.receive(), b"uploaded");
    control.expect(226);
    let threads = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    assert_eq!(threads.count(), 1);
    control.command("QUIT", 221);
    control.expect_end();
    drop(control);
    let status = until("the exit", || server.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn client_that_disconnects_ends_the_process() {
    let root = world();
    let (client, mut server) = start(&["--writable", text(root.path())]);
    let mut control = Control::over(client);
    control.expect(220);
    control.log_in("anonymous", "x");
    let upload = control.passive();
    control.command("STOR cut", 150);
    drop(control);
    drop(upload);
    let status = until("the exit", || server.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    let names = fs::read_dir(root.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name());
    assert!(
        !names
            .into_iter()
            .any(|name| name.to_string_lossy().ends_with(".tmp"))
    );
}

#[test]
#[cfg(feature = "tls")]
fn session_on_standard_input_can_be_secured() {
    use crate::support::tls::TlsClient;

    let root = world();
    let (client, mut server) = start(&["--tls-self-signed", text(root.path())]);
    let mut control = Control::over(client);
    control.expect(220);
    control.command("AUTH TLS", 234);
    control.secure(&TlsClient::new());
    control.log_in("anonymous", "x");
    control.command("PBSZ 0", 200);
    control.command("PROT P", 200);
    assert_eq!(control.retrieve("f"), b"content");
    control.command("QUIT", 221);
    drop(control);
    let status = until("the exit", || server.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn failed_start_is_421_for_the_client() {
    for (arguments, code) in [(&["--bogus"][..], 2), (&["/no/such/directory"], 1)] {
        let (mut client, mut server) = start(arguments);
        let mut received = String::new();
        client.read_to_string(&mut received).unwrap();
        let expected = "421 Service not available, closing control connection.\r\n";
        assert_eq!(received, expected);
        let status = until("the exit", || server.try_wait().unwrap());
        assert_eq!(status.code(), Some(code));
    }
}

/// As tcpsvd(8) does.
#[test]
fn log_goes_to_standard_error_if_that_is_not_the_connection() {
    let root = world();
    let (client, accepted) = connection();
    let stream = || Stdio::from(accepted.try_clone().unwrap());
    let mut command = mioftpd(["--inetd", text(root.path())]);
    let command = command
        .stdin(stream())
        .stdout(stream())
        .stderr(Stdio::piped());
    let server = command.spawn().unwrap();
    drop(accepted);
    let mut control = Control::over(client);
    control.expect(220);
    control.command("QUIT", 221);
    control.expect_end();
    drop(control);
    let output = server.wait_with_output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && log.contains("Sent by client"),
        "{log}"
    );
}

#[test]
fn standard_input_must_be_a_connection() {
    let output = mioftpd(["--inetd"]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message.contains("--inetd: standard input is not a TCP connection"),
        "{message}"
    );
}

/// Kills the process when it is dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Downloads and uploads by curl from a port where another program accepts.
fn transfers_by_curl(root: &Path, port: u16, super_server: &mut Command) {
    let Some(_) = installed("curl") else {
        return;
    };
    let _super_server = Program(super_server.spawn().unwrap());
    until("the port", || TcpStream::connect(("127.0.0.1", port)).ok());
    let url = format!("ftp://127.0.0.1:{port}/");
    for arguments in [
        vec![format!("{url}f")],
        vec![
            "-T".into(),
            text(&root.join("f")).into(),
            format!("{url}copy"),
        ],
    ] {
        let mut curl = installed("curl").unwrap();
        let output = curl
            .args(["-sS", "--max-time", "60"])
            .args(&arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        if arguments.len() == 1 {
            assert_eq!(output.stdout, b"content");
        }
    }
    assert_eq!(fs::read(root.join("copy")).unwrap(), b"content");
}

#[test]
fn inetd_starts_the_server_for_each_connection() {
    let Some(mut inetd) = installed("inetd") else {
        return;
    };
    let (root, port) = (world(), free_ports());
    let user = rustix::process::geteuid().as_raw();
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let mut names = passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == user.to_string()).then_some(name)
    });
    let file = root.path().join("inetd.conf");
    let line = format!(
        "127.0.0.1:{port} stream tcp nowait {} {} mioftpd --inetd --writable {}\n",
        names.next().unwrap(),
        binary().display(),
        root.path().display()
    );
    fs::write(&file, line).unwrap();
    transfers_by_curl(root.path(), port, inetd.arg("-i").arg(file));
}

#[test]
fn tcpsvd_starts_the_server_for_each_connection() {
    let Some(mut tcpsvd) = installed("tcpsvd") else {
        return;
    };
    let (root, port) = (world(), free_ports());
    tcpsvd.args(["127.0.0.1", &port.to_string()]).arg(binary());
    tcpsvd
        .args(["--inetd", "--writable", text(root.path())])
        .stderr(Stdio::null());
    transfers_by_curl(root.path(), port, &mut tcpsvd);
}
