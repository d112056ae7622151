//! The table of the keys of the configuration file. It drives parsing and printing.
//!
//! A row maps a key to a field of a [`FileDraft`] or [`AccountDraft`]; the type of the field defines the
//! valid values. A new key needs a row here, a paragraph in `example.toml`, and a test in
//! `tests/operation/config`; tests fail without them. If a reload cannot change it, it needs a row in
//! [`fixed`](crate::config::fixed) too.

use std::ops::RangeInclusive;

use super::accounts::AccountDraft;
use super::draft::FileDraft;
use super::value::Field;
use crate::limits::status::STATUS_CONNECTIONS_MAX;
use crate::limits::{BUSY_POLL_MAX, EVENT_COMMANDS_MAX, WORKERS};

/// A key, and its field in a draft `D`.
pub(super) struct Key<D> {
    /// `table.name`, or the name alone.
    pub(super) path: &'static str,
    /// A count, or milliseconds.
    pub(super) range: Option<&'static RangeInclusive<u64>>,
    pub(super) field: fn(&mut D) -> &mut dyn Field,
}

/// Times in milliseconds. The maximum keeps deadlines within the range of the clock.
const SOME_TIME: RangeInclusive<u64> = 1..=LONGEST;
const ANY_TIME: RangeInclusive<u64> = 0..=LONGEST;
const LONGEST: u64 = 3650 * 24 * 3600 * 1000;
const SOME: RangeInclusive<u64> = 1..=u32::MAX as u64;

macro_rules! keys {
    ($draft:ty; $($path:literal: $($field:ident).+ $(, $range:expr)?;)*) => {
        &[$(Key {
            path: $path,
            range: keys!(@range $($range)?),
            field: |draft| &mut draft.$($field).+,
        }),*]
    };
    (@range) => { None };
    (@range $range:expr) => { Some(&($range)) };
}

/// The keys of the server, in the order of `--check`: those without a table first.
pub(super) const KEYS: &[Key<FileDraft>] = keys! { FileDraft;
    "directory": config.root;
    "listen": config.listen;
    "workers": config.workers, 0..=WORKERS as u64;
    "busy-poll": config.busy_poll, 0..=1000 * BUSY_POLL_MAX.as_secs();
    "greeting": config.greeting;
    "umask": config.umask;
    "run-as": config.run_as;
    "sandbox": config.sandbox;
    "time-zone": config.zone;
    "time-fractions": config.time_fractions;
    "charset": config.charset;
    "allow-combine": config.allow_combine;
    "log.level": log;
    "log.syslog": config.syslog;
    "log.slow": config.slow, SOME_TIME;
    "log.transfers": transfers;
    "log.transfers-json": transfers_json;
    "log.audit-json": audit_json;
    "events.command": command;
    "events.socket": config.events.socket;
    "events.digest": config.events.digest;
    "events.at-once": config.events.at_once, 1..=EVENT_COMMANDS_MAX as u64;
    "events.time": config.events.time, SOME_TIME;
    "active.from-default-port": config.active_from_default_port;
    "passive.ports": config.passive_ports;
    "passive.address": config.passive_address;
    "passive.address-by-network": config.passive_addresses;
    "passive.address-for-private": config.passive_address_for_private;
    "limits.connections": config.connections, SOME;
    "limits.connections-per-address": config.connections_per_address, SOME;
    "limits.memory": config.max_memory;
    "addresses.allow": config.addresses.allow;
    "addresses.deny": config.addresses.deny;
    "addresses.proxies": config.proxies;
    "throttling.failures": config.throttling.failures, SOME;
    "throttling.window": config.throttling.window, SOME_TIME;
    "throttling.ban": config.throttling.ban, SOME_TIME;
    "throttling.longest-penalty": config.throttling.longest_penalty, ANY_TIME;
    "throttling.connection-burst": config.throttling.connections.burst, SOME;
    "throttling.connection-interval": config.throttling.connections.interval, ANY_TIME;
    "throttling.command-burst": config.throttling.commands.burst, SOME;
    "throttling.command-interval": config.throttling.commands.interval, ANY_TIME;
    "reload.sessions": config.revoked_sessions;
    "status.listen": config.status.listen;
    "status.public": config.status.public;
    "status.hosts": config.status.hosts;
    "status.connections": config.status.connections, 1..=STATUS_CONNECTIONS_MAX as u64;
    "status.mode": config.status.mode;
    "status.group": config.status.group;
    "timings.login": config.timings.login, SOME_TIME;
    "timings.idle": config.timings.idle, SOME_TIME;
    "timings.penalty": config.timings.penalty, ANY_TIME;
    "timings.data-connect": config.timings.data_connect, SOME_TIME;
    "timings.handshake": config.timings.handshake, SOME_TIME;
    "timings.data-stall": config.timings.data_stall, SOME_TIME;
    "timings.reply-stall": config.timings.reply_stall, SOME_TIME;
    "timings.linger": config.timings.linger, ANY_TIME;
    "timings.grace": config.timings.grace, ANY_TIME;
    "storage.durability": config.durability;
    "storage.free-space-floor": config.free_space_floor;
    "storage.replace": config.replace;
    "storage.cut-uploads": config.cut_uploads;
    "storage.remove-unfinished": config.remove_unfinished;
    "storage.reopen": config.reopen;
    "storage.recount": config.recount, ANY_TIME;
    "tls.certificate": tls.certificate;
    "tls.key": tls.key;
    "tls.self-signed": tls.self_signed;
    "tls.state-directory": tls.state;
    "tls.names": tls.names;
    "tls.listen": tls.listen;
    "tls.require": tls.policy.require;
    "tls.data-session": tls.data_session;
    "tls.client-authority": tls.client_authority;
    "tls.client-required": tls.client_required;
    "tls.client-login": tls.policy.certificate_login;
    "tls.allow-clear": tls.policy.allow_clear;
    "tls.unclean-uploads": tls.policy.unclean_uploads;
};

