//! What a running loop can be told anew: what sessions have in common, who may connect, and what
//! secures new connections.
//!
//! It is between two iterations, so no visit sees half of it.

use super::{Reactor, StorageByAccount, key};
use crate::limits::Room;
use crate::net::tls::Acceptor;
use crate::net::{AddressRules, Cidr, PassiveAddresses};
use crate::session::Settings;

/// What may change while it runs.
pub struct Change {
    /// What all sessions have in common.
    pub settings: Settings,
    /// The files of accounts that do not see those of the server; `None`: as before.
    pub account_storage: Option<StorageByAccount>,
    /// Who may connect.
    pub addresses: AddressRules,
    /// The most connections at once.
    pub connections: Room,
    /// The most connections at once of one address.
    pub connections_per_address: usize,
    /// What clients are told that PASV has opened.
    pub passive_addresses: PassiveAddresses,
    /// Who announces clients.
    pub proxies: Vec<Cidr>,
}

impl Reactor {
    /// From here on everything is as `change` says. Deadlines that are set stay. Sessions that would not be
    /// let in any more end in the next iterations, or stay, as the settings have it.
    pub fn change(&mut self, change: Change) {
        self.context.settings = change.settings;
        if let Some(account_storage) = change.account_storage {
            self.context.account_storage = account_storage;
        }
        self.context.passive_addresses = change.passive_addresses;
        self.context.proxies = change.proxies;
        let room = change.connections.at_most(key::INDICES - 1);
        self.admission
            .change(change.addresses, room, change.connections_per_address);
        self.begin_review();
    }

    /// From here on new connections are secured by this one.
    pub fn renew(&mut self, acceptor: Acceptor) {
        self.context.acceptor = Some(acceptor);
    }
}
