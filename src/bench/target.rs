//! Which server is measured, and from which addresses.
//!
//! Only hosts that cannot be somebody else's are measured unless the user says so: a load generator aimed at
//! the wrong host is an attack.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};

use super::plan::Plan;

/// Connections from one address of this host: the kernel has some 28,000 ports for them.
const CONNECTIONS_PER_SOURCE: usize = 10_000;

/// The address of the server.
///
/// # Errors
/// In words: the name is unknown, or the host is one of others.
pub(super) fn resolve(plan: &Plan) -> Result<SocketAddr, String> {
    let (host, port) = (plan.url.host.as_str(), plan.url.port);
    let found = (host, port).to_socket_addrs();
    let found = found.map_err(|error| format!("cannot find the host {host}: {error}"))?;
    let found: Vec<_> = found.collect();
    // Most servers listen on IPv4 only or on both.
    let v4 = found.iter().find(|address| address.is_ipv4());
    let Some(address) = v4.or_else(|| found.first()).copied() else {
        return Err(format!("the host {host} has no address"));
    };
    if !plan.may_load_any_host && !is_near(address.ip()) {
        return Err(format!(
            "{} is not a loopback or private address; a load on the host of others is an attack: if it is \
             yours, say so by --i-may-load-this-host",
            address.ip()
        ));
    }
    Ok(address)
}

/// Whether the address can only be of this host or of its own network.
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// The local address of a connection, with any port.
pub(super) fn source(to: SocketAddr, number: usize) -> SocketAddr {
    let from = number / CONNECTIONS_PER_SOURCE;
    let any = match to.ip() {
        IpAddr::V4(address) if address.is_loopback() && from > 0 => {
            // 127.0.0.2 and so on: all of 127.0.0.0/8 is this host.
            let number = u8::try_from(from + 1).unwrap_or(u8::MAX);
            IpAddr::V4(Ipv4Addr::new(127, 0, 0, number))
        }
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    };
    (any, 0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_addresses_are_near() {
        let near = |text: &str| is_near(text.parse().unwrap());
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(near(text), "{text}");
        }
        for text in [
            "203.0.113.7",
            "172.32.0.1",
            "0.0.0.0",
            "2001:db8::1",
            "::ffff:8.8.8.8",
            "::",
        ] {
            assert!(!near(text), "{text}");
        }
    }

    #[test]
    fn many_connections_come_from_several_addresses() {
        let to = "127.0.0.1:21".parse().unwrap();
        let sources =
            [0, 9_999, 10_000, 20_000, 49_999].map(|number| source(to, number).to_string());
        let expected = [
            "0.0.0.0:0",
            "0.0.0.0:0",
            "127.0.0.2:0",
            "127.0.0.3:0",
            "127.0.0.5:0",
        ];
        assert_eq!(sources, expected);
        let far = source("10.0.0.1:21".parse().unwrap(), 20_000);
        assert_eq!(far.to_string(), "0.0.0.0:0");
    }
}
