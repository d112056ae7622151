//! Which IPv4 address a client is told to connect to (PASV, RFC 959 §4.1.2): that of a router in
//! front, by the network that the client is in.
//!
//! An address may be given by name. Looking a name up may wait for ever, so it is not done here:
//! what is [`wanted`](PassiveAddresses::wanted) is looked up by somebody else, who says what was
//! [`found`](PassiveAddresses::found); a name is looked up again only when it is used, and its last
//! good answer holds meanwhile. EPSV tells no address (RFC 2428 §3).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::time::Instant;

use super::Cidr;
use crate::limits::{NAME_GOOD_FOR, NAME_TRIED_AFTER};
use crate::protocol::one_host::is_of_one_host;

/// A host that has an IPv4 address: the address itself, or its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PassiveHost {
    /// As it is.
    Address(Ipv4Addr),
    /// As the system's resolver has it: for an address that changes.
    Name(String),
}

impl From<Ipv4Addr> for PassiveHost {
    fn from(address: Ipv4Addr) -> Self {
        Self::Address(address)
    }
}

/// Why a text is no [`PassiveHost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPassiveHost {
    /// It is neither an IPv4 address nor a name.
    Neither,
    /// No client can connect to this address.
    Unusable(Ipv4Addr),
}

impl fmt::Display for BadPassiveHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Neither => f.write_str("it is neither an IPv4 address nor a name"),
            Self::Unusable(address) => write!(
                f,
                "no client can connect to {address}; write the address of one host, as in 203.0.113.7"
            ),
        }
    }
}

impl std::error::Error for BadPassiveHost {}

impl FromStr for PassiveHost {
    type Err = BadPassiveHost;

    /// A name has letters in its last label; so a mistyped address is not taken for one.
    fn from_str(text: &str) -> Result<Self, BadPassiveHost> {
        match text.parse() {
            Ok(address) if is_of_one_host(IpAddr::V4(address)) => {
                return Ok(Self::Address(address));
            }
            Ok(address) => return Err(BadPassiveHost::Unusable(address)),
            Err(_) => {}
        }
        let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_label =
            |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_inside);
        let name = text.strip_suffix('.').unwrap_or(text);
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_name = name.len() <= 253
            && name.split('.').all(is_label)
            && last.bytes().any(|byte| byte.is_ascii_alphabetic());
        is_name
            .then(|| Self::Name(text.to_owned()))
            .ok_or(BadPassiveHost::Neither)
    }
}

impl fmt::Display for PassiveHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// The addresses that clients are told.
#[derive(Debug, Default)]
pub struct PassiveAddresses {
    by_network: Vec<(Cidr, Host)>,
    usual: Option<Host>,
    for_private: bool,
}

#[derive(Debug)]
enum Host {
    Address(Ipv4Addr),
    Name(Name),
}

#[derive(Debug)]
struct Name {
    text: String,
    answer: Option<Ipv4Addr>,
    lookup: Lookup,
}

/// ```text
///   Wanted ──taken──▶ UnderWay ──found, or not──▶ Rests ──used after that time──▶ Wanted
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lookup {
    Wanted,
    UnderWay,
    Rests(Instant),
}

impl PassiveAddresses {
    /// The first of `by_network` that a client is in has its address; `usual` is for all others, but
    /// those of private networks are only told it `for_private`.
    pub fn new(
        by_network: Vec<(Cidr, PassiveHost)>,
        usual: Option<PassiveHost>,
        for_private: bool,
    ) -> Self {
        let by_network = by_network.into_iter();
        Self {
            by_network: by_network
                .map(|(network, host)| (network, host.into()))
                .collect(),
            usual: usual.map(Host::from),
            for_private,
        }
    }

    /// What a client with this address is told; `None`: the address that it has connected to.
    pub fn of(&mut self, client: IpAddr, now: Instant) -> Option<Ipv4Addr> {
        let mut by_network = self.by_network.iter_mut();
        if let Some((_, host)) = by_network.find(|(network, _)| network.contains(client)) {
            return host.address(now);
        }
        let address = self.usual.as_mut()?.address(now)?;
        // A client with a private address has come through no router that would have given it
        // another, so that the address of one is not the way back. A private address, though, is
        // for such clients or for nobody.
        let is_told = self.for_private || is_private(address.into()) || !is_private(client);
        is_told.then_some(address)
    }

