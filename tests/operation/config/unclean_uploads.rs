//! Uploads over TLS that end without `close_notify` (RFC 8446 §6.1): the accounts and networks for which
//! they are complete, and the cases in which they never are.
//!
//! The client is rustls over a socket that is closed without an alert, as .NET Framework and some cameras
//! close it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use crate::config::reloading::{READ, change};
use crate::config::world::World;
use crate::support::tls::{Link, TlsClient, Version};
use crate::support::{Control, Server, abort_connection, until};

const TLS: &str = "[tls]\nself-signed = true\n";
const ALLOWED: &str =
    "[tls]\nself-signed = true\nunclean-uploads = [\"10.0.0.0/8\", \"127.0.0.0/8\"]\n";
const SIZE: usize = 200_000;

/// A session with an upload in progress to `f`, which has old content.
fn begin_upload(server: &Server, world: &World, version: Version) -> (Control, Link) {
    fs::write(world.path("root/f"), "old").unwrap();
    let mut control = server.private(&TlsClient::of(version));
    let link = start_transfer(&mut control, "STOR f");
    (control, link)
}

fn start_transfer(control: &mut Control, command: &str) -> Link {
    let data = control.passive();
    control.command(command, 150);
    data.link()
}

fn send(link: &mut Link, bytes: &[u8]) {
    link.write_all(bytes).unwrap();
    link.flush().unwrap();
}

/// Ends the stream between two records, without `close_notify`.
fn end_without_notify(link: &Link) {
    link.socket().shutdown(Shutdown::Write).unwrap();
}

fn content(world: &World) -> Vec<u8> {
    fs::read(world.path("root/f")).unwrap()
}

fn expect_cut(control: &mut Control, world: &World) {
    control.expect(426);
    assert_eq!(content(world), b"old");
}

/// `tls.unclean-uploads`
#[test]
fn unclean_upload_from_allowed_network_completes_and_is_logged() {
    let world = World::new();
    let server = world.start(ALLOWED);
    for version in Version::ALL {
        for bytes in [vec![b'n'; SIZE], b"n".to_vec(), Vec::new()] {
            let (mut control, mut link) = begin_upload(&server, &world, version);
            send(&mut link, &bytes);
            end_without_notify(&link);
            control.expect(226);
            assert!(content(&world) == bytes);
            // Closed instead of half-closed, as most of these clients do.
            let mut link = start_transfer(&mut control, "STOR /d");
            send(&mut link, &bytes);
            drop(link);
            control.expect(226);
            // TLS handshake before the STOR.
            let mut link = control.passive().link();
            control.command("STOR /e", 150);
            send(&mut link, &bytes);
            end_without_notify(&link);
            control.expect(226);
            for path in ["/f", "/d", "/e"] {
                let logged = server.wait_for_log(&format!(
                    "{}: \"anonymous\" ended an upload without close_notify, as tls.unclean-uploads \
                     allows ({} bytes) \"{path}\"",
                    control.local(),
                    bytes.len()
                ));
                assert!(logged.contains("INFO"), "{logged}");
            }
        }
    }
}

/// `account.unclean-uploads`
#[test]
fn unclean_upload_completes_for_allowed_account_only() {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    let accounts = "[[account]]\nname = \"ann\"\npassword-file = \"secret\"\npermissions = \"all\"\n\
        unclean-uploads = true\n[[account]]\nname = \"anonymous\"\npermissions = \"all\"\n";
    let server = world.start(&format!("{TLS}{accounts}"));
    for version in Version::ALL {
        let (mut control, mut link) = begin_upload(&server, &world, version);
        send(&mut link, b"new");
        end_without_notify(&link);
        expect_cut(&mut control, &world);
        control.command("USER ann", 331);
        control.command("PASS a secret", 230);
        let mut link = start_transfer(&mut control, "STOR f");
        send(&mut link, b"new");
        end_without_notify(&link);
        control.expect(226);
        assert_eq!(content(&world), b"new");
        let used = format!(
            "{}: \"ann\" ended an upload without close_notify, as account.unclean-uploads allows \
             (3 bytes) \"/f\"",
            control.local()
        );
        server.wait_for_log(&used);
    }
    assert!(!server.log().contains("\"anonymous\" ended an upload"));
}

