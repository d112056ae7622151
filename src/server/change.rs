//! A running server takes another configuration.
//!
//! It is called between two iterations, with what `reload` has found: nothing here can wait.

use super::opening::{passive_addresses_for, settings_for};
use super::reload::{ReloadBase, ReloadResult};
use super::{Server, mode, workers};
use crate::capacity;
use crate::reactor::Change;

impl Server {
    /// Has the files read again where that was asked for, and takes what came of it.
    pub(super) fn renew(&mut self) {
        let asked = self.reactor.take_reload();
        let present = || ReloadBase {
            config: self.config.clone(),
            acceptor: self.acceptor.clone(),
            counters: self.counters.clone(),
            addresses: self.addresses.clone(),
            now: self.reactor.unix_time(),
        };
        if asked {
            self.manager.reloading();
            self.reactor.records().reopen();
            self.reload.begin(present());
        }
        match self.reload.take(present) {
            Some(Ok(found)) => self.change(found),
            Some(Err(error)) => self.complain(&format!(
                "The old configuration stays, because the new one is no good: {error}"
            )),
            None => {}
        }
        let is_over = self.reload.is_idle() && self.reactor.records().is_reopened();
        if self.manager.awaits_reload() && is_over {
            self.manager.ready(&self.status());
        }
    }

    /// The mistake is in the log, and in the status until a good reload.
    fn complain(&mut self, mistake: &str) {
        log::error!("{mistake}");
        self.mistake = Some(mistake.to_owned());
    }

    /// Goes on with another configuration.
    fn change(&mut self, found: ReloadResult) {
        let ReloadResult {
            mut config,
            acceptor,
            bad_certificate,
            account_storage,
        } = found;
        self.mistake = None;
        if let Some(error) = bad_certificate {
            self.complain(&format!(
                "The old certificate stays, because the new one is no good: {error}"
            ));
        }
        config.accounts.succeed(&self.config.accounts);
        if let Some(acceptor) = acceptor {
            self.acceptor = Some(acceptor.clone());
            self.reactor.renew(acceptor);
            log::info!("The certificate was read again");
        }
        let account_storage = account_storage.map(|(account_storage, counters)| {
            self.counters = counters;
            account_storage
        });
        let mode = mode(&config);
        let equipment = capacity::equipment(&config, workers(&config));
        self.reactor.change(Change {
            settings: settings_for(&config, mode, self.umask),
            account_storage,
            addresses: config.addresses.clone(),
            connections: capacity::connections(&config, mode, equipment),
            connections_per_address: config.connections_per_address,
            passive_addresses: passive_addresses_for(&config),
            proxies: config.proxies.clone(),
        });
        if let Some(level) = config.log_level {
            log::set_max_level(level);
        }
        self.config = config;
        self.recounts = self.start_recounts();
        log::info!("The configuration was read again");
    }
}
