//! Interrupted uploads that are kept (`storage.cut-uploads`, by default *keep*) and resumed. RFC 3659 §5,
//! RFC 959 §4.1.3.
//!
//! The client resumes at the size of the kept file, so the file is exactly a prefix of what was sent.

use std::fs;
use std::io::Write;
use std::net::TcpStream;

use crate::support::{Control, Server, abort_connection, until};

fn content() -> Vec<u8> {
    (0..200_000_u32)
        .map(|number| (number % 251) as u8)
        .collect()
}

/// Starts an upload and waits until the server has read `bytes`.
fn begun(control: &mut Control, command: &str, bytes: &[u8]) -> TcpStream {
    let mut data = control.passive().stream();
    control.command(command, 150);
    data.write_all(bytes).unwrap();
    let count = format!("{} bytes", bytes.len());
    until("the bytes to be read", || {
        let status = control.command("STAT", 211);
        status.lines.concat().contains(&count).then_some(())
    });
    data
}

/// Expects a 426 that ends with the size of the kept file.
fn expect_kept(control: &mut Control, size: usize) {
    let reply = control.expect(426);
    let kept = format!("{size} bytes are kept.");
    assert!(reply.text().ends_with(&kept), "{}", reply.text());
}

#[test]
fn reset_upload_is_kept_and_resumed() {
    let server = Server::writable(|_| ());
    let content = content();
    let mut control = server.login();
    control.command("TYPE I", 200);
    let data = begun(&mut control, "STOR f", &content[..130_000]);
    abort_connection(data);
    expect_kept(&mut control, 130_000);
    server.wait_for_log("Kept the partial upload /f: 130000 bytes");
    assert!(fs::read(server.file("f")).unwrap() == content[..130_000]);
    assert_eq!(control.command("SIZE f", 213).text(), "130000");
    let data = control.passive();
    control.command("REST 130000", 350);
    control.command("STOR f", 150);
    data.send(&content[130_000..]);
    control.expect(226);
    assert!(fs::read(server.file("f")).unwrap() == content);
    assert_eq!(server.names(), ["f"]);
}

#[test]
fn aborted_upload_is_kept_under_its_name() {
    let server = Server::writable(|_| ());
    let mut control = server.login();
    control.command("TYPE I", 200);
    for (command, name) in [("STOR a", "a"), ("APPE b", "b"), ("STOU c", "c")] {
        let _data = begun(&mut control, command, b"some bytes");
        control.send("ABOR");
        expect_kept(&mut control, 10);
        control.expect(226);
        assert_eq!(fs::read(server.file(name)).unwrap(), b"some bytes");
    }
    assert_eq!(server.names().len(), 3);
}

#[test]
fn upload_is_kept_when_session_or_server_ends() {
    for ends_server in [false, true] {
        let mut server = Server::writable(|_| ());
        let mut control = server.login();
        control.command("TYPE I", 200);
        let data = begun(&mut control, "STOR f", b"some bytes");
        if ends_server {
            server.terminate();
            server.wait_for_log("Stopping");
            server.terminate();
            assert!(server.wait().success());
        } else {
            abort_connection(control.socket().try_clone().unwrap());
            drop(control);
        }
        until("the bytes to be kept", || fs::read(server.file("f")).ok());
        assert_eq!(fs::read(server.file("f")).unwrap(), b"some bytes");
        assert_eq!(server.names(), ["f"]);
        drop(data);
    }
}

/// A server with these lines of configuration.
#[cfg(feature = "config")]
pub(crate) fn configured(lines: &str) -> Server {
    configured_for(lines, "all")
}

/// As [`configured`], with these permissions of the account.
#[cfg(feature = "config")]
fn configured_for(lines: &str, permissions: &str) -> Server {
    let server = crate::support::Starter::default().serving(|_| ());
    let config = tempfile::NamedTempFile::new().unwrap();
    let account = format!("[[account]]\nname = \"anonymous\"\npermissions = {permissions:?}\n");
    fs::write(config.path(), format!("{lines}{account}")).unwrap();
    server.argument("--config").argument(config.path()).start()
}

