//! Data connections whose command was refused, at each stage of their handshake. RFC 959 §3.2,
//! RFC 4217 §9.

use std::fs;
use std::io::{Read as _, Write as _};

use super::support::tls::{Link, TlsClient, Version};
use super::support::{Control, Server, until};
use super::writable;

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
fn a_connection_that_is_secured_already_is_kept() {
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
fn a_connection_is_kept_whose_handshake_is_under_way() {
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
fn bytes_of_a_refused_upload_close_it() {
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
            // However it is told: nothing has announced the end.
            assert!(matches!(link.read(&mut [0]), Ok(0) | Err(_)));
            control.command("STOR g", 425);
            assert_eq!(server.names(), ["d", "f"]);
        }
    }
}

/// What no read gives yet is of the refused upload too.
#[test]
fn a_part_of_a_record_of_a_refused_upload_closes_it() {
    let server = server();
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        let mut link = control.passive().link();
        control.command("STOR d", 550);
        let Link::Secured(stream) = &mut link else {
            panic!("it is in the clear");
        };
        stream.conn.writer().write_all(&[b'r'; 10_000]).unwrap();
        let mut record = Vec::new();
        stream.conn.write_tls(&mut record).unwrap();
        let (first, rest) = record.split_at(5_000);
        stream.sock.write_all(first).unwrap();
        assert!(matches!(link.read(&mut [0]), Ok(0) | Err(_)));
        control.command("STOR g", 425);
        let _ = link.socket().write_all(rest);
        assert_eq!(server.names(), ["d", "f"]);
    }
}

#[test]
fn a_client_that_leaves_after_a_refusal_is_no_failure_of_tls() {
    let server = server();
    let mut control = server.private(&TlsClient::new());
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
        until("the data connection to be let go", || {
            (server.descriptors() == before).then_some(())
        });
        control.command("STOR f", 425);
    }
    assert_eq!(fs::read(server.file("f")).unwrap(), b"content");
    control.command("QUIT", 221);
    server.wait_for_log("disconnected");
    assert!(!server.log().contains("TLS failed"), "{}", server.log());
}
