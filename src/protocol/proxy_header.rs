//! Parses the PROXY protocol header, in which a proxy names the client of a connection: version 1, a
//! line of text, and version 2, binary (`proxy-protocol.txt` of `HAProxy`, §2.1 and §2.2).
//!
//! The bytes after the header belong to another reader (TLS, commands, a file), so the [`HeaderReader`]
//! never asks for a byte that may lie beyond the header. Its buffer has a fixed size, whatever length
//! the header announces. It knows no socket, and not whether the proxy is trusted.

use std::net::{IpAddr, SocketAddr};

/// The maximum length of a version 1 header in bytes, with its CRLF.
pub const V1_MAX: usize = 107;

/// The maximum length of a version 2 header that is accepted, in bytes. The specification promises
/// 536; the names in a certificate and custom TLVs can make it longer.
pub const V2_MAX: usize = 2048;

/// The minimum length of any header: `PROXY UNKNOWN` with its CRLF. Version 2 has one byte more.
const HEADER_MIN: usize = 15;

/// The length of a version 2 header up to the addresses.
const V2_FIXED: usize = 16;

const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

const V1_PREFIX: &[u8; 6] = b"PROXY ";

/// Two IPv6 addresses with their ports.
const V6_BYTES: usize = 36;

/// The bytes of a version 2 header that are buffered; the TLVs after them are skipped.
const V2_KEPT: usize = V2_FIXED + V6_BYTES;

/// The client of a proxied connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxiedPeer {
    /// The proxy itself (LOCAL, a health check), or unknown (UNKNOWN, or an address family other than
    /// IPv4 and IPv6): the addresses of the connection itself apply.
    Local,
    /// A client of the proxy.
    Client {
        /// The client's address.
        source: SocketAddr,
        /// The proxy's address to which the client connected.
        destination: SocketAddr,
    },
}

/// The bytes are not a header, or the header is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Parses one header incrementally.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderReader {
    bytes: [u8; V1_MAX],
    /// The number of valid bytes in `bytes`.
    filled: usize,
    /// The number of version 2 bytes that were read after the first [`V2_KEPT`] and dropped.
    skipped: usize,
}

impl Default for HeaderReader {
    fn default() -> Self {
        Self {
            bytes: [0; V1_MAX],
            filled: 0,
            skipped: 0,
        }
    }
}

impl HeaderReader {
    /// The room to receive into; never longer than what is left of the header.
    pub fn spare(&mut self) -> &mut [u8] {
        let missing = self.missing();
        let last = if self.is_v2() && self.filled < V2_KEPT {
            V2_KEPT
        } else {
            V1_MAX
        };
        let end = last.min(self.filled + missing);
        debug_assert!(self.filled <= end && end <= self.bytes.len());
        self.bytes.get_mut(self.filled..end).unwrap_or_default()
    }

    /// Takes over `count` bytes that were written to [`spare`](Self::spare). `None` until the header is
    /// complete.
    ///
    /// # Errors
    /// As soon as the bytes cannot be the beginning of a header.
    pub fn filled(&mut self, count: usize) -> Result<Option<ProxiedPeer>, Malformed> {
        debug_assert!(count <= self.spare().len(), "more than the room");
        if self.is_v2() && self.filled >= V2_KEPT {
            self.skipped += count;
        } else {
            self.filled = V1_MAX.min(self.filled + count);
        }
        self.check()?;
        if self.missing() > 0 {
            return Ok(None);
        }
        let peer = match self.received().strip_prefix(V2_SIGNATURE) {
            Some(rest) => parse_v2(rest),
            None => parse_v1(self.received()),
        };
        peer.map(Some)
    }

