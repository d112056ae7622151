//! The targets of active data connections with FXP: a client on another host cannot make the server
//! connect to the server's own host, where services may trust local connections.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use mioftpd::internals::reactor::Protocol;

use crate::channels::server::{Client, Server};

/// The address of the clients, which is the local address of their connections too.
const CLIENT: &str = "127.0.0.1";
const OWN: &str = "203.0.113.1";
const OTHER: &str = "203.0.113.2";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn logged_in(server: &mut Server) -> Client {
    let client = server.connect();
    server.deliver(&client, b"USER ftp\r\nPASS x\r\n");
    let said = client.wire.take();
    assert!(said.ends_with(b"230 User logged in, proceed.\r\n"));
    client
}

/// Starts a listing to this address, which refuses connections. Returns the attempts to connect, as
/// pairs of source and target.
fn connects(server: &mut Server, client: &Client, to: IpAddr) -> Vec<[SocketAddr; 2]> {
    let family = if to.is_ipv4() { 1 } else { 2 };
    server.deliver(client, format!("EPRT |{family}|{to}|5000|\r\n").as_bytes());
    assert!(client.wire.take().starts_with(b"200 "), "{to}");
    server.deliver(client, b"LIST\r\n");
    let said = String::from_utf8(client.wire.take()).unwrap();
    assert!(said.contains("425 "), "{to}: {said}");
    server.connects()
}

#[test]
fn remote_client_cannot_target_servers_own_host() {
    let mut server = Server::new(Protocol::Ftp);
    server.set_own_addresses(&[ip(OWN)]);
    let client = logged_in(&mut server);
    assert!(connects(&mut server, &client, ip(OWN)).is_empty());
    let tried = connects(&mut server, &client, ip(OTHER));
    assert_eq!(tried, [[(ip(CLIENT), 0).into(), (ip(OTHER), 5000).into()]]);
    // A client on this host could connect there itself.
    server.set_own_addresses(&[ip(OWN), ip(CLIENT)]);
    let tried = connects(&mut server, &client, ip(OWN));
    assert_eq!(tried, [[(ip(CLIENT), 0).into(), (ip(OWN), 5000).into()]]);
}

/// The local address of the control connection has one family and is unusable for the other.
#[test]
fn connection_to_other_family_uses_any_source_address() {
    let mut server = Server::new(Protocol::Ftp);
    let client = logged_in(&mut server);
    let to = ip("2001:db8::1");
    let tried = connects(&mut server, &client, to);
    let any = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    assert_eq!(tried, [[(any, 0).into(), (to, 5000).into()]]);
}
