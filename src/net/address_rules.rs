//! Allow and deny lists of client addresses.
//!
//! Checked after accept, before the greeting. The address list of an account is separate. Plain
//! data: nothing here knows sockets.

use std::net::IpAddr;

use crate::protocol::cidr::Cidr;

/// The addresses that may connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressRules {
    /// Networks that may connect; empty: all.
    pub allow: Vec<Cidr>,
    /// Networks that may not connect; takes precedence over `allow`.
    pub deny: Vec<Cidr>,
}

impl AddressRules {
    /// Whether a client with this address may connect.
    pub fn admit(&self, address: IpAddr) -> bool {
        let is_in = |networks: &[Cidr]| networks.iter().any(|network| network.contains(address));
        !is_in(&self.deny) && (self.allow.is_empty() || is_in(&self.allow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn deny_overrides_allow_and_empty_allow_admits_all() {
        let mut rules = AddressRules::default();
        assert!(rules.admit(ip("192.0.2.1")));
        rules.deny = vec!["192.0.2.1".parse().unwrap()];
        assert!(!rules.admit(ip("192.0.2.1")) && rules.admit(ip("192.0.2.2")));
        rules.allow = vec!["192.0.2.0/24".parse().unwrap()];
        assert!(!rules.admit(ip("192.0.2.1")) && rules.admit(ip("192.0.2.2")));
        assert!(!rules.admit(ip("192.0.3.1")) && !rules.admit(ip("::1")));
        assert!(!rules.admit(ip("::ffff:192.0.2.1")));
    }
}
