//! Networks in CIDR notation, such as `10.0.0.0/8` (RFC 4632 §3.1).
//!
//! Plain data. An IPv4-mapped IPv6 address or network is treated as the IPv4 one (RFC 4291 §2.5.5.2),
//! so that a client has the same address on a dual-stack socket. Address rules for connections and
//! logins are built on this elsewhere.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The length of the prefix of IPv4-mapped IPv6 addresses, `::ffff:0:0/96`.
const MAPPED_BITS: u8 = 96;

/// A network: the addresses with a common prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// The network address: the host bits are zero.
    first: IpAddr,
    /// The length of the prefix, in bits.
    prefix: u8,
}

impl Cidr {
    /// Whether the network contains the address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && masked(address, self.prefix) == self.first
    }

    /// Whether `other` is a subset of this network.
    pub fn covers(&self, other: &Self) -> bool {
        self.prefix <= other.prefix && self.contains(other.first)
    }

    /// Whether the networks overlap.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// Whether it contains all addresses of its family.
    pub const fn is_everything(&self) -> bool {
        self.prefix == 0
    }

    /// Whether it is an IPv4 network.
    pub const fn is_ipv4(&self) -> bool {
        self.first.is_ipv4()
    }
}

/// The number of bits of an address of this family.
const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The address with its host bits cleared: those after the first `prefix` bits.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let host_bits = u32::from(width(address).saturating_sub(prefix));
    // A shift by the full width, for prefix 0, is out of range: the mask is zero.
    match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
            IpAddr::V4((ip.to_bits() & mask).into())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
            IpAddr::V6((ip.to_bits() & mask).into())
        }
    }
}

/// Why a text is not a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CidrError {
    /// The text before the slash is not an address.
    Address(String),
    /// The text after the slash is not a prefix length; the maximum length.
    Prefix(String, u8),
    /// Host bits are set; the network without them.
    HostBits(Cidr),
}

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(text) => write!(
                f,
                "'{text}' is not an address; write a network such as 192.0.2.0/24 or 2001:db8::/32"
            ),
            Self::Prefix(text, width) => {
                write!(
                    f,
                    "'{text}' is not a prefix length; write a number from 0 to {width}, such as /{width}"
                )
            }
            Self::HostBits(network) => {
                write!(f, "host bits are set after the prefix; write {network}")
            }
        }
    }
}

impl std::error::Error for CidrError {}

impl FromStr for Cidr {
    type Err = CidrError;

    /// An address without a prefix length is a network of one address.
    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let written: IpAddr = address
            .parse()
            .map_err(|_| CidrError::Address(address.to_owned()))?;
        let widest = width(written);
        let prefix = match bits {
            None => widest,
            Some(bits) => {
                let number = bits.parse().ok().filter(|number| *number <= widest);
                let is_plain = bits.bytes().all(|byte| byte.is_ascii_digit());
                number
                    .filter(|_| is_plain)
                    .ok_or_else(|| CidrError::Prefix(bits.to_owned(), widest))?
            }
        };
        let canonical = written.to_canonical();
        let (address, prefix) = match (written, canonical) {
            (IpAddr::V6(_), IpAddr::V4(_)) if prefix >= MAPPED_BITS => {
                (canonical, prefix - MAPPED_BITS)
            }
            _ => (written, prefix),
        };
        let first = masked(address, prefix);
        let network = Self { first, prefix };
        if first == address {
            Ok(network)
        } else {
            Err(CidrError::HostBits(network))
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn network_contains_its_range_of_addresses() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("192.0.2.0/24", "192.0.2.0", "192.0.1.255"),
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.0/24", "::ffff:192.0.2.7", "::ffff:192.0.3.0"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "ffff::", "10.0.0.1"),
            ("::/0", "::1", "127.0.0.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("2001:db8::8/125", "2001:db8::f", "2001:db8::7"),
            ("2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"),
            ("::1", "::1", "::2"),
            ("::1/128", "::1", "::"),
        ] {
            let network = cidr(network);
            assert!(network.contains(ip(inside)), "{inside} in {network}");
            assert!(!network.contains(ip(outside)), "{outside} in {network}");
        }
    }

    #[test]
    fn prefix_length_zero_is_everything() {
        assert!(
            ["0.0.0.0/0", "::/0"]
                .map(cidr)
                .iter()
                .all(Cidr::is_everything)
        );
        let others = ["0.0.0.0/1", "::/1", "10.0.0.1"].map(cidr);
        assert!(!others.iter().any(Cidr::is_everything));
    }

    #[test]
    fn mapped_addresses_are_ipv4_addresses() {
        assert!(cidr("10.0.0.0/8").contains(ip("::ffff:10.1.2.3")));
        assert_eq!(cidr("::ffff:10.0.0.0/104"), cidr("10.0.0.0/8"));
        assert_eq!(cidr("::ffff:10.1.2.3"), cidr("10.1.2.3/32"));
        assert_eq!(cidr("::ffff:0.0.0.0/96"), cidr("0.0.0.0/0"));
        assert!(!cidr("::/0").contains(ip("::ffff:10.1.2.3")));
    }

    #[test]
    fn errors_name_the_value_and_the_remedy() {
        for (text, message) in [
            ("", "'' is not an address"),
            ("x", "'x' is not an address"),
            ("/8", "'' is not an address"),
            ("10.0.0", "'10.0.0' is not an address"),
            ("10.0.0.0.0/8", "'10.0.0.0.0' is not an address"),
            ("fe80::1%eth0", "'fe80::1%eth0' is not an address"),
            (
                "10.0.0.0/33",
                "'33' is not a prefix length; write a number from 0 to 32, such as /32",
            ),
            ("10.0.0.0/", "'' is not a prefix length"),
            ("10.0.0.0/-1", "'-1' is not a prefix length"),
            ("10.0.0.0/+8", "'+8' is not a prefix length"),
            ("10.0.0.0/8/8", "'8/8' is not a prefix length"),
            ("::/129", "write a number from 0 to 128"),
            ("10.1.2.3/8", "write 10.0.0.0/8"),
            ("2001:db8::1/64", "write 2001:db8::/64"),
        ] {
            let error = text.parse::<Cidr>().unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn networks_round_trip(address: IpAddr, prefix in 0..=128_u8) {
            let address = address.to_canonical();
            let prefix = prefix.min(width(address));
            let network = Cidr { first: masked(address, prefix), prefix };
            prop_assert!(network.contains(address));
            prop_assert_eq!(network.to_string().parse(), Ok(network));
        }

        #[test]
        fn garbage_is_an_error_or_a_network(text in "[0-9a-f.:/]{0,40}") {
            if let Ok(network) = text.parse::<Cidr>() {
                prop_assert!(network.contains(network.first));
            }
        }
    }
}
