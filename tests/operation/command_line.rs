//! The command line: options, error messages, exit codes (0 stopped, 1 failed, 2 invalid command line), and
//! the stop by a signal.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Output;

use crate::support::{Control, Server, Starter, epsv_port, free_ports, mioftpd, pasv_port};

/// Runs the program until it exits.
fn run(arguments: &[&str]) -> Output {
    mioftpd(arguments).output().unwrap()
}

/// Asserts that the program exits with this code, and prints each of `words` on standard error only.
fn fails(arguments: &[&str], code: i32, words: &[&str]) {
    let output = run(arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    for word in words {
        assert!(
            message.contains(word),
            "{arguments:?}: no {word:?} in {message}"
        );
    }
}

#[test]
fn invalid_option_is_named_and_exits_2() {
    for (arguments, words) in [
        (&["--bogus"][..], &["--bogus"][..]),
        (&["-x"], &["-x"]),
        (&["--listen"], &["--listen"]),
        (&["--listen", "nonsense"], &["--listen", "nonsense"]),
        (&["--listen", "127.0.0.1"], &["--listen", "127.0.0.1"]),
        (&["--listen", "127.0.0.1:70000"], &["--listen", "70000"]),
        (&["--workers", "x"], &["--workers", "x"]),
        (&["--workers", "-1"], &["--workers"]),
        (&["--workers"], &["--workers"]),
        (&["--busy-poll", "50"], &["--busy-poll", "50us"]),
        (&["--busy-poll", "1001ms"], &["--busy-poll", "1001ms"]),
        (&["--passive-ports", "50-40"], &["--passive-ports", "50-40"]),
        (&["--passive-ports", "0-40"], &["--passive-ports"]),
        (&["--passive-ports", "0"], &["--passive-ports"]),
        (&["--passive-ports", "5000-x"], &["--passive-ports"]),
        (&["--passive-ports", "5000-70000"], &["--passive-ports"]),
        (
            &["--passive-address", "256.1.1.1"],
            &["--passive-address", "256.1.1.1"],
        ),
        (
            &["--passive-address", "0.0.0.0"],
            &["--passive-address: no client can connect to 0.0.0.0"],
        ),
        (
            &["--passive-address", "224.0.0.1"],
            &["no client can connect to 224.0.0.1"],
        ),
        (
            &["--passive-address", "255.255.255.255"],
            &["no client can connect to 255.255.255.255"],
        ),
        (&["--log", "loud"], &["--log", "loud", "debug"]),
        (&["--user"], &["--user"]),
    ] {
        fails(arguments, 2, words);
    }
}

#[test]
fn invalid_combination_of_options_exits_2() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    fails(
        &["--user", "alice", root],
        2,
        &["MIOFTPD_PASSWORD", "--password-file"],
    );
    fails(&[root, root], 2, &[root]);
    fails(&["--writable"], 2, &["--writable", "DIR"]);
    fails(&["--user", "ftp", root], 2, &["--user", "ftp"]);
    let without_anonymous = ["--user", "alice", "--writable", root];
    fails(&without_anonymous, 2, &["--writable", "--anonymous"]);
}

#[test]
fn missing_directory_or_file_as_root_exits_1() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [folder.path().join("missing"), file] {
        let path = path.to_str().unwrap();
        fails(&["--listen", "127.0.0.1:0", path], 1, &[path]);
    }
}

#[test]
fn port_in_use_exits_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(&["--listen", &address], 1, &[&address]);
}

#[test]
fn missing_password_file_is_named_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let output = run(&["-u", "alice", "--password-file", "/dev/null/pw", root]);
    assert!(matches!(output.status.code(), Some(1 | 2)));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/dev/null/pw"));
}

#[test]
fn listen_can_be_repeated_and_port_0_is_logged() {
    let starter = Starter::default().listen("127.0.0.1:0");
    let server = starter.listen("127.0.0.2:0").start();
    assert_eq!(server.addresses().len(), 2);
    let mut other = server.addresses()[1];
    assert_eq!(other.ip(), Ipv4Addr::new(127, 0, 0, 2));
    assert_ne!(other.port(), 0);
    Control::connect(server.address()).command("NOOP", 200);
    Control::connect(other).command("NOOP", 200);
    // Only the given addresses are bound.
    other.set_ip(Ipv4Addr::new(127, 0, 0, 3).into());
    assert!(std::net::TcpStream::connect(other).is_err());
}

