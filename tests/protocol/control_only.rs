//! The server without a directory: the exact replies and log lines (codes: RFC 959 §4.2).
//!
//! The latency benchmark measures this mode.

use std::net::TcpListener;

use crate::support::{Control, Server, Starter};

const GREETING: &str = "220 Service ready for new user.";
const OK: &str = "200 Command okay.";
const NOT_IMPLEMENTED: &str = "502 Command not implemented.";
const SYNTAX_ERROR: &str = "500 Syntax error, command unrecognized.";
const GOODBYE: &str = "221 Service closing control connection.";
const STOPPED: &str = "421 Service not available, closing control connection.";

/// Connects a client, and checks the greeting.
fn client(server: &Server) -> Control {
    let mut control = Control::silent(server.address());
    assert_eq!(control.line(), GREETING);
    control
}

#[test]
fn control_only_replies_are_exact() {
    let server = Server::control_only();
    let mut control = Control::silent(server.address());
    control.send_raw(b"NOOP\r\nSTOR /path/to/file.txt\r\nUNKNOWN command\r\nQUIT\r\n");
    let lines = [GREETING, OK, NOT_IMPLEMENTED, SYNTAX_ERROR, GOODBYE, ""];
    assert_eq!(control.rest(), lines.join("\r\n").as_bytes());
}

#[test]
fn verbs_are_case_insensitive() {
    let server = Server::control_only();
    let mut control = client(&server);
    for (line, reply) in [
        ("noop", OK),
        ("NoOp", OK),
        ("noop with an argument", OK),
        ("stor x", NOT_IMPLEMENTED),
        ("sToU", NOT_IMPLEMENTED),
        ("unknown", SYNTAX_ERROR),
        ("quit", GOODBYE),
    ] {
        control.send(line);
        assert_eq!(control.line(), reply, "{line}");
    }
    control.expect_end();
}

#[test]
fn control_only_rejects_extensions() {
    let server = Server::control_only();
    let mut control = client(&server);
    for line in ["FEAT", "EPSV", "MLSD", "SIZE x", "AUTH TLS", "", " NOOP"] {
        control.send(line);
        assert_eq!(control.line(), SYNTAX_ERROR, "{line:?}");
    }
}

#[test]
fn non_ascii_line_is_one_syntax_error() {
    let server = Server::control_only();
    let mut control = client(&server);
    for line in [&b"NOOP \xc3\xa9\r\n"[..], b"\xe9\r\n", b"\x80NOOP\r\n"] {
        control.send_raw(line);
        assert_eq!(control.line(), SYNTAX_ERROR, "{}", line.escape_ascii());
    }
    control.send("NOOP");
    assert_eq!(control.line(), OK);
}

#[test]
fn line_limit_is_4096_bytes() {
    let server = Server::control_only();
    let mut control = client(&server);
    for (length, reply) in [(4095, OK), (4096, OK), (4097, SYNTAX_ERROR)] {
        control.send(&format!("NOOP {}", "x".repeat(length - "NOOP ".len())));
        assert_eq!(control.line(), reply, "{length} bytes");
    }
    // The rest of an over-long line is not parsed as a command.
    let tail = format!("{}\nNOOP\r\n", "QUIT ".repeat(2000));
    control.send_raw(tail.as_bytes());
    assert_eq!(control.line(), SYNTAX_ERROR);
    assert_eq!(control.line(), OK);
}

#[test]
fn lines_are_independent_of_segments() {
    let server = Server::control_only();
    let mut control = client(&server);
    // One segment per byte (TCP_NODELAY), then one with two and a half commands.
    for byte in b"NOOP\r\nUNKNOWN command\r" {
        control.send_raw(&[*byte]);
    }
    control.send_raw(b"\nNOOP\nSTOR x\r\nQU");
    for reply in [OK, SYNTAX_ERROR, OK, NOT_IMPLEMENTED] {
        assert_eq!(control.line(), reply);
    }
    control.send_raw(b"IT\r\n");
    assert_eq!(control.line(), GOODBYE);
    control.expect_end();
}

#[test]
fn pipelined_commands_are_answered_in_order() {
    let server = Server::control_only();
    let mut control = client(&server);
    let commands = ["NOOP", "STOR x", "UNKNOWN"];
    let replies = [OK, NOT_IMPLEMENTED, SYNTAX_ERROR];
    let text: String = (0..300)
        .map(|n| commands[n % 3].to_owned() + "\r\n")
        .collect();
    control.send_raw(text.as_bytes());
    for n in 0..300 {
        assert_eq!(control.line(), replies[n % 3], "reply {n}");
    }
}

