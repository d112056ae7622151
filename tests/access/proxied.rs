//! The PROXY protocol (`proxy-protocol.txt` of `HAProxy`): a connection from a configured proxy begins
//! with a header, and is treated as that of the client in it; from other addresses a header is garbage.
//!
//! All of 127.0.0.0/8 is this host: one address is the proxy, others are direct clients.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::support::in_thread::with_server;
use crate::support::{
    Control, DEADLINE, connect_from, epsv_port, expect_reset, host_port, read_all, uninterrupted,
};
use mioftpd::{
    Account, Accounts, AddressRules, Config, PassiveHost, Permissions, Server, Throttling, Timings,
};

/// An address whose ports only these tests use.
const HERE: Ipv4Addr = Ipv4Addr::new(127, 0, 77, 2);
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);
const ALICE: &str = "198.51.100.1";
const BOB: &str = "198.51.100.2";
/// The address that clients have connected to.
const FRONT: &str = "203.0.113.9";
const REFUSED: &[u8] = b"421 Service not available, closing control connection.\r\n";

fn with_proxy(config: Config, test: impl FnOnce(SocketAddr, &Path)) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("f"), "content").unwrap();
    let config = Config {
        listen: vec![SocketAddr::from((HERE, 0))],
        root: Some(directory.path().into()),
        proxies: vec!["127.0.0.7".parse().unwrap()],
        accounts: Accounts::new().with(Account::anonymous(Permissions::ALL)),
        ..config
    };
    with_server(config, |address| test(address, directory.path()));
}

/// Waits 200 ms for a header.
fn impatient() -> Config {
    Config {
        timings: Timings {
            handshake: Duration::from_millis(200),
            ..Timings::default()
        },
        ..Config::default()
    }
}

fn line(client: &str) -> Vec<u8> {
    format!("PROXY TCP4 {client} {FRONT} 40000 21\r\n").into_bytes()
}

/// A header of version 2, with an unknown extension.
fn binary(client: &str) -> Vec<u8> {
    let octets = |text: &str| text.parse::<Ipv4Addr>().unwrap().octets();
    let addresses = [octets(client), octets(FRONT)].concat();
    let ports = [40_000_u16.to_be_bytes(), 21_u16.to_be_bytes()].concat();
    let begin = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10";
    [&begin[..], &addresses, &ports, b"\xe0\0\x01x"].concat()
}

