//! What a reload changes in a running loop: settings, address rules, and the certificate of new
//! connections.
//!
//! It is applied between two iterations, so no turn sees half of it.

use super::Reactor;
use super::parts::StorageByAccount;
use crate::event_loop::MAX_SLOTS;
use crate::limits::ConnectionLimit;
use crate::net::tls::Acceptor;
use crate::net::{AddressRules, Cidr, PassiveAddresses};
use crate::session::Settings;

/// What a reload can change.
pub struct Change {
    /// The settings of all sessions.
    pub settings: Settings,
    /// The files of accounts that have files of their own; `None`: unchanged.
    pub account_storage: Option<StorageByAccount>,
    /// The addresses that may connect.
    pub addresses: AddressRules,
    /// The most connections at once.
    pub connections: ConnectionLimit,
    /// The most connections at once of one address.
    pub connections_per_address: usize,
    /// The masquerade addresses of PASV.
    pub passive_addresses: PassiveAddresses,
    /// Networks whose connections begin with a PROXY header.
    pub proxies: Vec<Cidr>,
}

impl Reactor {
    /// Applies a change. Deadlines that are set stay. Sessions that would no longer be admitted end in the
    /// next iterations, or stay, by the settings.
    pub fn change(&mut self, change: Change) {
        self.context.policy.settings = change.settings;
        if let Some(account_storage) = change.account_storage {
            self.context.policy.account_storage = account_storage;
        }
        self.context.policy.passive_addresses = change.passive_addresses;
        self.context.policy.proxies = change.proxies;
        self.context.io.passive_pool.most = change.connections.listeners;
        let limit = change.connections.at_most(MAX_SLOTS - 1);
        self.admission
            .change(change.addresses, limit, change.connections_per_address);
        self.begin_review();
    }

    /// Secures new connections with this acceptor.
    pub fn renew(&mut self, acceptor: Acceptor) {
        self.context.policy.acceptor = Some(acceptor);
    }
}
