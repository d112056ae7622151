//! The keys of the configuration file: one table, from which a file is read, what is in force is
//! shown, and it is known what cannot change while the server runs.
//!
//! A key names its place in the [`Draft`]; the type of that place says what it takes. A new one is
//! a row here, a paragraph in `example.toml`, and an effect in `tests/config`, which fail without.

use std::ops::RangeInclusive;

use super::accounts::AccountDraft;
use super::draft::Draft;
use super::value::{Bad, Value, Written};
use crate::limits::{EVENT_MOST_AT_ONCE, WORKERS};

/// What stands behind a name in the file, and its place in a `D`.
pub(super) struct Key<D> {
    /// With its table in front: `timings.idle`.
    pub(super) path: &'static str,
    pub(super) takes: &'static str,
    pub(super) when: When,
    /// In pieces, or milliseconds.
    pub(super) range: Option<RangeInclusive<u64>>,
    pub(super) read: fn(&mut D, Written<'_>) -> Result<Option<u64>, Bad>,
    pub(super) show: fn(&D) -> Option<String>,
}

/// When a change comes into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// At the next SIGHUP.
    Live,
    /// At the next start: a socket or a thread is made once.
    Start,
}

/// Some time, and not so much that no clock can say when it is over.
const SOME_TIME: RangeInclusive<u64> = 1..=LONGEST;
const ANY_TIME: RangeInclusive<u64> = 0..=LONGEST;
const LONGEST: u64 = 3650 * 24 * 3600 * 1000;
const SOME: RangeInclusive<u64> = 1..=u32::MAX as u64;

const fn takes<D, T: Value>(_: fn(&D) -> &T) -> &'static str {
    T::TAKES
}

fn read<T: Value>(place: &mut T, written: Written<'_>) -> Result<Option<u64>, Bad> {
    *place = T::read(written)?;
    Ok(place.amount())
}

macro_rules! keys {
    ($draft:ty; $($path:literal: $($field:ident).+, $when:ident $(, $range:expr)?;)*) => {
        &[$(Key {
            path: $path,
            takes: takes(|draft: &$draft| &draft.$($field).+),
            when: When::$when,
            range: keys!(@range $($range)?),
            read: |draft, written| read(&mut draft.$($field).+, written),
            show: |draft| draft.$($field).+.show(),
        }),*]
    };
    (@range) => { None };
    (@range $range:expr) => { Some($range) };
}

/// All of them, in the order in which they are shown: those without a table first.
pub(super) const KEYS: &[Key<Draft>] = keys! { Draft;
    "directory": config.root, Start;
    "listen": config.listen, Start;
    "workers": config.workers, Start, 0..=WORKERS as u64;
    "greeting": config.greeting, Live;
    "umask": config.umask, Start;
    "run-as": config.run_as, Start;
    "sandbox": config.sandbox, Start;
    "time-zone": config.zone, Live;
    "time-fractions": config.time_fractions, Live;
    "charset": config.charset, Live;
    "allow-combine": config.allow_combine, Live;
    "log.level": log, Live;
    "log.transfers": transfers, Start;
    "log.transfers-json": transfers_json, Start;
    "log.audit-json": audit_json, Start;
    "events.command": command, Start;
    "events.socket": config.events.socket, Start;
    "events.digest": config.events.digest, Start;
    "events.at-once": config.events.at_once, Start, 1..=EVENT_MOST_AT_ONCE as u64;
    "events.time": config.events.time, Start, SOME_TIME;
    "active.from-default-port": config.active_from_default_port, Start;
    "passive.ports": config.passive_ports, Start;
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
    "storage.durability": config.durability, Start;
    "storage.free-space-floor": config.free_space_floor, Start;
    "storage.cut-uploads": config.cut_uploads, Live;
    "storage.remove-unfinished": config.remove_unfinished, Start;
    "storage.recount": config.recount, Live, ANY_TIME;
    "tls.certificate": tls.certificate, Live;
    "tls.key": tls.key, Live;
    "tls.self-signed": tls.self_signed, Live;
    "tls.state-directory": tls.state, Live;
    "tls.names": tls.names, Live;
    "tls.listen": tls.listen, Start;
    "tls.require": tls.policy.require, Live;
    "tls.data-session": tls.data_session, Live;
    "tls.client-authority": tls.client_authority, Live;
    "tls.client-required": tls.client_required, Live;
    "tls.client-login": tls.policy.certificate_login, Live;
    "tls.allow-clear": tls.policy.allow_clear, Live;
    "tls.unclean-uploads": tls.policy.unclean_uploads, Live;
};

/// Those of an account, whose table may be written several times.
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

/// What may be written in a table, or outside of all with an empty name.
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
    fn names_are_written_as_an_operator_expects() {
        for key in KEYS {
            let is_plain = |c: char| c.is_ascii_lowercase() || c == '-' || c == '.';
            assert!(key.path.chars().all(is_plain), "{}", key.path);
            assert!(key.path.split('.').count() <= 2, "{}", key.path);
        }
    }

    #[test]
    fn each_is_there_once_and_those_without_a_table_come_first() {
        let mut paths: Vec<_> = KEYS.iter().map(|key| key.path).collect();
        assert!(paths.is_sorted_by_key(|path| path.contains('.')));
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), KEYS.len());
    }

    #[test]
    fn a_table_knows_its_names() {
        assert_eq!(names_in("addresses"), "allow, deny, proxies");
        assert!(names_in("").starts_with("directory, listen"));
        assert!(names_in("").ends_with("tls, account"));
    }
}