fn proxy(to: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect_from(PROXY, to).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

fn login(to: SocketAddr, header: &[u8]) -> Control {
    let mut control = Control::over(proxy(to, header));
    control.expect(220);
    control.log_in("anonymous", "x");
    control.command("TYPE I", 200);
    control
}

fn status(control: &mut Control) -> String {
    control.command("STAT", 211).lines.join("\n")
}

/// Reads until FIN or reset.
fn received(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

fn data_port(control: &mut Control) -> SocketAddr {
    (HERE, epsv_port(control)).into()
}

#[test]
fn header_sets_client_and_destination_address() {
    with_proxy(Config::default(), |to, root| {
        for header in [line(ALICE), binary(ALICE)] {
            let mut control = login(to, &header);
            let text = status(&mut control);
            assert!(text.contains("Connected from 198.51.100.1:40000"), "{text}");
            let reply = control.command("PASV", 227);
            assert!(reply.text().contains("(203,0,113,9,"), "{reply:?}");

            let data = data_port(&mut control);
            let mut data = proxy(data, &header);
            control.command("RETR f", 150);
            assert_eq!(read_all(&mut data), b"content");
            control.expect(226);

            let data = data_port(&mut control);
            control.command("STOR up", 150);
            drop(proxy(data, &[&header[..], b"PROXY x"].concat()));
            control.expect(226);
            assert_eq!(std::fs::read(root.join("up")).unwrap(), b"PROXY x");

            // The data arrives before the command.
            let data = data_port(&mut control);
            drop(proxy(data, &[&header[..], b"early"].concat()));
            control.command("NOOP", 200);
            control.command("STOR up", 150);
            control.expect(226);
            assert_eq!(std::fs::read(root.join("up")).unwrap(), b"early");
        }
        let mut control = Control::over(proxy(to, b"PROXY TCP6 2001:db8::1 ::2 4000 21\r\n"));
        control.expect(220);
        control.log_in("anonymous", "x");
        let text = status(&mut control);
        assert!(text.contains("Connected from [2001:db8::1]:4000"), "{text}");
        control.command("PASV", 425);
        control.command("EPSV 2", 229);
    });
}

#[test]
fn header_may_be_split_or_followed_by_commands() {
    with_proxy(Config::default(), |to, _| {
        for header in [line(ALICE), binary(ALICE)] {
            let mut stream = proxy(to, b"");
            for byte in &header {
                stream.write_all(&[*byte]).unwrap();
                // Serving another client ensures that this byte was read on its own.
                let mut other = Control::connect(to);
                other.command("NOOP", 200);
            }
            let mut control = Control::over(stream);
            control.expect(220);
            let all = [&header[..], b"NOOP\r\nSTAT\r\nQUIT\r\n"].concat();
            let text = String::from_utf8(received(proxy(to, &all))).unwrap();
            let codes: Vec<_> = text.lines().map(|line| &line[..4]).collect();
            assert_eq!(codes.first(), Some(&"220 "), "{text}");
            assert!(codes.contains(&"200 ") && codes.contains(&"211 "), "{text}");
            assert_eq!(codes.last(), Some(&"221 "), "{text}");
        }
    });
}

#[test]
fn proxy_without_header_gets_no_reply() {
    with_proxy(impatient(), |to, _| {
        let header = line(ALICE);
        for bytes in [
            &b""[..],
            &header[..header.len() - 1],
            b"USER anonymous\r\nPASS x\r\n",
            b"PROXY TCP4 1.1.1.1 2.2.2.2 1 99999\r\n",
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03aaaaaaaaaaaaaaaaaaaaaaa",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        ] {
            assert_eq!(received(proxy(to, bytes)), b"", "{}", bytes.escape_ascii());
        }
        for health in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
            let text = status(&mut login(to, health));
            assert!(text.contains("Connected from 127.0.0.7:"), "{text}");
        }
    });
}

/// As a health check does.
#[test]
fn proxy_that_closes_before_header_is_closed_at_once() {
    with_proxy(Config::default(), |to, _| {
        for bytes in [&b""[..], b"PROXY TCP4 198"] {
            let mut stream = proxy(to, bytes);
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(uninterrupted(|| stream.read(&mut [0])).unwrap(), 0);
        }
    });
}

#[test]
fn header_from_other_address_is_garbage() {
    with_proxy(Config::default(), |to, _| {
        let mut control = Control::silent(to);
        control.send_raw(&line(ALICE));
        control.expect(220);
        control.expect(500);
        control.log_in("anonymous", "x");
        let text = status(&mut control);
        assert!(text.contains("Connected from 127.0.0.1:"), "{text}");
        let port = epsv_port(&mut control);
        let mut unlisted = proxy((HERE, port).into(), &line(ALICE));
        assert_eq!(uninterrupted(|| unlisted.read(&mut [0])).unwrap_or(0), 0);
    });
}

#[test]
fn passive_port_accepts_only_the_client_in_the_header() {
    with_proxy(impatient(), |to, _| {
        let mut control = login(to, &line(ALICE));
        for bytes in [
            line(BOB),
            b"USER x\r\nUSER x\r\nUSER x\r\n".to_vec(),
            b"PROXY UNKNOWN\r\n".to_vec(),
            // Silent connections time out.
            Vec::new(),
            b"PROXY TCP4 ".to_vec(),
        ] {
            let data = data_port(&mut control);
            let direct = connect_from(Ipv4Addr::LOCALHOST, data).unwrap();
            let wrong = proxy(data, &bytes);
            let mut right = proxy(data, &binary(ALICE));
            control.command("RETR f", 150);
            assert_eq!(read_all(&mut right), b"content");
            control.expect(226);
            expect_reset(&direct);
            expect_reset(&wrong);
        }
    });
}

#[test]
fn header_may_arrive_after_the_connect_time_out() {
    let port = crate::support::free_ports();
    let config = Config {
        passive_ports: Some(port..=port + 1),
        timings: Timings {
            data_connect: Duration::from_millis(300),
            ..Timings::default()
        },
        ..Config::default()
    };
    with_proxy(config, |to, _| {
        let mut alice = login(to, &line(ALICE));
        let data = data_port(&mut alice);
        let mut data = proxy(data, b"PROXY ");
        // Later clients' ports have expired by now, without a connection.
        for bob in &mut [login(to, &line(BOB)), login(to, &line(BOB))] {
            crate::support::until("a port to be released", || {
                bob.send("EPSV");
                (bob.expect_one_of(&[229, 425]).code == 229).then_some(())
            });
        }
        data.write_all(&line(ALICE)[b"PROXY ".len()..]).unwrap();
        alice.command("RETR f", 150);
        assert_eq!(read_all(&mut data), b"content");
        alice.expect(226);
    });
}

#[test]
fn rules_and_limits_apply_to_client_and_not_to_proxy() {
    let config = Config {
        addresses: AddressRules {
            allow: Vec::new(),
            deny: vec![
                "192.0.2.0/24".parse().unwrap(),
                "127.0.0.7".parse().unwrap(),
            ],
        },
        connections_per_address: 1,
        throttling: Throttling {
            failures: 1,
            ..Throttling::default()
        },
        ..Config::default()
    };
    with_proxy(config, |to, _| {
        assert_eq!(received(proxy(to, &line("192.0.2.5"))), b"");
        assert_eq!(received(proxy(to, b"PROXY UNKNOWN\r\n")), b"");
        let mut alice = login(to, &line(ALICE));
        assert_eq!(received(proxy(to, &binary(ALICE))), REFUSED);
        let mut bob = login(to, &line(BOB));
        bob.command("NOOP", 200);
        bob.command("USER nobody", 331);
        bob.command("PASS guess", 421);
        bob.expect_end();
        assert_eq!(received(proxy(to, &line(BOB))), REFUSED);
        alice.command("QUIT", 221);
        alice.expect_end();
        drop(alice);
        crate::support::until("the connection limit to be free again", || {
            let mut stream = proxy(to, &line(ALICE));
            let mut greeting = [0; 3];
            stream.read_exact(&mut greeting).unwrap();
            (&greeting == b"220").then_some(())
        });
    });
}

#[test]
fn active_connection_goes_to_the_client_directly() {
    with_proxy(Config::default(), |to, _| {
        let mut control = login(to, &line("127.0.0.9"));
        let listener = TcpListener::bind("127.0.0.9:0").unwrap();
        let address = listener.local_addr().unwrap();
        let proxys = SocketAddr::new(IpAddr::V4(PROXY), address.port());
        control.command(&format!("PORT {}", host_port(proxys)), 501);
        control.command(&format!("PORT {}", host_port(address)), 200);
        control.command("RETR f", 150);
        let (mut data, _) = listener.accept().unwrap();
        assert_eq!(read_all(&mut data), b"content");
        control.expect(226);
    });
}

#[test]
fn masquerade_address_depends_on_the_clients_network() {
    let host = |text: &str| text.parse::<PassiveHost>().unwrap();
    let config = Config {
        passive_address: Some(host("203.0.113.7")),
        passive_addresses: vec![
            ("198.51.100.2".parse().unwrap(), host("203.0.113.8")),
            ("10.1.0.0/16".parse().unwrap(), host("10.1.0.1")),
        ],
        ..Config::default()
    };
    with_proxy(config, |to, _| {
        for (client, expected) in [
            (ALICE, "(203,0,113,7,"),
            (BOB, "(203,0,113,8,"),
            ("10.1.2.3", "(10,1,0,1,"),
            ("10.2.0.1", "(203,0,113,9,"),
        ] {
            let reply = login(to, &line(client)).command("PASV", 227);
            assert!(reply.text().contains(expected), "{client}: {reply:?}");
        }
    });
}

#[test]
fn unusable_destination_address_is_not_advertised() {
    with_proxy(Config::default(), |to, _| {
        for front in ["0.0.0.0", "224.0.0.1", "255.255.255.255"] {
            let header = format!("PROXY TCP4 {ALICE} {front} 40000 21\r\n");
            let reply = login(to, header.as_bytes()).command("PASV", 227);
            assert!(reply.text().contains("(127,0,77,2,"), "{front}: {reply:?}");
        }
    });
}

#[test]
fn stop_does_not_wait_for_a_header() {
    let timings = Timings {
        handshake: DEADLINE * 100,
        grace: DEADLINE * 100,
        ..Timings::default()
    };
    let mut server = Server::bind(Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        proxies: vec!["127.0.0.0/8".parse().unwrap()],
        timings,
        ..Config::default()
    })
    .unwrap();
    let (to, handle) = (server.addresses()[0], server.handle());
    let serving = thread::spawn(move || server.run());
    let waiting = proxy(to, b"PROXY ");
    let mut known = Control::over(proxy(to, &line(ALICE)));
    known.expect(220);
    handle.stop();
    known.expect(421);
    drop(known);
    assert_eq!(received(waiting), b"");
    serving.join().unwrap().unwrap();
}