/// The keys of an `[[account]]`.
pub(super) const ACCOUNT_KEYS: &[Key<AccountDraft>] = keys! { AccountDraft;
    "account.name": name;
    "account.password": hash;
    "account.password-file": password_file;
    "account.shadow": shadow;
    "account.pam": service;
    "account.directory": account.root;
    "account.permissions": account.permissions;
    "account.enabled": account.enabled;
    "account.expires": expires;
    "account.addresses": account.addresses;
    "account.sessions": account.sessions, SOME;
    "account.allow-fxp": account.allow_fxp;
    "account.unclean-uploads": account.unclean_uploads;
    "account.umask": account.umask;
    "account.greeting": account.greeting;
    "account.rate-up": account.rate_up, SOME;
    "account.rate-down": account.rate_down, SOME;
    "account.quota-bytes": account.quota_bytes;
    "account.quota-files": quota_files;
};

/// The names of the keys in a table; for an empty name: the keys without a table, and the tables.
pub(super) fn names_in(table: &str) -> String {
    let paths = KEYS.iter().map(|key| key.path);
    let paths = paths.chain(ACCOUNT_KEYS.iter().map(|key| key.path));
    let mut names: Vec<&str> = Vec::new();
    for path in paths {
        let name = match (table, path.split_once('.')) {
            ("", None) => path,
            ("", Some((table, _))) => table,
            (_, Some((its, name))) if its == table => name,
            _ => continue,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_names_are_lowercase_words_with_hyphens() {
        for key in KEYS {
            let is_plain = |c: char| c.is_ascii_lowercase() || c == '-' || c == '.';
            assert!(key.path.chars().all(is_plain), "{}", key.path);
            assert!(key.path.split('.').count() <= 2, "{}", key.path);
        }
    }

    #[test]
    fn keys_are_unique_and_top_level_keys_come_first() {
        let mut paths: Vec<_> = KEYS.iter().map(|key| key.path).collect();
        assert!(paths.is_sorted_by_key(|path| path.contains('.')));
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), KEYS.len());
    }

    #[test]
    fn names_in_lists_keys_of_a_table() {
        assert_eq!(names_in("addresses"), "allow, deny, proxies");
        assert!(names_in("").starts_with("directory, listen"));
        assert!(names_in("").ends_with("tls, account"));
    }
}
