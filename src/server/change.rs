//! A running server takes another configuration, and says what of it has to wait.
//!
//! It is called between two iterations, with what `reload` has found.

use super::reload::Found;
use super::{Server, mode, workers};
use crate::capacity;
use crate::config::Config;
#[cfg(feature = "config")]
use crate::config::file::differing_until_the_next_start;
use crate::reactor::Change;
use crate::session::{Mode, Settings};
use crate::storage::Umask;

impl Server {
    /// Has the files read again where that was asked for, and takes what came of it.
    pub(super) fn renew(&mut self) {
        let now = self.reactor.unix_time();
        if self.reactor.take_reload() {
            self.reload.begin(self.acceptor.as_ref(), now);
        }
        if let Some(found) = self.reload.take(self.acceptor.as_ref(), now) {
            self.change(found);
        }
    }

    /// Goes on with another configuration.
    fn change(&mut self, found: Found) {
        let Found { config, acceptor } = found;
        for key in differing_until_the_next_start(&self.started, &config) {
            log::warn!("{key} has changed, which is for the next start: until then it stays");
        }
        if let Some(acceptor) = acceptor {
            self.acceptor = Some(acceptor.clone());
            self.reactor.renew(acceptor);
        }
        let mode = mode(&self.started);
        let workers = workers(&self.started);
        let connections = capacity::connections(&config, mode, workers);
        self.reactor.change(Change {
            settings: settings(&config, mode, self.umask),
            addresses: config.addresses,
            connections,
            connections_per_address: config.connections_per_address,
        });
        log::info!("The configuration was read again");
    }
}

#[cfg(not(feature = "config"))]
const fn differing_until_the_next_start(_: &Config, _: &Config) -> [&'static str; 0] {
    []
}

/// What all sessions have in common.
pub(super) fn settings(config: &Config, mode: Mode, umask: Umask) -> Settings {
    Settings {
        mode,
        accounts: config.accounts.clone(),
        passive_address: config.passive_address,
        umask,
        zone: config.zone,
        charset: config.charset,
        allow_fxp: config.allow_fxp,
        allow_combine: config.allow_combine,
        security: config.tls.as_ref().map(|tls| tls.policy),
        timings: config.timings.clone(),
        throttling: config.throttling.clone(),
    }
}
