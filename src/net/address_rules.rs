//! Who may connect at all, by address.
//!
//! Plain data: rules let an address in or not. It is asked when somebody is at the door, before a
//! byte is said; an account has addresses of its own. Nothing here knows sockets.

use std::net::IpAddr;

use crate::protocol::cidr::Cidr;

/// Who may connect, by address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressRules {
    /// Only who is in one of these; empty: everybody.
    pub allow: Vec<Cidr>,
    /// Nobody who is in one of these, whatever `allow` says.
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

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn deny_wins_and_no_allow_is_everybody() {
        let mut rules = AddressRules::default();
        assert!(rules.admit(ip("192.0.2.1")));
        rules.deny = vec![cidr("192.0.2.1")];
        assert!(!rules.admit(ip("192.0.2.1")) && rules.admit(ip("192.0.2.2")));
        rules.allow = vec![cidr("192.0.2.0/24")];
        assert!(!rules.admit(ip("192.0.2.1")) && rules.admit(ip("192.0.2.2")));
        assert!(!rules.admit(ip("192.0.3.1")) && !rules.admit(ip("::1")));
        assert!(!rules.admit(ip("::ffff:192.0.2.1")));
    }
}
