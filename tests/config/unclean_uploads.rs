//! Uploads over TLS that end without `close_notify`: for whom they count as whole, and which never do.
//! RFC 8446 §6.1.
//!
//! The client is rustls over a socket that is closed without a word, as .NET Framework and some cameras
//! close it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use crate::reloading::{READ, change};
use crate::support::tls::{Link, TlsClient, Version};
use crate::support::{Control, Server, abort_connection, until};
use crate::world::World;

const TLS: &str = "[tls]\nself-signed = true\n";
const ALLOWED: &str =
    "[tls]\nself-signed = true\nunclean-uploads = [\"10.0.0.0/8\", \"127.0.0.0/8\"]\n";
const SIZE: usize = 200_000;

/// A client that has begun to store `f`, which has an old content.
fn begun(server: &Server, world: &World, version: Version) -> (Control, Link) {
    fs::write(world.path("root/f"), "old").unwrap();
    let mut control = server.private(&TlsClient::of(version));
    let link = stores(&mut control, "STOR f");
    (control, link)
}

fn stores(control: &mut Control, command: &str) -> Link {
    let data = control.passive();
    control.command(command, 150);
    data.link()
}

fn sends(link: &mut Link, bytes: &[u8]) {
    link.write_all(bytes).unwrap();
    link.flush().unwrap();
}

/// Ends the stream between two records, and says nothing.
fn ends_unclean(link: &Link) {
    link.socket().shutdown(Shutdown::Write).unwrap();
}

fn content(world: &World) -> Vec<u8> {
    fs::read(world.path("root/f")).unwrap()
}

fn is_cut(control: &mut Control, world: &World) {
    control.expect(426);
    assert_eq!(content(world), b"old");
}

