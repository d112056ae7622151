//! How a control connection ends: what TLS has to say last is written when there is room for it,
//! as a last reply is, and then the end is said; and an end of the client's is always noticed.
//! RFC 8446 §6.

use std::io::Read as _;

use mioftpd::limits::{JOBS_WAITING, TLS_READS_PER_CALL};
use mioftpd::reactor::Protocol;
use rustls::SupportedProtocolVersion;

use crate::peer::{Peer, VERSIONS};
use crate::server::{Client, Server};
use crate::wire::{Close, FORGED};

const NOOP: &[u8] = b"NOOP\r\n";

const OKAY: &[u8] = b"200 Command okay.\r\n";

/// `close_notify`, as it is where nothing is encrypted.
const CLOSE_NOTIFY: &[u8] = &[21, 3, 3, 0, 2, 1, 0];

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

/// What a client is told, up to an alert.
fn told(peer: &mut Peer, mut bytes: &[u8]) -> Vec<u8> {
    loop {
        assert!(!bytes.is_empty(), "no alert");
        peer.0.read_tls(&mut bytes).unwrap();
        if let Err(error) = peer.0.process_new_packets() {
            assert!(matches!(error, rustls::Error::AlertReceived(_)), "{error}");
            let mut text = Vec::new();
            // What was said before it; behind it there is nothing.
            let _ = peer.0.reader().read_to_end(&mut text);
            return text;
        }
    }
}

/// The client's end of its side of TLS.
fn end(peer: &mut Peer) -> Vec<u8> {
    peer.0.send_close_notify();
    peer.sends()
}

#[test]
fn an_alert_to_what_is_no_hello_waits_for_room() {
    let mut server = Server::new(Protocol::Ftp);
    let client = switching(&mut server);
    server.has_room(&client, 0);
    server.hears(&client, NOOP);
    assert!(client.wire.take().is_empty());
    let said = last_words(&mut server, &client);
    assert!(matches!(said[..], [21, 3, _, 0, 2, 2, _]), "{said:?}");
    lingers(&mut server, &client);
}

#[test]
fn an_alert_to_a_forged_record_waits_behind_the_replies() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let (client, mut peer) = secured(&mut server, version);
        server.has_room(&client, 5);
        server.hears(&client, &peer.says(NOOP));
        server.hears(&client, &FORGED);
        let said = last_words(&mut server, &client);
        assert_eq!(told(&mut peer, &said), OKAY);
        lingers(&mut server, &client);
    }
}

#[test]
fn who_makes_no_room_for_an_alert_is_let_go_as_one_who_reads_no_replies() {
    let mut server = Server::new(Protocol::Ftp);
    let client = switching(&mut server);
    // What would have been due in between gives nobody more time.
    let almost = server.timings.reply_stall / 2;
    assert!(server.timings.login < 3 * almost);
    server.waits(almost);
    server.has_room(&client, 3);
    server.hears(&client, NOOP);
    server.waits(almost);
    assert_eq!(client.wire.lock().closed, None);
    server.waits(almost);
    assert_eq!(client.wire.lock().closed, Some(Close::Orderly));
}

#[test]
fn a_handshake_that_is_broken_off_ends_with_what_is_unsent_of_it_and_the_end() {
    for version in VERSIONS {
        for end in ENDS {
            let mut server = Server::new(Protocol::Ftp);
            let client = switching(&mut server);
            server.has_room(&client, 100);
            let mut peer = Peer::new(version);
            server.hears(&client, &peer.sends());
            assert_eq!(client.wire.lock().room, 0);
            end(&mut server);
            let said = last_words(&mut server, &client);
            // Before the client has had a part in it, nothing of TLS 1.2 is encrypted.
            let (_, is_end) = peer.hears(&said);
            assert!(is_end || said.ends_with(CLOSE_NOTIFY));
            lingers(&mut server, &client);
        }
    }
}

/// A disk that hangs: who is here may wait for it, and others would only make it worse.
#[test]
fn where_too_much_waits_for_the_storage_nobody_else_is_let_in() {
    let mut server = Server::new(Protocol::Ftp);
    let early = greeted(&mut server);
    server.has_waiting(JOBS_WAITING + 1);
    let late = server.client();
    let refusal = b"421 Service not available, closing control connection.\r\n";
    assert_eq!(late.wire.take(), refusal);
    assert_eq!(late.wire.lock().closed, Some(Close::Orderly));
    server.hears(&early, NOOP);
    assert_eq!(early.wire.take(), OKAY);
    server.has_waiting(JOBS_WAITING);
    greeted(&mut server);
}

/// Where TLS comes first, nothing else is said before it.
#[test]
fn a_greeting_that_could_not_be_said_is_not_said() {
    let mut server = Server::new(Protocol::Ftps);
    let [noisy, silent] = [server.client(), server.client()];
    server.hears(&noisy, b"USER ftp\r\n");
    let said = last_words(&mut server, &noisy);
    assert!(matches!(said[..], [21, 3, _, 0, 2, 2, _]), "{said:?}");
    lingers(&mut server, &noisy);

    let login = server.timings.login;
    server.waits(login);
    let said = last_words(&mut server, &silent);
    assert!(matches!(said[..], [21, 3, _, 0, 2, 1, 0]), "{said:?}");
    lingers(&mut server, &silent);
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

#[test]
fn the_end_of_tls_is_said_where_the_connection_ends_with_it() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let (client, mut peer) = secured(&mut server, version);
        // The reply has room, and the end of TLS has none.
        let reply = b"200 Proceed with the end of TLS.\r\n";
        let command = peer.says(b"CCC\r\n");
        server.has_room(&client, reply.len() + command.len() - b"CCC\r\n".len());
        server.hears(&client, &command);
        assert_eq!(client.wire.lock().room, 0);
        server.stops();
        let (said, is_end) = peer.hears(&last_words(&mut server, &client));
        assert_eq!((said.as_slice(), is_end), (&reply[..], true));
        lingers(&mut server, &client);
    }
}

/// Nobody can tell what comes next from it: a record, or a command.
#[test]
fn who_does_not_end_tls_after_a_ccc_is_let_go() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let (client, mut peer) = secured(&mut server, version);
        server.hears(&client, &peer.says(b"CCC\r\n"));
        let (said, is_end) = peer.hears(&client.wire.take());
        assert!(said.starts_with(b"200 ") && is_end);
        let handshake = server.timings.handshake;
        server.waits(handshake / 2);
        assert_eq!(client.wire.lock().closed, None);
        server.waits(handshake / 2);
        assert!(client.wire.take().is_empty());
        assert_eq!(client.wire.lock().closed, Some(Close::Orderly));
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

/// The kernel tells once of what came, and TLS has taken a byte of it to see that it is no record.
#[test]
fn a_command_in_the_place_of_the_end_of_tls_is_answered_in_the_clear() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let (client, mut peer) = secured(&mut server, version);
        server.hears(&client, &peer.says(b"CCC\r\n"));
        let (said, is_end) = peer.hears(&client.wire.take());
        assert!(said.starts_with(b"200 ") && is_end);
        server.hears(&client, NOOP);
        assert_eq!(client.wire.take(), OKAY);
        server.sees_the_end(&client);
        assert_eq!(client.wire.lock().closed, Some(Close::Orderly));
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
