//! Time-outs of handshakes, with an embedded server and short times.
//!
//! A slow client is disconnected at the deadline, and does not delay other clients.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use mioftpd::{
    Account, Accounts, Certificate, Config, DataSession, Handle, Permissions, SecurityPolicy,
    Server, Timings, TlsConfig,
};
use tempfile::TempDir;

use crate::support::tls::{TlsClient, Version};
use crate::support::{Control, DEADLINE};

const SHORT: Duration = Duration::from_millis(300);

/// A server in its own thread, stopped on drop.
struct Embedded {
    address: SocketAddr,
    secure_address: SocketAddr,
    root: TempDir,
    handle: Handle,
    ended: Receiver<bool>,
}

impl Embedded {
    fn start(timings: Timings) -> Self {
        let root = tempfile::tempdir().unwrap();
        let here = "127.0.0.1:0".parse().unwrap();
        let mut server = Server::bind(Config {
            listen: vec![here],
            root: Some(root.path().into()),
            accounts: Accounts::new().with(Account::anonymous(Permissions::ALL)),
            tls: Some(TlsConfig {
                certificate: Certificate::SelfSigned {
                    state: None,
                    names: vec!["localhost".to_owned()],
                },
                listen: vec![here],
                policy: SecurityPolicy::default(),
                data_session: DataSession::Observe,
                clients: None,
            }),
            timings,
            ..Config::default()
        })
        .unwrap();
        let (address, secure_address) = (server.addresses()[0], server.secure_addresses()[0]);
        let handle = server.handle();
        let (sender, ended) = channel();
        thread::spawn(move || sender.send(server.run().is_ok()));
        Self {
            address,
            secure_address,
            root,
            handle,
            ended,
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        (0..3).for_each(|_| self.handle.stop());
        let ended = self.ended.recv_timeout(DEADLINE);
        assert!(ended == Ok(true) || thread::panicking(), "{ended:?}");
    }
}

/// Sends half of a `ClientHello`.
fn send_half_hello(version: Version, mut socket: TcpStream) -> TcpStream {
    let mut hello = Vec::new();
    let mut tls = TlsClient::of(version).begin();
    tls.write_tls(&mut hello).unwrap();
    std::io::Write::write_all(&mut socket, &hello[..hello.len() / 2]).unwrap();
    socket
}

#[test]
fn silent_data_connection_is_425_at_the_deadline() {
    let server = Embedded::start(Timings {
        data_connect: SHORT,
        ..Timings::default()
    });
    std::fs::write(server.root.path().join("f"), "old").unwrap();
    let mut control = Control::private(server.address, &TlsClient::new());
    for command in ["STOR f", "RETR f", "LIST"] {
        for half_a_hello in [false, true] {
            let mut data = control.passive().stream();
            if half_a_hello {
                data = send_half_hello(Version::V13, data);
            }
            let begun = Instant::now();
            control.command(command, 150);
            control.expect(425);
            assert!(begun.elapsed() >= SHORT);
            // FIN or reset.
            let _ = data.read_to_end(&mut Vec::new());
        }
    }
    control.store("g", b"new");
    assert_eq!(control.retrieve("f"), b"old");
}

#[test]
fn stalled_handshakes_do_not_delay_others_and_time_out() {
    let server = Embedded::start(Timings {
        handshake: SHORT * 10,
        ..Timings::default()
    });
    let begun = Instant::now();
    let stalled: Vec<TcpStream> = (0..100)
        .map(|n| {
            let mut control = Control::silent(server.secure_address);
            if n % 2 == 0 {
                control = Control::connect(server.address);
                control.command("AUTH TLS", 234);
            }
            let version = Version::ALL[n % 4 / 2];
            send_half_hello(version, control.socket().try_clone().unwrap())
        })
        .collect();
    let mut control = Control::private(server.address, &TlsClient::new());
    control.store("f", b"content");
    assert_eq!(control.retrieve("f"), b"content");
    Control::connect(server.address).command("NOOP", 200);
    for mut socket in stalled {
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut rest = Vec::new();
        let end = socket.read_to_end(&mut rest);
        assert!(end.is_ok() || !is_timeout(&end), "{end:?}");
        assert!(begun.elapsed() >= SHORT * 10);
    }
    control.command("NOOP", 200);
}

fn is_timeout<T>(end: &std::io::Result<T>) -> bool {
    let timeout = std::io::ErrorKind::WouldBlock;
    end.as_ref().is_err_and(|error| error.kind() == timeout)
}
