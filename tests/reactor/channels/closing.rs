//! Closing a control connection over TLS: the last reply, alert or `close_notify` is written when the
//! socket is writable, then the FIN; an end by the client is always noticed. RFC 8446 §6.

use std::io::Read as _;

use mioftpd::internals::limits::{JOBS_QUEUED, TLS_READS_PER_CALL};
use mioftpd::internals::reactor::Protocol;
use rustls::SupportedProtocolVersion;

use crate::channels::peer::{Peer, VERSIONS};
use crate::channels::server::{Client, Server};
use crate::channels::wire::{Close, FORGED};

const NOOP: &[u8] = b"NOOP\r\n";

const OKAY: &[u8] = b"200 Command okay.\r\n";

/// An unencrypted `close_notify`.
const CLOSE_NOTIFY: &[u8] = &[21, 3, 3, 0, 2, 1, 0];

/// The server ends the session: on shutdown, or at the login time-out.
const ENDS: [fn(&mut Server); 2] = [Server::stop, |server| {
    let login = server.timings.login;
    server.advance(login);
}];

/// A client that has received the greeting.
fn greeted(server: &mut Server) -> Client {
    let client = server.connect();
    assert!(client.wire.take().starts_with(b"220 "));
    client
}

/// A client that has sent AUTH and received the 234.
fn switching(server: &mut Server) -> Client {
    let client = greeted(server);
    server.deliver(&client, b"AUTH TLS\r\n");
    assert!(client.wire.take().starts_with(b"234 "));
    client
}

/// A client that has logged in over TLS.
fn secured(server: &mut Server, version: &'static SupportedProtocolVersion) -> (Client, Peer) {
    let client = switching(server);
    let mut peer = Peer::new(version);
    while peer.0.wants_write() {
        server.deliver(&client, &peer.take_output());
        peer.decrypt(&client.wire.take());
    }
    server.deliver(&client, &peer.encrypt(b"USER ftp\r\nPASS x\r\n"));
    let (said, _) = peer.decrypt(&client.wire.take());
    assert!(said.ends_with(b"230 User logged in, proceed.\r\n"));
    (client, peer)
}

/// A client that has logged in over TLS, and whose CCC was accepted.
fn after_ccc(server: &mut Server, version: &'static SupportedProtocolVersion) -> Client {
    let (client, mut peer) = secured(server, version);
    server.deliver(&client, &peer.encrypt(b"CCC\r\n"));
    let (said, is_end) = peer.decrypt(&client.wire.take());
    assert!(said.starts_with(b"200 ") && is_end);
    client
}

/// Makes room byte by byte until the server has ended its side. Returns what it wrote.
fn drain_to_fin(server: &mut Server, client: &Client) -> Vec<u8> {
    for _ in 0..5_000 {
        assert_eq!(client.wire.lock().closed, None);
        if client.wire.lock().is_shut {
            return client.wire.take();
        }
        server.set_room(client, 1);
    }
    panic!("no end");
}

/// The server has ended its side, and closes the socket when the client has ended its own.
fn assert_lingers(server: &mut Server, client: &Client) {
    server.deliver(client, b"discarded");
    assert_eq!(client.wire.lock().closed, None);
    server.deliver_fin(client);
    assert_eq!(client.wire.lock().closed, Some(Close::Orderly));
}

/// Decrypts what the server has sent up to an alert.
fn decrypt_to_alert(peer: &mut Peer, mut bytes: &[u8]) -> Vec<u8> {
    loop {
        assert!(!bytes.is_empty(), "no alert");
        peer.0.read_tls(&mut bytes).unwrap();
        if let Err(error) = peer.0.process_new_packets() {
            assert!(matches!(error, rustls::Error::AlertReceived(_)), "{error}");
            let mut text = Vec::new();
            // The text before the alert; nothing follows it.
            let _ = peer.0.reader().read_to_end(&mut text);
            return text;
        }
    }
}

