//! Restrictions that a reload would lose: keys that restricted access and are no longer set.
//!
//! A truncated or emptied file must not open the server. A reload that removes such a key is refused; a
//! key that is still set, with a less restrictive value, is intended and only logged as a warning. Keys
//! that limit resources are never refused. This module compares two configurations and changes neither.

use super::Config;
use crate::auth::{Account, Cidr};
use crate::net::DataSession;

/// A restriction that the new configuration lacks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// The key, and the account that it belongs to.
    key: String,
    effect: &'static str,
    /// The value that confirms the change; `None`: only a restart confirms it.
    open_value: Option<&'static str>,
    /// Whether the reload is refused because of it.
    pub(crate) is_refused: bool,
}

/// A key of the server.
struct Row {
    key: &'static str,
    /// Whether the second configuration is less restrictive than the first.
    opens: fn(&Config, &Config) -> bool,
    effect: &'static str,
    open_value: Option<&'static str>,
    when_removed: WhenRemoved,
}

/// A key of an account.
struct AccountRow {
    key: &'static str,
    opens: fn(&Account, &Account) -> bool,
    effect: &'static str,
    open_value: &'static str,
    when_removed: WhenRemoved,
}

/// The reaction to a configuration that no longer sets the key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WhenRemoved {
    Refused,
    /// The key limited resources, not access.
    Warned,
}
use WhenRemoved::{Refused, Warned};

fn is_emptied(old: &[Cidr], new: &[Cidr]) -> bool {
    !old.is_empty() && new.is_empty()
}

fn client_required(config: &Config) -> bool {
    let clients = config.tls.as_ref().and_then(|tls| tls.clients.as_ref());
    clients.is_some_and(|clients| clients.required)
}

const ROWS: &[Row] = &[
    Row {
        key: "directory",
        opens: |old, new| old.root.is_some() && new.root.is_none(),
        effect: "no file would be served",
        open_value: None,
        when_removed: Refused,
    },
    Row {
        key: "account",
        opens: |old, new| {
            old.accounts.iter().next().is_some() && new.accounts.iter().next().is_none()
        },
        effect: "no account would be left",
        open_value: None,
        when_removed: Refused,
    },
    Row {
        key: "tls",
        opens: |old, new| old.tls.is_some() && new.tls.is_none(),
        effect: "all connections would be in clear text",
        open_value: None,
        when_removed: Refused,
    },
    Row {
        key: "addresses.allow",
        opens: |old, new| is_emptied(&old.addresses.allow, &new.addresses.allow),
        effect: "clients from every address may connect",
        open_value: Some("[]"),
        when_removed: Refused,
    },
    Row {
        key: "addresses.deny",
        opens: |old, new| is_emptied(&old.addresses.deny, &new.addresses.deny),
        effect: "no address is denied any more",
        open_value: Some("[]"),
        when_removed: Refused,
    },
    Row {
        key: "addresses.proxies",
        opens: |old, new| is_emptied(&old.proxies, &new.proxies),
        effect: "clients behind a proxy count as one address, that of the proxy",
        open_value: Some("[]"),
        when_removed: Refused,
    },
    Row {
        key: "tls.require",
        opens: |old, new| match (&old.tls, &new.tls) {
            (Some(old), Some(new)) => old.policy.require > new.policy.require,
            _ => false,
        },
        effect: "more is allowed without TLS",
        open_value: Some("\"none\""),
        when_removed: Refused,
    },
    Row {
        key: "tls.client-required",
        opens: |old, new| new.tls.is_some() && client_required(old) && !client_required(new),
        effect: "client certificates are not required any more",
        open_value: Some("false"),
        when_removed: Refused,
    },
    Row {
        key: "tls.data-session",
        opens: |old, new| match (&old.tls, &new.tls) {
            (Some(old), Some(new)) => {
                old.data_session == DataSession::Require && new.data_session != DataSession::Require
            }
            _ => false,
        },
        effect: "data connections need not resume the session of their control connection",
        open_value: Some("\"observe\""),
        when_removed: Refused,
    },
    Row {
        key: "throttling.failures",
        opens: |old, new| new.throttling.failures > old.throttling.failures,
        effect: "more failed logins are allowed before a ban",
        open_value: None,
        when_removed: Warned,
    },
    Row {
        key: "limits.memory",
        opens: |old, new| old.max_memory.is_some() && new.max_memory.is_none(),
        effect: "memory is not limited any more",
        open_value: None,
        when_removed: Warned,
    },
];

