//! Masquerade addresses: the IPv4 address in a PASV reply, by the client's network (RFC 959 §4.1.2).
//!
//! A host may be given by name. A DNS lookup may block, so another thread does it:
//! [`wanted`](PassiveAddresses::wanted) gives it the next name, and
//! [`found`](PassiveAddresses::found) stores the result. A name is looked up again only when it is
//! used after its lifetime; until then the last good answer is used. EPSV sends no address
//! (RFC 2428 §3).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use super::Cidr;
use crate::clock::Instant;
use crate::limits::{NAME_RETRY_DELAY, NAME_TTL};
use crate::protocol::unicast::is_unicast;

/// Whether the Cargo feature `resolver` is on. Without it the server refuses to start with a name.
pub const LOOKS_UP_NAMES: bool = cfg!(feature = "resolver");

/// A host with an IPv4 address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PassiveHost {
    /// A fixed address.
    Address(Ipv4Addr),
    /// A name for the system's resolver: for an address that changes.
    Name(String),
}

impl From<Ipv4Addr> for PassiveHost {
    fn from(address: Ipv4Addr) -> Self {
        Self::Address(address)
    }
}

/// Why a string is not a [`PassiveHost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassiveHostError {
    /// Neither an IPv4 address nor a host name.
    Neither,
    /// An address that no client can connect to.
    Unusable(Ipv4Addr),
}

impl fmt::Display for PassiveHostError {
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

impl std::error::Error for PassiveHostError {}

impl FromStr for PassiveHost {
    type Err = PassiveHostError;

    /// The last label of a name needs a letter, so that a mistyped address is not taken for a name.
    fn from_str(text: &str) -> Result<Self, PassiveHostError> {
        match text.parse() {
            Ok(address) if is_usable(address) => return Ok(Self::Address(address)),
            Ok(address) => return Err(PassiveHostError::Unusable(address)),
            Err(_) => {}
        }
        let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_label =
            |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_inside);
        let name = text.strip_suffix('.').unwrap_or(text);
        let last = name.rsplit_once('.').map_or(name, |(_, last)| last);
        let is_name = name.len() <= 253
            && name.split('.').all(is_label)
            && last.bytes().any(|byte| byte.is_ascii_alphabetic());
        is_name
            .then(|| Self::Name(text.to_owned()))
            .ok_or(PassiveHostError::Neither)
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

/// The addresses for PASV replies.
#[derive(Debug, Default)]
pub struct PassiveAddresses {
    by_network: Vec<(Cidr, MasqueradeHost)>,
    default: Option<MasqueradeHost>,
    /// Whether clients on private networks get the default too.
    for_private: bool,
}

#[derive(Debug)]
struct MasqueradeHost {
    /// `None` for a fixed address.
    name: Option<String>,
    /// The fixed address, or the last good answer.
    address: Option<Ipv4Addr>,
    /// Only of a name.
    lookup: LookupState,
}

/// ```text
///   Due ──wanted──▶ InProgress ──found──▶ FreshUntil ──used after that time──▶ Due
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LookupState {
    Due,
    InProgress,
    FreshUntil(Instant),
}

impl PassiveAddresses {
    /// A client gets the address of the first network in `by_network` that contains it, else
    /// `default`. Clients on private networks get `default` only if `for_private` is set.
    pub fn new(
        by_network: Vec<(Cidr, PassiveHost)>,
        default: Option<PassiveHost>,
        for_private: bool,
    ) -> Self {
        let by_network = by_network.into_iter();
        let by_network = by_network.map(|(network, host)| (network, host.into()));
        Self {
            by_network: by_network.collect(),
            default: default.map(MasqueradeHost::from),
            for_private,
        }
    }

    /// The address to advertise to a client; `None`: the local address of its control connection.
    pub fn of(&mut self, client: IpAddr, now: Instant) -> Option<Ipv4Addr> {
        let mut by_network = self.by_network.iter_mut();
        if let Some((_, host)) = by_network.find(|(network, _)| network.contains(client)) {
            return host.address(now);
        }
        let address = self.default.as_mut()?.address(now)?;
        // A client on a private network is not behind NAT from us: advertise the local address to it,
        // not the masquerade address, unless that is private too.
        let applies = self.for_private || is_private(address.into()) || !is_private(client);
        applies.then_some(address)
    }

    /// The next name to look up. It is not returned again until its result is
    /// [stored](Self::found).
    pub fn wanted(&mut self) -> Option<String> {
        let name = self
            .hosts()
            .filter(|host| host.lookup == LookupState::Due)
            .find_map(|host| host.name.clone())?;
        for host in self.hosts_named(&name) {
            host.lookup = LookupState::InProgress;
        }
        Some(name)
    }

