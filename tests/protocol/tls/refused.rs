//! Data connections whose command is refused, at each stage of the handshake. RFC 959 §3.2,
//! RFC 4217 §9.

use std::fs;
use std::io::{Read as _, Write as _};

use super::writable;
use crate::support::tls::{Link, TlsClient, Version};
use crate::support::{Control, Server, uninterrupted, until};

fn server() -> Server {
    let server = writable().start();
    fs::write(server.file("f"), "content").unwrap();
    fs::create_dir(server.file("d")).unwrap();
    server
}

fn refuse(control: &mut Control) {
    control.command("RETR missing", 550);
    control.command("STOR d", 550);
    control.command("LIST missing", 550);
    control.command("RETR", 501);
}

fn expect_file(control: &mut Control, mut link: Link) {
    control.command("RETR f", 150);
    let mut bytes = Vec::new();
    link.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"content");
    control.expect(226);
}

#[test]
fn secured_data_connection_is_kept_after_refusal() {
    let server = server();
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        let link = control.passive().link();
        refuse(&mut control);
        expect_file(&mut control, link);

        let mut link = control.passive().link();
        refuse(&mut control);
        control.command("STOR g", 150);
        link.write_all(b"sent").unwrap();
        link.finish().unwrap();
        control.expect(226);
        assert_eq!(fs::read(server.file("g")).unwrap(), b"sent");
    }
}

#[test]
fn handshaking_data_connection_is_kept_after_refusal() {
    let server = server();
    for version in Version::ALL {
        let client = TlsClient::of(version);
        let mut control = server.private(&client);
        let data_client = control.data_client().unwrap();
        for part in [0, 1, 100] {
            let mut stream = control.passive().stream();
            let mut tls = data_client.begin();
            let mut hello = Vec::new();
            tls.write_tls(&mut hello).unwrap();
            stream.write_all(&hello[..part]).unwrap();
            refuse(&mut control);
            stream.write_all(&hello[part..]).unwrap();
            refuse(&mut control);
            let link = Link::over(tls, stream).unwrap();
            refuse(&mut control);
            expect_file(&mut control, link);
        }
    }
}

#[test]
fn data_of_refused_upload_closes_data_connection() {
    let server = server();
    for version in Version::ALL {
        for is_before in [true, false] {
            let mut control = server.private(&TlsClient::of(version));
            let mut link = control.passive().link();
            if is_before {
                link.write_all(b"refused").unwrap();
            }
            control.command("STOR d", 550);
            if !is_before {
                link.write_all(b"refused").unwrap();
            }
            // FIN or reset, without a close_notify.
            assert!(matches!(
                uninterrupted(|| link.read(&mut [0])),
                Ok(0) | Err(_)
            ));
            control.command("STOR g", 425);
            assert_eq!(server.names(), ["d", "f"]);
        }
    }
}

#[test]
fn partial_record_of_refused_upload_closes_data_connection() {
    let server = server();
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        let mut link = control.passive().link();
        control.command("STOR d", 550);
        let Link::Secured(stream) = &mut link else {
            panic!("the data connection is in the clear");
        };
        stream.conn.writer().write_all(&[b'r'; 10_000]).unwrap();
        let mut record = Vec::new();
        stream.conn.write_tls(&mut record).unwrap();
        let (first, rest) = record.split_at(5_000);
        stream.sock.write_all(first).unwrap();
        assert!(matches!(
            uninterrupted(|| link.read(&mut [0])),
            Ok(0) | Err(_)
        ));
        control.command("STOR g", 425);
        let _ = link.socket().write_all(rest);
        assert_eq!(server.names(), ["d", "f"]);
    }
}

#[test]
fn client_close_after_refusal_is_no_tls_failure() {
    let server = server();
    let mut control = server.private(&TlsClient::new());
    // The passive listener stays open.
    control.retrieve("f");
    let before = server.descriptors();
    for is_secured in [false, true] {
        let data = control.passive();
        if is_secured {
            let link = data.link();
            control.command("RETR missing", 550);
            drop(link);
        } else {
            let stream = data.stream();
            control.command("RETR missing", 550);
            drop(stream);
        }
        until("the data connection to be closed", || {
            (server.descriptors() == before).then_some(())
        });
        control.command("STOR f", 425);
    }
    assert_eq!(fs::read(server.file("f")).unwrap(), b"content");
    control.command("QUIT", 221);
    server.wait_for_log("disconnected");
    assert!(!server.log().contains("TLS failed"), "{}", server.log());
}
