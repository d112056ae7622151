//! Prints a configuration as a file: the output of `--check`.
//!
//! Every key is printed, also with its default; a key without a value is a comment. Passwords and hashes
//! are never printed.

use log::LevelFilter;

use super::accounts::AccountDraft;
use super::draft::FileDraft;
use super::keys::{ACCOUNT_KEYS, KEYS};
use crate::auth::{Account, Accounts, Secret};
use crate::config::Config;

/// The configuration as TOML.
pub fn show(config: &Config, log: LevelFilter) -> String {
    let draft = FileDraft::of(config, log);
    let mut text = String::new();
    let mut shown_table = "";
    for key in KEYS {
        // The first keys have no table.
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