    /// The next name that is to be looked up; it is not wanted again before something is
    /// [`found`](Self::found).
    pub fn wanted(&mut self) -> Option<String> {
        let name = self
            .names()
            .find(|name| name.lookup == Lookup::Wanted)
            .map(|name| name.text.clone())?;
        self.names()
            .filter(|one| one.text == name)
            .for_each(|one| one.lookup = Lookup::UnderWay);
        Some(name)
    }

    /// What a name was found to be; `None`: nothing, and the last answer stays. Whether it is
    /// another one than before.
    pub fn found(&mut self, name: &str, answer: Option<Ipv4Addr>, now: Instant) -> bool {
        let pause = match answer {
            Some(_) => NAME_GOOD_FOR,
            None => NAME_TRIED_AFTER,
        };
        let mut is_news = false;
        for one in self.names().filter(|one| one.text == name) {
            one.lookup = Lookup::Rests(now + pause);
            let before = one.answer;
            one.answer = answer.or(before);
            is_news |= one.answer != before;
        }
        is_news
    }

    fn names(&mut self) -> impl Iterator<Item = &mut Name> {
        let by_network = self.by_network.iter_mut().map(|(_, host)| host);
        by_network
            .chain(&mut self.usual)
            .filter_map(|host| match host {
                Host::Name(name) => Some(name),
                Host::Address(_) => None,
            })
    }
}

impl From<PassiveHost> for Host {
    fn from(host: PassiveHost) -> Self {
        match host {
            PassiveHost::Address(address) => Self::Address(address),
            PassiveHost::Name(text) => Self::Name(Name {
                text,
                answer: None,
                lookup: Lookup::Wanted,
            }),
        }
    }
}

impl Host {
    fn address(&mut self, now: Instant) -> Option<Ipv4Addr> {
        match self {
            // A host program may have said anything.
            Self::Address(address) => is_of_one_host(IpAddr::V4(*address)).then_some(*address),
            Self::Name(name) => {
                if matches!(name.lookup, Lookup::Rests(until) if until <= now) {
                    name.lookup = Lookup::Wanted;
                }
                name.answer
            }
        }
    }
}

