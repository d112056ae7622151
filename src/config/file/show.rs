//! Prints a configuration as a file: the output of `--check`.
//!
//! Every key is printed, also with its default; a key without a value is a comment. Passwords and hashes
//! are never printed. It also finds the keys that a reload cannot change.

use log::LevelFilter;

use super::accounts::AccountDraft;
use super::draft::FileDraft;
use super::keys::{ACCOUNT_KEYS, Applies, KEYS};
use crate::auth::{Account, Accounts, Secret};
use crate::config::Config;

/// The configuration as TOML.
pub fn show(config: &Config, log: LevelFilter) -> String {
    let draft = FileDraft::of(config, log);
    let mut text = String::new();
    let mut shown_table = "";
    for key in KEYS {
        let (table, name) = key.path.split_once('.').unwrap_or(("", key.path));
        if table == "tls" && config.tls.is_none() {
            continue;
        }
        if table != shown_table {
            text.extend(["\n[", table, "]\n"]);
            shown_table = table;
        }
        match (key.show)(&draft) {
            Some(value) => text.extend([name, " = ", &value, "\n"]),
            None => text.extend(["# ", name, " is not set\n"]),
        }
    }
    text.push_str(&show_accounts(&config.accounts));
    text
}

/// One table for each account, in the order of their names.
fn show_accounts(accounts: &Accounts) -> String {
    let mut sorted: Vec<_> = accounts.iter().collect();
    sorted.sort_by(|one, other| one.name.cmp(&other.name));
    let mut text = String::new();
    for account in sorted {
        text.push_str("\n[[account]]\n");
        let draft = AccountDraft::of(account);
        for key in ACCOUNT_KEYS {
            let name = key.path.trim_start_matches("account.");
            match (key.show)(&draft) {
                Some(value) => text.extend([name, " = ", &value, "\n"]),
                None if name == "password" && has_password(account) => {
                    text.push_str("# password is not shown\n");
                }
                None => {}
            }
        }
    }
    if text.is_empty() {
        text.push_str("\n# no [[account]] is configured: all logins are refused\n");
    }
    text
}

const fn has_password(account: &Account) -> bool {
    matches!(account.secret, Secret::Plain(_) | Secret::Hash(_))
}

/// Copies the keys that only a restart can change from `old` to `new`; returns those that differed.
pub fn keep_restart_only_keys(old: &Config, new: &mut Config) -> Vec<&'static str> {
    let [before, after] = [old, new].map(|config| FileDraft::of(config, LevelFilter::Info));
    let fixed = KEYS.iter().filter(|key| key.applies == Applies::Restart);
    let changed = fixed.filter(|key| (key.show)(&before) != (key.show)(&after));
    let changed = changed.map(|key| key.path).collect();
    let Config {
        listen,
        root,
        workers,
        umask,
        run_as,
        sandbox,
        active_from_default_port,
        passive_ports,
        durability,
        free_space_floor,
        remove_unfinished,
        transfer_logs,
        events,
        ..
    } = old.clone();
    new.listen = listen;
    new.root = root;
    new.workers = workers;
    new.umask = umask;
    new.run_as = run_as;
    new.sandbox = sandbox;
    new.active_from_default_port = active_from_default_port;
    new.passive_ports = passive_ports;
    new.durability = durability;
    new.free_space_floor = free_space_floor;
    new.remove_unfinished = remove_unfinished;
    new.transfer_logs = transfer_logs;
    new.events = events;
    if let (Some(new), Some(old)) = (&mut new.tls, &old.tls) {
        new.listen.clone_from(&old.listen);
    }
    changed
}