#[test]
fn writable_allows_anonymous_uploads() {
    for option in ["-w", "--writable"] {
        let server = Starter::default().argument(option).serving(|_| ()).start();
        server.login().store("f", b"content");
        assert_eq!(fs::read(server.file("f")).unwrap(), b"content");
    }
    let server = Server::read_only(|_| ());
    server.login().command("MKD d", 550);
}

#[test]
fn user_with_password_in_environment_can_log_in() {
    let starter = Starter::default().argument("--user").argument("alice");
    let server = starter.variable("MIOFTPD_PASSWORD", "s3cret word");
    let server = server.serving(|_| ()).start();
    let mut control = server.connect();
    control.log_in("alice", "s3cret word");
    control.command("MKD d", 257);
    let mut anonymous = server.connect();
    anonymous.command("USER anonymous", 331);
    anonymous.command("PASS x", 530);
    server.wait_for_log("PASS");
    assert!(!server.log().contains("s3cret"), "{}", server.log());
}

#[test]
fn user_with_password_file_and_anonymous_can_log_in() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    fs::write(&password, "from a file\n").unwrap();
    let starter = Starter::default().argument("-u").argument("alice");
    let starter = starter.argument("--password-file").argument(password);
    let server = starter.argument("--anonymous").serving(|_| ()).start();
    let mut alice = server.connect();
    alice.log_in("alice", "from a file");
    alice.command("MKD d", 257);
    server.login().command("MKD e", 550);
}

#[test]
fn passive_ports_never_leave_the_range() {
    let first = free_ports();
    let range = format!("{first}-{}", first + 1);
    let starter = Starter::default()
        .argument("--passive-ports")
        .argument(range);
    let server = starter.serving(|_| ()).start();
    let (mut one, mut two, mut three) = (server.login(), server.login(), server.login());
    let ports = [epsv_port(&mut one), epsv_port(&mut two)];
    assert!(
        ports.contains(&first) && ports.contains(&(first + 1)),
        "{ports:?}"
    );
    // No port of the range is free for the address, and no other port is used.
    three.send("EPSV");
    let _data = std::net::TcpStream::connect((server.address().ip(), ports[0])).unwrap();
    let reply = three.expect(229);
    assert!(
        reply.text().contains(&format!("|||{}|", ports[0])),
        "{reply:?}"
    );
}

#[test]
fn passive_ports_may_be_a_single_one() {
    let port = free_ports();
    let starter = Starter::default()
        .argument("--passive-ports")
        .argument(port.to_string());
    let server = starter.serving(|_| ()).start();
    assert_eq!(epsv_port(&mut server.login()), port);
}

#[test]
fn passive_address_is_advertised_by_pasv() {
    let starter = Starter::default()
        .argument("--passive-address")
        .argument("10.2.0.7");
    let server = starter.serving(|_| ()).start();
    let mut control = server.login();
    let reply = control.command("PASV", 227);
    assert!(reply.text().contains("(10,2,0,7,"), "{reply:?}");
    assert_ne!(pasv_port(&mut control), 0);
}

#[test]
fn log_level_hides_lower_levels() {
    // The server logs its port at `info`, so the test chooses one.
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, free_ports()));
    let address = free.to_string();
    let mut child = mioftpd(["--listen", &address, "--log", "warn"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    dialogue(free);
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!log.contains("Sent by client"), "{log}");
    assert!(!log.contains("Start serving"), "{log}");
}

/// The line that says that the server serves is the last one of a start.
#[test]
fn settings_and_warnings_are_logged_before_serving() {
    let starter = Starter::default().argument("--passive-address");
    let server = starter.argument("127.0.0.1").serving(|_| ()).start();
    server.connect();
    server.wait_for_log("Accepted new connection");
    let log = server.log();
    let (before, after) = log.split_once("Start serving at ").unwrap();
    for text in ["passive-address", "Up to ", "Sandbox: "] {
        assert!(before.contains(text), "{text}: {log}");
    }
    let next = after.lines().nth(1).unwrap();
    assert!(next.contains("Accepted new connection"), "{log}");
}

