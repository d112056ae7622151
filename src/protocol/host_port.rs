//! Parses the arguments of PORT, EPRT and EPSV and formats the replies 227 and 229: the addresses
//! of data connections (RFC 959 §4.1.2, RFC 2428).
//!
//! Text only. The session decides whether an address is an allowed target (FTP bounce); the reactor
//! connects.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::str::FromStr;

use super::decimal;

/// Why an argument is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Invalid syntax.
    Syntax,
    /// The network protocol is neither 1 (IPv4) nor 2 (IPv6): the reply is 522.
    Protocol,
}

/// The argument of EPSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpsvRequest {
    /// None: the address family of the control connection.
    Any,
    /// 1: IPv4.
    V4,
    /// 2: IPv6.
    V6,
    /// ALL: no port now; from here on the server must reject every other way to a data connection.
    All,
}

/// Parses `h1,h2,h3,h4,p1,p2`.
pub fn parse_port(argument: &[u8]) -> Result<SocketAddr, Error> {
    let mut numbers = [0_u8; 6];
    let mut parts = argument.split(|&byte| byte == b',');
    for number in &mut numbers {
        *number = parts.next().and_then(octet).ok_or(Error::Syntax)?;
    }
    let [a, b, c, d, high, low] = numbers;
    let port = u16::from_be_bytes([high, low]);
    if parts.next().is_some() || port == 0 {
        return Err(Error::Syntax);
    }
    Ok(SocketAddr::from(([a, b, c, d], port)))
}

/// Parses `|1|132.235.1.2|6275|` and `|2|1080::8:800:200C:417A|5282|`, with any delimiter.
///
/// An IPv4-mapped IPv6 address is returned as the IPv4 address.
pub fn parse_eprt(argument: &[u8]) -> Result<SocketAddr, Error> {
    let (&delimiter, fields) = argument.split_first().ok_or(Error::Syntax)?;
    if !(33..=126).contains(&delimiter) {
        return Err(Error::Syntax);
    }
    let mut parts = fields.split(|&byte| byte == delimiter);
    let mut next = || parts.next().ok_or(Error::Syntax);
    let (protocol, address, port, last) = (next()?, next()?, next()?, next()?);
    if !last.is_empty() || parts.next().is_some() {
        return Err(Error::Syntax);
    }
    let address = match decimal::parse(protocol) {
        Some(1) => IpAddr::V4(address_of::<Ipv4Addr>(address)?),
        Some(2) => address_of::<Ipv6Addr>(address)?.to_canonical(),
        Some(_) => return Err(Error::Protocol),
        None => return Err(Error::Syntax),
    };
    match decimal::parse(port).map(u16::try_from) {
        Some(Ok(port @ 1..)) => Ok(SocketAddr::new(address, port)),
        _ => Err(Error::Syntax),
    }
}

/// Parses the argument of EPSV: empty, a network protocol, or `ALL`.
pub fn parse_epsv(argument: &[u8]) -> Result<EpsvRequest, Error> {
    if argument.is_empty() {
        return Ok(EpsvRequest::Any);
    }
    if argument.eq_ignore_ascii_case(b"ALL") {
        return Ok(EpsvRequest::All);
    }
    match decimal::parse(argument) {
        Some(1) => Ok(EpsvRequest::V4),
        Some(2) => Ok(EpsvRequest::V6),
        Some(_) => Err(Error::Protocol),
        None => Err(Error::Syntax),
    }
}

/// The text of a 227 reply.
pub fn format_pasv(address: SocketAddrV4) -> String {
    let [a, b, c, d] = address.ip().octets();
    let [high, low] = address.port().to_be_bytes();
    format!("Entering Passive Mode ({a},{b},{c},{d},{high},{low}).")
}

/// The text of a 229 reply.
pub fn format_epsv(port: u16) -> String {
    format!("Entering Extended Passive Mode (|||{port}|).")
}

/// One of the six numbers of PORT. Leading zeros are accepted: old clients pad with them.
fn octet(digits: &[u8]) -> Option<u8> {
    if digits.len() > 3 {
        return None;
    }
    u8::try_from(decimal::parse(digits)?).ok()
}

