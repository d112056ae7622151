//! The header that a proxy puts in front of a connection: for whom it has connected. Version 1, a
//! line of text, and version 2, binary (`proxy-protocol.txt` of `HAProxy`, §2.1 and §2.2).
//!
//! What stands behind the header is for somebody else to read (a TLS hello, commands, a file), so
//! the [`Reader`] never asks for more bytes than certainly belong to the header. It keeps what it
//! needs in a place of fixed size, however long the header says that it is. It knows no socket, and
//! does not ask whether the proxy may be believed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest line of version 1, with its CRLF.
pub const LINE_MAX: usize = 107;

/// The longest header of version 2 that is read. Proxies promise 536 bytes; a certificate's names
/// and an operator's own fields may make it longer.
pub const BINARY_MAX: usize = 2048;

/// What every header has at least: `PROXY UNKNOWN`, with its CRLF. Version 2 has one byte more.
const LEAST: usize = 15;

/// Of version 2, what stands in front of the addresses.
const FIXED: usize = 16;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

const WORD: &[u8; 6] = b"PROXY ";

/// Two IPv4 addresses with their ports, and two IPv6 ones.
const V4_BYTES: usize = 12;
const V6_BYTES: usize = 36;

/// Of version 2, what is kept; what is behind it is of no interest.
const KEPT: usize = FIXED + V6_BYTES;

/// For whom a proxy has connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// For itself (LOCAL: it looks whether the server is well), or it cannot say (UNKNOWN, and
    /// families that are not the internet's): the connection is what it seems to be.
    Own,
    /// For a client.
    Client {
        /// Where the client is.
        source: SocketAddr,
        /// What it has connected to, in front of the proxy.
        destination: SocketAddr,
    },
}

/// It is no header, or one that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads one header, however it is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    bytes: [u8; LINE_MAX],
    /// So many of them are there.
    filled: usize,
    /// Bytes of version 2 that were read behind those that are [`KEPT`].
    skipped: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// Nothing is read.
    pub const fn new() -> Self {
        Self {
            bytes: [0; LINE_MAX],
            filled: 0,
            skipped: 0,
        }
    }

    /// Where the next bytes belong; never more of them than the header still has.
    pub fn spare(&mut self) -> &mut [u8] {
        let missing = self.missing();
        let last = if self.is_binary() && self.filled < KEPT {
            KEPT
        } else {
            LINE_MAX
        };
        let end = last.min(self.filled + missing);
        self.bytes.get_mut(self.filled..end).unwrap_or_default()
    }

    /// So many bytes are in the [`spare`](Self::spare) place now. `None`: that is not all yet.
    ///
    /// # Errors
    /// As soon as no header can begin like this.
    pub fn filled(&mut self, count: usize) -> Result<Option<Origin>, Malformed> {
        if self.is_binary() && self.filled >= KEPT {
            self.skipped += count;
        } else {
            self.filled = LINE_MAX.min(self.filled + count);
        }
        self.check()?;
        if self.missing() > 0 {
            return Ok(None);
        }
        let origin = match self.read().strip_prefix(SIGNATURE) {
            Some(binary) => parse_binary(binary)?,
            None => parse_line(self.read())?,
        };
        Ok(Some(origin))
    }

    fn read(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    fn is_binary(&self) -> bool {
        self.read().starts_with(SIGNATURE)
    }

    /// How long the header of version 2 is, once that is known.
    fn binary_length(&self) -> Option<usize> {
        match self.read().strip_prefix(SIGNATURE)? {
            [_, _, high, low, ..] => Some(FIXED + usize::from(u16::from_be_bytes([*high, *low]))),
            _ => None,
        }
    }

    /// Bytes that the header certainly still has; none: it is whole.
    fn missing(&self) -> usize {
        let read = self.read();
        if read.len() < LEAST {
            return LEAST - read.len();
        }
        if self.is_binary() {
            let length = self.binary_length().unwrap_or(FIXED);
            return length.saturating_sub(read.len() + self.skipped);
        }
        match read {
            [.., b'\r', b'\n'] => 0,
            [.., b'\r'] => 1,
            _ => 2,
        }
    }

    /// Whether a header may begin with what has been read.
    fn check(&self) -> Result<(), Malformed> {
        let read = self.read();
        let begins = |start: &[u8]| read.iter().zip(start).all(|(one, other)| one == other);
        if begins(SIGNATURE) {
            let is_right = read.get(SIGNATURE.len()).is_none_or(|byte| byte >> 4 == 2);
            let fits = self
                .binary_length()
                .is_none_or(|length| length <= BINARY_MAX);
            return (is_right && fits).then_some(()).ok_or(Malformed);
        }
        if !begins(WORD) {
            return Err(Malformed);
        }
        let ended = read.strip_suffix(b"\r\n");
        let line = ended.or_else(|| read.strip_suffix(b"\r")).unwrap_or(read);
        let is_text = line.iter().all(|byte| matches!(byte, b' '..=b'~'));
        let is_full = read.len() == LINE_MAX && ended.is_none();
        (is_text && !is_full).then_some(()).ok_or(Malformed)
    }
}

