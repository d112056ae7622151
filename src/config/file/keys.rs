//! The table of the keys of the configuration file. It drives parsing, printing, and the decision which
//! keys a reload can change.
//!
//! A row maps a key to a field of a [`FileDraft`] or [`AccountDraft`]; the type of the field defines the
//! valid values. A new key needs a row here, a paragraph in `example.toml`, and a test in
//! `tests/operation/config`; tests fail without them.

use std::ops::RangeInclusive;

use super::accounts::AccountDraft;
use super::draft::FileDraft;
use super::value::{RawValue, Value, ValueError};
use crate::limits::{EVENT_COMMANDS_MAX, WORKERS};

/// A key, and its field in a draft `D`.
pub(super) struct Key<D> {
    /// `table.name`, or the name alone.
    pub(super) path: &'static str,
    /// A description of the valid values.
    pub(super) takes: &'static str,
    pub(super) applies: Applies,
    /// A count, or milliseconds.
    pub(super) range: Option<RangeInclusive<u64>>,
    /// Parses a value into the field; returns its amount, for the range.
    pub(super) read: fn(&mut D, RawValue<'_>) -> Result<Option<u64>, ValueError>,
    /// The value as TOML; `None`: it is not set.
    pub(super) show: fn(&D) -> Option<String>,
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applies {
    /// At a reload (SIGHUP).
    Live,
    /// At a restart: sockets and threads are created once.
    Restart,
}

/// Times in milliseconds. The maximum keeps deadlines within the range of the clock.
const SOME_TIME: RangeInclusive<u64> = 1..=LONGEST;
const ANY_TIME: RangeInclusive<u64> = 0..=LONGEST;
const LONGEST: u64 = 3650 * 24 * 3600 * 1000;
const SOME: RangeInclusive<u64> = 1..=u32::MAX as u64;

const fn takes<D, T: Value>(_: fn(&D) -> &T) -> &'static str {
    T::TAKES
}

fn read<T: Value>(field: &mut T, raw: RawValue<'_>) -> Result<Option<u64>, ValueError> {
    *field = T::read(raw)?;
    Ok(field.amount())
}

macro_rules! keys {
    ($draft:ty; $($path:literal: $($field:ident).+, $applies:ident $(, $range:expr)?;)*) => {
        &[$(Key {
            path: $path,
            takes: takes(|draft: &$draft| &draft.$($field).+),
            applies: Applies::$applies,
            range: keys!(@range $($range)?),
            read: |draft, raw| read(&mut draft.$($field).+, raw),
            show: |draft| draft.$($field).+.show(),
        }),*]
    };
    (@range) => { None };
    (@range $range:expr) => { Some($range) };
}

/// The keys of the server, in the order of `--check`: those without a table first.
pub(super) const KEYS: &[Key<FileDraft>] = keys! { FileDraft;
    "directory": config.root, Restart;
    "listen": config.listen, Restart;
    "workers": config.workers, Restart, 0..=WORKERS as u64;
    "greeting": config.greeting, Live;
    "umask": config.umask, Restart;
    "run-as": config.run_as, Restart;
    "sandbox": config.sandbox, Restart;
    "time-zone": config.zone, Live;
    "time-fractions": config.time_fractions, Live;
    "charset": config.charset, Live;
    "allow-combine": config.allow_combine, Live;
    "log.level": log, Live;
    "log.transfers": transfers, Restart;
    "log.transfers-json": transfers_json, Restart;
    "log.audit-json": audit_json, Restart;
    "events.command": command, Restart;
    "events.socket": config.events.socket, Restart;
    "events.digest": config.events.digest, Restart;
    "events.at-once": config.events.at_once, Restart, 1..=EVENT_COMMANDS_MAX as u64;
    "events.time": config.events.time, Restart, SOME_TIME;
    "active.from-default-port": config.active_from_default_port, Restart;
    "passive.ports": config.passive_ports, Restart;
    "passive.address": config.passive_address, Live;
    "passive.address-by-network": config.passive_addresses, Live;
    "passive.address-for-private": config.passive_address_for_private, Live;
    "limits.connections": config.connections, Live, SOME;
    "limits.connections-per-address": config.connections_per_address, Live, SOME;
    "limits.memory": config.max_memory, Live;
    "addresses.allow": config.addresses.allow, Live;
    "addresses.deny": config.addresses.deny, Live;
    "addresses.proxies": config.proxies, Live;
    "throttling.failures": config.throttling.failures, Live, SOME;
    "throttling.window": config.throttling.window, Live, SOME_TIME;
    "throttling.ban": config.throttling.ban, Live, SOME_TIME;
    "throttling.longest-penalty": config.throttling.longest_penalty, Live, ANY_TIME;
    "throttling.connection-burst": config.throttling.connections.burst, Live, SOME;
    "throttling.connection-interval": config.throttling.connections.interval, Live, ANY_TIME;
    "throttling.command-burst": config.throttling.commands.burst, Live, SOME;
    "throttling.command-interval": config.throttling.commands.interval, Live, ANY_TIME;
    "reload.sessions": config.revoked_sessions, Live;
    "timings.login": config.timings.login, Live, SOME_TIME;
    "timings.idle": config.timings.idle, Live, SOME_TIME;
    "timings.penalty": config.timings.penalty, Live, ANY_TIME;
    "timings.data-connect": config.timings.data_connect, Live, SOME_TIME;
    "timings.handshake": config.timings.handshake, Live, SOME_TIME;
    "timings.data-stall": config.timings.data_stall, Live, SOME_TIME;
    "timings.reply-stall": config.timings.reply_stall, Live, SOME_TIME;
    "timings.linger": config.timings.linger, Live, ANY_TIME;
    "timings.grace": config.timings.grace, Live, ANY_TIME;
    "storage.durability": config.durability, Restart;
    "storage.free-space-floor": config.free_space_floor, Restart;
    "storage.cut-uploads": config.cut_uploads, Live;
    "storage.remove-unfinished": config.remove_unfinished, Restart;
    "storage.recount": config.recount, Live, ANY_TIME;
    "tls.certificate": tls.certificate, Live;
    "tls.key": tls.key, Live;
    "tls.self-signed": tls.self_signed, Live;
    "tls.state-directory": tls.state, Live;
    "tls.names": tls.names, Live;
    "tls.listen": tls.listen, Restart;
    "tls.require": tls.policy.require, Live;
    "tls.data-session": tls.data_session, Live;
    "tls.client-authority": tls.client_authority, Live;
    "tls.client-required": tls.client_required, Live;
    "tls.client-login": tls.policy.certificate_login, Live;
    "tls.allow-clear": tls.policy.allow_clear, Live;
    "tls.unclean-uploads": tls.policy.unclean_uploads, Live;
};

/// The keys of an `[[account]]`.
pub(super) const ACCOUNT_KEYS: &[Key<AccountDraft>] = keys! { AccountDraft;
    "account.name": name, Live;
    "account.password": hash, Live;
    "account.password-file": password_file, Live;
    "account.pam": service, Live;
    "account.directory": account.root, Live;
    "account.permissions": account.permissions, Live;
    "account.enabled": account.enabled, Live;
    "account.expires": expires, Live;
    "account.addresses": account.addresses, Live;
    "account.sessions": account.sessions, Live, SOME;
    "account.allow-fxp": account.allow_fxp, Live;
    "account.unclean-uploads": account.unclean_uploads, Live;
    "account.umask": account.umask, Live;
    "account.greeting": account.greeting, Live;
    "account.rate-up": account.rate_up, Live, SOME;
    "account.rate-down": account.rate_down, Live, SOME;
    "account.quota-bytes": account.quota_bytes, Live;
    "account.quota-files": quota_files, Live;
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