    /// Stores the result of a lookup. `None` is a failure and keeps the last answer. Returns whether
    /// the answer has changed.
    pub fn found(&mut self, name: &str, answer: Option<Ipv4Addr>, now: Instant) -> bool {
        let lifetime = match answer {
            Some(_) => NAME_TTL,
            None => NAME_RETRY_DELAY,
        };
        let mut has_changed = false;
        for host in self.hosts_named(name) {
            host.lookup = LookupState::FreshUntil(now + lifetime);
            let before = host.address;
            host.address = answer.or(before);
            has_changed |= host.address != before;
        }
        has_changed
    }

    fn hosts(&mut self) -> impl Iterator<Item = &mut MasqueradeHost> {
        let by_network = self.by_network.iter_mut().map(|(_, host)| host);
        by_network.chain(&mut self.default)
    }

    fn hosts_named(&mut self, name: &str) -> impl Iterator<Item = &mut MasqueradeHost> {
        self.hosts()
            .filter(move |host| host.name.as_deref() == Some(name))
    }
}

impl From<PassiveHost> for MasqueradeHost {
    fn from(host: PassiveHost) -> Self {
        let (name, address) = match host {
            // An embedding program can construct any address without parsing it.
            PassiveHost::Address(address) => (None, is_usable(address).then_some(address)),
            PassiveHost::Name(name) => (Some(name), None),
        };
        let lookup = LookupState::Due;
        Self {
            name,
            address,
            lookup,
        }
    }
}

impl MasqueradeHost {
    fn address(&mut self, now: Instant) -> Option<Ipv4Addr> {
        if matches!(self.lookup, LookupState::FreshUntil(end) if end <= now) {
            self.lookup = LookupState::Due;
        }
        self.address
    }
}

/// Whether a client can connect to the address.
const fn is_usable(address: Ipv4Addr) -> bool {
    is_unicast(IpAddr::V4(address))
}

/// Whether an address is not routed on the Internet: RFC 1918, loopback, link-local, carrier-grade
/// NAT (RFC 6598), and their IPv6 counterparts.
pub fn is_private(address: IpAddr) -> bool {
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

    fn advertised(addresses: &mut PassiveAddresses, client: &str) -> Option<Ipv4Addr> {
        addresses.of(client.parse().unwrap(), Instant::now())
    }

    #[test]
    fn passive_host_parses_addresses_and_names() {
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
            assert_eq!(parsed, Err(PassiveHostError::Neither), "{wrong}");
        }
    }

    #[test]
    fn addresses_of_no_host_are_refused_and_never_advertised() {
        // The edges of the blocks are in the tests of `is_unicast`.
        for text in ["0.0.0.0", "224.0.0.0", "255.255.255.255"] {
            let address: Ipv4Addr = text.parse().unwrap();
            let unusable = PassiveHostError::Unusable(address);
            assert_eq!(text.parse::<PassiveHost>(), Err(unusable));
            let host = PassiveHost::Address(address);
            let mut addresses = PassiveAddresses::new(Vec::new(), Some(host), true);
            assert_eq!(advertised(&mut addresses, "192.0.2.1"), None, "{text}");
        }
    }

    #[test]
    fn private_clients_do_not_get_masquerade_address() {
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
        let mut shown = PassiveAddresses::new(Vec::new(), Some(ROUTER.into()), true);
        for (public, private) in edges {
            assert_eq!(advertised(&mut hidden, public), Some(ROUTER), "{public}");
            assert_eq!(advertised(&mut hidden, private), None, "{private}");
            assert_eq!(advertised(&mut shown, private), Some(ROUTER), "{private}");
        }
        let inner = Ipv4Addr::new(192, 168, 1, 9);
        let mut bridge = PassiveAddresses::new(Vec::new(), Some(inner.into()), false);
        assert_eq!(advertised(&mut bridge, "172.17.0.1"), Some(inner));
        let mut none = PassiveAddresses::default();
        assert_eq!(advertised(&mut none, "192.0.2.1"), None);
    }

    #[test]
    fn first_matching_network_decides() {
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
            assert_eq!(advertised(&mut addresses, client), expected, "{client}");
        }
    }

    #[test]
    fn name_is_looked_up_again_when_used_after_lifetime() {
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

        now += NAME_TTL.saturating_sub(Duration::from_nanos(1));
        addresses.of(client, now);
        assert_eq!(addresses.wanted(), None);
        now += Duration::from_nanos(1);
        assert_eq!(addresses.wanted(), None, "not used since");
        let kept = addresses.of(client, now);
        assert_eq!(kept, Some(ROUTER), "the old answer is kept");
        assert_eq!(addresses.wanted().as_deref(), Some("a.example"));
        addresses.of(client, now);
        assert_eq!(addresses.wanted(), None, "lookup is in progress");

        assert!(!addresses.found("a.example", None, now));
        now += NAME_RETRY_DELAY;
        let kept = addresses.of(client, now);
        assert_eq!(kept, Some(ROUTER), "the last good answer");
        assert_eq!(addresses.wanted().as_deref(), Some("a.example"));
        let other = Ipv4Addr::new(192, 0, 2, 77);
        assert!(addresses.found("a.example", Some(other), now));
        assert_eq!(addresses.of(client, now), Some(other));
    }
}