#[test]
fn unknown_user_is_found_before_serving() {
    let output = mioftpd(["--listen", "127.0.0.1:0", "--run-as", "no-such-user"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("cannot run as no-such-user"), "{text}");
    assert!(!text.contains("erving"), "{text}");
}

fn dialogue(address: SocketAddr) {
    let stream = crate::support::until("the server", || std::net::TcpStream::connect(address).ok());
    let mut control = Control::over(stream);
    control.expect(220);
    control.command("NOOP", 200);
    control.command("QUIT", 221);
}

#[test]
fn transfers_work_without_workers() {
    let starter = Starter::default().argument("--workers").argument("0");
    let server = starter.argument("-w").serving(|_| ()).start();
    let mut control = server.login();
    control.store("f", b"content");
    assert_eq!(control.retrieve("f"), b"content");
}

#[test]
fn sigterm_ends_idle_sessions_with_421_and_exits_0() {
    let mut server = Server::read_only(|_| ());
    let mut idle = server.login();
    let mut greeted = server.connect();
    server.terminate();
    for control in [&mut idle, &mut greeted] {
        control.expect(421);
        control.expect_end();
    }
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
#[cfg(feature = "tls")]
fn invalid_combination_of_tls_options_exits_2() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let certificate = "--tls-cert FILE and --tls-key FILE, or --tls-self-signed";
    for (arguments, words) in [
        (
            &["--tls-cert", "c"][..],
            &["--tls-cert", "--tls-key FILE"][..],
        ),
        (&["--tls-key", "k"], &["--tls-key", "--tls-cert FILE"]),
        (
            &["--tls-cert", "c", "--tls-key", "k", "--tls-self-signed"],
            &["--tls-self-signed cannot be used with --tls-cert FILE and --tls-key FILE"],
        ),
        (
            &["--tls-cert", "c", "--tls-key", "k", "--state-dir", "d"],
            &["--state-dir needs --tls-self-signed"],
        ),
        (
            &["--state-dir", "d"],
            &["--state-dir needs --tls-self-signed"],
        ),
        (
            &["--tls-listen", "127.0.0.1:0"],
            &["--tls-listen", certificate],
        ),
        (&["--tls-require", "login"], &["--tls-require", certificate]),
        (
            &["--tls-data-session", "off"],
            &["--tls-data-session", certificate],
        ),
        (
            &["--tls-client-ca", "ca"],
            &["--tls-client-ca", certificate],
        ),
        (&["--tls-allow-ccc"], &["--tls-allow-ccc", certificate]),
        (
            &["--tls-self-signed", "--tls-client-required"],
            &["--tls-client-required", "--tls-client-ca FILE"],
        ),
        (
            &["--tls-self-signed", "--tls-client-login"],
            &["--tls-client-login", "--tls-client-ca FILE"],
        ),
        (
            &["--tls-self-signed", "--tls-listen", "990"],
            &["990", "0.0.0.0:990"],
        ),
        (
            &["--tls-self-signed", "--tls-require", "all"],
            &["all", "none, login, control or data"],
        ),
        (
            &["--tls-self-signed", "--tls-data-session", "maybe"],
            &["maybe", "off, observe or require"],
        ),
    ] {
        fails(&[arguments, &[root]].concat(), 2, words);
    }
    fails(&["--tls-self-signed"], 2, &["--tls-self-signed", "DIR"]);
}

#[test]
#[cfg(feature = "tls")]
fn unusable_certificate_is_named_and_exits_1() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let authority = crate::support::certificates::Authority::new();
    let (one, other) = (authority.server("one"), authority.server("other"));
    let garbage = folder.path().join("garbage");
    fs::write(&garbage, "no PEM at all").unwrap();
    let missing = folder.path().join("missing");
    for (certificate, key, named) in [
        (&missing, &one.key_file, &missing),
        (&one.certificate_file, &missing, &missing),
        (&garbage, &one.key_file, &garbage),
        (&one.certificate_file, &garbage, &garbage),
        (&one.certificate_file, &other.key_file, &other.key_file),
    ] {
        let [certificate, key, named] =
            [certificate, key, named].map(|path| path.to_str().unwrap());
        let files = ["--tls-cert", certificate, "--tls-key", key];
        let arguments = [&["--listen", "127.0.0.1:0"], &files[..], &[root]].concat();
        fails(&arguments, 1, &[named]);
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let arguments = ["--tls-self-signed", "--tls-listen", &address, root];
    fails(&arguments, 1, &[&address]);
}

#[test]
#[cfg(not(feature = "tls"))]
fn tls_options_need_a_build_with_tls() {
    fails(
        &["--tls-self-signed", "/"],
        2,
        &["--tls-self-signed", "--features tls"],
    );
}
