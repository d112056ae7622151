//! The addresses of data connections in commands and replies (RFC 959 §4.1.2, RFC 2428 §2 and §3).
//!
//! Text only: whether an address is of use is decided by the caller.

use std::net::{IpAddr, SocketAddr};

use crate::protocol::host_port::parse_port;

/// The address in `227 Text (h1,h2,h3,h4,p1,p2)`, whose parentheses some servers leave out: the first six
/// numbers with commas between them, as RFC 1123 §4.1.2.6 has clients search for them.
pub(crate) fn passive_address(reply: &[u8]) -> Option<SocketAddr> {
    let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b',';
    let mut parts = reply.get(3..)?.split(|byte| !is_part(byte));
    parts.find_map(|numbers| parse_port(numbers).ok())
}

/// The port in `229 Text (|||port|)`, with any delimiter.
pub(crate) fn extended_port(reply: &[u8]) -> Option<u16> {
    let at = reply.iter().position(|&byte| byte == b'(')?;
    let [delimiter, second, third, rest @ ..] = reply.get(at + 1..)? else {
        return None;
    };
    if second != delimiter || third != delimiter {
        return None;
    }
    let digits = rest.split(|byte| byte == delimiter).next()?;
    let port = std::str::from_utf8(digits).ok()?.parse().ok();
    port.filter(|port| *port > 0)
}

/// PORT, or EPRT for IPv6.
pub(crate) fn port_command(address: SocketAddr) -> String {
    let [high, low] = address.port().to_be_bytes();
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("PORT {a},{b},{c},{d},{high},{low}")
        }
        IpAddr::V6(ip) => format!("EPRT |2|{ip}|{}|", address.port()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_clients_do() {
        for (reply, expected) in [
            (
                "227 Entering Passive Mode (10,0,0,1,4,1).\r\n",
                Some("10.0.0.1:1025"),
            ),
            ("227 =10,0,0,1,4,1\r\n", Some("10.0.0.1:1025")),
            ("227 ok\r\n", None),
            ("227 user2: (10,0,0,1,4,1)\r\n", Some("10.0.0.1:1025")),
            ("227-Hi\r\n227 (10,0,0,1,4,1)\r\n", Some("10.0.0.1:1025")),
            ("227 (10,0,0,1,4)\r\n", None),
            ("2", None),
        ] {
            let found = passive_address(reply.as_bytes()).map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{reply}");
        }
        for (reply, expected) in [
            ("229 Extended (|||1025|)\r\n", Some(1025)),
            ("229 Extended (!!!1025!)\r\n", Some(1025)),
            ("229 Extended (|1|10.0.0.1|1025|)\r\n", None),
            ("229 Extended (|||0|)\r\n", None),
            ("229 Extended 1025\r\n", None),
        ] {
            assert_eq!(extended_port(reply.as_bytes()), expected, "{reply}");
        }
    }
}