/// Whether an address is of one network only, and no router has put it there: RFC 1918, loopback,
/// link-local, and what providers share out behind theirs (RFC 6598); of IPv6 likewise.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let is_shared = first == 100 && second & 0b1100_0000 == 64;
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ROUTER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);

    fn host(text: &str) -> PassiveHost {
        text.parse().unwrap()
    }

    fn told(addresses: &mut PassiveAddresses, client: &str) -> Option<Ipv4Addr> {
        addresses.of(client.parse().unwrap(), Instant::now())
    }

    #[test]
    fn hosts_are_addresses_and_names() {
        assert_eq!(host("192.0.2.1"), Ipv4Addr::new(192, 0, 2, 1).into());
        for name in ["localhost", "ftp.example.com", "a-1.b_2.c3.", "1.2.3.4.5x"] {
            assert_eq!(host(name).to_string(), name);
        }
        let (long, label) = ("a.".repeat(127) + "a", "a".repeat(64));
        for wrong in [
            "",
            ".",
            "a..b",
            "256.0.0.1",
            "1.2.3",
            "::1",
            "a b",
            "h:21",
            &long,
            &label,
        ] {
            let parsed = wrong.parse::<PassiveHost>();
            assert_eq!(parsed, Err(BadPassiveHost::Neither), "{wrong}");
        }
    }

    #[test]
    fn addresses_of_no_host_are_refused_and_never_told() {
        let unusable = [
            "0.0.0.0",
            "0.255.255.255",
            "224.0.0.0",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
        ];
        for text in unusable {
            let address: Ipv4Addr = text.parse().unwrap();
            assert_eq!(
                text.parse::<PassiveHost>(),
                Err(BadPassiveHost::Unusable(address))
            );
            let host = PassiveHost::Address(address);
            let mut addresses = PassiveAddresses::new(Vec::new(), Some(host), true);
            assert_eq!(told(&mut addresses, "192.0.2.1"), None, "{text}");
        }
        for text in ["1.0.0.0", "127.0.0.1", "169.254.1.1", "223.255.255.255"] {
            assert!(text.parse::<PassiveHost>().is_ok(), "{text}");
        }
    }

    #[test]
    fn private_clients_are_not_sent_through_the_router() {
        let edges = [
            ("9.255.255.255", "10.0.0.0"),
            ("11.0.0.0", "10.255.255.255"),
            ("172.15.255.255", "172.16.0.0"),
            ("172.32.0.0", "172.31.255.255"),
            ("192.167.255.255", "192.168.0.0"),
            ("192.169.0.0", "192.168.255.255"),
            ("126.255.255.255", "127.0.0.1"),
            ("169.253.255.255", "169.254.0.0"),
            ("100.63.255.255", "100.64.0.0"),
            ("100.128.0.0", "100.127.255.255"),
            ("2001:db8::1", "fd00::1"),
            ("2001:db8::1", "fe80::1"),
            ("2001:db8::1", "::1"),
            ("::ffff:9.0.0.1", "::ffff:10.0.0.1"),
        ];
        let mut hidden = PassiveAddresses::new(Vec::new(), Some(ROUTER.into()), false);
        let mut said = PassiveAddresses::new(Vec::new(), Some(ROUTER.into()), true);
        for (public, private) in edges {
            assert_eq!(told(&mut hidden, public), Some(ROUTER), "{public}");
            assert_eq!(told(&mut hidden, private), None, "{private}");
            assert_eq!(told(&mut said, private), Some(ROUTER), "{private}");
        }
        let inner = Ipv4Addr::new(192, 168, 1, 9);
        let mut bridge = PassiveAddresses::new(Vec::new(), Some(inner.into()), false);
        assert_eq!(told(&mut bridge, "172.17.0.1"), Some(inner));
        assert_eq!(told(&mut PassiveAddresses::default(), "192.0.2.1"), None);
    }

    #[test]
    fn the_first_network_that_the_client_is_in_decides() {
        let by_network = vec![
            ("10.1.0.0/16".parse().unwrap(), host("10.1.0.1")),
            ("10.0.0.0/8".parse().unwrap(), ROUTER.into()),
            ("2001:db8::/32".parse().unwrap(), host("192.0.2.9")),
        ];
        let mut addresses = PassiveAddresses::new(by_network, Some(host("192.0.2.8")), false);
        for (client, expected) in [
            ("10.1.2.3", Some("10.1.0.1")),
            ("10.2.0.1", Some("203.0.113.7")),
            ("2001:db8::5", Some("192.0.2.9")),
            ("198.51.100.1", Some("192.0.2.8")),
            ("127.0.0.1", None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(told(&mut addresses, client), expected, "{client}");
        }
    }

    #[test]
    fn a_name_is_looked_up_at_first_and_then_when_it_is_used_and_old() {
        let by_network = vec![("10.0.0.0/8".parse().unwrap(), host("b.example"))];
        let mut addresses = PassiveAddresses::new(by_network, Some(host("a.example")), true);
        let (client, mut now) = ("192.0.2.1".parse().unwrap(), Instant::now());
        let mut wanted: Vec<_> = std::iter::from_fn(|| addresses.wanted()).collect();
        wanted.sort();
        assert_eq!(wanted, ["a.example", "b.example"]);
        assert_eq!(addresses.of(client, now), None);
        assert_eq!(addresses.wanted(), None);
        assert!(addresses.found("a.example", Some(ROUTER), now));
        assert_eq!(addresses.of(client, now), Some(ROUTER));

        now += NAME_GOOD_FOR.saturating_sub(Duration::from_nanos(1));
        addresses.of(client, now);
        assert_eq!(addresses.wanted(), None);
        now += Duration::from_nanos(1);
        assert_eq!(addresses.wanted(), None, "nobody has used it");
        assert_eq!(addresses.of(client, now), Some(ROUTER), "the old one holds");
        assert_eq!(addresses.wanted().as_deref(), Some("a.example"));
        addresses.of(client, now);
        assert_eq!(addresses.wanted(), None, "it is being looked up");

        assert!(!addresses.found("a.example", None, now));
        now += NAME_TRIED_AFTER;
        assert_eq!(addresses.of(client, now), Some(ROUTER), "the last good one");
        assert_eq!(addresses.wanted().as_deref(), Some("a.example"));
        let other = Ipv4Addr::new(192, 0, 2, 77);
        assert!(addresses.found("a.example", Some(other), now));
        assert_eq!(addresses.of(client, now), Some(other));
    }
}