/// The client's `close_notify`.
fn end(peer: &mut Peer) -> Vec<u8> {
    peer.0.send_close_notify();
    peer.take_output()
}

#[test]
fn alert_for_clear_text_is_sent_when_writable() {
    let mut server = Server::new(Protocol::Ftp);
    let client = switching(&mut server);
    server.set_room(&client, 0);
    server.deliver(&client, NOOP);
    assert!(client.wire.take().is_empty());
    let said = drain_to_fin(&mut server, &client);
    assert!(matches!(said[..], [21, 3, _, 0, 2, 2, _]), "{said:?}");
    assert_lingers(&mut server, &client);
}

#[test]
fn alert_for_forged_record_follows_the_replies() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let (client, mut peer) = secured(&mut server, version);
        server.set_room(&client, 5);
        server.deliver(&client, &peer.encrypt(NOOP));
        server.deliver(&client, &FORGED);
        let said = drain_to_fin(&mut server, &client);
        assert_eq!(decrypt_to_alert(&mut peer, &said), OKAY);
        assert_lingers(&mut server, &client);
    }
}

#[test]
fn unread_alert_ends_at_the_reply_stall_time_out() {
    let mut server = Server::new(Protocol::Ftp);
    let client = switching(&mut server);
    // The login deadline in between does not extend the time.
    let almost = server.timings.reply_stall / 2;
    assert!(server.timings.login < 3 * almost);
    server.advance(almost);
    server.set_room(&client, 3);
    server.deliver(&client, NOOP);
    server.advance(almost);
    assert_eq!(client.wire.lock().closed, None);
    server.advance(almost);
    assert_eq!(client.wire.lock().closed, Some(Close::Orderly));
}

#[test]
fn aborted_handshake_sends_rest_of_flight_and_close_notify() {
    for version in VERSIONS {
        for end in ENDS {
            let mut server = Server::new(Protocol::Ftp);
            let client = switching(&mut server);
            server.set_room(&client, 100);
            let mut peer = Peer::new(version);
            server.deliver(&client, &peer.take_output());
            assert_eq!(client.wire.lock().room, 0);
            end(&mut server);
            let said = drain_to_fin(&mut server, &client);
            // In TLS 1.2, nothing is encrypted before the client's second flight.
            let (_, is_end) = peer.decrypt(&said);
            assert!(is_end || said.ends_with(CLOSE_NOTIFY));
            assert_lingers(&mut server, &client);
        }
    }
}

/// A hanging disk: open sessions wait for it; more connections would only queue more jobs.
#[test]
fn new_connections_are_refused_while_too_many_jobs_wait() {
    let mut server = Server::new(Protocol::Ftp);
    let early = greeted(&mut server);
    server.workers.pretend_outstanding(JOBS_QUEUED + 1);
    let late = server.connect();
    let refusal = b"421 Service not available, closing control connection.\r\n";
    assert_eq!(late.wire.take(), refusal);
    assert_eq!(late.wire.lock().closed, Some(Close::Orderly));
    server.deliver(&early, NOOP);
    assert_eq!(early.wire.take(), OKAY);
    server.workers.pretend_outstanding(JOBS_QUEUED);
    greeted(&mut server);
}

/// With implicit TLS, no clear text precedes the handshake.
#[test]
fn implicit_tls_sends_no_greeting_in_the_clear() {
    let mut server = Server::new(Protocol::Ftps);
    let [noisy, silent] = [server.connect(), server.connect()];
    server.deliver(&noisy, b"USER ftp\r\n");
    let said = drain_to_fin(&mut server, &noisy);
    assert!(matches!(said[..], [21, 3, _, 0, 2, 2, _]), "{said:?}");
    assert_lingers(&mut server, &noisy);

    let login = server.timings.login;
    server.advance(login);
    let said = drain_to_fin(&mut server, &silent);
    assert!(matches!(said[..], [21, 3, _, 0, 2, 1, 0]), "{said:?}");
    assert_lingers(&mut server, &silent);
}

