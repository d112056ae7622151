//! What a reactor is made of: the four seams, and what it may do.
//!
//! Plain data, put together by whoever starts one: the server with the operating system behind the
//! seams, the simulator with its own world. The reactor takes it apart.

use std::collections::HashMap;
use std::sync::Arc;

use crate::limits::Room;
use crate::net::tls::Acceptor;
use crate::net::{AddressRules, Cidr, Network, PassiveAddresses, PassivePorts};
use crate::observe::Records;
use crate::session::Settings;
use crate::storage::Storage;
use crate::workers::Runner;

/// What a reactor is made of: the seams, and what it may do.
pub struct Parts {
    /// Sockets and clocks.
    pub network: Box<dyn Network>,
    /// Files.
    pub storage: Arc<dyn Storage>,
    /// The files of accounts that do not see just those.
    pub account_storage: StorageByAccount,
    /// Who does what may wait.
    pub runner: Box<dyn Runner>,
    /// Where passive listeners may be.
    pub passive_ports: PassivePorts,
    /// Where records of transfers are left.
    pub records: Records,
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
    pub connections: Room,
    /// The most connections at once of one address.
    pub connections_per_address: usize,
}

/// The files of each account, by its name.
pub type StorageByAccount = HashMap<Vec<u8>, Arc<dyn Storage>>;
