//! Connections that are truncated, corrupted or not TLS: no file is damaged, no session is lost.
//! RFC 8446 §6.1 (truncation), RFC 4217 §12.3, RFC 7301 (ALPN).

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;

use super::{content, writable};
use crate::support::tls::{Link, TlsClient, Version};
use crate::support::{Control, Server, abort_connection, until};

/// Creates the file `f`, and starts an upload that replaces it.
fn begun(version: Version, server: &Server) -> (Control, Link) {
    fs::write(server.file("f"), "old").unwrap();
    let mut control = server.private(&TlsClient::of(version));
    let data = control.passive();
    control.command("STOR f", 150);
    let mut link = data.link();
    link.write_all(&content(200_000)).unwrap();
    link.flush().unwrap();
    (control, link)
}

/// Asserts that the upload has failed and the old file is unchanged.
fn assert_unchanged(server: &Server, control: &mut Control) {
    control.expect_one_of(&[426, 451]);
    assert_eq!(fs::read(server.file("f")).unwrap(), b"old");
    assert_eq!(server.names(), ["f"]);
    control.store("f", b"new");
    assert_eq!(fs::read(server.file("f")).unwrap(), b"new");
}

#[test]
fn upload_without_close_notify_is_no_226() {
    let server = writable().start();
    for version in Version::ALL {
        // Half-close, close and reset: an attacker on the path can cause all of them.
        let (mut control, link) = begun(version, &server);
        link.socket().shutdown(Shutdown::Write).unwrap();
        assert_unchanged(&server, &mut control);
        let (mut control, link) = begun(version, &server);
        drop(link);
        assert_unchanged(&server, &mut control);
        let (mut control, link) = begun(version, &server);
        abort_connection(link.socket().try_clone().unwrap());
        drop(link);
        assert_unchanged(&server, &mut control);
    }
}

#[test]
fn upload_with_forged_record_is_no_226() {
    let server = writable().start();
    for version in Version::ALL {
        let (mut control, link) = begun(version, &server);
        // A record of valid length that no key decrypts.
        let forged = [&[23, 3, 3, 0, 40][..], &[7; 40]].concat();
        link.socket().write_all(&forged).unwrap();
        assert_unchanged(&server, &mut control);
    }
}

#[test]
fn garbage_on_data_connection_is_522() {
    let server = writable().start();
    fs::write(server.file("f"), "old").unwrap();
    let mut control = server.private(&TlsClient::new());
    for garbage in [
        &b"content in the clear\r\n"[..],
        b"\x16\x03\x01\x00\x00",
        &[0; 600],
    ] {
        for command in ["STOR f", "APPE f", "RETR f", "LIST", "STOU"] {
            let mut data = control.passive().stream();
            control.command(command, 150);
            data.write_all(garbage).unwrap();
            control.expect(522);
            let line = server.wait_for_log(&format!("{}: TLS failed: ", control.local()));
            assert!(line.contains("WARN"), "{line}");
        }
    }
    assert_eq!(server.names(), ["f"]);
    assert_eq!(fs::read(server.file("f")).unwrap(), b"old");
    control.store("f", b"new");
    assert_eq!(control.retrieve("f"), b"new");
}

#[test]
fn close_of_data_connection_before_handshake_is_an_error() {
    let server = writable().start();
    fs::write(server.file("f"), "old").unwrap();
    let mut control = server.private(&TlsClient::new());
    for command in ["STOR f", "RETR f"] {
        let data = control.passive().stream();
        control.command(command, 150);
        drop(data);
        control.expect_one_of(&[522, 426]);
    }
    // Also if the client closes before the command.
    for command in ["STOR f", "RETR f"] {
        drop(control.passive());
        control.send(command);
        control.expect(150);
        control.expect_one_of(&[522, 426]);
    }
    assert_eq!(fs::read(server.file("f")).unwrap(), b"old");
    control.store("f", b"new");
}

#[test]
fn garbage_instead_of_handshake_closes_control_connection() {
    let server = writable().listen("127.0.0.1:0");
    let server = server.listen_for_tls("127.0.0.1:0").start();
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01\xff\xff\x01",
        &[0x80; 600],
    ] {
        let mut explicit = server.connect();
        explicit.command("AUTH TLS", 234);
        let mut implicit = Control::silent(server.secure_address());
        for control in [&mut explicit, &mut implicit] {
            control.send_raw(garbage);
            control.expect_alert();
            control.socket().shutdown(Shutdown::Write).unwrap();
            server.wait_for_log(&format!("{} disconnected", control.local()));
        }
    }
    server.connect().command("NOOP", 200);
}

#[test]
fn handshake_succeeds_with_hello_sent_byte_by_byte() {
    let server = writable().start();
    for version in Version::ALL {
        let mut control = server.connect();
        control.command("AUTH TLS", 234);
        let mut socket = control.socket().try_clone().unwrap();
        let mut tls = TlsClient::of(version).begin();
        let mut hello = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut hello).unwrap();
        }
        for byte in hello {
            socket.write_all(&[byte]).unwrap();
        }
        let mut link = Link::over(tls, socket).unwrap();
        link.write_all(b"NOOP\r\n").unwrap();
        let mut reply = [0; 4];
        link.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"200 ");
    }
}

/// ALPN prevents cross-protocol attacks through a browser.
#[test]
fn client_with_other_alpn_protocol_is_refused() {
    let server = writable().start();
    for version in Version::ALL {
        for (protocols, is_served) in [
            (&[][..], true),
            (&["ftp"], true),
            (&["h2", "ftp"], true),
            (&["h2"], false),
            (&["http/1.1", "smtp"], false),
        ] {
            let client = TlsClient::of(version).offering(protocols);
            let mut control = server.connect();
            control.command("AUTH TLS", 234);
            let secured = control.try_secure(&client);
            assert_eq!(secured.is_ok(), is_served, "{protocols:?}: {secured:?}");
            if is_served {
                let chosen = control.link().tls().alpn_protocol();
                let expected = (!protocols.is_empty()).then_some(&b"ftp"[..]);
                assert_eq!(chosen, expected);
                control.command("NOOP", 200);
            }
        }
        // Data connections too.
        let mut control = server.private(&TlsClient::of(version));
        control.secure_data_by(&TlsClient::of(version).offering(&["h2"]));
        let data = control.passive();
        control.command("STOR f", 150);
        assert!(data.try_link().is_err());
        control.expect(522);
        assert!(server.names().is_empty());
    }
}

#[test]
fn unannounced_upload_is_discarded_when_session_ends() {
    let server = writable().start();
    for version in Version::ALL {
        let (control, link) = begun(version, &server);
        let peer = control.local();
        drop(control);
        drop(link);
        server.wait_for_log(&format!("{peer} disconnected"));
        let is_removed = || (server.names() == ["f"]).then_some(());
        until("the temporary file to be removed", is_removed);
    }
    assert_eq!(fs::read(server.file("f")).unwrap(), b"old");
}

#[test]
fn clear_text_after_handshake_closes_connection() {
    let server = writable().start();
    for version in Version::ALL {
        let control = server.private(&TlsClient::of(version));
        let mut socket = control.socket().try_clone().unwrap();
        socket.write_all(b"MKD d\r\nMKD e\r\nMKD f\r\n").unwrap();
        let alert = socket.read_to_end(&mut Vec::new()).unwrap();
        assert!(alert > 0);
        server.wait_for_log(&format!("{}: TLS failed: ", control.local()));
        socket.shutdown(Shutdown::Write).unwrap();
        server.wait_for_log(&format!("{} disconnected", control.local()));
        assert!(server.names().is_empty());
    }
}
