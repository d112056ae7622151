//! Networks of addresses as they are written: `10.0.0.0/8`.
//!
//! Plain data: a network contains addresses. An IPv4-mapped IPv6 address or network is the IPv4 one
//! (RFC 4291 §2.5.5.2), so that one client has one address. Who may connect, or log in, from which
//! network is for others to say. RFC 4632 §3.1.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Bits of an IPv4-mapped IPv6 address that say that it is one.
const MAPPED_BITS: u8 = 96;

/// A network: the addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// Its first address: the bits behind the prefix are zero.
    first: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && masked(address, self.prefix) == self.first
    }

    /// Whether all addresses of the other one are in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.prefix <= other.prefix && self.contains(other.first)
    }

    /// Whether an address is in both.
    pub fn meets(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// Whether all addresses of its family are in it.
    pub const fn is_everything(&self) -> bool {
        self.prefix == 0
    }

    /// Whether its addresses are of IPv4.
    pub const fn is_ipv4(&self) -> bool {
        self.first.is_ipv4()
    }
}

/// How many bits the addresses of this family have.
const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The address with zeros behind its first `prefix` bits.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let spare = u32::from(width(address).saturating_sub(prefix));
    match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(spare).unwrap_or(0);
            IpAddr::V4((ip.to_bits() & mask).into())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(spare).unwrap_or(0);
            IpAddr::V6((ip.to_bits() & mask).into())
        }
    }
}

/// What is wrong with a text that should be a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CidrError {
    /// What is before the slash is no address.
    Address(String),
    /// What is behind it is no number of bits: there are so many.
    Prefix(String, u8),
    /// The address is one within the network and not its first, which is this.
    NotFirst(Cidr),
}

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(text) => write!(
                f,
                "'{text}' is no address; a network is one, as in 192.0.2.0/24 or 2001:db8::/32"
            ),
            Self::Prefix(text, width) => {
                write!(
                    f,
                    "'{text}' is no number of bits from 0 to {width}, as in /{width}"
                )
            }
            Self::NotFirst(network) => {
                write!(
                    f,
                    "there are bits behind the prefix; is {network} what is meant?"
                )
            }
        }
    }
}

impl std::error::Error for CidrError {}

impl FromStr for Cidr {
    type Err = CidrError;

    /// An address is the network of itself alone.
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
            Err(CidrError::NotFirst(network))
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
    fn a_network_ends_where_its_prefix_says() {
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
    fn everything_is_what_has_no_prefix() {
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
    fn a_mapped_address_is_the_address_that_it_maps() {
        assert!(cidr("10.0.0.0/8").contains(ip("::ffff:10.1.2.3")));
        assert_eq!(cidr("::ffff:10.0.0.0/104"), cidr("10.0.0.0/8"));
        assert_eq!(cidr("::ffff:10.1.2.3"), cidr("10.1.2.3/32"));
        assert_eq!(cidr("::ffff:0.0.0.0/96"), cidr("0.0.0.0/0"));
        assert!(!cidr("::/0").contains(ip("::ffff:10.1.2.3")));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        for (text, said) in [
            ("", "'' is no address"),
            ("x", "'x' is no address"),
            ("/8", "'' is no address"),
            ("10.0.0", "'10.0.0' is no address"),
            ("10.0.0.0.0/8", "'10.0.0.0.0' is no address"),
            ("fe80::1%eth0", "'fe80::1%eth0' is no address"),
            (
                "10.0.0.0/33",
                "'33' is no number of bits from 0 to 32, as in /32",
            ),
            ("10.0.0.0/", "'' is no number of bits"),
            ("10.0.0.0/-1", "'-1' is no number of bits"),
            ("10.0.0.0/+8", "'+8' is no number of bits"),
            ("10.0.0.0/8/8", "'8/8' is no number of bits"),
            ("::/129", "'129' is no number of bits from 0 to 128"),
            ("10.1.2.3/8", "is 10.0.0.0/8 what is meant?"),
            ("2001:db8::1/64", "is 2001:db8::/64 what is meant?"),
        ] {
            let error = text.parse::<Cidr>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(address: IpAddr, prefix in 0..=128_u8) {
            let address = address.to_canonical();
            let prefix = prefix.min(width(address));
            let network = Cidr { first: masked(address, prefix), prefix };
            prop_assert!(network.contains(address));
            prop_assert_eq!(network.to_string().parse(), Ok(network));
        }

        #[test]
        fn garbage_is_refused_or_a_network(text in "[0-9a-f.:/]{0,40}") {
            if let Ok(network) = text.parse::<Cidr>() {
                prop_assert!(network.contains(network.first));
            }
        }
    }
}
