//! One passive port for any number of clients, over real sockets.
//!
//! Clients of different addresses share it at the same time; those of one address take turns. Each client of
//! a test has an address of its own in 127.0.0.0/8.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use mioftpd::{Config, Timings};

use crate::support::in_thread::with_server;
use crate::support::{Control, Starter, connect_from, epsv_port, free_ports, read_all};

/// Serves files `1` to `CLIENTS`, each with its name as content, with a single passive port.
fn with_one_port(here: Ipv4Addr, timings: Timings, test: impl FnOnce(SocketAddr, &Path)) {
    let directory = tempfile::tempdir().unwrap();
    for client in 1..=CLIENTS {
        fs::write(
            directory.path().join(client.to_string()),
            client.to_string(),
        )
        .unwrap();
    }
    let port = free_ports();
    let config = Config {
        listen: vec![(here, 0).into()],
        root: Some(directory.path().into()),
        passive_ports: Some(port..=port),
        timings,
        ..Config::default()
    };
    with_server(config, |address| test(address, directory.path()));
}

const CLIENTS: u8 = 30;

fn ip(client: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 80, client)
}

/// A session of the client with this address.
fn login_from(from: Ipv4Addr, to: SocketAddr) -> Control {
    let mut control = Control::over(connect_from(from, to).unwrap());
    control.expect(220);
    control.log_in("anonymous", "x");
    control
}

fn dial(from: Ipv4Addr, to: SocketAddr, control: &mut Control) -> TcpStream {
    let port = epsv_port(control);
    connect_from(from, (to.ip(), port).into()).unwrap()
}

/// The data connection of each is the one that comes from its address, whatever the order.
#[test]
fn clients_of_different_addresses_share_a_port() {
    with_one_port(Ipv4Addr::new(127, 0, 77, 2), Timings::default(), |to, _| {
        let clients = (1..=CLIENTS).map(|number| (number, login_from(ip(number), to)));
        let mut clients: Vec<_> = clients.collect();
        let ports: Vec<u16> = clients
            .iter_mut()
            .map(|(_, control)| epsv_port(control))
            .collect();
        assert!(ports.iter().all(|port| *port == ports[0]), "{ports:?}");
        let dialled = clients.into_iter().rev().map(|(number, control)| {
            let data = connect_from(ip(number), (to.ip(), ports[0]).into()).unwrap();
            (number, control, data)
        });
        let mut dialled: Vec<_> = dialled.collect();
        dialled.rotate_left(7);
        for (number, control, data) in &mut dialled {
            control.command(&format!("RETR {number}"), 150);
            assert_eq!(read_all(data), number.to_string().as_bytes());
            control.expect(226);
        }
    });
}

#[test]
fn sessions_of_one_address_take_turns() {
    with_one_port(Ipv4Addr::new(127, 0, 77, 3), Timings::default(), |to, _| {
        let mut sessions: Vec<_> = (1..=8).map(|_| login_from(ip(1), to)).collect();
        for control in &mut sessions {
            control.send("EPSV");
        }
        let mut streams = Vec::new();
        for (number, control) in (1..).zip(&mut sessions) {
            // Those behind it have no reply before its data connection has arrived.
            let reply = control.expect(229);
            let port: u16 = reply.text().split('|').nth(3).unwrap().parse().unwrap();
            control.send(&format!("RETR {number}"));
            control.expect(150);
            streams.push(connect_from(ip(1), (to.ip(), port).into()).unwrap());
        }
        for ((number, control), mut data) in (1..).zip(&mut sessions).zip(streams) {
            assert_eq!(read_all(&mut data), number.to_string().as_bytes());
            control.expect(226);
        }
    });
}

