//! The PROXY header before a client's bytes, if there is a proxy; sometimes invalid or truncated.

use std::net::{IpAddr, SocketAddr};

use super::RunConfig;
use crate::rng::Rng;

/// The form of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyHeader {
    /// Version 1.
    V1,
    /// Version 2.
    V2,
    /// Not a PROXY header.
    Garbage,
    /// A prefix, then nothing more.
    Truncated,
}

impl ProxyHeader {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        rng.pick(&[
            Self::V1,
            Self::V1,
            Self::V1,
            Self::V2,
            Self::V2,
            Self::V2,
            Self::Garbage,
            Self::Truncated,
        ])
    }

    /// Whether it identifies the client.
    pub(crate) const fn is_right(self) -> bool {
        matches!(self, Self::V1 | Self::V2)
    }

    /// Its bytes, for a client at `source` that connected to `listen_address`.
    pub(crate) fn bytes(
        self,
        source: SocketAddr,
        listen_address: SocketAddr,
        rng: &mut Rng,
    ) -> Vec<u8> {
        match self {
            Self::V1 => line(source, listen_address),
            Self::V2 => binary(source, listen_address, rng),
            Self::Garbage => rng
                .pick(&[
                    &b"USER ann\r\nPASS secret\r\n"[..],
                    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
                    b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c............",
                    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
                    b"\0",
                ])
                .to_vec(),
            Self::Truncated => {
                let mut bytes = if rng.one_in(2) {
                    line(source, listen_address)
                } else {
                    binary(source, listen_address, rng)
                };
                bytes.truncate(rng.below(bytes.len()));
                bytes
            }
        }
    }
}

impl RunConfig {
    /// The peer address of a connection: the client's, or the proxy's.
    pub(crate) fn seen_from(&self, client: SocketAddr) -> SocketAddr {
        match (self.is_proxied, client.is_ipv6()) {
            (false, _) => client,
            (true, false) => "10.9.0.1:33333".parse().expect("an address"),
            (true, true) => "[fd09::1]:33333".parse().expect("an address"),
        }
    }
}

fn line(source: SocketAddr, listen_address: SocketAddr) -> Vec<u8> {
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.port(), listen_address.port());
    format!(
        "PROXY {family} {} {} {from} {to}\r\n",
        source.ip(),
        listen_address.ip()
    )
    .into_bytes()
}

fn binary(source: SocketAddr, listen_address: SocketAddr, rng: &mut Rng) -> Vec<u8> {
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let ports = [
        source.port().to_be_bytes(),
        listen_address.port().to_be_bytes(),
    ]
    .concat();
    let fields = vec![4; rng.pick(&[0, 0, 3, 100, 1_000])];
    let block = [
        octets(source.ip()),
        octets(listen_address.ip()),
        ports,
        fields,
    ]
    .concat();
    let family = if source.is_ipv4() { 0x11 } else { 0x21 };
    let length = (block.len() as u16).to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n\x21", &[family][..], &length, &block].concat()
}