    fn received(&self) -> &[u8] {
        debug_assert!(self.filled <= self.bytes.len());
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    fn is_v2(&self) -> bool {
        self.received().starts_with(V2_SIGNATURE)
    }

    /// The length of a version 2 header, as soon as it is known.
    fn v2_length(&self) -> Option<usize> {
        match self.received().strip_prefix(V2_SIGNATURE)? {
            [_, _, high, low, ..] => {
                Some(V2_FIXED + usize::from(u16::from_be_bytes([*high, *low])))
            }
            _ => None,
        }
    }

    /// A lower bound of the bytes that are left of the header; 0 if it is complete.
    fn missing(&self) -> usize {
        let received = self.received();
        if received.len() < HEADER_MIN {
            return HEADER_MIN - received.len();
        }
        if self.is_v2() {
            // The length is known when the fixed part is complete.
            let length = self.v2_length().unwrap_or(V2_FIXED);
            return length.saturating_sub(received.len() + self.skipped);
        }
        match received {
            [.., b'\r', b'\n'] => 0,
            [.., b'\r'] => 1,
            _ => 2,
        }
    }

    /// Fails if the bytes so far cannot be the beginning of a header.
    fn check(&self) -> Result<(), Malformed> {
        let received = self.received();
        let agrees = |start: &[u8]| received.iter().zip(start).all(|(one, other)| one == other);
        if agrees(V2_SIGNATURE) {
            let version = received.get(V2_SIGNATURE.len());
            let is_known = version.is_none_or(|byte| byte >> 4 == 2);
            let fits = self.v2_length().is_none_or(|length| length <= V2_MAX);
            return (is_known && fits).then_some(()).ok_or(Malformed);
        }
        if !agrees(V1_PREFIX) {
            return Err(Malformed);
        }
        let complete = received.strip_suffix(b"\r\n");
        let line = complete.or_else(|| received.strip_suffix(b"\r"));
        let is_printable = |byte: &u8| matches!(byte, b' '..=b'~');
        let is_text = line.unwrap_or(received).iter().all(is_printable);
        let is_too_long = received.len() == V1_MAX && complete.is_none();
        (is_text && !is_too_long).then_some(()).ok_or(Malformed)
    }
}

/// Parses a version 2 header from the command on; TLVs after the addresses are ignored.
fn parse_v2(bytes: &[u8]) -> Result<ProxiedPeer, Malformed> {
    let [command, family, _, _, block @ ..] = bytes else {
        return Err(Malformed);
    };
    match (command & 0xf, family >> 4, family & 0xf) {
        (1, 1, 1) => parse_v2_addresses::<4>(block).ok_or(Malformed),
        (1, 2, 1) => parse_v2_addresses::<16>(block).ok_or(Malformed),
        // LOCAL; or PROXY with a transport that no FTP client uses: unspecified, Unix sockets, datagrams.
        (0, ..) | (1, 0..=3, 0..=2) => Ok(ProxiedPeer::Local),
        _ => Err(Malformed),
    }
}

/// Two addresses of `N` bytes, and their ports.
fn parse_v2_addresses<const N: usize>(block: &[u8]) -> Option<ProxiedPeer>
where
    IpAddr: From<[u8; N]>,
{
    let (source, rest) = block.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (source_port, rest) = rest.split_first_chunk()?;
    let destination_port = rest.first_chunk()?;
    Some(client(
        SocketAddr::new((*source).into(), u16::from_be_bytes(*source_port)),
        SocketAddr::new((*destination).into(), u16::from_be_bytes(*destination_port)),
    ))
}

/// IPv4-mapped addresses become IPv4: the proxy may listen on a dual-stack IPv6 socket.
fn client(source: SocketAddr, destination: SocketAddr) -> ProxiedPeer {
    let canonical = |one: SocketAddr| SocketAddr::new(one.ip().to_canonical(), one.port());
    ProxiedPeer::Client {
        source: canonical(source),
        destination: canonical(destination),
    }
}

/// Parses a complete line such as `PROXY TCP4 192.0.2.1 198.51.100.1 56324 21`.
fn parse_v1(line: &[u8]) -> Result<ProxiedPeer, Malformed> {
    let line = line.strip_suffix(b"\r\n").ok_or(Malformed)?;
    let text = std::str::from_utf8(line).map_err(|_| Malformed)?;
    let mut words = text.split(' ').skip(1);
    let mut next = || words.next().ok_or(Malformed);
    let family = next()?;
    if family == "UNKNOWN" {
        // The rest of the line must be ignored (§2.1).
        return Ok(ProxiedPeer::Local);
    }
    let [source, destination, source_port, destination_port] = [next()?, next()?, next()?, next()?];
    if words.next().is_some() {
        return Err(Malformed);
    }
    let address = |text: &str| -> Result<IpAddr, Malformed> {
        match family {
            "TCP4" => text.parse().map(IpAddr::V4).map_err(|_| Malformed),
            "TCP6" => text.parse().map(IpAddr::V6).map_err(|_| Malformed),
            _ => Err(Malformed),
        }
    };
    Ok(client(
        SocketAddr::new(address(source)?, port(source_port)?),
        SocketAddr::new(address(destination)?, port(destination_port)?),
    ))
}

/// Decimal digits without a leading zero.
fn port(text: &str) -> Result<u16, Malformed> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_canonical = is_plain && (text == "0" || !text.starts_with('0'));
    let number = text.parse().ok().filter(|_| is_canonical);
    number.ok_or(Malformed)
}

#[cfg(test)]
mod tests;
