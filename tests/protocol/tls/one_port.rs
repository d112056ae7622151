//! Sessions of one client address that share the only passive port: the TLS session that a data connection
//! resumes says whose it is. RFC 4217 §7, RFC 5077.

use std::fs;
use std::io::Read as _;
use std::time::Duration;

use super::writable;
use crate::support::tls::{TlsClient, Version};
use crate::support::{
    Control, DataChannel, Server, connect_from, epsv_port, expect_reset, free_ports, read_all,
};

const SESSIONS: usize = 12;

fn with_one_port(policy: &str) -> Server {
    let starter = writable()
        .argument("--passive-ports")
        .argument(free_ports().to_string());
    let server = starter
        .argument("--tls-data-session")
        .argument(policy)
        .start();
    for number in 0..SESSIONS {
        fs::write(server.file(number.to_string()), number.to_string()).unwrap();
    }
    server
}

/// Sessions with TLS sessions of their own, and the port that each is told.
fn sessions(server: &Server, version: Version) -> (Vec<Control>, u16) {
    let client = || TlsClient::of(version).with_other_sessions();
    let sessions = (0..SESSIONS).map(|_| server.private(&client()));
    let mut sessions: Vec<_> = sessions.collect();
    let ports: Vec<u16> = sessions.iter_mut().map(epsv_port).collect();
    assert!(ports.iter().all(|port| *port == ports[0]), "{ports:?}");
    (sessions, ports[0])
}

/// No session waits for another, and none gets the connection of another.
#[test]
fn sessions_that_must_resume_share_the_port() {
    let server = with_one_port("require");
    for version in Version::ALL {
        let (mut sessions, port) = sessions(&server, version);
        let mut data: Vec<_> = sessions
            .iter()
            .map(|control| DataChannel::connected(control, port))
            .enumerate()
            .collect();
        data.rotate_left(5);
        data.reverse();
        for (number, data) in data {
            let control = &mut sessions[number];
            if number % 2 == 0 {
                control.command(&format!("RETR {number}"), 150);
                assert_eq!(data.receive(), number.to_string().as_bytes(), "{version:?}");
            } else {
                control.command(&format!("STOR up{number}"), 150);
                data.send(number.to_string().as_bytes());
            }
            control.expect(226);
        }
        for number in (1..SESSIONS).step_by(2) {
            let stored = fs::read_to_string(server.file(format!("up{number}")));
            assert_eq!(stored.unwrap(), number.to_string());
        }
    }
}

/// A client may begin the handshake before its command.
#[test]
fn handshake_may_begin_before_the_command() {
    let server = with_one_port("require");
    for version in Version::ALL {
        let (mut sessions, port) = sessions(&server, version);
        for (number, control) in sessions.iter_mut().enumerate().rev() {
            let mut link = DataChannel::connected(control, port).link();
            assert!(link.is_resumed());
            control.command(&format!("RETR {number}"), 150);
            let mut text = String::new();
            link.read_to_string(&mut text).unwrap();
            assert_eq!(text, number.to_string());
            control.expect(226);
        }
    }
}

/// What resumes no session that waits is nobody's, and takes nobody's place.
#[test]
fn connection_without_a_session_is_reset() {
    let server = with_one_port("require");
    let (mut sessions, port) = sessions(&server, Version::V13);
    let stranger = DataChannel::connected(&sessions[0], port);
    let stranger = stranger.secured_by(Some(TlsClient::new().without_sessions()));
    assert!(stranger.try_link().is_err());
    server.wait_for_log("to a passive port: it resumes no TLS session that waits there");
    let mut in_the_clear = DataChannel::connected(&sessions[0], port).stream();
    std::io::Write::write_all(&mut in_the_clear, b"GET / HTTP/1.0\r\n\r\n").unwrap();
    expect_reset(&in_the_clear);
    // One that has ended is only forgotten.
    drop(DataChannel::connected(&sessions[0], port));
    for (number, control) in sessions.iter_mut().enumerate() {
        let data = DataChannel::connected(control, port);
        control.command(&format!("RETR {number}"), 150);
        assert_eq!(data.receive(), number.to_string().as_bytes());
        control.expect(226);
    }
}

/// Sessions of another address do not wait for what one address has not identified.
#[test]
fn silent_connections_are_in_no_other_address_way() {
    let server = with_one_port("require");
    let (sessions, port) = sessions(&server, Version::V13);
    let own = &sessions[0];
    let silent = |_| DataChannel::connected(own, port).stream();
    let silent: Vec<_> = (0..=2 * SESSIONS).map(silent).collect();
    // More than the sessions can have.
    expect_reset(&silent[0]);
    let from = [127, 0, 81, 1].into();
    let mut other = Control::over(connect_from(from, server.address()).unwrap());
    other.expect(220);
    other.log_in("anonymous", "x");
    for _ in 0..3 {
        assert_eq!(epsv_port(&mut other), port);
    }
    let to = (server.address().ip(), port).into();
    let mut data = connect_from(from, to).unwrap();
    other.command("RETR 3", 150);
    assert_eq!(read_all(&mut data), b"3");
    other.expect(226);
}

/// A session that gives its port up keeps no other from it, and its late connection is reset.
#[test]
fn late_connection_of_another_session_is_told_apart() {
    let server = with_one_port("require");
    let (mut sessions, port) = sessions(&server, Version::V13);
    let mut late = sessions.remove(0);
    let its_own = late.data_client().unwrap();
    late.command("QUIT", 221);
    let mut next = server.private(&TlsClient::new().with_other_sessions());
    assert_eq!(epsv_port(&mut next), port);
    let behind = DataChannel::connected(&sessions[0], port).secured_by(Some(its_own));
    assert!(behind.try_link().is_err());
    let data = DataChannel::connected(&next, port);
    next.command("RETR 3", 150);
    assert_eq!(data.receive(), b"3");
    next.expect(226);
}

/// A client that need not resume a session is not expected to: its sessions take turns.
#[test]
fn sessions_that_need_not_resume_take_turns() {
    let server = with_one_port("observe");
    let client = || TlsClient::new().without_sessions();
    let [mut first, mut second] = [(); 2].map(|()| server.private(&client()));
    let port = epsv_port(&mut first);
    second.send("EPSV");
    assert!(!second.has_reply(Duration::from_millis(100)));
    for control in [&mut first, &mut second] {
        let data = DataChannel::connected(control, port);
        control.send("RETR 3");
        if control.expect_one_of(&[150, 229]).code == 229 {
            control.expect(150);
        }
        assert_eq!(data.receive(), b"3");
        control.expect(226);
    }
}
