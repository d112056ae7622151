//! What stands in front of a guest's bytes when there is a proxy before the doors: a header, which
//! the weather cuts anywhere; now and then one that is none, or that stops.

use std::net::{IpAddr, SocketAddr};

use super::Place;
use crate::rng::Rng;

/// What a proxy sends first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preamble {
    /// Version 1.
    Line,
    /// Version 2.
    Binary,
    /// Something else.
    Garbage,
    /// A beginning, and then nothing more.
    Stops,
}

impl Preamble {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        rng.pick(&[
            Self::Line,
            Self::Line,
            Self::Line,
            Self::Binary,
            Self::Binary,
            Self::Binary,
            Self::Garbage,
            Self::Stops,
        ])
    }

    /// Whether the server learns from it who is there.
    pub(crate) const fn is_right(self) -> bool {
        matches!(self, Self::Line | Self::Binary)
    }

    /// Its bytes, of a client at `source` who has come to `door`.
    pub(crate) fn bytes(self, source: SocketAddr, door: SocketAddr, rng: &mut Rng) -> Vec<u8> {
        match self {
            Self::Line => line(source, door),
            Self::Binary => binary(source, door, rng),
            Self::Garbage => rng
                .pick(&[
                    &b"USER ann\r\nPASS secret\r\n"[..],
                    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
                    b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c............",
                    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
                    b"\0",
                ])
                .to_vec(),
            Self::Stops => {
                let mut bytes = if rng.one_in(2) {
                    line(source, door)
                } else {
                    binary(source, door, rng)
                };
                bytes.truncate(rng.below(bytes.len()));
                bytes
            }
        }
    }
}

impl Place {
    /// From where a connection seems to come: from the client, or from the proxy in front.
    pub(crate) fn seen_from(&self, client: SocketAddr) -> SocketAddr {
        match (self.is_proxied, client.is_ipv6()) {
            (false, _) => client,
            (true, false) => "10.9.0.1:33333".parse().expect("an address"),
            (true, true) => "[fd09::1]:33333".parse().expect("an address"),
        }
    }
}

fn line(source: SocketAddr, door: SocketAddr) -> Vec<u8> {
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.port(), door.port());
    format!(
        "PROXY {family} {} {} {from} {to}\r\n",
        source.ip(),
        door.ip()
    )
    .into_bytes()
}

fn binary(source: SocketAddr, door: SocketAddr, rng: &mut Rng) -> Vec<u8> {
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let ports = [source.port().to_be_bytes(), door.port().to_be_bytes()].concat();
    let fields = vec![4; rng.pick(&[0, 0, 3, 100, 1_000])];
    let block = [octets(source.ip()), octets(door.ip()), ports, fields].concat();
    let family = if source.is_ipv4() { 0x11 } else { 0x21 };
    let length = (block.len() as u16).to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n\x21", &[family][..], &length, &block].concat()
}