#[test]
fn unclean_upload_from_another_network_is_cut() {
    let world = World::new();
    let server = world.start(&format!("{TLS}unclean-uploads = \"10.0.0.0/8\"\n"));
    for version in Version::ALL {
        let (mut control, mut link) = begin_upload(&server, &world, version);
        let peer = control.local();
        send(&mut link, &vec![b'n'; SIZE]);
        end_without_notify(&link);
        expect_cut(&mut control, &world);
        // The same if the client closes the socket, and with a handshake before the STOR.
        drop(start_transfer(&mut control, "STOR f"));
        expect_cut(&mut control, &world);
        let link = control.passive().link();
        control.command("STOR f", 150);
        end_without_notify(&link);
        expect_cut(&mut control, &world);
        control.command("QUIT", 221);
        let count = format!("{peer}: 2 more in this session: uploads that ended without");
        server.wait_for_log(&count);
        let log = server.log();
        let message = format!("{peer}: The client ended the data connection of an upload without");
        let logged: Vec<_> = log.lines().filter(|line| line.contains(&message)).collect();
        let [once] = logged[..] else {
            panic!("{logged:?}");
        };
        assert!(once.contains("tls.unclean-uploads or account.unclean-uploads"));
        assert!(once.contains("WARN"), "{once}");
    }
    assert!(!server.log().contains(" allows ("), "{}", server.log());
}

#[test]
fn upload_truncated_within_record_or_reset_is_cut() {
    let world = World::new();
    let server = world.start(ALLOWED);
    for version in Version::ALL {
        for left_out in [1, 20] {
            let (mut control, mut link) = begin_upload(&server, &world, version);
            send(&mut link, b"first");
            let Link::Secured(stream) = &mut link else {
                panic!("the data connection is in clear text");
            };
            stream.conn.writer().write_all(b"second").unwrap();
            let mut record = Vec::new();
            stream.conn.write_tls(&mut record).unwrap();
            stream
                .sock
                .write_all(&record[..record.len() - left_out])
                .unwrap();
            end_without_notify(&link);
            expect_cut(&mut control, &world);
        }
        // Within the header of a record.
        let (mut control, mut link) = begin_upload(&server, &world, version);
        send(&mut link, b"first");
        link.socket().write_all(&[23, 3]).unwrap();
        end_without_notify(&link);
        expect_cut(&mut control, &world);
        let (mut control, mut link) = begin_upload(&server, &world, version);
        send(&mut link, b"first");
        abort_connection(link.socket().try_clone().unwrap());
        drop(link);
        expect_cut(&mut control, &world);
    }
    assert!(!server.log().contains("without close_notify"));
}

/// An upload that ends with `close_notify`, and a download that the client aborts.
#[test]
fn clean_uploads_and_downloads_ignore_unclean_uploads() {
    let world = World::new();
    let server = world.start(ALLOWED);
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        let bytes = vec![b'n'; SIZE];
        control.store("f", &bytes);
        assert!(control.retrieve("f") == bytes);
        // The client closes the data connection of a download.
        fs::write(world.path("root/large"), vec![0; 20_000_000]).unwrap();
        let mut link = start_transfer(&mut control, "RETR large");
        link.read_exact(&mut [0; 100]).unwrap();
        drop(link);
        control.expect(426);
    }
    assert!(!server.log().contains("without close_notify"));
}

/// A killed client closes its control connection first, and its upload is cut. An upload that ends with
/// a `close_notify` is complete.
#[test]
fn unclean_upload_after_control_connection_closed_is_cut() {
    let world = World::new();
    let server = world.start(ALLOWED);
    for version in Version::ALL {
        for is_clean in [false, true] {
            let (control, mut link) = begin_upload(&server, &world, version);
            send(&mut link, b"new");
            let peer = control.local();
            control.close();
            // Another session, so that the server sees the end of the control connection first.
            server.login().command("NOOP", 200);
            if is_clean {
                link.end().unwrap();
            } else {
                end_without_notify(&link);
            }
            server.wait_for_log(&format!("{peer} disconnected"));
            until("the end of the upload", || {
                let names = fs::read_dir(world.path("root")).unwrap();
                (names.count() == 1).then_some(())
            });
            assert_eq!(content(&world), if is_clean { b"new" } else { b"old" });
        }
    }
}

#[test]
fn reload_changes_unclean_uploads() {
    let world = World::new();
    let server = world.start(TLS);
    let (mut control, mut link) = begin_upload(&server, &world, Version::V13);
    send(&mut link, b"new");
    end_without_notify(&link);
    expect_cut(&mut control, &world);
    change(&world, &server, ALLOWED, READ);
    let mut link = start_transfer(&mut control, "STOR f");
    send(&mut link, b"new");
    end_without_notify(&link);
    control.expect(226);
    fs::write(world.path("root/f"), "old").unwrap();
    change(&world, &server, TLS, READ);
    let mut link = start_transfer(&mut control, "STOR f");
    send(&mut link, b"new");
    end_without_notify(&link);
    expect_cut(&mut control, &world);
    assert!(
        !server.log().contains("less restrictive"),
        "{}",
        server.log()
    );
}