/// A connection that its session does not wait for any more is not the next session's.
#[test]
fn late_connection_is_reset_and_not_given_to_the_next_session() {
    let timings = Timings {
        data_connect: Duration::from_millis(500),
        ..Timings::default()
    };
    with_one_port(Ipv4Addr::new(127, 0, 77, 4), timings, |to, _| {
        let mut late = login_from(ip(1), to);
        let port = epsv_port(&mut late);
        late.command("QUIT", 221);
        late.expect_end();
        let mut next = login_from(ip(1), to);
        next.send("EPSV");
        let data = connect_from(ip(1), (to.ip(), port).into()).unwrap();
        crate::support::expect_reset(&data);
        // Another address does not wait for that.
        let mut other = login_from(ip(2), to);
        let mut data = dial(ip(2), to, &mut other);
        other.command("RETR 2", 150);
        assert_eq!(read_all(&mut data), b"2");
        if next.expect_one_of(&[229, 425]).code == 425 {
            next.command("EPSV", 229);
        }
        let mut data = connect_from(ip(1), (to.ip(), port).into()).unwrap();
        next.command("RETR 1", 150);
        assert_eq!(read_all(&mut data), b"1");
        next.expect(226);
    });
}

#[test]
fn abort_ends_the_wait_for_the_port() {
    with_one_port(Ipv4Addr::new(127, 0, 77, 5), Timings::default(), |to, _| {
        let (mut first, mut second) = (login_from(ip(1), to), login_from(ip(1), to));
        let port = epsv_port(&mut first);
        second.send("EPSV");
        second.send("ABOR");
        second.expect(425);
        second.expect(226);
        second.command("RETR 2", 425);
        // It is out of the queue, and in again.
        second.send("EPSV");
        let mut data = connect_from(ip(1), (to.ip(), port).into()).unwrap();
        second.expect(229);
        first.command("RETR 1", 150);
        assert_eq!(read_all(&mut data), b"1");
        first.expect(226);
    });
}

/// The reply to a session that waits is 425 when its own time for connecting is over.
#[test]
fn wait_for_the_port_is_bounded() {
    let timings = Timings {
        data_connect: Duration::from_millis(300),
        data_stall: Duration::from_secs(30),
        ..Timings::default()
    };
    with_one_port(Ipv4Addr::new(127, 0, 77, 6), timings, |to, _| {
        let (mut first, mut second) = (login_from(ip(1), to), login_from(ip(1), to));
        epsv_port(&mut first);
        second.command("EPSV", 425);
        first.command("RETR 1", 425);
        second.command("NOOP", 200);
    });
}

/// A session that asks again before it has connected gets the same port, if there is no other.
#[test]
fn session_that_asks_again_gets_the_port_again() {
    with_one_port(Ipv4Addr::new(127, 0, 77, 7), Timings::default(), |to, _| {
        let mut control = login_from(ip(1), to);
        let ports = [(); 20].map(|()| epsv_port(&mut control));
        assert!(ports.iter().all(|port| *port == ports[0]), "{ports:?}");
        let mut data = dial(ip(1), to, &mut control);
        control.command("RETR 1", 150);
        assert_eq!(read_all(&mut data), b"1");
        control.expect(226);
    });
}

/// The late connection of one address is reset although it comes at once with the last that is expected. Left
/// to the kernel, it would be the next session's of its address.
#[test]
fn late_connection_behind_another_is_reset() {
    let port = free_ports();
    let starter = Starter::default().listen("127.0.77.8:0");
    let starter = starter
        .argument("--passive-ports")
        .argument(port.to_string());
    let server = starter
        .serving(|root| fs::write(root.join("f"), "content").unwrap())
        .start();
    let to = SocketAddr::from((server.address().ip(), port));
    let (mut late, mut other) = (
        login_from(ip(1), server.address()),
        login_from(ip(2), server.address()),
    );
    late.command("EPSV", 229);
    late.command("PORT 127,0,80,1,200,1", 200);
    other.command("EPSV", 229);
    server.pause();
    let mut data = connect_from(ip(2), to).unwrap();
    let behind = connect_from(ip(1), to).unwrap();
    server.resume();
    other.command("RETR f", 150);
    assert_eq!(read_all(&mut data), b"content");
    other.expect(226);
    crate::support::expect_reset(&behind);
}