#[test]
fn no_clear_text_follows_the_234() {
    for end in ENDS {
        let mut server = Server::new(Protocol::Ftp);
        let client = greeted(&mut server);
        server.set_room(&client, 10);
        server.deliver(&client, b"AUTH TLS\r\n");
        end(&mut server);
        let said = drain_to_fin(&mut server, &client);
        assert_eq!(said, b"234 Proceed with the TLS handshake.\r\n");
        assert_lingers(&mut server, &client);
    }
}

#[test]
fn close_notify_of_ccc_is_sent_if_server_stops() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let (client, mut peer) = secured(&mut server, version);
        // Room for the reply, and none for the close_notify.
        let reply = b"200 Proceed with the end of TLS.\r\n";
        let command = peer.encrypt(b"CCC\r\n");
        server.set_room(&client, reply.len() + command.len() - b"CCC\r\n".len());
        server.deliver(&client, &command);
        assert_eq!(client.wire.lock().room, 0);
        server.stop();
        let (said, is_end) = peer.decrypt(&drain_to_fin(&mut server, &client));
        assert_eq!((said.as_slice(), is_end), (&reply[..], true));
        assert_lingers(&mut server, &client);
    }
}

/// The next byte may be a record or clear text.
#[test]
fn client_that_stays_silent_after_ccc_times_out() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let client = after_ccc(&mut server, version);
        let handshake = server.timings.handshake;
        server.advance(handshake / 2);
        assert_eq!(client.wire.lock().closed, None);
        server.advance(handshake / 2);
        assert!(client.wire.take().is_empty());
        assert_eq!(client.wire.lock().closed, Some(Close::Orderly));
    }
}

/// Clear text after the `close_notify` would be lost.
#[test]
fn close_notify_together_with_ccc_is_refused() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let (client, mut peer) = secured(&mut server, version);
        server.deliver(
            &client,
            &[peer.encrypt(b"CCC\r\n"), end(&mut peer)].concat(),
        );
        let (said, is_end) = peer.decrypt(&client.wire.take());
        assert!(said.starts_with(b"503 ") && is_end);
    }
}

/// Readiness is edge-triggered, and TLS has read the first byte of the command.
#[test]
fn command_instead_of_close_notify_is_answered_in_the_clear() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let client = after_ccc(&mut server, version);
        server.deliver(&client, NOOP);
        assert_eq!(client.wire.take(), OKAY);
        server.deliver_fin(&client);
        assert_eq!(client.wire.lock().closed, Some(Close::Orderly));
    }
}

/// One event reports both the command and the `close_notify`.
#[test]
fn close_notify_with_last_command_is_noticed() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let (client, mut peer) = secured(&mut server, version);
        // Room for the reply, and none for the close_notify.
        let mut bytes = peer.encrypt(NOOP);
        server.set_room(&client, OKAY.len() + bytes.len() - NOOP.len());
        bytes.extend(end(&mut peer));
        server.deliver(&client, &bytes);
        assert_eq!(client.wire.lock().room, 0);
        assert_eq!(client.wire.lock().closed, None);
        server.set_room(&client, usize::MAX);
        let (said, is_end) = peer.decrypt(&client.wire.take());
        assert_eq!((said.as_slice(), is_end), (OKAY, true));
        assert_eq!(client.wire.lock().closed, Some(Close::Orderly));
    }
}

/// One call reads only some of the records, and one event reports all of them.
#[test]
fn commands_in_one_byte_records_are_all_answered() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let (client, mut peer) = secured(&mut server, version);
        let commands = NOOP.repeat(2_400);
        let bytes: Vec<_> = commands
            .chunks(1)
            .flat_map(|byte| peer.encrypt(byte))
            .collect();
        assert!(bytes.len() > TLS_READS_PER_CALL * 4_096);
        server.deliver(&client, &bytes);
        let (said, _) = peer.decrypt(&client.wire.take());
        assert!(said == OKAY.repeat(2_400), "{} bytes", said.len());
    }
}