#[test]
fn replies_are_sent_after_client_half_closes() {
    let server = Server::control_only();
    let mut control = client(&server);
    control.send_raw(b"NOOP\r\nNOOP\r\nNO");
    control
        .socket()
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    assert_eq!(control.rest(), format!("{OK}\r\n{OK}\r\n").as_bytes());
}

#[test]
fn ipv4_and_ipv6_are_both_served() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this host has no IPv6");
        return;
    }
    let starter = Starter::default().listen("[::1]:0");
    let server = starter.listen("127.0.0.1:0").start();
    let [six, four] = server.addresses() else {
        panic!("two addresses in {}", server.log());
    };
    assert!(six.is_ipv6() && four.is_ipv4());
    for address in [six, four] {
        let mut control = Control::silent(*address);
        assert_eq!(control.line(), GREETING);
        let local = control.local();
        control.send("QUIT");
        assert_eq!(control.line(), GOODBYE);
        server.wait_for_log(&format!("Accepted new connection (address = {local})"));
    }
}

#[test]
fn log_shows_connections_and_commands() {
    let server = Server::control_only();
    let address = server.address();
    let mut control = client(&server);
    let peer = control.local();
    for line in [
        "NOOP",
        "STOR /path/to/file.txt",
        "UNKNOWN command",
        "PASS tellnobody",
    ] {
        control.send(line);
        control.line();
    }
    control.command("QUIT", 221);
    server.wait_for_log(&format!("{peer} disconnected"));
    let log = server.log();
    let mut rest = log.as_str();
    for (level, text) in [
        ("INFO", format!("Start serving at {address}")),
        (
            "INFO",
            format!("Accepted new connection (address = {peer})"),
        ),
        ("INFO", format!("Sent by client {peer}: NOOP")),
        (
            "INFO",
            format!("Sent by client {peer}: STOR /path/to/file.txt"),
        ),
        ("WARN", format!("{peer}: Command unrecognized: 'UNKNOWN'")),
        ("INFO", format!("Sent by client {peer}: QUIT")),
        ("INFO", format!("{peer} disconnected")),
    ] {
        let mut lines = rest.lines();
        let line = lines.find(|line| line.ends_with(&text));
        let line = line.unwrap_or_else(|| panic!("the log lacks {text:?} at its position:\n{log}"));
        assert!(line.contains(level), "{level}: {line}");
        let end = line.as_ptr() as usize - rest.as_ptr() as usize + line.len();
        rest = &rest[end..];
    }
    assert!(
        !log.contains("tellnobody"),
        "the log has a password:\n{log}"
    );
}

#[test]
fn control_characters_cannot_forge_log_lines() {
    let server = Server::control_only();
    let mut control = client(&server);
    control.send_raw(b"NOOP \x1b[2J\rforged\r\n");
    control.line();
    server.wait_for_log("NOOP ");
    assert!(!server.log().contains(['\x1b', '\r']), "{}", server.log());
}

#[test]
fn sigterm_sends_421_to_all_clients() {
    let mut server = Server::control_only();
    let mut idle = client(&server);
    let mut busy = client(&server);
    busy.send_raw(b"NOOP\r\nNO");
    assert_eq!(busy.line(), OK);
    server.terminate();
    for control in [&mut idle, &mut busy] {
        assert_eq!(control.line(), STOPPED);
        control.expect_end();
    }
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn passwords_are_never_logged() {
    let server = Server::control_only();
    let mut control = client(&server);
    let lines: [&[u8]; 8] = [
        b"PASS secret",
        b"pass secret",
        b"PASS s\xe9cret secret",
        b"PASS\tsecret",
        b"PASSsecret",
        b" PASS secret",
        b"acct secret",
        b"PASS x\0secret",
    ];
    for line in lines {
        control.send_raw(&[line, b"\r\n"].concat());
        control.expect_one_of(&[500, 502]);
    }
    control.send("NOOP the end");
    assert_eq!(control.line(), OK);
    server.wait_for_log("NOOP the end");
    let log = server.log();
    assert!(!log.contains("secret") && !log.contains("cret"), "{log}");
    assert!(log.contains("PASS ****"), "{log}");
}
