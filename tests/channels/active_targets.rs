//! To where the server connects for a client that may have data go to other hosts (FXP): not to
//! its own host for one that is elsewhere, which would be let in there as the server.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use mioftpd::reactor::Protocol;

use crate::server::{Client, Server};

/// Where the clients are, and the address that the server has there.
const CLIENT: &str = "127.0.0.1";
const OWN: &str = "203.0.113.1";
const OTHER: &str = "203.0.113.2";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn logged_in(server: &mut Server) -> Client {
    let client = server.client();
    server.hears(&client, b"USER ftp\r\nPASS x\r\n");
    let said = client.wire.take();
    assert!(said.ends_with(b"230 User logged in, proceed.\r\n"));
    client
}

/// From where to where the server tried to connect for a listing that is to go there. Nobody is.
fn dialled(server: &mut Server, client: &Client, to: IpAddr) -> Vec<[SocketAddr; 2]> {
    let family = if to.is_ipv4() { 1 } else { 2 };
    server.hears(client, format!("EPRT |{family}|{to}|5000|\r\n").as_bytes());
    assert!(client.wire.take().starts_with(b"200 "), "{to}");
    server.hears(client, b"LIST\r\n");
    let said = String::from_utf8(client.wire.take()).unwrap();
    assert!(said.contains("425 "), "{to}: {said}");
    server.dialled()
}

#[test]
fn a_client_elsewhere_has_nothing_sent_to_the_servers_own_host() {
    let mut server = Server::new(Protocol::Ftp);
    server.owns(&[ip(OWN)]);
    let client = logged_in(&mut server);
    assert!(dialled(&mut server, &client, ip(OWN)).is_empty());
    let tried = dialled(&mut server, &client, ip(OTHER));
    assert_eq!(tried, [[(ip(CLIENT), 0).into(), (ip(OTHER), 5000).into()]]);
    // One on this host could connect there itself.
    server.owns(&[ip(OWN), ip(CLIENT)]);
    let tried = dialled(&mut server, &client, ip(OWN));
    assert_eq!(tried, [[(ip(CLIENT), 0).into(), (ip(OWN), 5000).into()]]);
}

/// The address that a client knows of the server is of one family, and says nothing of the other.
#[test]
fn to_the_other_family_it_connects_from_any_address() {
    let mut server = Server::new(Protocol::Ftp);
    let client = logged_in(&mut server);
    let to = ip("2001:db8::1");
    let tried = dialled(&mut server, &client, to);
    let any = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    assert_eq!(tried, [[(any, 0).into(), (to, 5000).into()]]);
}
