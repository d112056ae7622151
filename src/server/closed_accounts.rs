//! Warnings of accounts that cannot log in: those whose system user is locked in the file of
//! `account.shadow`, and those that have expired.
//!
//! An account that a key disables is meant to be closed, and is not warned of. Only a configuration file
//! closes accounts.

use std::sync::Arc;

use crate::auth::{Account, Denial, Secret};
use crate::config::Config;

/// One for each of these accounts; `now` is in seconds since 1970.
pub(super) fn warnings(config: &Config, now: i64) -> Vec<String> {
    let warning = |account: &Arc<Account>| {
        let of_system = config.origins.is_set(Some(&account.name), "account.shadow");
        let cause = match (&account.secret, account.is_open(now)) {
            (Secret::Locked(why), _) => {
                format!("its user {why}; set a password with passwd, or unlock it with passwd -u")
            }
            (_, Err(Denial::Expired)) if of_system => {
                "its user or the password has expired; use chage -E or passwd".to_owned()
            }
            (_, Err(Denial::Expired)) => "it has expired; set a later date".to_owned(),
            (_, _) => return None,
        };
        let key = if of_system {
            "account.shadow"
        } else {
            "account.expires"
        };
        let origin = config.origins.prefix(Some(&account.name), key);
        let name = String::from_utf8_lossy(&account.name);
        Some(format!(
            "{origin}The account {name:?} cannot log in: {cause}"
        ))
    };
    config.accounts.iter().filter_map(warning).collect()
}
