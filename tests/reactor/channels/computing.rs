//! A worker has the TLS state of a control connection while its deadline comes, its client leaves or sends
//! more, or the server stops. RFC 8446 §6.

use std::time::Duration;

use mioftpd::internals::reactor::Protocol;

use crate::channels::peer::{Peer, VERSIONS};
use crate::channels::server::{Client, Server};
use crate::channels::wire::{Close, End};

/// A client that has logged in and sent its `ClientHello`, whose step a worker has computed and not returned.
fn computing(server: &mut Server, peer: &mut Peer) -> Client {
    let client = server.connect();
    server.deliver(&client, b"USER ftp\r\nPASS x\r\nAUTH TLS\r\n");
    let said = String::from_utf8(client.wire.take()).unwrap();
    assert!(said.lines().last().unwrap().starts_with("234 "), "{said}");
    server.workers.hold_completions(true);
    server.deliver(&client, &peer.take_output());
    assert_eq!(client.wire.take(), b"");
    client
}

/// Delivers the step, and those that follow, until the client has nothing more to send.
fn complete(server: &mut Server, client: &Client, peer: &mut Peer) {
    server.workers.hold_completions(false);
    server.deliver_first_completion();
    peer.decrypt(&client.wire.take());
    while peer.0.wants_write() {
        server.deliver(client, &peer.take_output());
        peer.decrypt(&client.wire.take());
    }
}

fn answers(server: &mut Server, client: &Client, peer: &mut Peer) -> bool {
    server.deliver(client, &peer.encrypt(b"NOOP\r\n"));
    peer.decrypt(&client.wire.take()).0 == b"200 Command okay.\r\n"
}

#[test]
fn time_out_of_handshake_is_paused_while_a_worker_computes() {
    for version in VERSIONS {
        let mut server = Server::new(Protocol::Ftp);
        let mut peer = Peer::new(version);
        let client = computing(&mut server, &mut peer);
        let time = server.timings.handshake;
        server.advance(time + Duration::from_secs(1));
        assert_eq!(client.wire.lock().closed, None);
        server.workers.hold_completions(false);
        server.deliver_first_completion();
        // From now on it is the client's time again.
        server.advance(time * 9 / 10);
        assert_eq!(client.wire.lock().closed, None);
        peer.decrypt(&client.wire.take());
        server.deliver(&client, &peer.take_output());
        peer.decrypt(&client.wire.take());
        assert!(answers(&mut server, &client, &mut peer), "{version:?}");

        let mut silent = Peer::new(version);
        let client = computing(&mut server, &mut silent);
        server.workers.hold_completions(false);
        server.deliver_first_completion();
        server.advance(time + Duration::from_secs(1));
        assert!(client.wire.lock().closed.is_some());
    }
}

/// No event is lost that comes meanwhile, and nothing is read or written.
#[test]
fn what_becomes_ready_while_a_worker_computes_is_done_afterwards() {
    for end in [End::Fin, End::Reset] {
        let mut server = Server::new(Protocol::Ftp);
        let mut peer = Peer::new(VERSIONS[1]);
        let client = computing(&mut server, &mut peer);
        let calls = client.wire.lock().calls;
        client.wire.lock().end = end;
        server.deliver(&client, b"");
        assert_eq!(client.wire.lock().calls, calls);
        assert_eq!(client.wire.lock().closed, None);
        server.deliver_first_completion();
        assert!(client.wire.lock().closed.is_some());
    }
    for room in [0, 1, 7] {
        let mut server = Server::new(Protocol::Ftp);
        let mut peer = Peer::new(VERSIONS[1]);
        let client = computing(&mut server, &mut peer);
        server.set_room(&client, room);
        server.workers.hold_completions(false);
        server.deliver_first_completion();
        assert_eq!(client.wire.lock().outbound.len(), room);
        server.set_room(&client, usize::MAX);
        peer.decrypt(&client.wire.take());
        server.deliver(&client, &peer.take_output());
        peer.decrypt(&client.wire.take());
        assert!(answers(&mut server, &client, &mut peer));
    }
}

#[test]
fn session_that_ends_while_a_worker_computes_says_so_afterwards() {
    let mut server = Server::new(Protocol::Ftp);
    let mut peer = Peer::new(VERSIONS[1]);
    let client = computing(&mut server, &mut peer);
    server.stop();
    assert_eq!(client.wire.lock().outbound, b"");
    assert!(!client.wire.lock().is_shut);
    server.deliver_first_completion();
    assert!(client.wire.lock().is_shut);
    let (_, is_end) = peer.decrypt(&client.wire.take());
    assert!(is_end, "there is no `close_notify`");
}

/// A second stop waits for no client, and the step that comes late is dropped.
#[test]
fn connection_that_is_closed_while_a_worker_computes_is_gone() {
    let mut server = Server::new(Protocol::Ftp);
    let mut peer = Peer::new(VERSIONS[1]);
    let client = computing(&mut server, &mut peer);
    server.stop();
    server.stop();
    assert_eq!(client.wire.lock().closed, Some(Close::Orderly));
    server.deliver_first_completion();
    assert_eq!(client.wire.lock().outbound, b"");
}

#[test]
fn step_of_a_client_that_has_left_frees_its_place() {
    let mut server = Server::new(Protocol::Ftp);
    for _ in 0..10 {
        let mut peer = Peer::new(VERSIONS[1]);
        let client = computing(&mut server, &mut peer);
        client.wire.lock().end = End::Reset;
        server.deliver(&client, b"");
        server.workers.hold_completions(false);
        server.deliver_first_completion();
        assert!(client.wire.lock().closed.is_some());
    }
    let mut peer = Peer::new(VERSIONS[1]);
    let client = computing(&mut server, &mut peer);
    complete(&mut server, &client, &mut peer);
    assert!(answers(&mut server, &client, &mut peer));
}
