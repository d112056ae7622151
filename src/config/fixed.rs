//! The keys that only a restart changes: sockets and threads are created, and files opened, once.
//!
//! All others change at a reload (SIGHUP). Nothing here depends on where the configuration comes from, a file
//! or a host program.

use super::Config;
use crate::observe::TransferLogFormat;

/// A key that only a restart changes.
pub(crate) struct FixedKey {
    pub(crate) path: &'static str,
    /// Copies its value from the first configuration to the second; returns whether they differed.
    keep: fn(&Config, &mut Config) -> bool,
}

/// `KEY [FIELD]` or, for a key that is not a field, `KEY [by FUNCTION]`.
macro_rules! fixed {
    ($($path:literal [$($value:tt)+];)*) => {
        &[$(FixedKey { path: $path, keep: fixed!(@keep $($value)+) }),*]
    };
    (@keep by $keep:expr) => { $keep };
    (@keep $($field:ident).+) => {
        |old, new| keep(&old.$($field).+, &mut new.$($field).+)
    };
}

/// `tls.listen` comes before `listen`: if both are empty, the server listens at the default addresses.
pub(crate) const FIXED_KEYS: &[FixedKey] = fixed! {
    "directory" [root];
    "tls.listen" [by keep_tls_listen];
    "listen" [by keep_listen];
    "workers" [workers];
    "busy-poll" [busy_poll];
    "umask" [umask];
    "run-as" [run_as];
    "sandbox" [sandbox];
    "log.syslog" [syslog];
    "log.transfers" [by |old, new| keep_logs(TransferLogFormat::Xferlog, old, new)];
    "log.transfers-json" [by |old, new| keep_logs(TransferLogFormat::Json, old, new)];
    "log.audit-json" [by |old, new| keep_logs(TransferLogFormat::Audit, old, new)];
    "events.command" [events.command];
    "events.socket" [events.socket];
    "events.digest" [events.digest];
    "events.at-once" [events.at_once];
    "events.time" [events.time];
    "active.from-default-port" [active_from_default_port];
    "passive.ports" [passive_ports];
    "status.listen" [status.listen];
    "status.public" [status.public];
    "status.hosts" [status.hosts];
    "status.connections" [status.connections];
    "status.mode" [status.mode];
    "status.group" [status.group];
    "storage.durability" [durability];
    "storage.free-space-floor" [free_space_floor];
    "storage.replace" [replace];
    "storage.remove-unfinished" [remove_unfinished];
    "storage.reopen" [reopen];
};

/// Copies the keys that only a restart changes from `old` to `new`; returns those that differed.
pub(crate) fn keep_fixed_keys(old: &Config, new: &mut Config) -> Vec<&'static str> {
    let mut changed = Vec::new();
    for key in FIXED_KEYS {
        if (key.keep)(old, new) {
            changed.push(key.path);
        }
    }
    changed
}

fn keep<T: Clone + PartialEq>(old: &T, new: &mut T) -> bool {
    let is_changed = old != new;
    new.clone_from(old);
    is_changed
}

/// No addresses are the same as the default ones, written out.
fn keep_listen(old: &Config, new: &mut Config) -> bool {
    let is_changed = old.plain_listen() != new.plain_listen();
    new.listen.clone_from(&old.listen);
    is_changed
}

fn keep_tls_listen(old: &Config, new: &mut Config) -> bool {
    let is_changed = old.tls_listen() != new.tls_listen();
    if let Some(tls) = &mut new.tls {
        tls.listen = old.tls_listen().to_vec();
    }
    is_changed
}

fn keep_logs(format: TransferLogFormat, old: &Config, new: &mut Config) -> bool {
    let logs = |config: &Config| {
        let all = config.transfer_logs.iter();
        let logs = all.filter(|log| log.format == format).cloned();
        logs.collect::<Vec<_>>()
    };
    let mut kept = logs(old);
    let is_changed = kept != logs(new);
    new.transfer_logs.retain(|log| log.format != format);
    new.transfer_logs.append(&mut kept);
    is_changed
}
