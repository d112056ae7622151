//! A range of addresses, as an account has them that may come from some places only.
//!
//! An IPv4 address that comes by way of an IPv6 socket is still an IPv4 address. RFC 4632 §3.1,
//! RFC 4291 §2.3.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses: those with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    length: u8,
}

/// What is not a range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCidr;

impl fmt::Display for NotCidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address, or a range as in 192.0.2.0/24 or 2001:db8::/32")
    }
}

impl std::error::Error for NotCidr {}

impl Cidr {
    /// Those that share the first `length` bits with `network`; `None` where it has fewer bits.
    pub fn new(network: IpAddr, length: u8) -> Option<Self> {
        (length <= width(network)).then_some(Self { network, length })
    }

    /// Whether `address` is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if address.is_ipv4() != self.network.is_ipv4() {
            return false;
        }
        let rest = u32::from(width(address) - self.length);
        let prefix = |address: IpAddr| bits(address).checked_shr(rest).unwrap_or(0);
        prefix(address) == prefix(self.network)
    }
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl FromStr for Cidr {
    type Err = NotCidr;

    fn from_str(text: &str) -> Result<Self, NotCidr> {
        let (network, length) = match text.split_once('/') {
            Some((network, length)) => (network, Some(length)),
            None => (text, None),
        };
        let network: IpAddr = network.parse().map_err(|_| NotCidr)?;
        let length = match length {
            None => width(network),
            // No sign, no spaces, nothing that another reader might take for another number.
            Some(length) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
                length.parse().map_err(|_| NotCidr)?
            }
            Some(_) => return Err(NotCidr),
        };
        Self::new(network, length).ok_or(NotCidr)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_range_ends_where_its_bits_end() {
        for (range, address, within) in [
            ("192.0.2.0/24", "192.0.2.0", true),
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.0/24", "192.0.1.255", false),
            ("192.0.2.0/24", "::ffff:192.0.2.7", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true),
            ("::/0", "127.0.0.1", false),
            ("2001:db8::/33", "2001:db8:7fff::", true),
            ("2001:db8::/33", "2001:db8:8000::", false),
            ("::1/128", "::1", true),
            ("::1/128", "::", false),
        ] {
            let cidr: Cidr = range.parse().unwrap();
            assert_eq!(
                cidr.contains(address.parse().unwrap()),
                within,
                "{range} {address}"
            );
        }
    }

    #[test]
    fn what_is_no_range() {
        for text in [
            "",
            "x",
            "192.0.2.0/33",
            "::/129",
            "192.0.2.0/",
            "192.0.2.0/+8",
            "/8",
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(NotCidr), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_can_be_read(bits: u128, length in 0..=128_u8) {
            let cidr = Cidr::new(std::net::Ipv6Addr::from_bits(bits).into(), length).unwrap();
            prop_assert_eq!(cidr.to_string().parse(), Ok(cidr));
        }
    }
}