fn address_of<T: FromStr>(text: &[u8]) -> Result<T, Error> {
    let text = std::str::from_utf8(text).map_err(|_| Error::Syntax)?;
    text.parse().map_err(|_| Error::Syntax)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn valid_and_invalid_port_arguments() {
        let address = "132.235.1.2:6275".parse().unwrap();
        assert_eq!(parse_port(b"132,235,1,2,24,131"), Ok(address));
        assert_eq!(parse_port(b"132,235,001,002,24,131"), Ok(address));
        assert!(parse_port(b"1,2,3,4,0,1").is_ok());
        for wrong in [
            "",
            "1,2,3,4,5",
            "1,2,3,4,5,6,7",
            "1,2,3,4,5,6,",
            "1,2,3,4,5,256",
            "256,2,3,4,5,6",
            "1,2,3,4,0,0",
            " 1,2,3,4,5,6",
            "1,2,3,4,5,6 ",
            "+1,2,3,4,5,6",
            "-1,2,3,4,5,6",
            "1,,3,4,5,6",
            "1,2,3,4,5,0006",
            "(1,2,3,4,5,6)",
            "1.2.3.4.5.6",
        ] {
            assert_eq!(parse_port(wrong.as_bytes()), Err(Error::Syntax), "{wrong}");
        }
    }

    #[test]
    fn valid_and_invalid_eprt_arguments() {
        for (argument, address) in [
            ("|1|132.235.1.2|6275|", "132.235.1.2:6275"),
            ("!1!132.235.1.2!6275!", "132.235.1.2:6275"),
            ("~2~1080::8:200C:417A~5282~", "[1080::8:200C:417A]:5282"),
            ("|2|::ffff:127.0.0.1|65535|", "127.0.0.1:65535"),
            ("|2|::1|1|", "[::1]:1"),
        ] {
            let parsed = parse_eprt(argument.as_bytes());
            assert_eq!(parsed, Ok(address.parse().unwrap()), "{argument}");
        }
        for wrong in [
            "",
            "|",
            "|1|1.2.3.4|5",
            "|1|1.2.3.4|5||",
            "|1|1.2.3.4|5|x",
            "|1|1.2.3.4|0|",
            "|1|1.2.3.4|65536|",
            "|1|1.2.3.4|+5|",
            "|1|1.2.3.4| 5|",
            "|1|1.2.3|5|",
            "|1|::1|5|",
            "|2|1.2.3.4|5|",
            "|2|::1%1|5|",
            "||1.2.3.4|5|",
            "|x|1.2.3.4|5|",
            " 1 1.2.3.4 5 ",
            "\u{7f}1\u{7f}1.2.3.4\u{7f}5\u{7f}",
        ] {
            assert_eq!(parse_eprt(wrong.as_bytes()), Err(Error::Syntax), "{wrong}");
        }
        assert_eq!(parse_eprt(b"|3|1.2.3.4|5|"), Err(Error::Protocol));
        assert_eq!(parse_eprt(b"|0|anything|5|"), Err(Error::Protocol));
    }

    #[test]
    fn valid_and_invalid_epsv_arguments() {
        for (argument, expected) in [
            ("", Ok(EpsvRequest::Any)),
            ("1", Ok(EpsvRequest::V4)),
            ("2", Ok(EpsvRequest::V6)),
            ("all", Ok(EpsvRequest::All)),
            ("3", Err(Error::Protocol)),
            (" 1", Err(Error::Syntax)),
            ("IPv4", Err(Error::Syntax)),
        ] {
            assert_eq!(parse_epsv(argument.as_bytes()), expected, "{argument}");
        }
    }

    proptest! {
        #[test]
        fn passive_addresses_round_trip(ip: u32, port in 1..=u16::MAX) {
            let address = SocketAddrV4::new(Ipv4Addr::from_bits(ip), port);
            let text = format_pasv(address);
            let inside = text.split(['(', ')']).nth(1).unwrap();
            prop_assert_eq!(parse_port(inside.as_bytes()), Ok(address.into()));
            let expected = format!("Entering Extended Passive Mode (|||{port}|).");
            prop_assert_eq!(format_epsv(port), expected);
        }

        #[test]
        fn extended_addresses_round_trip(ip: u128, port in 1..=u16::MAX, delimiter in "[!-'|~]") {
            let address = Ipv6Addr::from_bits(ip);
            let argument = format!("|2|{address}|{port}|").replace('|', &delimiter);
            let expected = SocketAddr::new(address.to_canonical(), port);
            prop_assert_eq!(parse_eprt(argument.as_bytes()), Ok(expected));
        }

        #[test]
        fn no_argument_panics(argument: Vec<u8>) {
            let _ = (parse_port(&argument), parse_eprt(&argument), parse_epsv(&argument));
        }
    }
}
