//! What a reactor is given when it is made: the seams to the outside, and what it may do.

use std::sync::Arc;

use crate::net::tls::Acceptor;
use crate::net::{AddressRules, Cidr, Network, PassiveAddresses, PassivePorts};
use crate::session::Settings;
use crate::storage::Storage;
use crate::workers::Runner;

/// What a reactor is made of: the seams, and what it may do.
pub struct Parts {
    /// Sockets and clocks.
    pub network: Box<dyn Network>,
    /// Files.
    pub storage: Arc<dyn Storage>,
    /// Who does what may wait.
    pub runner: Box<dyn Runner>,
    /// Where passive listeners may be.
    pub passive_ports: PassivePorts,
    /// What clients are told instead of the address where they are.
    pub passive_addresses: PassiveAddresses,
    /// Who connects for others, and says for whom.
    pub proxies: Vec<Cidr>,
    /// What all sessions have in common.
    pub settings: Settings,
    /// What secures connections; needed where the settings have a security policy, or a listener
    /// is for TLS alone.
    pub acceptor: Option<Acceptor>,
    /// Who may connect.
    pub addresses: AddressRules,
    /// The most connections at once.
    pub connections: usize,
    /// The most connections at once of one address.
    pub connections_per_address: usize,
}