const ACCOUNT_ROWS: &[AccountRow] = &[
    AccountRow {
        key: "account.addresses",
        opens: |old, new| is_emptied(&old.addresses, &new.addresses),
        effect: "logins are allowed from every address",
        open_value: "[]",
        when_removed: Refused,
    },
    AccountRow {
        key: "account.enabled",
        opens: |old, new| !old.enabled && new.enabled,
        effect: "logins are allowed",
        open_value: "true",
        when_removed: Refused,
    },
    AccountRow {
        key: "account.expires",
        opens: |old, new| old.expires.is_some() && new.expires.is_none(),
        effect: "the account never expires",
        open_value: "9999-12-31",
        when_removed: Refused,
    },
    AccountRow {
        key: "account.directory",
        opens: |old, new| old.root.is_some() && new.root.is_none(),
        effect: "the account gets the directory of the server",
        open_value: "the directory of the server",
        when_removed: Refused,
    },
    AccountRow {
        key: "account.permissions",
        opens: |old, new| !old.permissions.contains(new.permissions),
        effect: "the account gets the default, read access",
        open_value: "\"read\"",
        when_removed: Refused,
    },
    AccountRow {
        key: "account.umask",
        opens: |old, new| old.umask.is_some() && new.umask.is_none(),
        effect: "its uploads are created with the umask of the server",
        open_value: "the umask of the server",
        when_removed: Refused,
    },
    AccountRow {
        key: "account.sessions",
        opens: |old, new| old.sessions.is_some() && new.sessions.is_none(),
        effect: "the number of sessions is not limited any more",
        open_value: "",
        when_removed: Warned,
    },
    AccountRow {
        key: "account.rate-up",
        opens: |old, new| old.rate_up.is_some() && new.rate_up.is_none(),
        effect: "the upload rate is not limited any more",
        open_value: "",
        when_removed: Warned,
    },
    AccountRow {
        key: "account.rate-down",
        opens: |old, new| old.rate_down.is_some() && new.rate_down.is_none(),
        effect: "the download rate is not limited any more",
        open_value: "",
        when_removed: Warned,
    },
    AccountRow {
        key: "account.quota-bytes",
        opens: |old, new| old.quota_bytes.is_some() && new.quota_bytes.is_none(),
        effect: "the size of its files is not limited any more",
        open_value: "",
        when_removed: Warned,
    },
    AccountRow {
        key: "account.quota-files",
        opens: |old, new| old.quota_files.is_some() && new.quota_files.is_none(),
        effect: "the number of its files is not limited any more",
        open_value: "",
        when_removed: Warned,
    },
];

/// Restrictions of `old` that `new` lacks, sorted by key. Without a configuration file none is refused: the
/// configuration of a host program is deliberate.
pub(crate) fn losses(old: &Config, new: &Config) -> Vec<Loss> {
    let has_file = new.origins.file().is_some();
    let mut losses = Vec::new();
    for row in ROWS.iter().filter(|row| (row.opens)(old, new)) {
        let is_removed = !new.origins.is_set(None, row.key);
        losses.push(Loss {
            key: row.key.to_owned(),
            effect: row.effect,
            open_value: row.open_value,
            is_refused: row.when_removed == Refused
                && has_file
                && (is_removed || row.open_value.is_none()),
        });
    }
    for after in new.accounts.iter() {
        let before = old.accounts.get(&after.name);
        let Some(before) = before.or_else(|| old.accounts.former(&after.name)) else {
            continue;
        };
        let is_removed = |row: &&AccountRow| !new.origins.is_set(Some(&after.name), row.key);
        let opened = ACCOUNT_ROWS.iter().filter(|row| (row.opens)(before, after));
        for row in opened.filter(is_removed) {
            let name = String::from_utf8_lossy(&after.name);
            losses.push(Loss {
                key: format!("{} of {name}", row.key),
                effect: row.effect,
                open_value: (row.when_removed == Refused).then_some(row.open_value),
                is_refused: row.when_removed == Refused && has_file,
            });
        }
    }
    losses.sort_by(|one, other| one.key.cmp(&other.key));
    losses
}

impl Loss {
    /// The log message for a loss that is not refused.
    pub(crate) fn warning(&self) -> String {
        format!(
            "{} is less restrictive than before: {}",
            self.key, self.effect
        )
    }
}

/// The reason to refuse a configuration with these losses; `None`: it is accepted.
pub(crate) fn refusal(losses: &[Loss], config: &Config) -> Option<String> {
    let refused = losses.iter().filter(|loss| loss.is_refused);
    let shown: Vec<_> = refused
        .map(|loss| {
            let Loss { key, effect, .. } = loss;
            match loss.open_value {
                Some(value) => format!("{key} ({effect}; to confirm, write {value})"),
                None => format!("{key} ({effect})"),
            }
        })
        .collect();
    if shown.is_empty() {
        return None;
    }
    let file = config
        .origins
        .file()
        .map(|file| format!("{}: ", file.display()));
    // A configuration without a file has no refused losses, but the message would be right.
    let (file, shown) = (file.unwrap_or_default(), shown.join(", "));
    Some(format!(
        "{file}no longer set: {shown}; set it again, or restart the server to confirm the change"
    ))
}

#[cfg(test)]
mod tests;
