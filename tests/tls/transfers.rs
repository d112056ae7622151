//! Files over private data connections: whole, or not at all. RFC 4217 §12.3, RFC 8446 §6.1.

use std::fs;
use std::io::Write;

use super::support::tls::{TlsClient, Version};
use super::support::{Control, DataChannel};
use super::{content, writable};

#[test]
fn files_go_both_ways_in_every_version() {
    let server = writable().listen("127.0.0.1:0");
    let server = server.listen_for_tls("127.0.0.1:0").start();
    let content = content(3_000_001);
    for version in Version::ALL {
        let client = TlsClient::of(version);
        let mut control = server.private(&client);
        control.store("f", &content);
        assert!(fs::read(server.file("f")).unwrap() == content);
        assert!(control.retrieve("f") == content);
        let data = DataChannel::port(&mut control);
        control.command("RETR f", 150);
        assert!(data.receive() == content);
        control.expect(226);
        let mut implicit = Control::implicit(server.secure_address(), &client);
        implicit.log_in("anonymous", "x");
        implicit.command("TYPE I", 200);
        assert!(implicit.retrieve("f") == content);
    }
}

/// Clients close an upload without reading; what they have not read resets the connection, and
/// takes with it what is on its way.
#[test]
fn an_upload_by_a_client_that_reads_nothing_arrives_whole() {
    let server = writable().start();
    let content = content(3_000_001);
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        for _ in 0..10 {
            let data = control.passive();
            control.command("STOR f", 150);
            let mut link = data.link();
            link.write_all(&content).unwrap();
            link.end().unwrap();
            drop(link);
            control.expect(226);
            assert!(fs::read(server.file("f")).unwrap() == content);
        }
    }
}
