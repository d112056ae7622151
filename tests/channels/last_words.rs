//! How a control connection ends: nothing is said where it would not be understood, and an end of the
//! client's is always noticed. RFC 8446 §6.

use mioftpd::limits::TLS_READS_PER_CALL;
use mioftpd::reactor::Protocol;
use rustls::SupportedProtocolVersion;

use crate::peer::{Peer, VERSIONS};
use crate::server::{Client, Server};
use crate::wire::Close;

const NOOP: &[u8] = b"NOOP\r\n";

const OKAY: &[u8] = b"200 Command okay.\r\n";

/// What ends a conversation unasked: the server stops, or nobody has logged in.
const ENDS: [fn(&mut Server); 2] = [Server::stops, |server| {
    let login = server.timings.login;
    server.waits(login);
}];

/// A client that is greeted.
fn greeted(server: &mut Server) -> Client {
    let client = server.client();
    assert!(client.wire.take().starts_with(b"220 "));
    client
}

/// A client that has said AUTH and heard the 234.
fn switching(server: &mut Server) -> Client {
    let client = greeted(server);
    server.hears(&client, b"AUTH TLS\r\n");
    assert!(client.wire.take().starts_with(b"234 "));
    client
}

/// A client that has logged in over TLS.
fn secured(server: &mut Server, version: &'static SupportedProtocolVersion) -> (Client, Peer) {
    let client = switching(server);
    let mut peer = Peer::new(version);
    while peer.0.wants_write() {
        server.hears(&client, &peer.sends());
        peer.hears(&client.wire.take());
    }
    server.hears(&client, &peer.says(b"USER ftp\r\nPASS x\r\n"));
    let (said, _) = peer.hears(&client.wire.take());
    assert!(said.ends_with(b"230 User logged in, proceed.\r\n"));
    (client, peer)
}

/// Makes room for one byte after the other, until the server has ended its side: what it wrote.
fn last_words(server: &mut Server, client: &Client) -> Vec<u8> {
    for _ in 0..5_000 {
        assert_eq!(client.wire.lock().closed, None);
        if client.wire.lock().is_shut {
            return client.wire.take();
        }
        server.has_room(client, 1);
    }
    panic!("no end");
}

/// The server has ended its side, and lets the connection go when the client has ended its own.
fn lingers(server: &mut Server, client: &Client) {
    server.hears(client, b"what nobody reads");
    assert_eq!(client.wire.lock().closed, None);
    server.sees_the_end(client);
    assert_eq!(client.wire.lock().closed, Some(Close::Orderly));
}

/// The client's end of its side of TLS.
fn end(peer: &mut Peer) -> Vec<u8> {
    peer.0.send_close_notify();
    peer.sends()
}

#[test]
fn nothing_is_said_in_the_clear_behind_a_234() {
    for end in ENDS {
        let mut server = Server::new(Protocol::Ftp);
        let client = greeted(&mut server);
        server.has_room(&client, 10);
        server.hears(&client, b"AUTH TLS\r\n");
        end(&mut server);
        let said = last_words(&mut server, &client);
        assert_eq!(said, b"234 Proceed with the TLS handshake.\r\n");
        lingers(&mut server, &client);
    }
}

/// Bytes in the clear, which may be behind it, would be lost.
#[test]
fn an_end_of_tls_that_comes_with_ccc_is_too_early() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let (client, mut peer) = secured(&mut server, version);
        server.hears(&client, &[peer.says(b"CCC\r\n"), end(&mut peer)].concat());
        let (said, is_end) = peer.hears(&client.wire.take());
        assert!(said.starts_with(b"503 ") && is_end);
    }
}

/// It came with the last command, and so the kernel tells of both at once.
#[test]
fn an_end_that_comes_with_the_last_command_is_noticed() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let (client, mut peer) = secured(&mut server, version);
        // The reply has room, and the end of TLS has none.
        let mut bytes = peer.says(NOOP);
        server.has_room(&client, OKAY.len() + bytes.len() - NOOP.len());
        bytes.extend(end(&mut peer));
        server.hears(&client, &bytes);
        assert_eq!(client.wire.lock().room, 0);
        assert_eq!(client.wire.lock().closed, None);
        server.has_room(&client, usize::MAX);
        let (said, is_end) = peer.hears(&client.wire.take());
        assert_eq!((said.as_slice(), is_end), (OKAY, true));
        assert_eq!(client.wire.lock().closed, Some(Close::Orderly));
    }
}

/// Of so many records only some are read at once; the kernel tells of all of them once.
#[test]
fn commands_in_records_of_a_byte_are_all_heard() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let (client, mut peer) = secured(&mut server, version);
        let commands = NOOP.repeat(2_400);
        let bytes: Vec<_> = commands
            .chunks(1)
            .flat_map(|byte| peer.says(byte))
            .collect();
        assert!(bytes.len() > TLS_READS_PER_CALL * 4_096);
        server.hears(&client, &bytes);
        let (said, _) = peer.hears(&client.wire.take());
        assert!(said == OKAY.repeat(2_400), "{} bytes", said.len());
    }
}