/// `tls.unclean-uploads`
#[test]
fn unclean_upload_of_a_network_is_whole_and_logged_each_time() {
    let world = World::new();
    let server = world.start(ALLOWED);
    for version in Version::ALL {
        for bytes in [vec![b'n'; SIZE], b"n".to_vec(), Vec::new()] {
            let (mut control, mut link) = begun(&server, &world, version);
            sends(&mut link, &bytes);
            ends_unclean(&link);
            control.expect(226);
            assert!(content(&world) == bytes);
            // Closed, which is what most of them do.
            let mut link = stores(&mut control, "STOR /d");
            sends(&mut link, &bytes);
            drop(link);
            control.expect(226);
            // Secured before it is said what for.
            let mut link = control.passive().link();
            control.command("STOR /e", 150);
            sends(&mut link, &bytes);
            ends_unclean(&link);
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
fn unclean_upload_of_an_account_is_whole_and_of_others_is_cut() {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    let accounts = "[[account]]\nname = \"ann\"\npassword-file = \"secret\"\npermissions = \"all\"\n\
        unclean-uploads = true\n[[account]]\nname = \"anonymous\"\npermissions = \"all\"\n";
    let server = world.start(&format!("{TLS}{accounts}"));
    for version in Version::ALL {
        let (mut control, mut link) = begun(&server, &world, version);
        sends(&mut link, b"new");
        ends_unclean(&link);
        is_cut(&mut control, &world);
        control.command("USER ann", 331);
        control.command("PASS a secret", 230);
        let mut link = stores(&mut control, "STOR f");
        sends(&mut link, b"new");
        ends_unclean(&link);
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
        let (mut control, mut link) = begun(&server, &world, version);
        let peer = control.local();
        sends(&mut link, &vec![b'n'; SIZE]);
        ends_unclean(&link);
        is_cut(&mut control, &world);
        // Also one that the client has closed, and one that it secured before it said what for.
        drop(stores(&mut control, "STOR f"));
        is_cut(&mut control, &world);
        let link = control.passive().link();
        control.command("STOR f", 150);
        ends_unclean(&link);
        is_cut(&mut control, &world);
        control.command("QUIT", 221);
        let count = format!("{peer}: 2 more in this session: uploads that ended without");
        server.wait_for_log(&count);
        let log = server.log();
        let said = format!("{peer}: The client ended the data connection of an upload without");
        let logged: Vec<_> = log.lines().filter(|line| line.contains(&said)).collect();
        let [once] = logged[..] else {
            panic!("{logged:?}");
        };
        assert!(once.contains("tls.unclean-uploads or account.unclean-uploads"));
        assert!(once.contains("WARN"), "{once}");
    }
    assert!(!server.log().contains(" allows ("), "{}", server.log());
}

#[test]
fn upload_that_is_cut_within_a_record_or_reset_is_never_whole() {
    let world = World::new();
    let server = world.start(ALLOWED);
    for version in Version::ALL {
        for left_out in [1, 20] {
            let (mut control, mut link) = begun(&server, &world, version);
            sends(&mut link, b"first");
            let Link::Secured(stream) = &mut link else {
                panic!("it is in the clear");
            };
            stream.conn.writer().write_all(b"second").unwrap();
            let mut record = Vec::new();
            stream.conn.write_tls(&mut record).unwrap();
            stream
                .sock
                .write_all(&record[..record.len() - left_out])
                .unwrap();
            ends_unclean(&link);
            is_cut(&mut control, &world);
        }
        // Within the header of a record.
        let (mut control, mut link) = begun(&server, &world, version);
        sends(&mut link, b"first");
        link.socket().write_all(&[23, 3]).unwrap();
        ends_unclean(&link);
        is_cut(&mut control, &world);
        let (mut control, mut link) = begun(&server, &world, version);
        sends(&mut link, b"first");
        abort_connection(link.socket().try_clone().unwrap());
        drop(link);
        is_cut(&mut control, &world);
    }
    assert!(!server.log().contains("without close_notify"));
}

/// An announced end counts as anywhere else, and a download never has another.
#[test]
fn clean_uploads_and_downloads_are_as_without_the_key() {
    let world = World::new();
    let server = world.start(ALLOWED);
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        let bytes = vec![b'n'; SIZE];
        control.store("f", &bytes);
        assert!(control.retrieve("f") == bytes);
        // A client that goes away in the middle of one.
        fs::write(world.path("root/large"), vec![0; 20_000_000]).unwrap();
        let mut link = stores(&mut control, "RETR large");
        link.read_exact(&mut [0; 100]).unwrap();
        drop(link);
        control.expect(426);
    }
    assert!(!server.log().contains("without close_notify"));
}

/// As without TLS, a client that is killed ends its control connection first, and what it was sending then
/// is not whole; unless it has said so.
#[test]
fn upload_that_ends_after_its_control_connection_is_whole_only_where_it_says_so() {
    let world = World::new();
    let server = world.start(ALLOWED);
    for version in Version::ALL {
        for is_clean in [false, true] {
            let (control, mut link) = begun(&server, &world, version);
            sends(&mut link, b"new");
            let peer = control.local();
            control.close();
            // The end of the control connection is met for itself.
            server.login().command("NOOP", 200);
            if is_clean {
                link.end().unwrap();
            } else {
                ends_unclean(&link);
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
fn reload_allows_unclean_uploads_and_takes_it_back() {
    let world = World::new();
    let server = world.start(TLS);
    let (mut control, mut link) = begun(&server, &world, Version::V13);
    sends(&mut link, b"new");
    ends_unclean(&link);
    is_cut(&mut control, &world);
    change(&world, &server, ALLOWED, READ);
    let mut link = stores(&mut control, "STOR f");
    sends(&mut link, b"new");
    ends_unclean(&link);
    control.expect(226);
    fs::write(world.path("root/f"), "old").unwrap();
    change(&world, &server, TLS, READ);
    let mut link = stores(&mut control, "STOR f");
    sends(&mut link, b"new");
    ends_unclean(&link);
    is_cut(&mut control, &world);
    assert!(
        !server.log().contains("no longer closes"),
        "{}",
        server.log()
    );
}
