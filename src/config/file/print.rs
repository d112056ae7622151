//! Prints a configuration as a file: the output of `--check`.
//!
//! Every key is printed, also with its default; a key without a value is a comment. Passwords and hashes
//! are never printed.

use log::LevelFilter;

use super::accounts::AccountDraft;
use super::draft::FileDraft;
use super::keys::{ACCOUNT_KEYS, KEYS};
use super::moment::Moment;
use crate::auth::{Account, Accounts, Secret};
use crate::config::{Config, TlsDraft};
use crate::observe::TransferLogFormat;

impl FileDraft {
    /// The values that would produce this configuration.
    fn of(config: &Config, log: LevelFilter) -> Self {
        let mut config = config.clone();
        config.listen = config.plain_listen().to_vec();
        let words = config.events.command.iter();
        let transfers = |format| {
            let mut logs = config.transfer_logs.iter();
            let log = logs.find(|log| log.format == format);
            log.map(|log| log.file.clone())
        };
        Self {
            command: words.map(|word| word.to_string_lossy().into()).collect(),
            transfers: transfers(TransferLogFormat::Xferlog),
            transfers_json: transfers(TransferLogFormat::Json),
            audit_json: transfers(TransferLogFormat::Audit),
            tls: TlsDraft::of(config.tls.take()),
            config,
            log: Some(log),
        }
    }
}

impl AccountDraft {
    /// The values that would produce this account.
    fn of(account: &Account) -> Self {
        // A host program may set more than a file can.
        let files = account
            .quota_files
            .map(|files| u32::try_from(files).unwrap_or(u32::MAX));
        Self {
            name: Some(String::from_utf8_lossy(&account.name).into_owned()),
            hash: None,
            password_file: None,
            shadow: None,
            service: match &account.secret {
                Secret::System(service) => Some(service.clone()),
                _ => None,
            },
            expires: account.expires.map(Moment),
            quota_files: files,
            account: account.clone(),
            set: Vec::new(),
        }
    }
}

/// The configuration as TOML.
pub fn show(config: &Config, log: LevelFilter) -> String {
    let mut draft = FileDraft::of(config, log);
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
        match (key.field)(&mut draft).show() {
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
        let mut draft = AccountDraft::of(account);
        for key in ACCOUNT_KEYS {
            let name = key.path.trim_start_matches("account.");
            match (key.field)(&mut draft).show() {
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
    !matches!(account.secret, Secret::AnyPassword | Secret::System(_))
}
