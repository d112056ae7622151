//! Resumption of the control connection's TLS session by data connections. RFC 8446 §2.2, RFC 5077.
//!
//! With `require`, a data connection that does not resume it is refused with 522, and the reason is
//! logged (port stealing, RFC 2577 §3).

use std::fs;

use super::{content, writable};
use crate::support::tls::{TlsClient, Version};
use crate::support::{Control, Server};

fn requiring() -> Server {
    let starter = writable().argument("--tls-data-session");
    starter.argument("require").start()
}

/// Downloads `f`, and returns whether the data connection resumed a session.
fn resumes(control: &mut Control) -> bool {
    let data = control.passive();
    control.command("RETR f", 150);
    let mut link = data.link();
    let is_resumed = link.is_resumed();
    assert_eq!(std::io::read_to_string(&mut link).unwrap(), "content");
    control.expect(226);
    is_resumed
}

/// Asserts that the data connection of a download is refused for this reason.
fn refused(server: &Server, control: &mut Control, why: &str) {
    let data = control.passive();
    control.command("RETR f", 150);
    // In TLS 1.3 the client may have finished the handshake before it is refused.
    let received = data.try_link().map(std::io::read_to_string);
    assert!(!matches!(received, Ok(Ok(_))), "{received:?}");
    control.expect(522);
    let peer = control.local();
    let line = server.wait_for_log(&format!("{peer}: A data connection was refused"));
    assert!(line.contains("(tls.data-session = \"require\"): it did not resume"));
    assert!(line.contains(why) && line.contains("WARN"), "{line}");
    control.command("NOOP", 200);
}

#[test]
fn two_hundred_transfers_resume_the_session() {
    let server = requiring();
    fs::write(server.file("f"), "content").unwrap();
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        for round in 0..100 {
            assert!(resumes(&mut control), "{version:?}: round {round}");
            control.store("g", b"more");
        }
        control.command("QUIT", 221);
    }
    assert_eq!(server.log().matches("did not resume").count(), 0);
}

/// The client (rustls) uses each TLS 1.3 ticket once, and uploads send only the tickets they need.
#[test]
fn uploads_do_not_exhaust_tickets() {
    let server = requiring();
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        for _ in 0..30 {
            control.store("g", b"more");
        }
    }
}

#[test]
fn require_refuses_data_connection_without_resumption() {
    let server = requiring();
    fs::write(server.file("f"), "content").unwrap();
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version).without_sessions());
        refused(&server, &mut control, "it offered none");

        let client = TlsClient::of(version);
        let mut other = server.private(&TlsClient::of(version));
        let mut control = server.private(&client);
        assert!(resumes(&mut control));
        // With the sessions of the other client.
        other.secure_data_by(&client);
        refused(&server, &mut other, "belongs to another control connection");
    }
}

#[test]
fn require_refuses_session_of_another_server() {
    let (server, elsewhere) = (requiring(), writable().start());
    fs::write(server.file("f"), "content").unwrap();
    for version in Version::ALL {
        let client = TlsClient::of(version);
        elsewhere.private(&client).command("NOOP", 200);
        let mut control = server.private(&TlsClient::of(version));
        control.secure_data_by(&client);
        // A TLS 1.2 session ID is looked up in this server's cache, and is unknown too.
        refused(&server, &mut control, "expired or from another server");
    }
}

#[test]
fn refused_upload_keeps_the_old_file() {
    let server = requiring();
    fs::write(server.file("f"), "content").unwrap();
    let mut control = server.private(&TlsClient::new().without_sessions());
    for command in ["STOR f", "APPE f", "STOR new", "LIST"] {
        let data = control.passive();
        control.command(command, 150);
        let _ = data.try_link();
        control.expect(522);
    }
    assert_eq!(server.names(), ["f"]);
    assert_eq!(fs::read(server.file("f")).unwrap(), b"content");
}

#[test]
fn observe_serves_and_logs() {
    let server = writable().start();
    fs::write(server.file("f"), "content").unwrap();
    let mut control = server.private(&TlsClient::new().without_sessions());
    assert!(!resumes(&mut control));
    let line = server.wait_for_log("A data connection did not resume");
    assert!(line.contains("it offered none"), "{line}");
    assert!(!line.contains("refused") && !line.contains("require"));
    for _ in 0..9 {
        assert!(!resumes(&mut control));
    }
    control.command("QUIT", 221);
    server.wait_for_log(": 9 more in this session: TLS of data connections");
    assert_eq!(server.log().matches("did not resume").count(), 1);
}

#[test]
fn off_serves_and_does_not_log() {
    let starter = writable().argument("--tls-data-session");
    let server = starter.argument("off").start();
    fs::write(server.file("f"), "content").unwrap();
    let mut control = server.private(&TlsClient::new().without_sessions());
    assert!(!resumes(&mut control));
    control.store("g", &content(100));
    assert!(!server.log().contains("did not resume"), "{}", server.log());
}
