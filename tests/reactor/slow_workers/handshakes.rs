//! TLS handshakes that wait for a worker: none is computed on the event loop, so they delay nothing else.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use mioftpd::internals::limits::HANDSHAKES_OF_ONE;
use mioftpd::internals::net::tls::{Acceptor, ClientCertificates};
use mioftpd::internals::session::Settings;
use mioftpd::internals::workers::{Completion, JobResult, Work};
use mioftpd::{DataSession, SecurityPolicy};
use rustls::ClientConnection;

use crate::slow_workers::{Scene, with_storage};
use crate::support::tls::{Link, TlsClient};
use crate::support::{Control, DEADLINE, abort_connection, connect_from, ed25519};

pub(super) fn acceptor() -> Acceptor {
    let clients = ClientCertificates::Off.verifier();
    Acceptor::new(&ed25519::credentials(), clients, DataSession::Observe).unwrap()
}

fn with_tls(test: impl FnOnce(&Scene)) {
    let settings = Settings {
        security: Some(SecurityPolicy::default()),
        ..Settings::default()
    };
    with_storage(settings, |disk| disk, |scene, _| test(scene));
}

fn is_step(work: &Work) -> bool {
    matches!(work, Work::Handshake(_))
}

/// A client that has sent its `ClientHello`.
fn greeting(scene: &Scene, from: Ipv4Addr) -> (ClientConnection, TcpStream) {
    let socket = connect_from(from, scene.address).unwrap();
    let mut control = Control::over(socket.try_clone().unwrap());
    control.expect(220);
    control.command("AUTH TLS", 234);
    (hello(&socket), socket)
}

fn hello(mut socket: &TcpStream) -> ClientConnection {
    let mut tls = TlsClient::new().begin();
    tls.write_tls(&mut socket).unwrap();
    socket.flush().unwrap();
    tls
}

/// Whether nothing has come for a client.
fn is_waiting(socket: &TcpStream) -> bool {
    socket.set_nonblocking(true).unwrap();
    let peeked = socket.peek(&mut [0]);
    socket.set_nonblocking(false).unwrap();
    peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn handshake_on_a_worker_delays_no_other_client() {
    with_tls(|scene| {
        scene.workers.hold(is_step);
        let (tls, socket) = greeting(scene, Ipv4Addr::LOCALHOST);
        scene.workers.wait_for(1);
        let mut other = Control::login(scene.address);
        for _ in 0..10 {
            other.command("NOOP", 200);
        }
        assert_eq!(other.retrieve("two"), b"22");
        assert!(
            is_waiting(&socket),
            "the handshake was computed on the loop"
        );
        scene.workers.release();
        Link::over(tls, socket).unwrap();
    });
}

#[test]
fn early_data_handshake_on_a_worker_delays_no_command() {
    with_tls(|scene| {
        let mut control = Control::private(scene.address, &TlsClient::new());
        // The first link is replaced while a worker has its TLS state.
        scene.workers.hold(is_step);
        let replaced = control.passive().stream();
        let _tls = hello(&replaced);
        scene.workers.wait_for(1);
        let mut other = Control::login(scene.address);
        other.command("NOOP", 200);
        control.command("NOOP", 200);
        assert!(
            is_waiting(&replaced),
            "the handshake was computed on the loop"
        );
        let socket = control.passive().stream();
        let tls = hello(&socket);
        scene.workers.wait_for(2);
        // The transfer begins while a worker has the TLS state, and waits for it.
        control.command("RETR two", 150);
        control.send("STAT");
        control.expect_one_of(&[211, 213]);
        scene.workers.release();
        let mut link = Link::over(tls, socket).unwrap();
        let mut content = Vec::new();
        link.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"22");
        control.expect(226);
        assert_eq!(control.retrieve("two"), b"22");
    });
}

#[test]
fn handshake_of_a_transfer_is_a_slice_of_a_worker() {
    with_tls(|scene| {
        let mut control = Control::private(scene.address, &TlsClient::new());
        let socket = control.passive().stream();
        control.command("RETR two", 150);
        scene.workers.hold(|work| matches!(work, Work::Slice(_)));
        let tls = hello(&socket);
        scene.workers.wait_for(1);
        assert!(
            is_waiting(&socket),
            "the handshake was computed on the loop"
        );
        Control::login(scene.address).command("NOOP", 200);
        scene.workers.release();
        let mut content = Vec::new();
        Link::over(tls, socket)
            .unwrap()
            .read_to_end(&mut content)
            .unwrap();
        assert_eq!(content, b"22");
        control.expect(226);
    });
}

/// One address has a few steps at a time, whoever of its clients leaves, and gets its other ones later.
#[test]
fn handshakes_of_one_address_do_not_delay_those_of_another() {
    with_tls(|scene| {
        scene.workers.hold(is_step);
        let flooding = Ipv4Addr::new(127, 0, 0, 2);
        let mut flood: Vec<_> = (0..3 * HANDSHAKES_OF_ONE)
            .map(|_| greeting(scene, flooding))
            .collect();
        scene.workers.wait_for(HANDSHAKES_OF_ONE);
        let (tls, socket) = greeting(scene, Ipv4Addr::new(127, 0, 0, 3));
        scene.workers.wait_for(HANDSHAKES_OF_ONE + 1);
        // One whose step a worker has, and one that waits for a worker.
        for left in [flood.remove(0).1, flood.remove(HANDSHAKES_OF_ONE).1] {
            abort_connection(left);
        }
        scene.workers.release();
        Link::over(tls, socket).unwrap();
        for (tls, socket) in flood {
            Link::over(tls, socket).unwrap();
        }
    });
}

#[test]
fn step_that_panics_closes_its_connection_and_no_other() {
    with_tls(|scene| {
        let mut control = Control::private(scene.address, &TlsClient::new());
        scene.workers.hold(is_step);
        let (_tls, mut socket) = greeting(scene, Ipv4Addr::LOCALHOST);
        let data = control.passive().stream();
        let _data_tls = hello(&data);
        scene.workers.wait_for(2);
        scene.workers.complete(|job| Completion {
            id: job.id,
            outcome: JobResult::Handshake(None),
            times: job.times,
        });
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let end = socket.read_to_end(&mut Vec::new());
        assert!(end.is_ok_and(|count| count == 0));
        control.command("RETR two", 150);
        control.expect(522);
        assert_eq!(control.retrieve("two"), b"22");
        // Its place in the queue of the address is free again.
        for _ in 0..2 * HANDSHAKES_OF_ONE {
            Control::secured(scene.address, &TlsClient::new());
        }
    });
}
