//! Applies a reloaded configuration to a running server.
//!
//! Called between two turns of the event loop with the result of the `reload` thread: nothing here
//! may block.

use super::opening::{passive_addresses_for, settings_for};
use super::reload::{ReloadBase, ReloadResult};
use super::{Server, mode};
use crate::reactor::Change;

impl Server {
    /// Starts a reload if one was requested, and applies a finished one.
    pub(super) fn apply_reload(&mut self) {
        let requested = self.reactor.take_reload();
        let present = || ReloadBase {
            config: self.config.clone(),
            acceptor: self.acceptor.clone(),
            capacity: self.capacity,
            hash_memory: self.hash_memory,
            storage: self.storage.clone(),
            addresses: self.addresses.clone(),
            now: self.reactor.unix_time(),
        };
        if requested {
            self.manager.reloading();
            self.reactor.records().reopen();
            self.reload.begin(present());
        }
        match self.reload.take(present) {
            Some(Ok(found)) => self.change(found),
            Some(Err(error)) => {
                self.report(&format!("The old configuration stays in force: {error}"));
            }
            None => {}
        }
        let is_finished = self.reload.is_idle() && self.reactor.records().is_reopened();
        if self.manager.awaits_reload() && is_finished {
            self.manager.ready(&self.status());
        }
    }

    /// Logs an error and keeps it in the service manager's status until a reload succeeds.
    fn report(&mut self, error: &str) {
        log::error!("{error}");
        self.reload_error = Some(error.to_owned());
    }

    fn change(&mut self, found: ReloadResult) {
        let ReloadResult {
            mut config,
            acceptor,
            bad_certificate,
            account_storage,
        } = found;
        self.reload_error = None;
        if let Some(error) = bad_certificate {
            self.report(&format!("The old certificate stays in force: {error}"));
        }
        config.accounts.succeed(&self.config.accounts);
        if let Some(acceptor) = acceptor {
            self.acceptor = Some(acceptor.clone());
            self.reactor.renew(acceptor);
            log::info!("The certificate was read again");
        }
        let account_storage = account_storage.map(|(account_storage, kept)| {
            self.storage = kept;
            account_storage
        });
        let mode = mode(&config);
        let profile = self.capacity.profile(&config, mode);
        self.reactor.change(Change {
            settings: settings_for(&config, mode, self.umask),
            account_storage,
            addresses: config.addresses.clone(),
            connections: self.capacity.connections(&config, mode, profile),
            connections_per_address: config.connections_per_address,
            passive_addresses: passive_addresses_for(&config),
            proxies: config.proxies.clone(),
        });
        if let Some(level) = config.log_level {
            log::set_max_level(level);
        }
        self.config = config;
        self.recounts = self.storage.counters().start_recounts(self.config.recount);
        log::info!("The configuration was read again");
    }
}