/// What is behind the signature of version 2, without what is behind the addresses.
fn parse_binary(bytes: &[u8]) -> Result<Origin, Malformed> {
    let [command, family, _, _, block @ ..] = bytes else {
        return Err(Malformed);
    };
    match (command & 0xf, family >> 4, family & 0xf) {
        (1, 1, 1) => {
            let block = block.first_chunk::<V4_BYTES>().ok_or(Malformed)?;
            let (source, rest) = block.split_at(4);
            let (destination, ports) = rest.split_at(4);
            client(v4(source)?, v4(destination)?, ports)
        }
        (1, 2, 1) => {
            let block = block.first_chunk::<V6_BYTES>().ok_or(Malformed)?;
            let (source, rest) = block.split_at(16);
            let (destination, ports) = rest.split_at(16);
            client(v6(source)?, v6(destination)?, ports)
        }
        // LOCAL; or nothing that an FTP client can be: no family, sockets of one machine, datagrams.
        (0, ..) | (1, 0..=3, 0..=2) => Ok(Origin::Own),
        _ => Err(Malformed),
    }
}

fn v4(bytes: &[u8]) -> Result<IpAddr, Malformed> {
    let octets: [u8; 4] = bytes.try_into().map_err(|_| Malformed)?;
    Ok(Ipv4Addr::from(octets).into())
}

fn v6(bytes: &[u8]) -> Result<IpAddr, Malformed> {
    let octets: [u8; 16] = bytes.try_into().map_err(|_| Malformed)?;
    Ok(Ipv6Addr::from(octets).into())
}

fn client(source: IpAddr, destination: IpAddr, ports: &[u8]) -> Result<Origin, Malformed> {
    let &[a, b, c, d] = ports else {
        return Err(Malformed);
    };
    Ok(origin(
        SocketAddr::new(source, u16::from_be_bytes([a, b])),
        SocketAddr::new(destination, u16::from_be_bytes([c, d])),
    ))
}

/// An IPv4 client of a proxy that listens on IPv6 is an IPv4 client.
fn origin(source: SocketAddr, destination: SocketAddr) -> Origin {
    let canonical = |one: SocketAddr| SocketAddr::new(one.ip().to_canonical(), one.port());
    Origin::Client {
        source: canonical(source),
        destination: canonical(destination),
    }
}

/// A whole line, `PROXY TCP4 192.0.2.1 198.51.100.1 56324 21`.
fn parse_line(line: &[u8]) -> Result<Origin, Malformed> {
    let line = line.strip_suffix(b"\r\n").ok_or(Malformed)?;
    let text = std::str::from_utf8(line).map_err(|_| Malformed)?;
    let mut words = text.split(' ').skip(1);
    let mut next = || words.next().ok_or(Malformed);
    let family = next()?;
    if family == "UNKNOWN" {
        // Whatever else it says is not to be looked at.
        return Ok(Origin::Own);
    }
    let [source, destination, from, to] = [next()?, next()?, next()?, next()?];
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
    Ok(origin(
        SocketAddr::new(address(source)?, port(from)?),
        SocketAddr::new(address(destination)?, port(to)?),
    ))
}

/// Decimal digits without a zero in front.
fn port(text: &str) -> Result<u16, Malformed> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_canonical = is_plain && (text == "0" || !text.starts_with('0'));
    let number = text.parse().ok().filter(|_| is_canonical);
    number.ok_or(Malformed)
}

#[cfg(test)]
mod tests;
