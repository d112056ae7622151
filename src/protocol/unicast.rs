//! Tells unicast addresses from others: only a unicast address is advertised to a client (PASV) or
//! connected to (PORT).
//!
//! Not unicast are "this network" (0.0.0.0/8 and ::, RFC 1122 §3.2.1.3), multicast, broadcast, and
//! the reserved block (240.0.0.0/4, RFC 1112 §4).

use std::net::IpAddr;

/// Whether an address is unicast. An IPv4-mapped IPv6 address counts as its IPv4 address.
pub const fn is_unicast(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, ..] = address.octets();
            matches!(first, 1..=223)
        }
        IpAddr::V6(address) => !address.is_unspecified() && !address.is_multicast(),
    }
}

/// Whether `to` denotes the same host for a client at `from` as for this server: a loopback address only
/// for a client on this host, a link-local one only for a client on the link (RFC 1122 §3.2.1.3,
/// RFC 3927 §2.7, RFC 4007 §5).
pub const fn is_in_scope(to: IpAddr, from: IpAddr) -> bool {
    if is_loopback(to) {
        is_loopback(from)
    } else {
        !is_link_local(to) || is_link_local(from)
    }
}

const fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

const fn is_link_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unspecified_multicast_and_reserved_are_not_unicast() {
        for (address, expected) in [
            ("0.0.0.0", false),
            ("0.255.255.255", false),
            ("1.0.0.0", true),
            ("127.0.0.1", true),
            ("169.254.1.1", true),
            ("223.255.255.255", true),
            ("224.0.0.0", false),
            ("239.255.255.255", false),
            ("240.0.0.0", false),
            ("255.255.255.254", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", true),
            ("2001:db8::1", true),
            ("fe80::1", true),
            ("ff02::1", false),
            ("::ffff:0.0.0.0", false),
            ("::ffff:10.0.0.1", true),
            ("::ffff:224.0.0.1", false),
            ("::ffff:255.255.255.255", false),
        ] {
            let found = is_unicast(address.parse().unwrap());
            assert_eq!(found, expected, "{address}");
        }
    }

    #[test]
    fn local_addresses_are_in_scope_for_local_clients_only() {
        for (to, from, expected) in [
            ("192.0.2.1", "192.0.2.2", true),
            ("192.0.2.1", "127.0.0.1", true),
            ("127.0.0.2", "127.0.0.1", true),
            ("127.0.0.1", "192.0.2.1", false),
            ("127.0.0.1", "169.254.0.1", false),
            ("169.254.0.2", "169.254.0.1", true),
            ("169.254.0.2", "127.0.0.1", false),
            ("169.254.0.2", "192.0.2.1", false),
            ("::1", "::1", true),
            ("::1", "127.0.0.1", true),
            ("::1", "2001:db8::1", false),
            ("::ffff:127.0.0.1", "192.0.2.1", false),
            ("::ffff:127.0.0.1", "127.0.0.1", true),
            ("fe80::1", "2001:db8::1", false),
            ("fe80::1", "fe80::2", true),
        ] {
            let found = is_in_scope(to.parse().unwrap(), from.parse().unwrap());
            assert_eq!(found, expected, "{to} for {from}");
        }
    }
}
