//! The parts of a reactor: the four seams, and its configuration.
//!
//! Plain data. The server puts the operating system behind the seams; the simulator puts its own world there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::limits::ConnectionLimit;
use crate::net::tls::Acceptor;
use crate::net::{AddressRules, Cidr, Network, PassiveAddresses, PassivePorts};
use crate::observe::Records;
use crate::session::Settings;
use crate::storage::Storage;
use crate::workers::Runner;

/// The seams and the configuration of a reactor.
pub struct Parts {
    /// Sockets and clocks.
    pub network: Box<dyn Network>,
    /// The files of accounts without files of their own.
    pub storage: Arc<dyn Storage>,
    /// The files of accounts that have files of their own.
    pub account_storage: StorageByAccount,
    /// Runs jobs that may wait for a device.
    pub runner: Box<dyn Runner>,
    /// The ports of passive listeners.
    pub passive_ports: PassivePorts,
    /// Takes the records of transfers.
    pub records: Records,
    /// The masquerade addresses of PASV.
    pub passive_addresses: PassiveAddresses,
    /// Networks whose connections begin with a PROXY header.
    pub proxies: Vec<Cidr>,
    /// The settings of all sessions.
    pub settings: Settings,
    /// Secures connections. Required if the settings have a security policy, or a listener is for TLS alone.
    pub acceptor: Option<Acceptor>,
    /// The addresses that may connect.
    pub addresses: AddressRules,
    /// The most connections at once.
    pub connections: ConnectionLimit,
    /// The most connections at once of one address.
    pub connections_per_address: usize,
    /// How long the loop polls without sleeping after it had something to do.
    pub busy_poll: Duration,
}

/// The files of each account, by its name.
pub type StorageByAccount = HashMap<Vec<u8>, Arc<dyn Storage>>;