#[cfg(feature = "config")]
#[test]
fn stalled_upload_is_kept_with_each_durability() {
    let begun = ["none", "rename", "fsync"].map(|durability| {
        let server = configured(&format!(
            "[timings]\ndata-stall = \"3s\"\n[storage]\ndurability = {durability:?}\n"
        ));
        let mut control = server.login();
        control.command("TYPE I", 200);
        let data = begun(&mut control, "STOR f", b"some bytes");
        (server, control, data)
    });
    for (server, mut control, _data) in begun {
        expect_kept(&mut control, 10);
        assert_eq!(fs::read(server.file("f")).unwrap(), b"some bytes");
        assert_eq!(server.names(), ["f"]);
    }
}

#[cfg(feature = "config")]
#[test]
fn upload_that_cannot_be_resumed_is_not_kept() {
    let server = configured_for("", "upload-only");
    let mut control = server.login();
    control.command("TYPE I", 200);
    abort_connection(begun(&mut control, "STOR f", b"some bytes"));
    assert!(!control.expect(426).text().contains("kept"));
    assert!(server.names().is_empty(), "{:?}", server.names());
    control.store("f", b"some bytes and more");
    assert_eq!(fs::read(server.file("f")).unwrap(), b"some bytes and more");
}

#[test]
fn interrupted_replacement_leaves_old_file() {
    let server = Server::writable(|root| fs::write(root.join("f"), "old").unwrap());
    let mut control = server.login();
    control.command("TYPE I", 200);
    abort_connection(begun(&mut control, "STOR f", b"new and longer"));
    assert!(!control.expect(426).text().contains("kept"));
    assert_eq!(fs::read(server.file("f")).unwrap(), b"old");
    // A file that another client created during the upload is not replaced either.
    let data = begun(&mut control, "STOR g", b"new and longer");
    fs::write(server.file("g"), "another's").unwrap();
    abort_connection(data);
    assert!(!control.expect(426).text().contains("kept"));
    assert_eq!(fs::read(server.file("g")).unwrap(), b"another's");
    assert_eq!(server.names(), ["f", "g"]);
}

#[test]
fn empty_or_converted_upload_is_not_kept() {
    let server = Server::writable(|_| ());
    let mut control = server.login();
    control.command("TYPE I", 200);
    abort_connection(begun(&mut control, "STOR f", b""));
    control.expect(426);
    control.command("TYPE A", 200);
    abort_connection(begun(&mut control, "STOR f", b"a line\r\nand half of one"));
    assert!(!control.expect(426).text().contains("kept"));
    // A block that is followed by an invalid header (RFC 959 §3.4.2).
    control.command("TYPE I", 200);
    control.command("MODE B", 200);
    let mut data = begun(&mut control, "STOR f", b"\x00\x00\x05abcde");
    data.write_all(b"\x03\x00\x01x").unwrap();
    control.expect_one_of(&[426, 451]);
    assert!(server.names().is_empty(), "{:?}", server.names());
}

#[test]
fn mode_b_upload_keeps_decoded_bytes() {
    let server = Server::writable(|_| ());
    let mut control = server.login();
    control.command("TYPE I", 200);
    control.command("MODE B", 200);
    abort_connection(begun(
        &mut control,
        "STOR f",
        b"\x00\x00\x05abcde\x00\x00\x05fg",
    ));
    expect_kept(&mut control, 7);
    assert_eq!(fs::read(server.file("f")).unwrap(), b"abcdefg");
}

#[cfg(all(feature = "config", feature = "records"))]
#[test]
fn kept_upload_is_logged_as_incomplete() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let server = configured(&format!("[log]\ntransfers = {:?}\n", log.path()));
    let mut control = server.login();
    control.command("TYPE I", 200);
    abort_connection(begun(&mut control, "STOR f", b"some bytes"));
    expect_kept(&mut control, 10);
    let line = crate::support::pattern::Pattern::new("* 10 /f b _ i a * i\n");
    until("the line", || {
        line.matches(&fs::read(log.path()).unwrap()).then_some(())
    });
}

/// The grace period is over at once. The cause is the stop, and not the client.
#[test]
fn second_stop_cuts_an_upload_and_says_why() {
    let mut server = Server::writable(|_| ());
    let content = content();
    let mut control = server.login();
    let _data = begun(&mut control, "STOR f", &content);
    server.terminate();
    server.wait_for_log("stopping] Stopping");
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    server.wait_for_log("STOR 426 Server is stopping; transfer aborted.");
    assert!(fs::read(server.file("f")).unwrap() == content);
}
