//! Clients that secure a data connection before the transfer command: RFC 4217 leaves the order open,
//! and some clients finish the handshake before they send the command.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::{content, writable};
use crate::support::Control;
use crate::support::tls::{TlsClient, Version};

#[test]
fn data_connection_can_be_secured_before_the_command() {
    let server = writable().start();
    let bytes = content(200_000);
    fs::write(server.file("f"), &bytes).unwrap();
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        // Other commands may come in between.
        let mut link = control.passive().link();
        control.command("SIZE f", 213);
        control.command("RETR f", 150);
        let mut got = Vec::new();
        link.read_to_end(&mut got).unwrap();
        assert_eq!(got, bytes);
        control.expect(226);

        let mut link = control.passive().link();
        control.command("STOR g", 150);
        link.write_all(&bytes).unwrap();
        link.finish().unwrap();
        control.expect(226);
        assert_eq!(fs::read(server.file("g")).unwrap(), bytes);

        // An unused data connection does not block the next one.
        drop(control.passive().link());
        assert_eq!(control.retrieve("f"), bytes);
    }
}

#[test]
fn failed_early_handshake_is_522_at_the_command() {
    let server = writable().start();
    fs::write(server.file("f"), "content").unwrap();
    let mut control = server.private(&TlsClient::new());
    let mut garbage = control.passive().stream();
    garbage.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    server.wait_for_log("TLS failed");
    let mut alert = [0; 7];
    garbage.read_exact(&mut alert).unwrap();
    assert_eq!(alert[0], 21, "{alert:?}");
    control.command("RETR f", 150);
    control.expect(522);
    // Also when the client closes.
    drop(control.passive().stream());
    control.command("STOR g", 150);
    control.expect(522);
    assert_eq!(server.names(), ["f"]);
    assert_eq!(control.retrieve("f"), b"content");
}

#[test]
fn secured_data_connection_is_refused_after_prot_c() {
    let server = writable().start();
    fs::write(server.file("f"), "content").unwrap();
    let mut control = server.private(&TlsClient::new());
    let link = control.passive().link();
    control.command("PROT C", 200);
    control.command("RETR f", 150);
    control.expect(522);
    drop(link);
    control.command("PROT P", 200);
    assert_eq!(control.retrieve("f"), b"content");
}

/// The upload may be in the TLS buffer as a whole before its command: then the socket has nothing to report.
#[test]
fn upload_that_came_with_the_handshake_is_stored() {
    let server = writable().start();
    let client = TlsClient::of(Version::V13);
    let mut control = server.private(&client);
    for round in 0..10_u8 {
        let stream = secure_and_send(&mut control, &client, &[round; 3000], true);
        control.command("STOR g", 150);
        control.expect(226);
        assert_eq!(fs::read(server.file("g")).unwrap(), [round; 3000]);
        drop(stream);
    }
    // MODE B marks the end, and the connection goes on (RFC 959 §3.4.2).
    control.command("MODE B", 200);
    for round in 0..10_u8 {
        let stream = secure_and_send(&mut control, &client, &[0x40, 0, 2, round, 1], false);
        control.command("STOR g", 150);
        control.expect(226);
        assert_eq!(fs::read(server.file("g")).unwrap(), [round, 1]);
        drop(stream);
    }
}

/// Opens a data connection whose handshake ends with these bytes, and with `close_notify` if it is closed.
/// The server has all of it when this returns, or a little later.
fn secure_and_send(
    control: &mut Control,
    client: &TlsClient,
    bytes: &[u8],
    is_closed: bool,
) -> TcpStream {
    let mut stream = control.passive().stream();
    let mut tls = client.begin();
    while tls.is_handshaking() {
        while tls.wants_write() {
            tls.write_tls(&mut stream).unwrap();
        }
        tls.read_tls(&mut stream).unwrap();
        tls.process_new_packets().unwrap();
    }
    tls.writer().write_all(bytes).unwrap();
    if is_closed {
        tls.send_close_notify();
    }
    let mut last = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut last).unwrap();
    }
    stream.write_all(&last).unwrap();
    control.command("NOOP", 200);
    stream
}
